// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommitctl run with a daemon that plays a script and commands that note that they were called:
 * what is asked of whom in which order, and what becomes of it when a step fails. OUTCOMMITCTL is
 * the program to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl-rig.h"
#include "scratch.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ARGS_MAX 24

/* The requests of a run, in words */
#define BEGIN(module, status) \
	ANSWER("drive\nDOMAIN=web\n", "0\n"), \
	ANSWER("check\n", "0\nMODULE=" module "\n"), \
	ANSWER("status\nDOMAIN=web\n", "0\nDOMAIN=web\n" status)
#define FRESH "STATE=passing\nOPEN=1\nOUTSTANDING=0\nWHOLE=1\nVIFS=1\n"
#define OURS BEGIN("outcommit", FRESH)
#define MAINLINE BEGIN("mainline", FRESH)
#define ASK(verb, epoch, reply) ANSWER(verb "\nDOMAIN=web\nEPOCH=" #epoch "\n", reply)
#define POSTSUSPEND(epoch) ASK("postsuspend", epoch, "0\nEPOCH=" #epoch "\n")
#define PRERESUME(epoch) ASK("preresume", epoch, "0\n")
#define COMMIT(epoch) ASK("commit", epoch, "0\nEPOCH=" #epoch "\n")
#define HAND_OVER ANSWER("drive\nDOMAIN=web\nON_DRIVER_LOST=hold\nDRIVER_GRACE_NS=0\n", "0\n")

/* A command that notes that it was called, then does @rest */
#define NOTE(what, rest) "echo " what " $DOMAIN $EPOCH >>log; " rest
#define SUSPEND "--suspend", NOTE("suspend", "")
#define CHECKPOINT "--checkpoint", NOTE("checkpoint", "")
#define RESUME "--resume", NOTE("resume", "")
#define REPLICATE "--replicate", NOTE("replicate", "")
#define LOG(epoch) "suspend web " epoch "\ncheckpoint web " epoch "\nresume web " epoch "\n"

static void read_log(char *text, size_t size)
{
	FILE *file = fopen("log", "r");
	size_t len = 0;

	if (file) {
		len = fread(text, 1, size - 1, file);
		fclose(file);
		unlink("log");
	}
	text[len] = '\0';
}

static struct outcome run(const char *path, const char *const *args)
{
	const char *argv[ARGS_MAX + 8] = { OUTCOMMITCTL, "--socket", path, "run", "web" };
	int argc = 5;

	while (*args)
		argv[argc++] = *args++;
	return ctl_run_words(argv);
}

/* @says: what stderr must have in it */
static struct outcome expect(const struct fake_step *steps, const char *const *args, int code,
			     const char *log, const char *says)
{
	struct fake_server *server = fake_start(steps);
	struct outcome outcome = run(fake_path(server), args);
	const char *problem = fake_stop(server);
	char noted[4096];

	read_log(noted, sizeof(noted));
	if (problem)
		fail_msg("%s\nstderr: %s", problem, outcome.err);
	if (outcome.code != code)
		fail_msg("exit code %d, not %d: %s", outcome.code, code, outcome.err);
	assert_string_equal(noted, log);
	if (!strstr(outcome.err, says))
		fail_msg("stderr has no '%s' in it: %s", says, outcome.err);
	return outcome;
}

#define PLAIN(...) ((const char *const[]){ "--interval", "1", __VA_ARGS__, NULL })
#define ARGS(...) PLAIN("--json", __VA_ARGS__)

static void test_an_epoch_goes_from_suspend_to_commit_in_order(void **state)
{
	struct outcome outcome = expect(
		SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), POSTSUSPEND(2), PRERESUME(2),
		       COMMIT(2), HAND_OVER),
		ARGS(SUSPEND, CHECKPOINT, RESUME, REPLICATE, "--epochs", "2"), 0,
		LOG("1") "replicate web 1\n" LOG("2") "replicate web 2\n", "goes on holding");

	assert_non_null(strstr(outcome.out, "{\"schema_version\":1,\"committed\":1,\"outstanding\":0"));
	assert_non_null(strstr(outcome.out, "\"committed\":2"));
}

