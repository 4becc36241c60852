/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cell: the cgroup that a process tree lives in. It is what stops the tree and lets it run, so
 * that neither a signal nor a tracer is involved, what criu does to its processes does not start
 * them, and a driver that dies leaves a stopped tree stopped.
 */
#ifndef CRIU_CELL_H
#define CRIU_CELL_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct cell {
	char path[PATH_MAX];
	int events_fd;
};

/* The cell of @domain, made if it is not there; @path: use this cgroup instead. */
int cell_open(struct cell *cell, const char *domain, const char *path);
void cell_close(struct cell *cell);

/* Take in the processes that descend from @root, and itself. */
int cell_take(const struct cell *cell, pid_t root);

/* The root of the tree in it: -ESRCH if it is empty, -EMLINK if there is more than one tree. */
pid_t cell_root(const struct cell *cell);

/* Returns when no process of it runs any more; -ETIMEDOUT, and then it is let run again. */
int cell_freeze(const struct cell *cell, int timeout_ms);
int cell_thaw(const struct cell *cell);

#endif
