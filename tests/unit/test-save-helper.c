// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommit-xen-save-helper on the primary: when it lets the guest be stopped and run on, when it
 * commits, and every row of the failure table in docs/xen.md that is the primary's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "save-helper-rig.h"

#define PATIENCE_MS 20000

/* ---- What the daemon is asked and says ---- */

#define CHECK ANSWER("check\n", "0\nMODULE=outcommit\n")
#define CHECK_MAINLINE ANSWER("check\n", "0\nMODULE=mainline\n")
#define STATUS ANSWER("status\nDOMAIN=g\n", "0\nDOMAIN=g\nSTATE=passing\nOPEN=5\nWHOLE=1\nVIFS=1\n")
#define POSTSUSPEND(e) ANSWER("postsuspend\nDOMAIN=g\nEPOCH=" e "\n", "0\nEPOCH=" e "\n")
#define PRERESUME(e) ANSWER("preresume\nDOMAIN=g\nEPOCH=" e "\n", "0\n")
#define COMMIT(e) ANSWER("commit\nDOMAIN=g\nEPOCH=" e "\n", "0\nEPOCH=" e "\n")

/* One turn of libxl, up to its having the checkpoint. */
static void make_checkpoint(struct rig *rig)
{
	hears(rig, MESSAGE_SUSPEND);
	replies(rig, 1);
	hears(rig, MESSAGE_POSTCOPY);
	replies(rig, 1);
	hears(rig, MESSAGE_CHECKPOINT);
}

/* The same, up to the moment at which the next suspend is wanted. */
static void checkpoint(struct rig *rig)
{
	make_checkpoint(rig);
	replies(rig, 1);
}

static void complete(struct rig *rig)
{
	hears(rig, MESSAGE_COMPLETE);
	replies(rig, 0);
	rig_end_with(rig, 0);
}

/* ---- The primary ---- */

static void test_an_epoch_is_committed_when_the_backup_has_its_checkpoint(void **state)
{
	struct rig rig =
		rig_begin(false, "lsrcsrcC",
			  SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5"), COMMIT("5"),
				 POSTSUSPEND("6"), PRERESUME("6"), COMMIT("6")));

	backup_says(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_LOG);
	make_checkpoint(&rig);
	backup_says(&rig, FRAME_ACK, 1);
	replies(&rig, 1);
	make_checkpoint(&rig);
	backup_says(&rig, FRAME_ACK, 2);
	replies(&rig, 1);
	complete(&rig);
}

static void test_an_ack_may_come_after_the_next_suspend(void **state)
{
	struct rig rig = rig_begin(false, "srcsrcC",
				   SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5"),
					  POSTSUSPEND("6"), PRERESUME("6"), COMMIT("6")));

	backup_says(&rig, FRAME_HELLO, 0);
	checkpoint(&rig);
	make_checkpoint(&rig);
	/* The ack of the first was lost; that of the second stands for both, and late ones change
	 * nothing. */
	backup_says(&rig, FRAME_ACK, 2);
	backup_says(&rig, FRAME_ACK, 1);
	backup_says(&rig, FRAME_ACK, 2);
	replies(&rig, 1);
	complete(&rig);
}

static void test_with_mainlines_module_the_guest_waits_for_the_last_ack(void **state)
{
	struct rig rig = rig_begin(false, "srcsrcC",
				   SCRIPT(CHECK_MAINLINE, STATUS, POSTSUSPEND("5"), PRERESUME("5"),
					  COMMIT("5"), POSTSUSPEND("6"), PRERESUME("6")));

	backup_says(&rig, FRAME_HELLO, 0);
	checkpoint(&rig);
	hears_nothing(&rig);
	backup_says(&rig, FRAME_ACK, 1);
	checkpoint(&rig);
	complete(&rig);
}

