/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the protocol's verbs do: one table, docs/protocol.md in code. */
#ifndef OUTCOMMITD_VERBS_H
#define OUTCOMMITD_VERBS_H

#include <stddef.h>

struct client;

/*
 * Handle one request of @len bytes, of which at most WIRE_REQUEST_MAX are at @data, and give the client its one reply, now or
 * when the work is done. @data has room for one byte more.
 */
void verbs_handle(struct client *client, char *data, size_t len);

#endif
