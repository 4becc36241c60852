/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shell command of the administrator's for one epoch: a process group of its own, so that ^C is
 * for the loop and not for it, with DOMAIN and EPOCH in its environment, stdin empty, and what it
 * prints on our stderr.
 */
#ifndef LOOP_COMMAND_H
#define LOOP_COMMAND_H

#include <stdint.h>
#include <sys/types.h>

struct command_call {
	const char *text;	/* for sh -c */
	const char *domain;
	uint64_t epoch;
	const char *checkpoint;	/* NULL, or CHECKPOINT in its environment */
};

/* Start it; *@fd is readable when it has ended. Its pid, or a negative errno. */
pid_t command_start(const struct command_call *call, int *fd);

/* Take what has ended; its exit status, or -EINTR if a signal ended it. Closes @fd. */
int command_end(pid_t pid, int fd);

/* End it and all that it started, and take it. */
void command_kill(pid_t pid, int fd);

#endif
