/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames.h - numbered Ethernet frames of a type that nobody else uses, sent and received raw. Each
 * carries its number, a note of its sender and a pattern, so that none can be taken for another.
 */
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN_BYTES 60
#define FRAME_MAX_BYTES 1514

struct frame_mark {
	uint64_t seq;
	uint64_t note;
	uint32_t bytes;
};

/* Sockets bound to one device; a negative errno on failure. Buffers are as large as memory lets. */
int frames_tx_open(int ifindex);
int frames_rx_open(int ifindex);
/* The frame's bytes, at @frame. */
void frames_build(void *frame, uint64_t seq, uint64_t note, size_t bytes);
/* 0, or a negative errno; -ENOBUFS: the queue dropped it. */
int frames_send(int fd, uint64_t seq, uint64_t note, size_t bytes);
/* 1 with a frame, 0 without one after @timeout_ms, -EBADMSG for one that is not as it was sent. */
int frames_recv(int fd, int timeout_ms, struct frame_mark *mark);

#endif
