// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * liboutcommit against a daemon that plays a script: what each function sends and gives back, and
 * what becomes of a request when the daemon is slow, rude, gone or restarted. SIGPIPE keeps its
 * default action here: raising it ends the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake-server.h"
#include "outcommit.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define X1024 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64

#define SCRIPT(...) ((const struct fake_step[]){ __VA_ARGS__, { .act = FAKE_END } })
#define ANSWER(ask, answer) { .act = FAKE_REPLY, .request = (ask), .reply = (answer) }
#define SAY(text) { .act = FAKE_SAY, .reply = (text) }
#define IGNORE(ask) { .act = FAKE_IGNORE, .request = (ask) }
#define HANG_UP(ask) { .act = FAKE_HANG_UP, .request = (ask) }
#define CLOSE { .act = FAKE_CLOSE }
#define RESTART { .act = FAKE_RESTART }

/* A test's two ends. */
struct pair {
	struct fake_server *server;
	struct outcommit *c;
	struct outcommit_error err;
};

static struct pair begin(const struct fake_step *steps)
{
	struct pair p = { .server = fake_start(steps) };

	assert_int_equal(outcommit_connect(fake_path(p.server), 10000, &p.c), 0);
	return p;
}

static void end(struct pair *p)
{
	const char *problem;

	outcommit_close(p->c);
	problem = fake_stop(p->server);
	if (problem)
		fail_msg("%s", problem);
}