static void test_without_a_wrapper_on_the_backup_the_guest_is_never_stopped(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_HELLO_TIMEOUT_S", "1", 1);
	rig = rig_begin(false, "src", NULL);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_backup_of_another_version_is_refused(void **state)
{
	const uint8_t newer[FRAME_BYTES] = {'O', 'C', 'X', 'A', 0, 9, 0, 1};
	struct rig rig = rig_begin(false, "src", NULL);

	assert_int_equal(write(rig.back, newer, sizeof(newer)), sizeof(newer));
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_noise_from_the_backup_is_refused(void **state)
{
	struct rig rig = rig_begin(false, "src", NULL);

	assert_int_equal(write(rig.back, "Last login: Sun \n", 17), 17);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_any_backup_will_do_if_the_administrator_says_so(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_HELLO_TIMEOUT_S", "1", 1);
	setenv("OUTCOMMIT_XEN_PEER", "any", 1);
	rig = rig_begin(false, "srcC",
			SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5"), COMMIT("5")));
	checkpoint(&rig);
	complete(&rig);
}

static void test_a_domain_without_a_buffer_is_never_stopped(void **state)
{
	struct rig rig = rig_begin(
		false, "src",
		SCRIPT(CHECK, ANSWER("status\nDOMAIN=g\n", "-2\nMESSAGE=no such domain\n")));

	backup_says(&rig, FRAME_HELLO, 0);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_domain_with_a_broken_vif_is_never_stopped(void **state)
{
	struct rig rig = rig_begin(
		false, "src",
		SCRIPT(CHECK, ANSWER("status\nDOMAIN=g\n", "0\nOPEN=5\nWHOLE=0\nVIFS=1\n")));

	backup_says(&rig, FRAME_HELLO, 0);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_failed_postsuspend_ends_remus(void **state)
{
	struct rig rig = rig_begin(false, "src",
				   SCRIPT(CHECK, STATUS,
					  ANSWER("postsuspend\nDOMAIN=g\nEPOCH=5\n",
						 "-5\nMESSAGE=vif1.0 is broken\n")));

	backup_says(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_SUSPEND);
	replies(&rig, 1);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_failed_preresume_never_reaches_libxl(void **state)
{
	struct rig rig = rig_begin(
		false, "src",
		SCRIPT(CHECK, STATUS, POSTSUSPEND("5"),
		       ANSWER("preresume\nDOMAIN=g\nEPOCH=5\n", "-5\nMESSAGE=vif1.0 is broken\n")));

	backup_says(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_SUSPEND);
	replies(&rig, 1);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_failed_commit_ends_remus(void **state)
{
	struct rig rig =
		rig_begin(false, "srcs",
			  SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5"),
				 ANSWER("commit\nDOMAIN=g\nEPOCH=5\n", "-5\nMESSAGE=no\n")));

	backup_says(&rig, FRAME_HELLO, 0);
	checkpoint(&rig);
	hears(&rig, MESSAGE_SUSPEND);
	backup_says(&rig, FRAME_ACK, 1);
	replies(&rig, 1);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_an_ack_of_what_was_never_made_ends_remus(void **state)
{
	struct rig rig =
		rig_begin(false, "srcs", SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5")));

	backup_says(&rig, FRAME_HELLO, 0);
	make_checkpoint(&rig);
	backup_says(&rig, FRAME_ACK, 2);
	replies(&rig, 1);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_lost_backup_releases_nothing(void **state)
{
	struct rig rig =
		rig_begin(false, "srcs", SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), PRERESUME("5")));

	backup_says(&rig, FRAME_HELLO, 0);
	make_checkpoint(&rig);
	close(rig.back);
	rig.back = -1;
	replies(&rig, 1);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_backup_that_acknowledges_nothing_ends_remus(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_ACK_TIMEOUT_S", "1", 1);
	rig = rig_begin(false, "srcs",
			SCRIPT(CHECK_MAINLINE, STATUS, POSTSUSPEND("5"), PRERESUME("5")));
	backup_says(&rig, FRAME_HELLO, 0);
	checkpoint(&rig);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_restart_of_the_daemon_is_not_noticed(void **state)
{
	struct rig rig = rig_begin(
		false, "srcC", SCRIPT(CHECK, STATUS, POSTSUSPEND("5"), RESTART, PRERESUME("5")));

	backup_says(&rig, FRAME_HELLO, 0);
	checkpoint(&rig);
	complete(&rig);
}

static void test_a_suspend_that_libxl_fails_closes_no_epoch(void **state)
{
	struct rig rig = rig_begin(false, "src", SCRIPT(CHECK, STATUS));

	backup_says(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_SUSPEND);
	replies(&rig, 0);
	hears_failure(&rig);
	rig_end_with(&rig, 0);
}

/* ---- Either ---- */

static void test_the_exit_status_is_the_helpers(void **state)
{
	struct rig rig = rig_begin(false, "lx", NULL);

	hears(&rig, MESSAGE_LOG);
	rig_end_with(&rig, 7);
}

/* The test ignores SIGPIPE, as xl does. */
static void test_the_helper_ignores_what_libxl_ignores(void **state)
{
	struct rig rig = rig_begin(false, "i", NULL);

	rig_end_with(&rig, 5);
}

static void test_a_killed_helper_is_a_killed_wrapper(void **state)
{
	struct rig rig = rig_begin(false, "lk", NULL);

	hears(&rig, MESSAGE_LOG);
	rig_await_end(&rig);
	assert_true(WIFSIGNALED(rig.status));
	assert_int_equal(WTERMSIG(rig.status), SIGKILL);
	rig.status = 0;
	rig_end_with(&rig, 0);
}

static void test_sigterm_reaches_the_helper(void **state)
{
	struct rig rig = rig_begin(false, "lp", NULL);

	hears(&rig, MESSAGE_LOG);
	kill(rig.pid, SIGTERM);
	rig_await_end(&rig);
	assert_true(WIFSIGNALED(rig.status));
	assert_int_equal(WTERMSIG(rig.status), SIGTERM);
	rig.status = 0;
	rig_end_with(&rig, 0);
}

/* Its stdout, which the pipe to libxl is, is closed only when both are gone. */
static void test_a_killed_wrapper_takes_the_helper_along(void **state)
{
	struct rig rig = rig_begin(false, "lp", NULL);
	char byte;

	hears(&rig, MESSAGE_LOG);
	kill(rig.pid, SIGKILL);
	assert_true(comes(rig.out, PATIENCE_MS));
	assert_int_equal(read(rig.out, &byte, 1), 0);
	rig_await_end(&rig);
	rig.status = 0;
	rig_end_with(&rig, 0);
}

static void test_without_libxl_the_helper_is_ended(void **state)
{
	struct rig rig = rig_begin(false, "lp", NULL);

	hears(&rig, MESSAGE_LOG);
	close(rig.in);
	rig.in = -1;
	rig_end_with(&rig, 1);
}

static void test_a_helper_that_says_no_message_is_ended(void **state)
{
	struct rig rig = rig_begin(false, "zp", NULL);

	rig_end_with(&rig, 1);
}

static void test_what_is_not_remus_goes_to_the_helper_itself(void **state)
{
	struct rig rig = {0};

	scratch_dir(rig.dir, "save-helper");
	rig_set_environment(&rig, "srcx");
	rig_launch(&rig, false, "0");
	checkpoint(&rig);
	rig_end_with(&rig, 7);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_epoch_is_committed_when_the_backup_has_its_checkpoint),
		cmocka_unit_test(test_an_ack_may_come_after_the_next_suspend),
		cmocka_unit_test(test_with_mainlines_module_the_guest_waits_for_the_last_ack),
		cmocka_unit_test(test_without_a_wrapper_on_the_backup_the_guest_is_never_stopped),
		cmocka_unit_test(test_a_backup_of_another_version_is_refused),
		cmocka_unit_test(test_noise_from_the_backup_is_refused),
		cmocka_unit_test(test_any_backup_will_do_if_the_administrator_says_so),
		cmocka_unit_test(test_a_domain_without_a_buffer_is_never_stopped),
		cmocka_unit_test(test_a_domain_with_a_broken_vif_is_never_stopped),
		cmocka_unit_test(test_a_failed_postsuspend_ends_remus),
		cmocka_unit_test(test_a_failed_preresume_never_reaches_libxl),
		cmocka_unit_test(test_a_failed_commit_ends_remus),
		cmocka_unit_test(test_an_ack_of_what_was_never_made_ends_remus),
		cmocka_unit_test(test_a_lost_backup_releases_nothing),
		cmocka_unit_test(test_a_backup_that_acknowledges_nothing_ends_remus),
		cmocka_unit_test(test_a_restart_of_the_daemon_is_not_noticed),
		cmocka_unit_test(test_a_suspend_that_libxl_fails_closes_no_epoch),
		cmocka_unit_test(test_the_exit_status_is_the_helpers),
		cmocka_unit_test(test_the_helper_ignores_what_libxl_ignores),
		cmocka_unit_test(test_a_killed_helper_is_a_killed_wrapper),
		cmocka_unit_test(test_sigterm_reaches_the_helper),
		cmocka_unit_test(test_a_killed_wrapper_takes_the_helper_along),
		cmocka_unit_test(test_without_libxl_the_helper_is_ended),
		cmocka_unit_test(test_a_helper_that_says_no_message_is_ended),
		cmocka_unit_test(test_what_is_not_remus_goes_to_the_helper_itself),
	};

	rig_be_helper(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
