/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the backup's wrapper says to the primary's over the migration's back channel, on which xl is
 * silent under Remus: a hello when it starts, then one ack for each checkpoint that is complete
 * there. Acks are cumulative: one that is lost is made up for by the next. Frames are of one size
 * and in network byte order.
 */
#ifndef XEN_HELPER_FRAME_H
#define XEN_HELPER_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_VERSION 1U
#define FRAME_BYTES 16U

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_ACK = 2,
};

struct frame {
	enum frame_type type;
	uint64_t number; /* of an ack: checkpoints that are complete, counted from 1 */
};

/* Collects bytes until they are a frame. All zero to begin with. */
struct frame_reader {
	uint8_t bytes[FRAME_BYTES];
	size_t len;
};

void frame_encode(const struct frame *frame, uint8_t bytes[FRAME_BYTES]);

/*
 * 0, -EBADMSG (this is none of ours), -EPROTONOSUPPORT (ours, of a version that is not this one's)
 */
int frame_decode(const uint8_t bytes[FRAME_BYTES], struct frame *frame);

/* Take what has come, in one read. 1: *@frame is one, 0: more must come, -EPIPE: the end; errors as
 * frame_decode(). */
int frame_read(struct frame_reader *reader, int fd, struct frame *frame);

#endif