static void wait_readable(struct outcommit *c)
{
	struct pollfd poll_fd = { .fd = outcommit_fd(c), .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_a_request_gets_its_reply(void **state)
{
	const struct outcommit_field fields[] = { { "A", "1" }, { "B", NULL }, { "C", "x=y" } };
	struct pair p = begin(SCRIPT(ANSWER("verb\nA=1\nC=x=y\n", "0\nA=no\nN=7\nN=x\n")));
	struct outcommit_reply *reply;
	struct outcommit_field field;
	uint64_t n;

	assert_int_equal(outcommit_request(p.c, "verb", fields, ARRAY_SIZE(fields), &reply, NULL), 0);
	assert_int_equal(outcommit_reply_status(reply), 0);
	assert_null(outcommit_reply_event(reply));
	assert_string_equal(outcommit_reply_get(reply, "A"), "no");
	assert_string_equal(outcommit_reply_message(reply), "");
	assert_int_equal(outcommit_reply_count(reply), 3);
	assert_int_equal(outcommit_reply_field(reply, 2, &field), 0);
	assert_string_equal(field.key, "N");
	assert_string_equal(field.value, "x");
	assert_int_equal(outcommit_reply_field(reply, 3, &field), -ENODATA);
	assert_int_equal(outcommit_reply_get_u64(reply, "N", &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(outcommit_reply_get_u64(reply, "A", &n), -EINVAL);
	assert_int_equal(outcommit_reply_get_u64(reply, "Z", &n), -ENODATA);
	assert_null(outcommit_reply_get(reply, "Z"));
	outcommit_reply_free(reply);
	end(&p);
}

static int do_attach(struct pair *p)
{
	char ifb[OUTCOMMIT_IFNAME_SIZE] = "";
	int ret = outcommit_attach(p->c, "web", "vif1.0", 65536, ifb, sizeof(ifb), &p->err);

	assert_string_equal(ifb, ret ? "" : "oc7");
	return ret;
}

static int do_drive(struct pair *p)
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

static int do_drive_as_configured(struct pair *p)
{
	return outcommit_drive(p->c, "web", NULL, NULL, &p->err);
}

static int do_drive_at_once(struct pair *p)
{
	static const struct outcommit_terms terms = { .has_grace = true };

	return outcommit_drive(p->c, "web", &terms, NULL, &p->err);
}

static int do_attach_default(struct pair *p)
{
	return outcommit_attach(p->c, "web", "vif1.0", 0, NULL, 0, NULL);
}

static int do_detach(struct pair *p)
{
	return outcommit_detach(p->c, "web", NULL, OUTCOMMIT_PENDING_REFUSE, &p->err);
}

static int do_detach_vif(struct pair *p)
{
	return outcommit_detach(p->c, "web", "v", OUTCOMMIT_PENDING_RELEASE, NULL);
}

static int do_detach_discard(struct pair *p)
{
	return outcommit_detach(p->c, "web", "v", OUTCOMMIT_PENDING_DISCARD, NULL);
}

static int do_postsuspend(struct pair *p)
{
	uint64_t closed = 0;
	int ret = outcommit_postsuspend(p->c, "web", 17, &closed, &p->err);

	assert_int_equal(closed, ret ? 0 : 17);
	return ret;
}

static int do_postsuspend_open(struct pair *p)
{
	return outcommit_postsuspend(p->c, "web", 0, NULL, NULL);
}

static int do_preresume(struct pair *p)
{
	return outcommit_preresume(p->c, "web", 17, &p->err);
}

static int do_preresume_nothing(struct pair *p)
{
	return outcommit_preresume(p->c, "web", 0, &p->err);
}

static int do_commit(struct pair *p)
{
	uint64_t committed = 0;
	int ret = outcommit_commit(p->c, "web", UINT64_MAX, &committed, &p->err);

	assert_int_equal(committed, ret ? 0 : 18);
	return ret;
}

static int do_abort(struct pair *p)
{
	return outcommit_abort(p->c, "web", 17, &p->err);
}

static int do_discard(struct pair *p)
{
	uint64_t open = 0;
	int ret = outcommit_discard(p->c, "web", &open, &p->err);

	assert_int_equal(open, ret ? 0 : 19);
	return ret;
}

static int do_discard_epoch(struct pair *p)
{
	return outcommit_discard_epoch(p->c, "web", 19, NULL, &p->err);
}

static int do_release(struct pair *p)
{
	return outcommit_release(p->c, "web", &p->err);
}

static int do_release_epoch(struct pair *p)
{
	return outcommit_release_epoch(p->c, "web", 19, &p->err);
}

static int do_limit(struct pair *p)
{
	return outcommit_limit(p->c, "web", 1 << 20, &p->err);
}

static int do_status(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_status(p->c, "web", &reply, &p->err);

	assert_true(!ret == !!reply);
	outcommit_reply_free(reply);
	return ret;
}

static int do_status_daemon(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_status(p->c, NULL, &reply, NULL);

	outcommit_reply_free(reply);
	return ret;
}

static int do_check(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_check(p->c, &reply, &p->err);

	outcommit_reply_free(reply);
	return ret;
}

static int do_reload(struct pair *p)
{
	return outcommit_reload(p->c, &p->err);
}

static int do_version(struct pair *p)
{
	char version[4] = "";
	unsigned int protocol = 0;
	int ret = outcommit_version(p->c, version, sizeof(version), &protocol, &p->err);

	assert_string_equal(version, ret ? "" : "0.1");
	assert_int_equal(protocol, ret ? 0 : 1);
	return ret;
}

static int do_monitor(struct pair *p)
{
	return outcommit_monitor(p->c, &p->err);
}

/*
 * What each function sends, and an answer that it takes; @bad is one that it must not take for
 * success.
 */
static const struct verb_case {
	int (*call)(struct pair *p);
	const char *request;
	const char *reply;
	const char *bad;
} verb_cases[] = {
	{ do_attach, "attach\nDOMAIN=web\nVIF=vif1.0\nLIMIT=65536\n", "0\nIFB=oc7\n", "0\n" },
	{ do_attach, "attach\nDOMAIN=web\nVIF=vif1.0\nLIMIT=65536\n", "0\nIFB=oc7\n",
	  "0\nIFB=1234567890123456\n" },
	{ do_drive, "drive\nDOMAIN=web\nON_DRIVER_LOST=release\nDRIVER_GRACE_NS=5\n", "0\nOPEN=1\n",
	  NULL },
	{ do_drive_as_configured, "drive\nDOMAIN=web\n", "0\n", NULL },
	{ do_drive_at_once, "drive\nDOMAIN=web\nDRIVER_GRACE_NS=0\n", "0\n", NULL },
	{ do_attach_default, "attach\nDOMAIN=web\nVIF=vif1.0\n", "0\nIFB=oc7\n", NULL },
	{ do_detach, "detach\nDOMAIN=web\n", "0\n", NULL },
	{ do_detach_vif, "detach\nDOMAIN=web\nVIF=v\nPENDING=release\n", "0\n", NULL },
	{ do_detach_discard, "detach\nDOMAIN=web\nVIF=v\nPENDING=discard\n", "0\n", NULL },
	{ do_postsuspend, "postsuspend\nDOMAIN=web\nEPOCH=17\n", "0\nEPOCH=17\n", "0\n" },
	{ do_postsuspend_open, "postsuspend\nDOMAIN=web\n", "0\nEPOCH=1\n", "0\nEPOCH=x\n" },
	{ do_preresume, "preresume\nDOMAIN=web\nEPOCH=17\n", "0\n", NULL },
	{ do_preresume_nothing, "preresume\nDOMAIN=web\nEPOCH=0\n", "0\n", NULL },
	{ do_commit, "commit\nDOMAIN=web\nEPOCH=18446744073709551615\n", "0\nEPOCH=18\n", "0\n" },
	{ do_abort, "abort\nDOMAIN=web\nEPOCH=17\n", "0\n", NULL },
	{ do_discard, "discard\nDOMAIN=web\n", "0\nEPOCH=19\n", "0\nEPOCH=-1\n" },
	{ do_discard_epoch, "discard\nDOMAIN=web\nEPOCH=19\n", "0\nEPOCH=19\n", "0\n" },
	{ do_release, "release\nDOMAIN=web\n", "0\n", NULL },
	{ do_release_epoch, "release\nDOMAIN=web\nEPOCH=19\n", "0\n", NULL },
	{ do_limit, "limit\nDOMAIN=web\nLIMIT=1048576\n", "0\n", NULL },
	{ do_status, "status\nDOMAIN=web\n", "0\nDOMAIN=web\n", NULL },
	{ do_status_daemon, "status\n", "0\nPID=1\n", NULL },
	{ do_check, "check\n", "0\nMODULE=none\n", NULL },
	{ do_reload, "reload\n", "0\n", NULL },
	{ do_version, "version\n", "0\nVERSION=0.1.2\nPROTOCOL=1\n", "0\nVERSION=0.1.2\n" },
	{ do_monitor, "monitor\n", "0\n", NULL },
};

static void test_each_verb_sends_its_request_and_takes_its_reply(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p = begin(SCRIPT(ANSWER(v->request, v->reply)));
		int ret = v->call(&p);

		if (ret)
			fail_msg("%s gives %d", v->request, ret);
		end(&p);
	}
}

static void test_each_verb_hands_on_the_daemons_refusal(void **state)
{
	static const char refusal[] = "-71\nMESSAGE=epoch 19 is not the next one\nFIELD=EPOCH\n"
				      "VALUE=19\nEXPECTED=18\nVIF=vif1.0\n";

	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p = begin(SCRIPT(ANSWER(v->request, refusal)));

		assert_int_equal(v->call(&p), -EPROTO);
		if (p.err.code) { /* not all of them ask for it */
			assert_int_equal(p.err.code, -EPROTO);
			assert_true(p.err.from_daemon);
			assert_int_equal(p.err.expected, 18);
			assert_string_equal(p.err.field, "EPOCH");
			assert_string_equal(p.err.value, "19");
			assert_string_equal(p.err.vif, "vif1.0");
			assert_string_equal(p.err.message, "epoch 19 is not the next one");
		}
		end(&p);
	}
}

static void test_a_reply_without_its_fields_is_no_success(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p;

		if (!v->bad)
			continue;
		p = begin(SCRIPT(ANSWER(v->request, v->bad)));
		if (v->call(&p) != -EBADMSG)
			fail_msg("%s takes %s", v->request, v->bad);
		assert_false(p.err.from_daemon);
		end(&p);
	}
}

static void test_an_error_without_a_message_still_has_one(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("reload\n", "-13\n")));

	assert_int_equal(outcommit_reload(p.c, &p.err), -EACCES);
	assert_string_equal(p.err.message, "Permission denied");
	end(&p);
}

