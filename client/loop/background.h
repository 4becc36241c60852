/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes on beside the loop: replications, of which several may be under way, signals, and a
 * command or a descriptor that the loop waits for. All waiting is done in one place, so that a
 * checkpoint that has arrived is committed at once, whatever else is being waited for.
 *
 * The first SIGINT or SIGTERM has the loop finish its epoch and end; the second one ends it at
 * once.
 */
#ifndef LOOP_BACKGROUND_H
#define LOOP_BACKGROUND_H

#include <limits.h>
#include <sys/types.h>

#include "epochs.h"

/* One epoch's replication: running, or waiting to be tried again */
struct transfer {
	uint64_t epoch;		/* 0: unused */
	pid_t pid;
	int fd;
	unsigned int tries;
	int64_t due_ns;		/* when it is killed; without a pid, when it is started */
	char checkpoint[PATH_MAX];
};

struct background {
	struct epochs *loop;
	const char *replicate;	/* the command, NULL for none */
	int64_t timeout_ns;	/* for each command */
	unsigned int retries;	/* of each replication */
	int signal_fd;
	bool uncut;		/* a second signal does not end what is waited for now */
	struct transfer transfers[EPOCHS_OUTSTANDING_MAX];
};

/* SIGINT and SIGTERM are blocked from now on. 0 or a negative errno. */
int background_init(struct background *background);
/* Kills what still runs. */
void background_fini(struct background *background);

/*
 * Wait until @fd is readable, for @until_ns at most: 1, 0 when the time has come, -EINTR when all
 * is to end at once, or another negative errno.
 */
int background_wait(struct background *background, int fd, int64_t until_ns);
/* The same, but 0 also as soon as anything else has happened; @fd may be -1. */
int background_wait_any(struct background *background, int fd, int64_t until_ns);

/* Run @command to its end. 0, or a negative errno: it failed, which @what names in the message. */
int background_run(struct background *background, const char *what, const char *command,
		   uint64_t epoch);

/* Begin to replicate @epoch, of which @checkpoint (or NULL) is the file. */
int background_replicate(struct background *background, uint64_t epoch, const char *checkpoint);

#endif
