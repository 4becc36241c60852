/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by plug.c and the two kinds of plug behind it; nobody else. */
#ifndef OUTCOMMITD_PLUG_PRIVATE_H
#define OUTCOMMITD_PLUG_PRIVATE_H

#include "plug.h"

enum plug_request {
	PLUG_BUFFER,
	PLUG_RELEASE,
	PLUG_PASS,
};

extern const struct buffer_ops plug_mainline_ops;
extern const struct buffer_ops plug_outcommit_ops;

/* Patch prepared messages. */
void plug_set_epoch(struct plug_msg *msg, uint64_t epoch);
void plug_set_record(struct plug_msg *msg, const struct record *record);

/*
 * Send @request to every vif's plug in one sendmsg; sets vif->error. With @record_errors the records follow behind, whose errors go
 * there. Returns the first error of either.
 */
int plug_send(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, enum plug_request request, int *record_errors);

#endif