static void test_a_reply_that_is_not_of_the_protocol_is_refused(void **state)
{
	static const char *const replies[] = {
		"+0\n", "00\n", "-0\n", "-\n", "-4096\n", "1\n", "0 \n", "\n", "0\nx\n", "0\n\n",
		"0\nA=\x1b[2J\n", "change\nOBJECT=vif\n", "Hello\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct pair p = begin(SCRIPT(ANSWER("reload\n", replies[i])));

		if (outcommit_reload(p.c, &p.err) != -EBADMSG)
			fail_msg("\"%s\" is taken", replies[i]);
		assert_false(p.err.from_daemon);
		end(&p);
	}
}

static void test_the_largest_reply_is_taken_and_a_larger_one_refused(void **state)
{
	static char text[65536 + 2];

	for (size_t len = 65536; len <= 65537; len++) {
		struct outcommit_reply *reply = NULL;
		struct pair p;
		size_t at = 2;

		strcpy(text, "0\n");
		while (at < len) {
			size_t line = len - at < 1026 ? len - at : len - at < 1030 ? 1000 : 1026;

			memcpy(text + at, "A=" X1024, line - 1);
			text[at + line - 1] = '\n';
			at += line;
		}
		text[at] = '\0';
		p = begin(SCRIPT(ANSWER("status\n", text)));
		assert_int_equal(outcommit_status(p.c, NULL, &reply, &p.err),
				 len == 65536 ? 0 : -EBADMSG);
		if (reply)
			assert_true(outcommit_reply_count(reply) > 60);
		outcommit_reply_free(reply);
		end(&p);
	}
}

