/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugs without a kernel, for tests of the state machine: queues of frames with the counting of mainline's module, or the epochs of
 * ours. A frame knows the epoch in which its guest sent it; what leaves is judged by that, not by what the plug believes.
 */
#ifndef FAKE_PLUG_H
#define FAKE_PLUG_H

#include "domain.h"

#define FAKE_FRAMES 4096

struct fake_frame {
	uint64_t epoch; /* true one, of the guest */
	uint64_t label; /* the plug's */
	unsigned int number;
};

/* A vif's plug, and what a record beside it says. Outlives the daemon. */
struct fake_plug {
	struct fake_frame queue[FAKE_FRAMES];
	size_t count;
	unsigned int sent, left;
	bool holding;
	uint64_t open, committed; /* ours: the module's; mainline's: the record */
	unsigned int current, last, releasable; /* mainline's counts */
	bool fail_before, fail_after; /* the next operation: not done, or done but said to have failed */
};

struct fake_world {
	bool mainline;
	uint64_t allowed; /* frames up to this epoch may be seen */
	unsigned int premature, reordered, operations;
};

extern const struct buffer_ops fake_mainline_ops, fake_outcommit_ops;

/* The plug of a vif is its buffer pointer. */
struct fake_plug *fake_of(const struct vif *vif);
void fake_send(struct fake_world *world, struct fake_plug *plug, uint64_t epoch);
/* Frames up to @epoch that are still held. */
unsigned int fake_held(const struct fake_plug *plug, uint64_t epoch);

#endif
