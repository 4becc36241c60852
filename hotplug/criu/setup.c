/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What protect needs before its first checkpoint, and what becomes of it behind the last. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "child.h"
#include "image.h"
#include "lock.h"
#include "protect.h"
#include "report.h"
#include "send.h"

/* With our module. Mainline's has room for one. */
#define OUTSTANDING_MAX 4U

static int failed(const char *what, int err)
{
	report(LOG_ERR, "%s: %s", what, strerror(-err));
	return err;
}

/* A driver that was killed in mid-dump leaves a criu that has yet to let go of the tree. */
static int be_alone(struct protect *p)
{
	int fd = lock_take(p->images_fd, p->options->timeout_ms / 1000 + 1);

	if (fd < 0) {
		report(LOG_ERR, "%s: another driver, or the criu of one, is still at work: %s",
		       p->options->domain, strerror(-fd));
		return fd;
	}
	p->criu.lock_fd = fd;
	return image_clear(p->images_fd, true);
}

static int setup_dirs(struct protect *p)
{
	const char *run_dir = p->options->run_dir, *domain = p->options->domain;
	char *work_dir = p->criu.work_dir;
	int err;

	if (snprintf(work_dir, PATH_MAX, "%s/%s", run_dir, domain) >= PATH_MAX - 16)
		return -ENAMETOOLONG;
	snprintf(p->images, sizeof(p->images), "%.*s/images", PATH_MAX - 16, work_dir);
	mkdir(run_dir, 0755);
	mkdir(work_dir, 0700);
	mkdir(p->images, 0700);
	p->images_fd = open(p->images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->images_fd < 0)
		return failed(p->images, -errno);
	err = be_alone(p);
	if (err)
		return err;
	err = criu_prepare(&p->criu);
	return err ? failed(work_dir, err) : 0;
}

static int setup_tree(struct protect *p)
{
	const struct options *options = p->options;
	int err;

	err = cell_open(&p->cell, options->domain, options->cgroup);
	if (!err && options->pid)
		err = cell_take(&p->cell, (pid_t)options->pid);
	if (err)
		return failed(p->cell.path, err);
	p->tree.cgroup = p->cell.path;
	p->tree.root = cell_root(&p->cell);
	if (p->tree.root == -ESRCH)
		report(LOG_ERR,
		       "there is nothing in %s: start it with outcommit-criu start, or "
		       "give --pid",
		       p->cell.path);
	else if (p->tree.root < 0)
		return failed(p->cell.path, p->tree.root);
	return p->tree.root < 0 ? p->tree.root : criu_find_netns(&p->tree);
}

static int setup_vifs(struct protect *p)
{
	const char *domain = p->options->domain;
	struct outcommit_error err;

	for (size_t i = 0; i < p->options->vif_count; i++) {
		const char *vif = p->options->vifs[i];

		if (outcommit_attach(p->daemon, domain, vif, 0, NULL, 0, &err)) {
			report(LOG_ERR, "cannot attach %s: %s", vif, err.message);
			return err.code;
		}
	}
	return 0;
}

/* Before anything that might have to be undone. No such domain is as good as one that passes. */
static int find_state(struct protect *p)
{
	struct outcommit_reply *status;
	struct outcommit_error error;
	const char *state;

	if (outcommit_status(p->daemon, p->options->domain, &status, &error)) {
		p->found = error.code == -ENOENT ? FOUND_PASSING : FOUND_UNKNOWN;
		return error.code == -ENOENT ? 0 : failed("status", error.code);
	}
	state = outcommit_reply_get(status, "STATE");
	p->found = state && !strcmp(state, "passing") ? FOUND_PASSING : FOUND_HOLDING;
	outcommit_reply_free(status);
	return 0;
}

/* From now on the end of this connection means something, and no other driver gets in between. */
static int take_lease(struct protect *p)
{
	const char *domain = p->options->domain;
	struct outcommit_error err;

	if (!outcommit_drive(p->daemon, domain, NULL, NULL, &err))
		return 0;
	report(LOG_ERR, "cannot drive %s: %s", domain, err.message);
	return err.code;
}