static void test_what_cannot_be_sent_as_it_is_is_not_sent(void **state)
{
	static const struct {
		const char *verb;
		struct outcommit_field field;
	} cases[] = {
		{ "", { "A", "b" } },
		{ NULL, { "A", "b" } },
		{ "v\nX=y", { "A", "b" } },
		{ "v\x1b", { "A", "b" } },
		{ "v", { "A", "b\nC=d" } },
		{ "v", { "A", "b\x1b" } },
		{ "v", { "A", "\xff" } },
		{ "v", { "A", X1024 "x" } },
		{ "v", { "a", "b" } },
		{ "v", { "A=b", "c" } },
		{ "v", { "", "c" } },
		{ "v", { NULL, "c" } },
	};
	struct pair p = begin(SCRIPT(ANSWER("ok\n", "0\n")));

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (outcommit_request(p.c, cases[i].verb, &cases[i].field, 1, NULL,
				      NULL) != -EINVAL ||
		    outcommit_send(p.c, cases[i].verb, &cases[i].field, 1) != -EINVAL)
			fail_msg("case %zu is sent", i);
	assert_int_equal(outcommit_attach(p.c, "web\nX=y", "v", 0, NULL, 0, &p.err), -EINVAL);
	assert_false(p.err.from_daemon);
	assert_int_equal(outcommit_request(p.c, "ok", NULL, 0, NULL, NULL), 0);
	end(&p);
}

static void test_a_request_over_the_limits_is_not_sent(void **state)
{
	struct outcommit_field fields[33];
	struct pair p = begin(SCRIPT(ANSWER("ok\n", "0\n")));

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = (struct outcommit_field){ "A", "b" };
	assert_int_equal(outcommit_request(p.c, "v", fields, 33, NULL, NULL), -E2BIG);
	for (size_t i = 0; i < 4; i++)
		fields[i].value = X1024;
	assert_int_equal(outcommit_request(p.c, "v", fields, 4, NULL, NULL), -EMSGSIZE);
	assert_int_equal(outcommit_request(p.c, "ok", NULL, 0, NULL, NULL), 0);
	end(&p);
}

static void test_attach_wants_room_for_any_name(void **state)
{
	char ifb[OUTCOMMIT_IFNAME_SIZE];
	struct pair p = begin(SCRIPT(ANSWER("reload\n", "0\n")));

	assert_int_equal(outcommit_attach(p.c, "web", "v", 0, ifb, sizeof(ifb) - 1, NULL), -EINVAL);
	assert_int_equal(outcommit_reload(p.c, NULL), 0);
	end(&p);
}

