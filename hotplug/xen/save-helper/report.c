/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#define PROGRAM "outcommit-xen-save-helper"

void report(int level, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(STDERR_FILENO, PROGRAM ": %s\n", line);
	syslog(LOG_DAEMON | level, "%s", line);
}

static int write_progress(FILE *file, const struct progress *progress)
{
	fprintf(file, "PHASE=%s\n", progress->phase);
	fprintf(file, "PID=%d\n", (int)getpid());
	fprintf(file, "EPOCH=%" PRIu64 "\n", progress->epoch);
	fprintf(file, "COMMITTED=%" PRIu64 "\n", progress->committed);
	fprintf(file, "CHECKPOINTS=%" PRIu64 "\n", progress->checkpoints);
	fprintf(file, "ACK_LATENCY_NS=%" PRId64 "\n", progress->ack_latency_ns);
	if (progress->reason)
		fprintf(file, "REASON=%s\n", progress->reason);
	return fclose(file);
}

void report_progress(const char *path, const struct progress *progress)
{
	char next[PATH_MAX];
	FILE *file;

	if (!*path || snprintf(next, sizeof(next), "%s.new", path) >= (int)sizeof(next))
		return;
	file = fopen(next, "we");
	if (file && !write_progress(file, progress))
		rename(next, path);
}
