// SPDX-License-Identifier: GPL-2.0-or-later
/* See client-rig.h. */
#include "client-rig.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

struct pair begin(const struct fake_step *steps)
{
	struct pair p = { .server = fake_start(steps) };

	assert_int_equal(outcommit_connect(fake_path(p.server), 10000, &p.c), 0);
	return p;
}

void finish(struct pair *p)
{
	const char *problem;

	outcommit_close(p->c);
	problem = fake_stop(p->server);
	if (problem)
		fail_msg("%s", problem);
}

void wait_readable(struct outcommit *c)
{
	struct pollfd poll_fd = { .fd = outcommit_fd(c), .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int do_drive(struct pair *p)
{
	static const struct outcommit_terms terms = {
		.on_driver_lost = OUTCOMMIT_POLICY_RELEASE, .has_grace = true, .grace_ns = 5,
	};
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_drive(p->c, "web", &terms, &reply, &p->err);

	assert_true(!ret == !!reply);
	outcommit_reply_free(reply);
	return ret;
}

int do_detach(struct pair *p)
{
	return outcommit_detach(p->c, "web", NULL, OUTCOMMIT_PENDING_REFUSE, &p->err);
}

int do_postsuspend(struct pair *p)
{
	uint64_t closed = 0;
	int ret = outcommit_postsuspend(p->c, "web", 17, &closed, &p->err);

	assert_int_equal(closed, ret ? 0 : 17);
	return ret;
}

int do_commit(struct pair *p)
{
	uint64_t committed = 0;
	int ret = outcommit_commit(p->c, "web", UINT64_MAX, &committed, &p->err);

	assert_int_equal(committed, ret ? 0 : 18);
	return ret;
}

int do_release(struct pair *p)
{
	return outcommit_release(p->c, "web", &p->err);
}
