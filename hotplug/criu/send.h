/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primary's end of a stream: checkpoints out, acknowledgements in. */
#ifndef CRIU_SEND_H
#define CRIU_SEND_H

#include <stdint.h>

#include "stream.h"

/*
 * Say who we are, and which life of the tree; @newest: the newest checkpoint that the backup has.
 * -EPROTO: it is none of us; -EPIPE: or it refused.
 */
int send_hello(struct stream *stream, const char *life, uint64_t *newest);

/* The checkpoint NAME in @dir_fd; @sent_bytes: how much of it there was. */
int send_image(struct stream *stream, int dir_fd, const char *name, uint64_t *sent_bytes);

/* Wait for the next acknowledgement: the newest checkpoint that is safe. */
int send_await_ack(struct stream *stream, uint64_t *acked, int timeout_ms);

/* The backup is not to be used any more, and has said that it knows. */
int send_stand_down(struct stream *stream);

#endif