static void test_connect_says_why_it_cannot(void **state)
{
	struct fake_server *server = fake_start(SCRIPT(CLOSE));
	struct outcommit *c = NULL;
	char path[128];

	strcpy(path, fake_path(server));
	strcat(path, "x");
	assert_int_equal(outcommit_connect(path, 10000, &c), -ENOENT);
	assert_int_equal(outcommit_connect("/" X64 X64, 10000, &c), -ENAMETOOLONG);
	assert_int_equal(outcommit_connect("/dev/null", 10000, &c), -ECONNREFUSED);
	assert_null(c);
	assert_int_equal(outcommit_connect(fake_path(server), 10000, &c), 0);
	assert_int_equal(fcntl(outcommit_fd(c), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	wait_readable(c);
	outcommit_close(c);
	assert_int_equal(outcommit_connect(fake_path(server), 10000, &c), 0);
	outcommit_close(c);
	outcommit_close(NULL);
	assert_null(fake_stop(server));
}

static void test_a_silent_daemon_costs_the_timeout_and_no_more(void **state)
{
	struct pair p = begin(SCRIPT(IGNORE("reload\n"), ANSWER("reload\n", "0\n")));
	int64_t start = now_ms();

	outcommit_set_timeout(p.c, 100);
	assert_int_equal(outcommit_reload(p.c, &p.err), -ETIMEDOUT);
	assert_in_range(now_ms() - start, 100, 5000);
	assert_false(p.err.from_daemon);
	outcommit_set_timeout(p.c, 10000);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	end(&p);
}

static void test_a_request_is_repeated_when_its_reply_is_lost(void **state)
{
	static const char request[] = "postsuspend\nDOMAIN=web\nEPOCH=17\n";
	struct pair p = begin(SCRIPT(HANG_UP(request), CLOSE, ANSWER(request, "0\nEPOCH=17\n")));

	assert_int_equal(do_postsuspend(&p), 0);
	end(&p);
}

static void test_a_postsuspend_without_epoch_is_never_delivered_twice(void **state)
{
	struct pair p = begin(SCRIPT(HANG_UP("postsuspend\nDOMAIN=web\n"),
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(outcommit_postsuspend(p.c, "web", 0, NULL, &p.err), -ECONNRESET);
	assert_false(p.err.from_daemon);
	assert_int_equal(outcommit_reload(p.c, NULL), 0);
	end(&p);
}

static void test_a_postsuspend_without_epoch_that_did_not_arrive_is_sent_anew(void **state)
{
	struct pair p = begin(SCRIPT(CLOSE, ANSWER("postsuspend\nDOMAIN=web\n", "0\nEPOCH=5\n")));
	uint64_t closed = 0;

	wait_readable(p.c);
	assert_int_equal(outcommit_postsuspend(p.c, "web", 0, &closed, &p.err), 0);
	assert_int_equal(closed, 5);
	end(&p);
}

static void test_a_restart_of_the_daemon_is_invisible(void **state)
{
	static const char commit[] = "commit\nDOMAIN=web\nEPOCH=18446744073709551615\n";
	struct pair p = begin(SCRIPT(ANSWER("reload\n", "0\n"), RESTART,
				     ANSWER("reload\n", "0\n"), HANG_UP(commit), RESTART,
				     ANSWER(commit, "0\nEPOCH=18\n")));

	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	assert_int_equal(do_commit(&p), 0);
	end(&p);
}

#define DRIVE(domain) "drive\nDOMAIN=" domain "\n"

static int drive(struct pair *p, const char *domain)
{
	return outcommit_drive(p->c, domain, NULL, NULL, &p->err);
}

static void test_a_new_connection_drives_what_the_lost_one_drove(void **state)
{
	static const char again[] = "drive\nDOMAIN=web\nON_DRIVER_LOST=release\nDRIVER_GRACE_NS=5\n";
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), ANSWER(DRIVE("db"), "0\n"),
				     ANSWER(again, "0\n"), ANSWER(DRIVE("no"), "-16\n"), HANG_UP("reload\n"),
				     ANSWER(again, "0\n"), HANG_UP(DRIVE("db")), RESTART,
				     ANSWER(again, "0\n"), ANSWER(DRIVE("db"), "0\n"),
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(drive(&p, "web"), 0);
	assert_int_equal(drive(&p, "db"), 0);
	assert_int_equal(do_drive(&p), 0);
	assert_int_equal(drive(&p, "no"), -EBUSY);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	end(&p);
}

static void test_a_lease_that_was_lost_fails_the_request_it_was_for(void **state)
{
	static const char taken[] = "-16\nMESSAGE=driven by pid 7\n";
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("db"), "0\n"), ANSWER(DRIVE("web"), "0\n"), CLOSE,
				     ANSWER(DRIVE("web"), taken), ANSWER(DRIVE("db"), "0\n"),
				     ANSWER("release\nDOMAIN=web\n", "-16\nMESSAGE=no\n"), CLOSE,
				     ANSWER(DRIVE("db"), taken), ANSWER("reload\n", "0\n"), CLOSE,
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(drive(&p, "db"), 0);
	assert_int_equal(drive(&p, "web"), 0);
	wait_readable(p.c);
	assert_int_equal(do_release(&p), -EBUSY);
	assert_string_equal(p.err.message, "driven by pid 7");
	assert_int_equal(do_release(&p), -EBUSY);
	assert_string_equal(p.err.message, "no");
	wait_readable(p.c);
	/* what is not about the lost domain goes on */
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	end(&p);
}

static void test_a_detach_that_took_the_lease_along_is_done(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), HANG_UP("detach\nDOMAIN=web\n"),
				     ANSWER(DRIVE("web"), "-2\nMESSAGE=no such domain\n")));

	assert_int_equal(drive(&p, "web"), 0);
	assert_int_equal(do_detach(&p), 0);
	end(&p);
}

