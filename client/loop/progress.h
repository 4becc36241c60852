/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The progress line: on a terminal one that changes in its place, elsewhere a line from time to
 * time, so that a log does not fill.
 */
#ifndef LOOP_PROGRESS_H
#define LOOP_PROGRESS_H

#include "epochs.h"

struct progress {
	int64_t due_ns;	/* not before that */
};

void progress_show(struct progress *progress, const struct epochs *loop);
/* The last one, whatever the time. */
void progress_end(struct progress *progress, const struct epochs *loop);

#endif
