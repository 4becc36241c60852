/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int write_lines(FILE *file, const struct progress *progress)
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

void progress_write(const char *path, const struct progress *progress)
{
	char next[PATH_MAX];
	FILE *file;

	if (!*path || snprintf(next, sizeof(next), "%s.new", path) >= (int)sizeof(next))
		return;
	/* a helper that was killed may have left one; whatever else is there is not written to */
	unlink(next);
	file = fopen(next, "wxe");
	if (file && !write_lines(file, progress))
		rename(next, path);
}