static void test_a_reconnect_drives_on(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), CLOSE, ANSWER(DRIVE("web"), "0\n"),
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(drive(&p, "web"), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	end(&p);
}

static void test_a_daemon_gone_for_good_costs_the_timeout(void **state)
{
	static const struct fake_step steps[] = {
		ANSWER("reload\n", "0\n"),
		{ .act = FAKE_LEAVE },
	};
	struct pair p = begin(steps);
	int64_t start;

	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	wait_readable(p.c);
	outcommit_set_timeout(p.c, 100);
	start = now_ms();
	assert_int_equal(outcommit_reload(p.c, &p.err), -ENOTCONN);
	assert_in_range(now_ms() - start, 100, 5000);
	assert_false(p.err.from_daemon);
	assert_non_null(strstr(p.err.message, fake_path(p.server)));
	assert_non_null(strstr(p.err.message, "No such file"));
	assert_int_equal(outcommit_fd(p.c), -ENOTCONN);
	end(&p);
}

static void test_without_retry_a_loss_is_the_callers(void **state)
{
	struct pair p = begin(SCRIPT(HANG_UP("reload\n"), ANSWER("reload\n", "0\n")));

	outcommit_set_retry(p.c, false);
	assert_int_equal(outcommit_reload(p.c, &p.err), -ECONNRESET);
	assert_int_equal(outcommit_reload(p.c, &p.err), -ENOTCONN);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	end(&p);
}

static void test_a_detach_that_was_repeated_finds_its_own_work_done(void **state)
{
	struct pair p = begin(SCRIPT(HANG_UP("detach\nDOMAIN=web\n"),
				     ANSWER("detach\nDOMAIN=web\n", "-2\nMESSAGE=no such domain\n"),
				     ANSWER("detach\nDOMAIN=web\n", "-2\nMESSAGE=no such domain\n"),
				     HANG_UP("detach\nDOMAIN=web\n"),
				     ANSWER("detach\nDOMAIN=web\n", "-16\nMESSAGE=holds\n")));

	assert_int_equal(do_detach(&p), 0);
	assert_int_equal(do_detach(&p), -ENOENT);
	assert_string_equal(p.err.message, "no such domain");
	assert_int_equal(do_detach(&p), -EBUSY);
	end(&p);
}

/* Names as they come, and when to stop. */
struct names {
	char text[64];
	const char *stop_at;
};

static int add_name(const char *domain, void *arg)
{
	struct names *names = arg;

	strcat(names->text, domain);
	strcat(names->text, " ");
	return names->stop_at && !strcmp(names->stop_at, domain) ? 42 : 0;
}

static void test_a_list_is_read_page_by_page(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\nAFTER=b\n", "0\nDOMAIN=c\n"),
				     ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\n", "0\n")));
	struct names names = { .text = "" };

	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 0);
	assert_string_equal(names.text, "a b c ");
	names = (struct names){ .stop_at = "a" };
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 42);
	assert_string_equal(names.text, "a ");
	names = (struct names){ .text = "" };
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 0);
	assert_string_equal(names.text, "");
	end(&p);
}

static void test_a_list_that_goes_round_in_circles_ends(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\nAFTER=b\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\n", "0\nMORE=1\n")));
	struct names names = { .text = "" };

	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), -EBADMSG);
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), -EBADMSG);
	end(&p);
}

