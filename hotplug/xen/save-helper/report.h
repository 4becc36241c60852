/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the wrapper tells the world: lines for the log (stderr, which xl hands through, and syslog),
 * and for outcommit-xl-protect a status file of KEY=value lines, replaced as a whole.
 */
#ifndef XEN_HELPER_REPORT_H
#define XEN_HELPER_REPORT_H

#include <stddef.h>
#include <stdint.h>

/* @level is one of syslog(3)'s. */
__attribute__((format(printf, 2, 3))) void report(int level, const char *format, ...);

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
void report_progress(const char *path, const struct progress *progress);

#endif
