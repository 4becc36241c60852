// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * liboutcommit against a daemon that plays a script: what becomes of a request when the daemon is
 * slow, gone or restarted.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client-rig.h"

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
	finish(&p);
}

static void test_a_request_is_repeated_when_its_reply_is_lost(void **state)
{
	static const char request[] = "postsuspend\nDOMAIN=web\nEPOCH=17\n";
	struct pair p = begin(SCRIPT(HANG_UP(request), CLOSE, ANSWER(request, "0\nEPOCH=17\n")));

	assert_int_equal(do_postsuspend(&p), 0);
	finish(&p);
}

static void test_a_postsuspend_without_epoch_is_never_delivered_twice(void **state)
{
	struct pair p = begin(SCRIPT(HANG_UP("postsuspend\nDOMAIN=web\n"),
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(outcommit_postsuspend(p.c, "web", 0, NULL, &p.err), -ECONNRESET);
	assert_false(p.err.from_daemon);
	assert_int_equal(outcommit_reload(p.c, NULL), 0);
	finish(&p);
}

static void test_a_postsuspend_without_epoch_that_did_not_arrive_is_sent_anew(void **state)
{
	struct pair p = begin(SCRIPT(CLOSE, ANSWER("postsuspend\nDOMAIN=web\n", "0\nEPOCH=5\n")));
	uint64_t closed = 0;

	wait_readable(p.c);
	assert_int_equal(outcommit_postsuspend(p.c, "web", 0, &closed, &p.err), 0);
	assert_int_equal(closed, 5);
	finish(&p);
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
	finish(&p);
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
	finish(&p);
}

static void test_without_retry_a_loss_is_the_callers(void **state)
{
	struct pair p = begin(SCRIPT(HANG_UP("reload\n"), ANSWER("reload\n", "0\n")));

	outcommit_set_retry(p.c, false);
	assert_int_equal(outcommit_reload(p.c, &p.err), -ECONNRESET);
	assert_int_equal(outcommit_reload(p.c, &p.err), -ENOTCONN);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	finish(&p);
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
	finish(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_says_why_it_cannot),
		cmocka_unit_test(test_a_silent_daemon_costs_the_timeout_and_no_more),
		cmocka_unit_test(test_a_request_is_repeated_when_its_reply_is_lost),
		cmocka_unit_test(test_a_postsuspend_without_epoch_is_never_delivered_twice),
		cmocka_unit_test(test_a_postsuspend_without_epoch_that_did_not_arrive_is_sent_anew),
		cmocka_unit_test(test_a_restart_of_the_daemon_is_invisible),
		cmocka_unit_test(test_a_daemon_gone_for_good_costs_the_timeout),
		cmocka_unit_test(test_without_retry_a_loss_is_the_callers),
		cmocka_unit_test(test_a_detach_that_was_repeated_finds_its_own_work_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
