/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The epoch loop of a driver: suspend, postsuspend, checkpoint, preresume, resume, replicate,
 * commit, and what to do when one of them fails. How a guest is suspended, copied and resumed is
 * the caller's, in a table of operations; what is asked of the daemon, and when, is here, once
 * for every checkpointer.
 *
 * It promises: a guest is resumed only after preresume said so; an epoch is committed only when
 * its checkpoint and all before it are safe; whatever fails, nothing is released because of it.
 */
#ifndef LOOP_EPOCHS_H
#define LOOP_EPOCHS_H

#include <stdbool.h>
#include <stdint.h>

#include "outcommit.h"

#define EPOCHS_OUTSTANDING_MAX 64

struct epochs;

/*
 * 0 or a negative errno, -ESRCH if there is no guest any more; who fails has said why, with
 * epochs_say(). @guest is loop->guest.
 */
struct epochs_ops {
	int (*suspend)(void *guest, uint64_t epoch);
	int (*checkpoint)(void *guest, uint64_t epoch);
	int (*resume)(void *guest, uint64_t epoch);
	/*
	 * Begin to bring the checkpoint to safety; epochs_safe() or epochs_lost() says what came
	 * of it, maybe before this returns. NULL: it is safe as soon as it is made.
	 */
	int (*replicate)(void *guest, uint64_t epoch);
	/* Wait until @until_ns or until something has happened; 0 or a negative errno */
	int (*wait)(void *guest, int64_t until_ns);
	/* An epoch was committed, or the guest was resumed; may be NULL */
	void (*progress)(void *guest);
};

enum epochs_end {
	EPOCHS_GOING,
	EPOCHS_ASKED,		/* it was to stop, or had made as many epochs as it should */
	EPOCHS_NEVER_BEGAN,	/* no epoch was closed: the domain is as it was found */
	EPOCHS_HELD,		/* the guest was not left suspended; its output stays held */
	EPOCHS_STANDS_STILL,	/* the guest was not resumed; its output stays held */
};

struct epochs_limits {
	int64_t interval_ns;	/* from one suspend to the next, if nothing takes longer */
	unsigned int outstanding;
	unsigned int failures;	/* checkpoints in a row that may fail before it ends */
	uint64_t epochs;	/* end after so many; 0: go on */
};

/* An epoch whose checkpoint is made, and not committed */
struct epochs_slot {
	uint64_t epoch;
	int64_t closed_ns;
	bool safe;
};

struct epochs {
	const struct epochs_ops *ops;
	void *guest;
	struct outcommit *connection;
	const char *domain;
	struct epochs_limits limits;

	bool stop;		/* set by anyone: finish the epoch, then end */
	bool hurry;		/* do not even wait for what is outstanding */
	enum epochs_end end;

	uint64_t next;		/* the epoch that is closed next */
	uint64_t closed;	/* the last one that was, 0 for none: the domain passes */
	bool holding;
	unsigned int failed;	/* in a row */
	struct epochs_slot slots[EPOCHS_OUTSTANDING_MAX];
	unsigned int outstanding;

	/* For who shows it */
	uint64_t checkpoints;
	uint64_t committed;	/* the newest committed epoch, 0 for none */
	uint64_t failures;
	int64_t pause_ns;	/* of the last checkpoint: from suspend to resume */
	int64_t commit_ns;	/* of the last committed: from closed to committed */
};

/* Run until it ends: by @loop->stop, by its limits or by a failure. Sets and returns the end. */
enum epochs_end epochs_run(struct epochs *loop);

/* @epoch's checkpoint is safe: commit it, when those before it are safe too. */
void epochs_safe(struct epochs *loop, uint64_t epoch);
/* @epoch's checkpoint will not be safe any more: the loop ends and the output stays held. */
void epochs_lost(struct epochs *loop, uint64_t epoch);

/* A line on stderr, with the program and the domain in front. */
void epochs_say(const struct epochs *loop, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