static int setup_daemon(struct protect *p)
{
	int err;

	err = outcommit_connect(p->options->socket, (int)p->options->timeout_ms, &p->daemon);
	if (err)
		return failed("cannot reach outcommitd", err);
	err = find_state(p);
	if (!err)
		err = setup_vifs(p);
	return err ? err : take_lease(p);
}

/* The description goes into a file, for each checkpoint to take along. */
static int describe_network(struct protect *p, const struct outcommit_reply *status)
{
	struct outcommit_block vif = outcommit_reply_block(status);
	struct words words = {.count = 0};
	struct child child = {.words = &words};
	char path[PATH_MAX + 16];
	int rc;

	words_add(&words, p->options->network);
	words_add(&words, "describe");
	words_addf(&words, "%d", p->tree.root);
	while (outcommit_block_next(&vif, "VIF"))
		words_add(&words, outcommit_block_get(&vif, "VIF"));
	snprintf(path, sizeof(path), "%s/" IMAGE_NETWORK, p->criu.work_dir);
	child.out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (child.out < 0)
		return failed(path, -errno);
	rc = child_run(&child);
	close(child.out);
	if (rc)
		report(LOG_ERR, "cannot describe the network of %d", p->tree.root);
	return rc ? -EIO : 0;
}

/* "HOST:DIR" or "DIR" */
static void add_receive(struct words *words, const struct options *options, const char *self)
{
	const char *backup = options->rest[0], *colon = strchr(backup, ':');

	if (!colon || backup[0] == '/') {
		words_add(words, self);
		words_add(words, "receive");
		words_add(words, options->domain);
		words_add(words, backup);
		return;
	}
	words_add(words, "sh");
	words_add(words, "-c");
	words_addf(words, "exec %s \"$@\"", options->ssh);
	words_add(words, "sh");
	words_addf(words, "%.*s", (int)(colon - backup), backup);
	words_addf(words, "exec outcommit-criu receive '%s' '%s'", options->domain, colon + 1);
}

static int setup_way(struct protect *p)
{
	struct words words = {.count = 0};
	struct child child = {.words = &words};
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	add_receive(&words, p->options, "/proc/self/exe");
	child.in = pair[1];
	child.out = pair[1];
	p->way = child_start(&child);
	close(pair[1]);
	err = p->way < 0 ? p->way
			 : stream_open(&p->stream, pair[0], pair[0], (int)p->options->timeout_ms);
	return err ? failed("cannot start the way to the backup", err) : 0;
}

/*
 * A domain that holds belongs to a driver before us. What it left uncommitted is covered by a
 * checkpoint that is made now, in the newest epoch that was closed; or the backup has that one.
 */
static int take_over_epochs(struct protect *p, uint64_t open, uint64_t outstanding, uint64_t have)
{
	struct outcommit_error err;

	if (have >= open) {
		report(LOG_ERR,
		       "the backup has checkpoint %" PRIu64 " and here epoch %" PRIu64
		       " is open: it is of another one",
		       have, open);
		return -EPROTO;
	}
	p->next = outstanding && have != open - 1 ? open - 1 : open;
	if (!outstanding || have != open - 1)
		return 0;
	if (outcommit_commit(p->daemon, p->options->domain, have, NULL, &err)) {
		report(LOG_ERR, "cannot commit %" PRIu64 ": %s", have, err.message);
		return err.code;
	}
	return 0;
}

static int setup_epochs(struct protect *p, const struct outcommit_reply *status, uint64_t have)
{
	uint64_t open, outstanding;

	if (outcommit_reply_get_u64(status, "OPEN", &open) ||
	    outcommit_reply_get_u64(status, "OUTSTANDING", &outstanding))
		return -EBADMSG;
	if (p->found == FOUND_HOLDING)
		return take_over_epochs(p, open, outstanding, have);
	p->next = open > have ? open : have + 1;
	return 0;
}

static int find_module(struct protect *p)
{
	struct outcommit_reply *reply;
	const char *module;
	int err;

	err = outcommit_check(p->daemon, &reply, NULL);
	if (err)
		return failed("check", err);
	module = outcommit_reply_get(reply, "MODULE");
	p->outstanding_max = module && !strcmp(module, "outcommit") ? OUTSTANDING_MAX : 1;
	outcommit_reply_free(reply);
	return 0;
}

