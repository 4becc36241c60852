/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "cell.h"
#include "child.h"
#include "criu.h"
#include "image.h"
#include "receive.h"
#include "report.h"

struct restore {
	const struct options *options;
	int backup_fd;
	char dir[PATH_MAX]; /* the checkpoint */
	struct cell cell;
	struct criu criu;
};

static int failed(const char *what, int err)
{
	report(LOG_ERR, "%s: %s", what, strerror(-err));
	return err;
}

/* The lock on the backup is our word that nothing more is acknowledged to the old primary. */
static int lock_backup(struct restore *r)
{
	const struct options *options = r->options;
	/* a receiver whose primary has just died may still store what it had sent */
	int fd = backup_open(options->rest[0], options->domain, options->timeout_ms / 1000 + 1);

	if (fd == -EBUSY)
		report(LOG_ERR, "the primary still sends to %s/%s: end that first",
		       options->rest[0], options->domain);
	if (fd < 0)
		return fd == -EBUSY ? fd : failed(options->rest[0], fd);
	if (backup_stood_down(fd) && !options->force) {
		report(LOG_ERR,
		       "protection of %s was ended as asked: it runs on without its "
		       "backup. --force restores it nevertheless",
		       options->domain);
		return -ECANCELED;
	}
	r->backup_fd = fd;
	return 0;
}

static int find_checkpoint(struct restore *r)
{
	const struct options *options = r->options;
	int64_t newest = image_newest(r->backup_fd);

	if (newest <= 0)
		return failed("there is no whole checkpoint", newest ? -errno : -ENOENT);
	snprintf(r->dir, sizeof(r->dir), "%s/%s/%" PRId64, options->rest[0], options->domain,
		 newest);
	report(LOG_NOTICE, "%s: restoring checkpoint %" PRId64, options->domain, newest);
	return 0;
}

/* Before it lives: from then on the old one is a stranger to the backup, also without the lock. */
static int begin_life(const struct restore *r)
{
	char life[CELL_LIFE_BYTES] = "";
	int err;

	err = cell_set_life(&r->cell, life);
	if (!err)
		err = backup_set_life(r->backup_fd, life);
	return err ? failed("cannot begin a new life of it", err) : 0;
}

static int network(const struct restore *r, const char *command)
{
	const char *bridge = r->options->bridge;
	struct words words = {.count = 0};
	const struct child child = {.words = &words};
	int rc;

	words_add(&words, r->options->network);
	words_add(&words, command);
	words_add(&words, r->options->netns);
	words_addf(&words, "%s/" IMAGE_NETWORK, r->dir);
	if (bridge && !strcmp(command, "connect"))
		words_add(&words, bridge);
	rc = child_run(&child);
	if (rc)
		report(LOG_ERR, "%s %s %s failed", r->options->network, command, r->options->netns);
	return rc ? -EIO : 0;
}

static void remove_network(const struct restore *r)
{
	struct words words = {.count = 0};
	const struct child child = {.words = &words};

	words_add(&words, "ip");
	words_add(&words, "netns");
	words_add(&words, "delete");
	words_add(&words, r->options->netns);
	child_run(&child);
}

static int restore_tree(struct restore *r)
{
	char path[PATH_MAX];
	int fd, err;

	snprintf(path, sizeof(path), "/run/netns/%s", r->options->netns);
	/* for criu to inherit, and so not close-on-exec */
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return failed(path, -errno);
	err = criu_restore(&r->criu, r->dir, fd, r->cell.path);
	close(fd);
	return err;
}

static int make_tree(struct restore *r)
{
	int err;

	err = network(r, "make");
	if (!err)
		err = restore_tree(r);
	if (err)
		remove_network(r);
	return err;
}

static bool is_netns(const struct restore *r)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/run/netns/%s", r->options->netns);
	return !access(path, F_OK);
}

static int prepare(struct restore *r)
{
	const struct options *options = r->options;
	int err;

	snprintf(r->criu.work_dir, sizeof(r->criu.work_dir), "%s/%s", options->run_dir,
		 options->domain);
	mkdir(options->run_dir, 0755);
	mkdir(r->criu.work_dir, 0700);
	err = criu_prepare(&r->criu);
	if (err)
		return failed(r->criu.work_dir, err);
	err = cell_open(&r->cell, options->domain, options->cgroup);
	if (err)
		return failed(r->cell.path, err);
	if (cell_root(&r->cell) != -ESRCH) {
		report(LOG_ERR, "%s runs here: there are processes in %s", options->domain,
		       r->cell.path);
		return -EEXIST;
	}
	err = lock_backup(r);
	if (err)
		return err;
	if (is_netns(r)) {
		report(LOG_ERR, "there is a network namespace %s: is it still in use?",
		       options->netns);
		return -EEXIST;
	}
	/* it may have been stopped when it was killed */
	cell_thaw(&r->cell);
	return find_checkpoint(r);
}

int restore_run(const struct options *options)
{
	struct restore r = {
		.options = options,
		.cell = {.events_fd = -1},
		.criu = {.program = options->criu,
			 .extra = options->rest + 1,
			 .extra_count = options->rest_count - 1},
	};
	int err;

	err = prepare(&r);
	if (!err)
		err = begin_life(&r);
	if (!err)
		err = make_tree(&r);
	/* only now can anything reach it: before, its connections would have been refused */
	if (!err)
		err = network(&r, "connect");
	if (!err)
		report(LOG_NOTICE, "%s runs here", options->domain);
	cell_close(&r.cell);
	return err;
}
