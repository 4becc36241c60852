/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How criu is called. The network namespace is not its business: it is left out of the checkpoint,
 * and made by outcommit-criu-net where it is restored.
 */
#ifndef CRIU_CRIU_H
#define CRIU_CRIU_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct criu {
	const char *program;
	char *const *extra; /* options that the user wants too */
	int extra_count;
	char work_dir[PATH_MAX]; /* for its log, and its way to lock the network */
	int lock_fd;		 /* what a dump keeps open until it ends, or 0 */
};

struct criu_tree {
	pid_t root;
	uint64_t netns_ino;
	const char *cgroup;
};

/* Before all else, in a work_dir that is there. */
int criu_prepare(const struct criu *criu);

int criu_find_netns(struct criu_tree *tree);

/*
 * A dump that is broken off leaves the tree with its sockets in repair and its network locked, and
 * its connections do not live through that. So neither the end of who started it ends a dump, nor
 * what asks programs to end.
 */

/*
 * Checkpoint the tree, which may be stopped by its cgroup and stays so. @prev: name of the
 * checkpoint beside this one that this is to build on, or NULL.
 */
int criu_dump(const struct criu *criu, const struct criu_tree *tree, const char *dir,
	      const char *prev);

/* Copy its memory while it runs, so that a checkpoint that builds on this has little left. */
int criu_pre_dump(const struct criu *criu, const struct criu_tree *tree, const char *dir,
		  const char *prev);

/* Bring the tree of @dir to life, in the network namespace @netns_fd and in @cgroup. */
int criu_restore(const struct criu *criu, const char *dir, int netns_fd, const char *cgroup);

#endif