static void test_a_status_is_read_block_by_block(void **state)
{
	static const char status[] = "0\nDOMAIN=web\nVIFS=2\n"
				     "EPOCH=3\nEPOCH_AGE_NS=30\nEPOCH=4\n"
				     "VIF=a\nVIF_STATE=ok\nVIF=b\nVIF_STATE=gone\nLIMIT=9\n";
	struct pair p = begin(SCRIPT(ANSWER("status\nDOMAIN=web\n", status)));
	struct outcommit_block head, epoch, vif;
	struct outcommit_reply *reply;
	uint64_t n;

	assert_int_equal(outcommit_status(p.c, "web", &reply, &p.err), 0);
	head = epoch = vif = outcommit_reply_block(reply);
	assert_string_equal(outcommit_block_get(&head, "VIFS"), "2");
	assert_null(outcommit_block_get(&head, "EPOCH"));
	assert_null(outcommit_block_get(&head, "VIF_STATE"));
	assert_true(outcommit_block_next(&epoch, "EPOCH"));
	assert_int_equal(outcommit_block_get_u64(&epoch, "EPOCH_AGE_NS", &n), 0);
	assert_int_equal(n, 30);
	assert_true(outcommit_block_next(&epoch, "EPOCH"));
	assert_string_equal(outcommit_block_get(&epoch, "EPOCH"), "4");
	assert_int_equal(outcommit_block_get_u64(&epoch, "EPOCH_AGE_NS", &n), -ENODATA);
	assert_null(outcommit_block_get(&epoch, "VIF"));
	assert_false(outcommit_block_next(&epoch, "EPOCH"));
	assert_true(outcommit_block_next(&vif, "VIF"));
	assert_string_equal(outcommit_block_get(&vif, "VIF_STATE"), "ok");
	assert_null(outcommit_block_get(&vif, "LIMIT"));
	assert_true(outcommit_block_next(&vif, "VIF"));
	assert_string_equal(outcommit_block_get(&vif, "VIF_STATE"), "gone");
	assert_string_equal(outcommit_block_get(&vif, "LIMIT"), "9");
	assert_false(outcommit_block_next(&vif, "VIF"));
	outcommit_reply_free(reply);
	end(&p);
}

static void test_an_event_loop_sends_ahead_and_reads_in_order(void **state)
{
	const struct outcommit_field field = { "DOMAIN", "web" };
	struct pair p = begin(SCRIPT(ANSWER("a\nDOMAIN=web\n", "0\nN=1\n"),
				     ANSWER("b\n", "-5\nN=2\nMESSAGE=no\n"),
				     ANSWER("reload\n", "0\n"), CLOSE, ANSWER("c\n", "0\n")));
	struct outcommit_reply *reply = NULL;

	assert_int_equal(outcommit_recv(p.c, &reply), -EAGAIN);
	assert_int_equal(outcommit_send(p.c, "a", &field, 1), 0);
	assert_int_equal(outcommit_send(p.c, "b", NULL, 0), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), -EBUSY);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	assert_string_equal(outcommit_reply_get(reply, "N"), "1");
	outcommit_reply_free(reply);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	assert_string_equal(outcommit_reply_get(reply, "N"), "2");
	assert_int_equal(outcommit_reply_status(reply), -EIO);
	assert_string_equal(outcommit_reply_message(reply), "no");
	outcommit_reply_free(reply);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);

	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), -ENOTCONN);
	assert_int_equal(outcommit_fd(p.c), -ENOTCONN);
	assert_int_equal(outcommit_send(p.c, "c", NULL, 0), -ENOTCONN);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_send(p.c, "c", NULL, 0), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	outcommit_reply_free(reply);
	end(&p);
}

static void test_a_daemon_that_does_not_read_is_not_waited_for(void **state)
{
	static const struct outcommit_field field = { "A", X1024 };
	static const struct fake_step steps[] = { { .act = FAKE_END } };
	struct fake_server *server = fake_start(steps);
	struct outcommit *heard, *c;
	int ret = 0;

	assert_int_equal(outcommit_connect(fake_path(server), 10000, &heard), 0);
	assert_int_equal(outcommit_connect(fake_path(server), 10000, &c), 0);
	for (int i = 0; i < 10000 && !ret; i++)
		ret = outcommit_send(c, "v", &field, 1);
	assert_int_equal(ret, -EAGAIN);
	outcommit_close(c);
	outcommit_close(heard);
	assert_null(fake_stop(server));
}

static void expect_event(struct outcommit *c, const char *name)
{
	struct outcommit_reply *event;

	assert_int_equal(outcommit_next_event(c, 10000, &event), 0);
	assert_non_null(outcommit_reply_event(event));
	assert_string_equal(outcommit_reply_event(event), name);
	assert_int_equal(outcommit_reply_status(event), 0);
	outcommit_reply_free(event);
}

