// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * liboutcommit against a daemon that plays a script: who drives a domain drives it over a new
 * connection too, or is told that it does not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client-rig.h"

#define DRIVE(domain) "drive\nDOMAIN=" domain "\n"

static int drive(struct pair *p, const char *domain)
{
	return outcommit_drive(p->c, domain, NULL, NULL, &p->err);
}

static void test_a_new_connection_drives_what_the_lost_one_drove(void **state)
{
	static const char again[] = DRIVE("web") "ON_DRIVER_LOST=release\nDRIVER_GRACE_NS=5\n";
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), ANSWER(DRIVE("db"), "0\n"),
				     ANSWER(again, "0\n"), ANSWER(DRIVE("no"), "-16\n"),
				     HANG_UP("reload\n"), ANSWER(again, "0\n"),
				     HANG_UP(DRIVE("db")), RESTART,
				     ANSWER(again, "0\n"), ANSWER(DRIVE("db"), "0\n"),
				     ANSWER("reload\n", "0\n")));

	assert_int_equal(drive(&p, "web"), 0);
	assert_int_equal(drive(&p, "db"), 0);
	assert_int_equal(do_drive(&p), 0);
	assert_int_equal(drive(&p, "no"), -EBUSY);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	finish(&p);
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
	finish(&p);
}

static void test_a_detach_that_took_the_lease_along_is_done(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), HANG_UP("detach\nDOMAIN=web\n"),
				     ANSWER(DRIVE("web"), "-2\nMESSAGE=no such domain\n")));

	assert_int_equal(drive(&p, "web"), 0);
	assert_int_equal(do_detach(&p), 0);
	finish(&p);
}

static void test_a_reconnect_drives_on(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER(DRIVE("web"), "0\n"), CLOSE,
				     ANSWER(DRIVE("web"), "0\n"), ANSWER("reload\n", "0\n")));

	assert_int_equal(drive(&p, "web"), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);
	finish(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_connection_drives_what_the_lost_one_drove),
		cmocka_unit_test(test_a_lease_that_was_lost_fails_the_request_it_was_for),
		cmocka_unit_test(test_a_detach_that_took_the_lease_along_is_done),
		cmocka_unit_test(test_a_reconnect_drives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