/* That it does not know how much is held is no reason to end otherwise. */
static void test_in_plain_words_it_tells_how_far_it_is_and_what_is_held(void **state)
{
	struct outcome outcome = expect(
		SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1),
		       ANSWER("status\nDOMAIN=web\n", "0\nDOMAIN=web\nHELD_BYTES=4711\n"), HAND_OVER,
		       ANSWER("status\nDOMAIN=web\n", "-2\nMESSAGE=it is gone\n")),
		PLAIN(SUSPEND, CHECKPOINT, RESUME, "--epochs", "1"), 0, LOG("1"),
		"goes on holding");
	static const char before[] =
		"web: 1 checkpoints, epoch 1 committed, 0 outstanding, held 4711 bytes, pause ";

	assert_memory_equal(outcome.out, before, strlen(before));
	assert_non_null(strstr(outcome.out, "\nweb: 1 checkpoints, epoch 1 committed, 0 outstanding, "
					    "held 0 bytes, pause "));
}

static void test_without_replicate_a_checkpoint_is_safe_when_it_is_made(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--epochs", "1"), 0, LOG("1"), "goes on holding");
}

static void test_a_guest_whose_preresume_is_refused_is_not_resumed(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), ASK("preresume", 1, "-5\nMESSAGE=vif1.0 is broken\n"),
		      HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, REPLICATE), 7, "suspend web 1\ncheckpoint web 1\n",
	       "NOT resumed and stands still: vif1.0 is broken");
}

static void test_a_guest_whose_epoch_is_not_closed_is_neither_copied_nor_resumed(void **state)
{
	expect(SCRIPT(OURS, ASK("postsuspend", 1, "-5\nMESSAGE=vif1.0 is broken\n")),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, REPLICATE), 7, "suspend web 1\n",
	       "NOT resumed and stands still");
}

static void test_a_guest_that_cannot_be_resumed_is_reported_as_standing_still(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, "--resume", NOTE("resume", "exit 9"), REPLICATE), 7,
	       LOG("1"), "resume of epoch 1: exit status 9");
}

static void test_a_failed_checkpoint_is_aborted_and_the_next_one_covers_it(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), ASK("abort", 1, "0\n"), PRERESUME(1), POSTSUSPEND(2),
		      PRERESUME(2), COMMIT(2), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "[ $EPOCH != 1 ]"), RESUME, REPLICATE,
		    "--epochs", "1"),
	       0, LOG("1") LOG("2") "replicate web 2\n", "checkpoint of epoch 1: exit status 1");
}

/* Its module cannot abort: the same epoch gets a later checkpoint. */
static void test_with_mainlines_module_a_failed_checkpoint_is_made_again(void **state)
{
	expect(SCRIPT(MAINLINE, POSTSUSPEND(1), ASK("abort", 1, "-95\nMESSAGE=no\n"), PRERESUME(1),
		      POSTSUSPEND(1), PRERESUME(1), COMMIT(1), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "[ $(wc -l <log) -gt 3 ]"), RESUME,
		    REPLICATE, "--epochs", "1"),
	       0, LOG("1") LOG("1") "replicate web 1\n", "checkpoint of epoch 1: exit status 1");
}

static void test_checkpoints_that_fail_in_a_row_end_it_with_the_output_held(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), ASK("abort", 1, "0\n"), PRERESUME(1), POSTSUSPEND(2),
		      ASK("abort", 2, "0\n"), PRERESUME(2), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "false"), RESUME, REPLICATE,
		    "--retries", "1"),
	       6, LOG("1") LOG("2"), "STAYS HELD");
}

static void test_a_checkpoint_that_hangs_is_killed_in_time(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), ASK("abort", 1, "0\n"), PRERESUME(1), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "sleep 1000; true"), RESUME,
		    "--command-timeout", "1", "--retries", "0"),
	       6, LOG("1"), "checkpoint of epoch 1: not done in 1 s");
}

