/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "protect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "report.h"
#include "send.h"

#define FAILURES_MAX 3U

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int refused(const struct protect *p, const char *verb, const struct outcommit_error *err)
{
	report(LOG_ERR, "%s: %s %" PRIu64 ": %s", p->options->domain, verb, p->next, err->message);
	return err->code;
}

/* How to make the network again, beside what criu wrote */
static int add_network(const struct protect *p, int image_fd)
{
	char from[PATH_MAX + 32], bytes[4096];
	int in, out, err = 0;
	ssize_t size;

	snprintf(from, sizeof(from), "%s/../" IMAGE_NETWORK, p->images);
	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	out = openat(image_fd, IMAGE_NETWORK, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		err = -errno;
	while (!err && (size = read(in, bytes, sizeof(bytes))) > 0)
		err = write(out, bytes, (size_t)size) == size ? 0 : -EIO;
	if (out >= 0)
		close(out);
	close(in);
	return err;
}

typedef int (*dumper)(const struct criu *, const struct criu_tree *, const char *, const char *);

/* One image, of either kind, in its place. */
static int make_image(struct protect *p, const char *name, const char *prev, dumper dump)
{
	char dir[PATH_MAX + IMAGE_NAME_BYTES + 8];
	int fd, err;

	fd = image_begin(p->images_fd, name);
	if (fd < 0)
		return fd;
	snprintf(dir, sizeof(dir), "%s/%s" IMAGE_PART, p->images, name);
	err = dump(&p->criu, &p->tree, dir, prev);
	if (!err)
		err = add_network(p, fd);
	if (!err)
		err = image_finish(p->images_fd, fd, name);
	close(fd);
	return err;
}

/*
 * A checkpoint that builds on nothing has the whole memory in it. Copy that while the tree runs;
 * if it does not work, the tree only stands still for longer.
 */
static void pre_copy(struct protect *p, char prev[IMAGE_NAME_BYTES])
{
	snprintf(prev, IMAGE_NAME_BYTES, "%" PRIu64 IMAGE_PRE, p->next);
	if (make_image(p, prev, NULL, criu_pre_dump))
		*prev = '\0';
}

static void find_prev(struct protect *p, char prev[IMAGE_NAME_BYTES])
{
	if (p->since_full >= p->options->full_every)
		p->prev = 0;
	if (!p->prev)
		pre_copy(p, prev);
	else
		snprintf(prev, IMAGE_NAME_BYTES, "%" PRIu64, p->prev);
}

static int dump(struct protect *p, const char *prev)
{
	char name[IMAGE_NAME_BYTES];
	int err;

	snprintf(name, sizeof(name), "%" PRIu64, p->next);
	err = make_image(p, name, *prev ? prev : NULL, criu_dump);
	p->since_full = p->prev ? p->since_full + 1 : 1;
	/* after a dump that failed nobody knows any more what was changed since when */
	p->prev = err ? 0 : p->next;
	p->failures = err ? p->failures + 1 : 0;
	return err;
}

/* The only way for the tree to run again. */
static int let_run(struct protect *p)
{
	struct outcommit_error err;
	int rc;

	if (outcommit_preresume(p->daemon, p->options->domain, p->next, &err))
		return refused(p, "preresume", &err);
	rc = cell_thaw(&p->cell);
	if (rc)
		report(LOG_ERR, "cannot let the tree run: %s", strerror(-rc));
	return rc;
}

/* From the stop of the tree until it runs again: 1 if there is a new checkpoint. */
static int standstill(struct protect *p, const char *prev)
{
	struct outcommit_error error;
	int err, dumped;

	if (outcommit_postsuspend(p->daemon, p->options->domain, p->next, NULL, &error))
		return refused(p, "postsuspend", &error);
	dumped = dump(p, prev);
	err = let_run(p);
	if (err)
		return err;
	if (dumped && p->failures >= FAILURES_MAX)
		return dumped;
	return dumped ? 0 : 1;
}

static int checkpoint(struct protect *p)
{
	char prev[IMAGE_NAME_BYTES] = "";
	int64_t began_ms;
	int err;

	if (cell_root(&p->cell) != p->tree.root)
		return -ESRCH;
	find_prev(p, prev);
	began_ms = now_ms();
	err = cell_freeze(&p->cell, (int)p->options->timeout_ms);
	if (err) {
		report(LOG_ERR, "cannot stop the tree: %s", strerror(-err));
		return err;
	}
	err = standstill(p, prev);
	p->stopped_ms = now_ms() - began_ms;
	return err;
}

static int send_checkpoint(struct protect *p)
{
	char name[IMAGE_NAME_BYTES];
	int err = 0;

	p->bytes = 0;
	if (p->sent == p->acked)
		p->sent_ms = now_ms();
	p->sent = p->next++;
	snprintf(name, sizeof(name), "%" PRIu64 IMAGE_PRE, p->sent);
	if (!faccessat(p->images_fd, name, F_OK, 0))
		err = send_image(&p->stream, p->images_fd, name, &p->bytes);
	snprintf(name, sizeof(name), "%" PRIu64, p->sent);
	return err ? err : send_image(&p->stream, p->images_fd, name, &p->bytes);
}

static void tell(const struct protect *p)
{
	if (p->options->quiet)
		return;
	printf("%s: checkpoint %" PRIu64 " safe after %" PRId64 " ms, %" PRIu64
	       " KiB, stopped for %" PRId64 " ms\n",
	       p->options->domain, p->acked, now_ms() - p->sent_ms, p->bytes / 1024, p->stopped_ms);
	fflush(stdout);
}

static int commit(struct protect *p, uint64_t number)
{
	struct outcommit_error error;

	if (number <= p->acked || number > p->sent)
		return -EPROTO;
	if (outcommit_commit(p->daemon, p->options->domain, number, NULL, &error))
		return refused(p, "commit", &error);
	p->acked = number;
	tell(p);
	p->sent_ms = now_ms();
	if (image_prune(p->images_fd, number))
		report(LOG_WARNING, "cannot remove what is older than %" PRIu64, number);
	return 0;
}

/* One acknowledgement, or a while without one: 0 if there may be more to wait for, 1 if not. */
static int await_ack(struct protect *p, int64_t due_ms, unsigned int outstanding_max)
{
	bool full = p->sent - p->acked >= outstanding_max;
	int64_t left_ms = (full ? p->sent_ms + p->options->timeout_ms : due_ms) - now_ms();
	uint64_t number;
	int err;

	err = send_await_ack(&p->stream, &number, left_ms > 0 ? (int)left_ms : 0);
	if (!err)
		return commit(p, number);
	if (err == -EINTR || (err == -ETIMEDOUT && !full))
		return 1;
	report(LOG_ERR, "no acknowledgement from the backup: %s", strerror(-err));
	return err;
}

/*
 * If a checkpoint alone took the whole interval, another one at once would let the tree hardly run,
 * and what it sends wait for several: so then each is waited for.
 */
static int await_acks(struct protect *p, int64_t due_ms, const volatile sig_atomic_t *asked)
{
	unsigned int outstanding_max = now_ms() < due_ms ? p->outstanding_max : 1;
	int err = 0;

	while (!err && !*asked)
		err = await_ack(p, due_ms, outstanding_max);
	return err < 0 ? err : 0;
}

static int cycle(struct protect *p, const volatile sig_atomic_t *asked)
{
	int64_t due_ms = now_ms() + p->options->interval_ms;
	int err;

	err = checkpoint(p);
	if (err > 0) {
		err = send_checkpoint(p);
		if (err)
			report(LOG_ERR, "cannot send to the backup: %s", strerror(-err));
	}
	return err < 0 ? err : await_acks(p, due_ms, asked);
}

enum outcome protect_run(struct protect *p, const volatile sig_atomic_t *asked)
{
	int err = 0;

	while (!err && !*asked)
		err = cycle(p, asked);
	if (!err)
		return OUTCOME_ASKED;
	if (cell_root(&p->cell) == -ESRCH)
		return OUTCOME_GONE;
	return p->sent ? OUTCOME_HELD : setup_outcome(p);
}
