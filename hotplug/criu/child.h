/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that we run: criu, the network script, the way to the backup. They are in a process
 * group of their own, so that ^C is for us alone and things end in their order.
 */
#ifndef CRIU_CHILD_H
#define CRIU_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WORDS_MAX 128U
#define WORDS_BYTES 16384U

/* A command line. What does not fit makes child_start() fail; nothing is cut in silence. */
struct words {
	const char *word[WORDS_MAX + 1];
	size_t count;
	char bytes[WORDS_BYTES];
	size_t used;
};

void words_add(struct words *words, const char *word);
__attribute__((format(printf, 2, 3))) void words_addf(struct words *words, const char *format, ...);

struct child {
	const struct words *words;
	const char *cgroup; /* directory of the cgroup to run in, or NULL */
	const char *path;   /* directory to look for programs in before all others, or NULL */
	int in, out, err;   /* 0: /dev/null for stdin, ours for the others */
	int kept;	    /* a file that stays open in it for as long as it lives, or 0 */
	bool undisturbed;   /* what asks a program to end does not end it */
};

/* The process id, or a negative errno. */
pid_t child_start(const struct child *child);

/* The exit status, 128 + number of the signal that ended it, or a negative errno. */
int child_wait(pid_t pid);

/* The same, but after that time it is killed. */
int child_end(pid_t pid, int timeout_ms);

/* Start it, and wait. */
int child_run(const struct child *child);

#endif