static void test_a_replication_that_fails_is_repeated_and_never_committed_before(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--replicate",
		    NOTE("replicate", "[ $(grep -c replicate log) = 3 ]"), "--epochs", "1"),
	       0, LOG("1") "replicate web 1\nreplicate web 1\nreplicate web 1\n",
	       "replicate of epoch 1: exit status 1");
}

static void test_a_replication_that_keeps_failing_ends_it_with_the_output_held(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--replicate", NOTE("replicate", "false"),
		    "--retries", "1"),
	       6, LOG("1") "replicate web 1\nreplicate web 1\n", "did not get to safety");
}

/* The second is through while the first still goes on: nothing is committed until that is, too. */
static void test_epochs_are_committed_in_order_however_their_replications_end(void **state)
{
	static const char slow_first[] =
		"if [ $EPOCH = 2 ]; then echo $$ >second; else "
		"until [ -s second ] && [ ! -e /proc/$(cat second) ]; do sleep 0.01; done; fi";

	unlink("second");
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), POSTSUSPEND(2), PRERESUME(2), COMMIT(2),
		      HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--replicate", slow_first, "--outstanding", "2",
		    "--epochs", "2"),
	       0, LOG("1") LOG("2"), "");
	unlink("second");
}

static void test_with_mainlines_module_one_epoch_is_outstanding_at_most(void **state)
{
	expect(SCRIPT(MAINLINE, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), POSTSUSPEND(2),
		      PRERESUME(2), COMMIT(2), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--replicate", NOTE("replicate", "sleep 0.1"),
		    "--outstanding", "4", "--epochs", "2"),
	       0, LOG("1") "replicate web 1\n" LOG("2") "replicate web 2\n",
	       "has one outstanding epoch, not 4");
}

static void test_a_suspend_that_fails_leaves_the_guest_running(void **state)
{
	expect(SCRIPT(OURS),
	       ARGS("--suspend", NOTE("suspend", "false"), CHECKPOINT, RESUME, "--retries", "0"), 1,
	       "suspend web 1\nresume web 0\n", "not protected: no epoch was closed");
	/* once there is a barrier, not without asking for it */
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), PRERESUME(1), HAND_OVER),
	       ARGS("--suspend", NOTE("suspend", "[ $EPOCH = 1 ]"), CHECKPOINT, RESUME, "--retries",
		    "0"),
	       6, LOG("1") "suspend web 2\nresume web 1\n", "STAYS HELD");
}

static void test_a_commit_that_is_refused_ends_it_with_the_output_held(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1),
		      ASK("commit", 1, "-5\nMESSAGE=no such luck\n"), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME), 6, LOG("1"), "commit: no such luck");
}

static void test_nothing_is_done_to_the_guest_of_a_domain_without_a_whole_barrier(void **state)
{
	expect(SCRIPT(BEGIN("outcommit", "STATE=passing\nOPEN=1\nWHOLE=0\nVIFS=1\n")),
	       ARGS(SUSPEND, CHECKPOINT, RESUME), 1, "", "a vif is broken");
	expect(SCRIPT(BEGIN("outcommit", "STATE=passing\nOPEN=1\nWHOLE=1\nVIFS=0\n")),
	       ARGS(SUSPEND, CHECKPOINT, RESUME), 1, "", "no vif is attached");
	expect(SCRIPT(ANSWER("drive\nDOMAIN=web\n", "-16\nMESSAGE=driven by process 7\n")),
	       ARGS(SUSPEND, CHECKPOINT, RESUME), 1, "", "drive: driven by process 7");
}

static void test_what_an_earlier_driver_left_outstanding_is_covered_first(void **state)
{
	expect(SCRIPT(BEGIN("mainline", "STATE=holding\nOPEN=8\nOUTSTANDING=1\nWHOLE=1\nVIFS=1\n"),
		      POSTSUSPEND(7), PRERESUME(7), COMMIT(7), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--epochs", "1"), 0, LOG("7"), "");
	expect(SCRIPT(BEGIN("outcommit", "STATE=holding\nOPEN=8\nOUTSTANDING=1\nWHOLE=1\nVIFS=1\n"),
		      POSTSUSPEND(8), PRERESUME(8), COMMIT(8), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--epochs", "1"), 0, LOG("8"), "");
}

static void test_a_signal_ends_it_after_the_epoch(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "kill -TERM $PPID"), RESUME,
		    REPLICATE),
	       0, LOG("1") "replicate web 1\n", "ending after this epoch");
}

static void test_with_release_nothing_is_held_when_it_ends_as_asked(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), COMMIT(1), HAND_OVER,
		      ANSWER("release\nDOMAIN=web\n", "0\n")),
	       ARGS(SUSPEND, "--checkpoint", NOTE("checkpoint", "kill -INT $PPID"), RESUME,
		    REPLICATE, "--release"),
	       0, LOG("1") "replicate web 1\n", "everything is released");
}

