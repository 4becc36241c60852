/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far the primary's wrapper has come, for outcommit-xl-protect: a status file of KEY=value
 * lines, replaced as a whole.
 */
#ifndef XEN_HELPER_PROGRESS_H
#define XEN_HELPER_PROGRESS_H

#include <stdint.h>

struct progress {
	const char *phase;
	uint64_t epoch; /* the newest that was closed */
	uint64_t committed;
	uint64_t checkpoints;
	int64_t ack_latency_ns;
	const char *reason; /* why it ended, or NULL */
};

/* At @path, unless that is empty. A file that cannot be written is no reason to end a guest's
 * protection. */
void progress_write(const char *path, const struct progress *progress);

#endif
