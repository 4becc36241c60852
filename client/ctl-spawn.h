/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run a program, or a function in a process of its own, and take what it says. A child that is
 * too slow is killed.
 */
#ifndef OUTCOMMIT_CTL_SPAWN_H
#define OUTCOMMIT_CTL_SPAWN_H

#include <stddef.h>

struct spawn {
	const char *const *argv;	/* the program, found in PATH, */
	int (*function)(void *arg);	/* or the function; what it returns is the exit status */
	void *arg;
	int timeout_ms;
	size_t len;			/* set: how many bytes came */
};

/*
 * Take at most @size bytes of what it writes to stdout, and a program to stderr. The exit status,
 * 127 if there is no such program, or -ETIMEDOUT, -EINTR (killed by a signal) or another negative
 * errno.
 */
int spawn_run(struct spawn *spawn, void *output, size_t size);

#endif
