/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trial of what outcommitd will do: a buffer, a redirect of every ethertype through it and a
 * frame on its way, all in a network namespace that nobody else sees and that is gone with the
 * process that made it.
 */
#ifndef OUTCOMMIT_CTL_TRIAL_H
#define OUTCOMMIT_CTL_TRIAL_H

#include <stdbool.h>

enum trial_step {
	TRIAL_NAMESPACE,	/* a network namespace to try it in */
	TRIAL_IFB,
	TRIAL_PLUG,
	TRIAL_REDIRECT,
	TRIAL_FRAME,		/* a frame comes out at the end */
	TRIAL_STEPS,
};

struct trial_result {
	bool tried;
	bool good;
	char why[96];	/* what went wrong, if it did */
};

struct trial {
	struct trial_result steps[TRIAL_STEPS];
	bool plug_shows_itself;	/* its dump has options, which mainline's has not */
};

/* 0 with @trial filled in; -ETIMEDOUT or another errno if the trial itself came to nothing */
int trial_run(struct trial *trial, int timeout_ms);

#endif
