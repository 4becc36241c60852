/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vif's buffer is doing, in the 16 bytes that a tc action's cookie has room for. With mainline's sch_plug, which
 * shows nothing, the record rides on the vif's redirect and is written in the same sendmsg as the plug's own message:
 * whoever starts after a kill -9 reads exactly what was done.
 */
#ifndef OUTCOMMITD_RECORD_H
#define OUTCOMMITD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_BYTES 16

struct record {
	bool holding;
	bool outstanding; /* epoch open - 1 is closed and not committed */
	uint64_t open; /* number of the open epoch, 1 and up */
};

void record_pack(const struct record *record, uint8_t bytes[RECORD_BYTES]);

/* 0, or -EBADMSG if the @len bytes are not a record of ours; *@record is then untouched. */
int record_unpack(struct record *record, const void *bytes, size_t len);

#endif
