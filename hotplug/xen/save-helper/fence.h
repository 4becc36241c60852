/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May the restored guest start? Only once the other one cannot run any more: when the fence command
 * has succeeded, or when the administrator has said so. A command that fails is run again, for ever
 * if need be: a guest that waits can still be had, one that runs twice cannot be undone.
 *
 * The administrator's word is a file in run_dir: DOMAIN.take-over starts the guest,
 * DOMAIN.stand-down gives it up.
 */
#ifndef XEN_HELPER_FENCE_H
#define XEN_HELPER_FENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings.h"

enum fence_verdict {
	FENCE_WAIT,    /* ask again at deadline_ns, or after fence_child() */
	FENCE_START,   /* the guest may start */
	FENCE_GIVE_UP, /* it may not, for good */
};

struct fence {
	const struct settings *settings;
	bool begun;
	bool done; /* the command has succeeded */
	pid_t pid; /* of the command, while it runs; also its process group */
	unsigned int tries;
	int64_t kill_ns; /* when it has run for too long */
	int64_t retry_ns;
	int64_t deadline_ns;
};

void fence_init(struct fence *fence, const struct settings *settings);
enum fence_verdict fence_ask(struct fence *fence, int64_t now_ns);

/* A child has ended: true if it was the command. */
bool fence_child(struct fence *fence, pid_t pid, int status, int64_t now_ns);

/* Nobody waits for it any more. */
void fence_end(struct fence *fence);

#endif
