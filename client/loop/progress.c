// SPDX-License-Identifier: GPL-2.0-or-later
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define TERMINAL_NS (NS_PER_S / 5)
#define LOG_NS (10 * NS_PER_S)

/* How much is held is only known to the daemon; that it cannot say so now is no reason to stop. */
static uint64_t held_bytes(const struct epochs *loop)
{
	struct outcommit_reply *reply;
	uint64_t bytes = 0;

	if (outcommit_status(loop->connection, loop->domain, &reply, NULL))
		return 0;
	outcommit_reply_get_u64(reply, "HELD_BYTES", &bytes);
	outcommit_reply_free(reply);
	return bytes;
}

static void print(const struct epochs *loop)
{
	printf("%s: %" PRIu64 " checkpoints, epoch %" PRIu64 " committed, %u outstanding, ",
	       loop->domain, loop->checkpoints, loop->committed, loop->outstanding);
	printf("held %" PRIu64 " bytes, pause %.1f ms, commit after %.1f ms", held_bytes(loop),
	       (double)loop->pause_ns / NS_PER_MS, (double)loop->commit_ns / NS_PER_MS);
	if (loop->failures)
		printf(", %" PRIu64 " failed", loop->failures);
}

static void show(struct progress *progress, const struct epochs *loop, bool last)
{
	const bool terminal = isatty(STDOUT_FILENO);

	progress->due_ns = clock_ns() + (terminal ? TERMINAL_NS : LOG_NS);
	if (terminal)
		fputs("\r\033[K", stdout);
	print(loop);
	if (last || !terminal)
		putchar('\n');
	fflush(stdout);
}

void progress_show(struct progress *progress, const struct epochs *loop)
{
	if (clock_ns() >= progress->due_ns)
		show(progress, loop, false);
}

void progress_end(struct progress *progress, const struct epochs *loop)
{
	if (loop->checkpoints)
		show(progress, loop, true);
}