static int greet(struct protect *p, uint64_t *have)
{
	char life[CELL_LIFE_BYTES] = "";
	int err;

	err = cell_get_life(&p->cell, life);
	if (err)
		return failed(p->cell.path, err);
	err = send_hello(&p->stream, life, have);
	return err ? failed("the backup does not answer as it should", err) : 0;
}

/* With the backup: first what it knows, then what follows from that here. */
static int setup_backup(struct protect *p)
{
	struct outcommit_reply *status;
	struct outcommit_error error;
	uint64_t have;
	int err;

	if (outcommit_status(p->daemon, p->options->domain, &status, &error)) {
		report(LOG_ERR, "%s: %s", p->options->domain, error.message);
		return error.code;
	}
	err = describe_network(p, status);
	if (!err)
		err = setup_way(p);
	if (!err)
		err = greet(p, &have);
	if (!err)
		err = setup_epochs(p, status, have);
	outcommit_reply_free(status);
	return err;
}

int setup(struct protect *p, const struct options *options)
{
	int err;

	*p = (struct protect){
		.options = options,
		.cell = {.events_fd = -1},
		.stream = {.in = -1, .out = -1},
		.images_fd = -1,
		.criu = {.program = options->criu,
			 .extra = options->rest + 1,
			 .extra_count = options->rest_count - 1},
	};
	err = setup_dirs(p);
	if (!err)
		err = setup_tree(p);
	if (!err)
		err = setup_daemon(p);
	if (!err)
		err = find_module(p);
	if (!err)
		err = setup_backup(p);
	return err;
}

static int end_protection(struct protect *p)
{
	const char *domain = p->options->domain;
	struct outcommit_error err;

	if (outcommit_release(p->daemon, domain, &err)) {
		report(LOG_ERR, "cannot release %s: %s", domain, err.message);
		return err.code;
	}
	for (size_t i = 0; i < p->options->vif_count; i++)
		outcommit_detach(p->daemon, domain, p->options->vifs[i], OUTCOMMIT_PENDING_REFUSE,
				 NULL);
	return 0;
}

/* The backup first: once what is held is let go, it must not be restored any more. */
static enum outcome end_as_asked(struct protect *p)
{
	int err;

	err = send_stand_down(&p->stream);
	if (err) {
		failed("the backup cannot be told that protection ends", err);
		return OUTCOME_HELD;
	}
	return end_protection(p) ? OUTCOME_HELD : OUTCOME_ASKED;
}

static void advise(const struct protect *p)
{
	const char *domain = p->options->domain;

	report(LOG_CRIT, "protection of %s ended; what it sends is held, and stays held", domain);
	fprintf(stderr,
		"Is it restored on the backup, or will it be?\n"
		"  yes:  delete its network interfaces here first, then\n"
		"        echo 1 >%s/cgroup.kill\n"
		"        outcommitctl detach %s --pending discard\n"
		"  no:   protect it again; or\n"
		"        outcommitctl release %s && outcommit-criu thaw %s\n",
		p->cell.path, domain, domain, domain);
}

enum outcome setup_outcome(const struct protect *p)
{
	return p->found == FOUND_HOLDING ? OUTCOME_HELD : OUTCOME_NEVER;
}

/* It runs as before: what was attached for it passes. */
static void undo_all(struct protect *p)
{
	if (p->found != FOUND_PASSING)
		return;
	end_protection(p);
	cell_thaw(&p->cell);
}

enum outcome setup_undo(struct protect *p, enum outcome outcome)
{
	if (outcome == OUTCOME_ASKED)
		outcome = end_as_asked(p);
	if (outcome == OUTCOME_NEVER)
		undo_all(p);
	if (outcome == OUTCOME_HELD)
		advise(p);
	if (outcome == OUTCOME_GONE)
		report(LOG_WARNING, "%s is no longer here; what it sent last is held",
		       p->options->domain);
	stream_close(&p->stream);
	if (p->way > 0)
		child_end(p->way, (int)p->options->timeout_ms);
	outcommit_close(p->daemon);
	cell_close(&p->cell);
	if (p->criu.lock_fd)
		close(p->criu.lock_fd);
	if (p->images_fd >= 0)
		close(p->images_fd);
	return outcome;
}