static void test_events_come_in_order_and_a_restart_means_resync(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n"), SAY("exists\nOBJECT=domain\n"),
				     SAY("end\n"), RESTART, ANSWER("monitor\n", "0\n"),
				     SAY("end\n")));

	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), -EBUSY);
	expect_event(p.c, "exists");
	expect_event(p.c, "end");
	expect_event(p.c, "resync");
	expect_event(p.c, "end");
	end(&p);
}

static void test_no_event_is_no_error(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n"), CLOSE));
	struct outcommit_reply *event = NULL;

	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EINVAL);
	outcommit_set_retry(p.c, false);
	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_next_event(p.c, 10000, &event), -ENOTCONN);
	assert_null(event);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EINVAL);
	end(&p);
}

static void test_waiting_for_an_event_ends_in_time(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n")));
	struct outcommit_reply *event = NULL;
	int64_t start;

	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EAGAIN);
	start = now_ms();
	assert_int_equal(outcommit_next_event(p.c, 50, &event), -EAGAIN);
	assert_in_range(now_ms() - start, 50, 5000);
	end(&p);
}

#define THREADS 8
#define ROUNDS 500

struct talker {
	struct outcommit *c;
	int number;
	int wrong;
};

static void *talk(void *arg)
{
	struct talker *t = arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t closed = 0, epoch = (uint64_t)(t->number * ROUNDS + i + 1);

		if (outcommit_postsuspend(t->c, "web", epoch, &closed, NULL) || closed != epoch)
			t->wrong++;
	}
	return NULL;
}

static void test_threads_on_one_connection_get_their_own_replies(void **state)
{
	struct talker talkers[THREADS];
	pthread_t threads[THREADS];
	struct pair p = begin(NULL);

	for (int i = 0; i < THREADS; i++) {
		talkers[i] = (struct talker){ .c = p.c, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &talkers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(talkers[i].wrong, 0);
	}
	end(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_gets_its_reply),
		cmocka_unit_test(test_each_verb_sends_its_request_and_takes_its_reply),
		cmocka_unit_test(test_each_verb_hands_on_the_daemons_refusal),
		cmocka_unit_test(test_a_reply_without_its_fields_is_no_success),
		cmocka_unit_test(test_an_error_without_a_message_still_has_one),
		cmocka_unit_test(test_a_reply_that_is_not_of_the_protocol_is_refused),
		cmocka_unit_test(test_the_largest_reply_is_taken_and_a_larger_one_refused),
		cmocka_unit_test(test_what_cannot_be_sent_as_it_is_is_not_sent),
		cmocka_unit_test(test_a_request_over_the_limits_is_not_sent),
		cmocka_unit_test(test_attach_wants_room_for_any_name),
		cmocka_unit_test(test_connect_says_why_it_cannot),
		cmocka_unit_test(test_a_silent_daemon_costs_the_timeout_and_no_more),
		cmocka_unit_test(test_a_request_is_repeated_when_its_reply_is_lost),
		cmocka_unit_test(test_a_postsuspend_without_epoch_is_never_delivered_twice),
		cmocka_unit_test(test_a_postsuspend_without_epoch_that_did_not_arrive_is_sent_anew),
		cmocka_unit_test(test_a_restart_of_the_daemon_is_invisible),
		cmocka_unit_test(test_a_new_connection_drives_what_the_lost_one_drove),
		cmocka_unit_test(test_a_lease_that_was_lost_fails_the_request_it_was_for),
		cmocka_unit_test(test_a_detach_that_took_the_lease_along_is_done),
		cmocka_unit_test(test_a_reconnect_drives_on),
		cmocka_unit_test(test_a_daemon_gone_for_good_costs_the_timeout),
		cmocka_unit_test(test_without_retry_a_loss_is_the_callers),
		cmocka_unit_test(test_a_detach_that_was_repeated_finds_its_own_work_done),
		cmocka_unit_test(test_a_list_is_read_page_by_page),
		cmocka_unit_test(test_a_list_that_goes_round_in_circles_ends),
		cmocka_unit_test(test_a_status_is_read_block_by_block),
		cmocka_unit_test(test_an_event_loop_sends_ahead_and_reads_in_order),
		cmocka_unit_test(test_a_daemon_that_does_not_read_is_not_waited_for),
		cmocka_unit_test(test_events_come_in_order_and_a_restart_means_resync),
		cmocka_unit_test(test_no_event_is_no_error),
		cmocka_unit_test(test_waiting_for_an_event_ends_in_time),
		cmocka_unit_test(test_threads_on_one_connection_get_their_own_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
