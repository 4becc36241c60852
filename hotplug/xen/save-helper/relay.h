/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands between libxl and its save helper: runs the helper, hands every message and reply on in
 * order, and asks a side, the primary's or the backup's, what is to become of each. libxl sees the
 * helper's messages and its exit status as if we were it; but of what the helper says of each
 * checkpoint for people to read, many lines a second, it hears only the first one's.
 */
#ifndef XEN_HELPER_RELAY_H
#define XEN_HELPER_RELAY_H

#include <stdint.h>
#include <sys/types.h>

#include "message.h"

enum relay_verdict {
	RELAY_PASS,	 /* hand it on, behind one that was kept */
	RELAY_WAIT,	 /* ask again after anything happened, or at the deadline */
	RELAY_REFUSE,	 /* answer the helper with 0 instead */
	RELAY_FAIL_OVER, /* answer it that the stream has ended */
	RELAY_KEEP,	 /* put it aside until the next one is handed on */
	RELAY_ABANDON,	 /* end the helper, and fail */
};

/* Times are of the monotonic clock. What a side does not care about may be NULL. */
struct relay_side {
	enum relay_verdict (*message)(void *data, const struct message *message, int64_t now_ns);
	/* What to tell the helper when libxl says @value to a message of @type. */
	int (*reply)(void *data, unsigned int type, int value, int64_t now_ns);
	/* The helper has been told. */
	void (*replied)(void *data);
	/* A descriptor to read from, -1 for none (any more), and what to do when there is
	 * something. */
	int (*peer_fd)(void *data);
	void (*peer_ready)(void *data, int64_t now_ns);
	int64_t (*deadline)(void *data);
	void (*tick)(void *data, int64_t now_ns);
	/* A child that is not the helper has ended. */
	void (*child)(void *data, pid_t pid, int status, int64_t now_ns);
};

/*
 * Run argv[0] as the helper until it has ended; libxl is on descriptors 0 and 1. The helper's wait
 * status; if we had to end it, a status that says failure.
 */
int relay_run(char *const argv[], const struct relay_side *side, void *data);

int64_t relay_now_ns(void);

#endif
