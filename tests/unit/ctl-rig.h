/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of outcommitctl: run it against a daemon that plays a script, and see what it left. */
#ifndef CTL_RIG_H
#define CTL_RIG_H

#include "fake-server.h"

/* What a run left behind. */
struct outcome {
	int code;
	char out[16384];
	char err[4096];
};

/* Run the program argv[0] with those arguments, up to a NULL. */
struct outcome ctl_run_words(const char *const *argv);
/* Run it with --socket @path and @args, words with a blank between them. */
struct outcome ctl_run(const char *path, const char *args);
/* The same with a copy of it: what is installed beside it counts. */
struct outcome ctl_run_copy(const char *program, const char *path, const char *args);
/* Run it with @args against a daemon that plays @steps; all must be as said. */
void ctl_expect(const struct fake_step *steps, const char *args, int code, const char *out,
		const char *err);

#endif
