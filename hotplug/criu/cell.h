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
	bool ours; /* and not one that was given */
	int events_fd;
};

/*
 * What tells one life of a tree from another: a restored one has a new one. It is kept with the
 * cgroup, as an attribute, so that it is there for as long as the tree.
 */
#define CELL_LIFE_BYTES 33U

/* The cell of @domain, made if it is not there; @path: use this cgroup instead. */
int cell_open(struct cell *cell, const char *domain, const char *path);

/* It is gone then, if it is empty. */
void cell_close(struct cell *cell);

/* Give it a new life, or @life if that is not empty. */
int cell_set_life(const struct cell *cell, char life[CELL_LIFE_BYTES]);

/* Its life, a new one if it has none. */
int cell_get_life(const struct cell *cell, char life[CELL_LIFE_BYTES]);

/* Take in the processes that descend from @root, and itself. */
int cell_take(const struct cell *cell, pid_t root);

/* The root of the tree in it: -ESRCH if it is empty, -EMLINK if there is more than one tree. */
pid_t cell_root(const struct cell *cell);

/* Returns when no process of it runs any more; -ETIMEDOUT, and then it is let run again. */
int cell_freeze(const struct cell *cell, int timeout_ms);
int cell_thaw(const struct cell *cell);

#endif