static void test_a_second_signal_ends_it_at_once_but_never_with_the_guest_suspended(void **state)
{
	expect(SCRIPT(OURS, POSTSUSPEND(1), ASK("abort", 1, "0\n"), PRERESUME(1), HAND_OVER),
	       ARGS(SUSPEND, "--checkpoint",
		    NOTE("checkpoint", "kill -TERM $PPID; kill -INT $PPID; sleep 1000; true"), RESUME,
		    REPLICATE, "--release"),
	       6, LOG("1"), "ending at once");
	expect(SCRIPT(OURS, POSTSUSPEND(1), PRERESUME(1), HAND_OVER),
	       ARGS(SUSPEND, CHECKPOINT, RESUME, "--replicate",
		    NOTE("replicate", "kill -TERM $PPID; kill -INT $PPID; sleep 1000; true"),
		    "--release"),
	       6, LOG("1") "replicate web 1\n", "STAYS HELD");
}

static int in_a_directory_of_its_own(void **state)
{
	static char directory[SCRATCH_BYTES];

	scratch_dir(directory, "test-run");
	*state = directory;
	return chdir(directory);
}

static int without_the_directory(void **state)
{
	return chdir("/") || rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_epoch_goes_from_suspend_to_commit_in_order),
		cmocka_unit_test(test_in_plain_words_it_tells_how_far_it_is_and_what_is_held),
		cmocka_unit_test(test_without_replicate_a_checkpoint_is_safe_when_it_is_made),
		cmocka_unit_test(test_a_guest_whose_preresume_is_refused_is_not_resumed),
		cmocka_unit_test(test_a_guest_whose_epoch_is_not_closed_is_neither_copied_nor_resumed),
		cmocka_unit_test(test_a_guest_that_cannot_be_resumed_is_reported_as_standing_still),
		cmocka_unit_test(test_a_failed_checkpoint_is_aborted_and_the_next_one_covers_it),
		cmocka_unit_test(test_with_mainlines_module_a_failed_checkpoint_is_made_again),
		cmocka_unit_test(test_checkpoints_that_fail_in_a_row_end_it_with_the_output_held),
		cmocka_unit_test(test_a_checkpoint_that_hangs_is_killed_in_time),
		cmocka_unit_test(test_a_replication_that_fails_is_repeated_and_never_committed_before),
		cmocka_unit_test(test_a_replication_that_keeps_failing_ends_it_with_the_output_held),
		cmocka_unit_test(test_epochs_are_committed_in_order_however_their_replications_end),
		cmocka_unit_test(test_with_mainlines_module_one_epoch_is_outstanding_at_most),
		cmocka_unit_test(test_a_suspend_that_fails_leaves_the_guest_running),
		cmocka_unit_test(test_a_commit_that_is_refused_ends_it_with_the_output_held),
		cmocka_unit_test(test_nothing_is_done_to_the_guest_of_a_domain_without_a_whole_barrier),
		cmocka_unit_test(test_what_an_earlier_driver_left_outstanding_is_covered_first),
		cmocka_unit_test(test_a_signal_ends_it_after_the_epoch),
		cmocka_unit_test(test_with_release_nothing_is_held_when_it_ends_as_asked),
		cmocka_unit_test(test_a_second_signal_ends_it_at_once_but_never_with_the_guest_suspended),
	};

	return cmocka_run_group_tests(tests, in_a_directory_of_its_own, without_the_directory);
}
