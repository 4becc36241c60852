/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary: checkpoint after checkpoint of a process tree, each in an epoch of its domain.
 *
 *	stop the tree
 *	postsuspend(e)		what the kernel sends for it from now on is in the next epoch
 *	criu dump		later than the barrier: it has all that epoch e told the world
 *	preresume(e)		or the tree stays stopped
 *	let it run
 *	send the checkpoint	while the tree runs
 *	commit(e)		when the backup has it on stable storage
 *
 * A dump that fails is made again in the same epoch: a later state is as good. Whatever else
 * fails ends the loop, and what is held stays held.
 */
#ifndef CRIU_PROTECT_H
#define CRIU_PROTECT_H

#include <limits.h>
#include <outcommit.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cell.h"
#include "criu.h"
#include "options.h"
#include "stream.h"

/* The exit status of outcommit-criu protect. */
enum outcome {
	OUTCOME_ASKED = 0, /* ended as asked: nothing is held */
	OUTCOME_NEVER = 1, /* it never began: the tree runs as before */
	OUTCOME_USAGE = 2,
	OUTCOME_HELD = 3, /* it ended by itself: somebody has to decide */
	OUTCOME_GONE = 4, /* the tree is no longer here */
};

/* What the domain was when we came: only one that is known to have passed may be released again
 * without a word from the backup. */
enum found { FOUND_UNKNOWN, FOUND_PASSING, FOUND_HOLDING };

struct protect {
	const struct options *options;
	struct outcommit *daemon;
	struct cell cell;
	struct criu criu;
	struct criu_tree tree;
	struct stream stream;
	pid_t way; /* what leads to the backup; 0: nothing */
	char images[PATH_MAX];
	int images_fd;
	unsigned int outstanding_max; /* checkpoints that may be without their acknowledgement */
	enum found found;
	uint64_t next;	      /* number and epoch of the next checkpoint */
	uint64_t sent, acked; /* the newest, 0: none */
	uint64_t prev;	      /* what the next one can build on, 0: nothing */
	unsigned int since_full;
	unsigned int failures; /* dumps that failed in a row */
	int64_t sent_ms;       /* when the oldest one without an acknowledgement was sent */
	int64_t stopped_ms;    /* how long the tree stood still for the newest */
	uint64_t bytes;	       /* how large that was */
};

/* Everything that is needed before the first checkpoint; what fails is reported. */
int setup(struct protect *p, const struct options *options);

/* The loop; returns when it is ended, by @asked or by itself. */
enum outcome protect_run(struct protect *p, const volatile sig_atomic_t *asked);

/* The outcome if it did not come to that. */
enum outcome setup_outcome(const struct protect *p);

/* Undo what setup() did, as the outcome demands. May find it to be a worse one. */
enum outcome setup_undo(struct protect *p, enum outcome outcome);

int64_t now_ms(void);

#endif
