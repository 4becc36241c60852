// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommit-xen-save-helper on the backup: what it acknowledges, and when the restored guest may
 * start; then how it is called and configured.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "call.h"
#include "save-helper-rig.h"
#include "settings.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_MS 20000

/* ---- The backup ---- */

static void test_a_checkpoint_is_acknowledged_when_libxl_has_it(void **state)
{
	struct rig rig = rig_begin(true, "ccx", NULL);

	primary_hears(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_CHECKPOINT);
	primary_hears_nothing(&rig);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 1);
	hears(&rig, MESSAGE_CHECKPOINT);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 2);
	rig_end_with(&rig, 7);
}

static void test_a_checkpoint_that_libxl_did_not_get_is_not_acknowledged(void **state)
{
	struct rig rig = rig_begin(true, "cx", NULL);

	primary_hears(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_CHECKPOINT);
	replies(&rig, 2); /* fail over */
	primary_hears_nothing(&rig);
	rig_end_with(&rig, 7);
}

/* They are many lines a second, and would hide what matters. */
static void test_what_is_said_of_each_checkpoint_is_heard_of_the_first(void **state)
{
	struct rig rig = rig_begin(true, "nlcnlelncx", NULL);

	primary_hears(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_PROGRESS);
	hears(&rig, MESSAGE_LOG);
	hears(&rig, MESSAGE_CHECKPOINT);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 1);
	hears(&rig, MESSAGE_LOG);
	hears(&rig, MESSAGE_CHECKPOINT);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 2);
	rig_end_with(&rig, 7);
}

static void test_libxl_reads_no_checkpoint_before_it_comes(void **state)
{
	struct rig rig = rig_begin(true, "cx", NULL);

	primary_hears(&rig, FRAME_HELLO, 0);
	stream_is_read(&rig);
	hears_nothing(&rig);
	stream_goes_on(&rig);
	hears(&rig, MESSAGE_CHECKPOINT);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 1);
	rig_end_with(&rig, 7);
}

static void word(const struct rig *rig, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/g.%s", rig->dir, what);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void hears_the_end(struct rig *rig)
{
	hears(rig, MESSAGE_RESTORE_RESULTS);
	hears(rig, MESSAGE_COMPLETE);
	replies(rig, 0);
}

static void test_the_guest_starts_only_behind_the_fence(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE",
	       "[ \"$OUTCOMMIT_DOMAIN $OUTCOMMIT_PRIMARY\" = 'g alpha' ] && "
	       "while [ ! -e $OUTCOMMIT_XEN_RUN_DIR/fenced ]; do sleep 0.05; done",
	       1);
	rig = rig_begin(true, "RC", NULL);
	primary_hears(&rig, FRAME_HELLO, 0);
	hears_nothing(&rig);
	rig_set_path(&rig, "FENCED", "fenced");
	close(open(getenv("FENCED"), O_CREAT | O_WRONLY, 0600));
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_failed_fence_holds_the_guest_until_the_next_try(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE_RETRY_S", "1", 1);
	setenv("OUTCOMMIT_XEN_FENCE",
	       "[ -e $OUTCOMMIT_XEN_RUN_DIR/tried ] || { : >$OUTCOMMIT_XEN_RUN_DIR/tried; false; }",
	       1);
	rig = rig_begin(true, "RC", NULL);
	hears_nothing(&rig);
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_without_a_fence_the_guest_waits_for_the_administrator(void **state)
{
	struct rig rig = rig_begin(true, "RC", NULL);

	hears_nothing(&rig);
	word(&rig, "take-over");
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_checkpoint_that_was_cut_off_is_a_failover(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE", "none", 1);
	rig = rig_begin(true, "ccRC", NULL);
	primary_hears(&rig, FRAME_HELLO, 0);
	hears(&rig, MESSAGE_CHECKPOINT);
	stream_is_read(&rig);
	replies(&rig, 1);
	primary_hears(&rig, FRAME_ACK, 1);
	stream_ends(&rig);
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_without_a_fence_by_choice_the_guest_starts(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE", "none", 1);
	rig = rig_begin(true, "RC", NULL);
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_guest_that_is_to_stand_down_never_starts(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE", "false", 1);
	rig = rig_begin(true, "RC", NULL);
	word(&rig, "stand-down");
	assert_true(comes(rig.out, PATIENCE_MS));
	rig_end_with(&rig, 1);
}

static void test_a_failed_restore_is_not_fenced(void **state)
{
	struct rig rig;

	setenv("OUTCOMMIT_XEN_FENCE", "false", 1);
	rig = rig_begin(true, "RE", NULL);
	hears_the_end(&rig);
	rig_end_with(&rig, 0);
}

static void test_a_helper_that_dies_at_the_fence_starts_nothing(void **state)
{
	struct rig rig = rig_begin(true, "RC", NULL);

	hears_nothing(&rig);
	kill(rig.pid, SIGTERM);
	rig_await_end(&rig);
	assert_true(WIFSIGNALED(rig.status));
	assert_true(comes(rig.out, PATIENCE_MS));
	rig.status = 0;
	rig_end_with(&rig, 0);
}

/* ---- Parts ---- */

#define SAVE_ARGV(...)                                                                             \
	{                                                                                          \
		(char *)"x", (char *)"--save-domain", __VA_ARGS__, NULL                            \
	}
#define S(text) ((char *)(text))

static void test_a_libxl_before_4_14_is_told_by_its_arguments(void **state)
{
	static char *const now[] = SAVE_ARGV(S("3"), S("4"), S("7"), S("1"), S("184"), S("1"));
	static char *const then[] =
		SAVE_ARGV(S("3"), S("4"), S("7"), S("1"), S("0"), S("120"), S("1"));
	static char *const restore[] = {S("x"), S("--restore-domain"),
					S("3"), S("4"),
					S("7"), S("1"),
					S("2"), S("3"),
					S("4"), S("32"),
					S("1"), NULL};
	static char *const junk[] = SAVE_ARGV(S("3"), S("4x"), S("7"), S("1"), S("184"), S("1"));
	struct call call;

	assert_int_equal(call_parse(8, now, &call), 0);
	assert_true(call.remus && !call.restore && call.back_fd == 4 && call.domid == 7);
	assert_int_equal(call_parse(9, then, &call), -EPROTONOSUPPORT);
	assert_int_equal(call_parse(11, restore, &call), -EPROTONOSUPPORT);
	assert_int_equal(call_parse(8, junk, &call), -EINVAL);
	assert_int_equal(call_parse(1, now, &call), -EINVAL);
}

static void test_a_bad_setting_is_named_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"fence = x\nfense = y\n", ":2: not a setting: fense = y"},
		{"timeout_s = 0\n", ":1: a bad value: timeout_s = 0"},
		{"timeout_s = 5s\n", ":1: a bad value: timeout_s = 5s"},
		{"peer = anyone\n", ":1: a bad value: peer = anyone"},
		{"peer = any\npeer = any\n", ":2: given twice: peer = any"},
		{"[x]\npeer = any\n", ":2: not a setting: peer = any"},
	};
	char path[SCRATCH_BYTES], why[3 * SETTING_BYTES];
	static struct settings settings;

	close(scratch_file(path, "xen-conf"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		FILE *file = fopen(path, "we");

		fputs(bad[i].text, file);
		fclose(file);
		assert_int_equal(settings_load(&settings, path, why, sizeof(why)), -EINVAL);
		assert_string_equal(why + strlen(path), bad[i].why);
	}
	unlink(path);
	assert_int_equal(settings_load(&settings, path, why, sizeof(why)), 0);
	assert_int_equal(settings.ack_timeout_s, 15);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_checkpoint_is_acknowledged_when_libxl_has_it),
		cmocka_unit_test(test_a_checkpoint_that_libxl_did_not_get_is_not_acknowledged),
		cmocka_unit_test(test_what_is_said_of_each_checkpoint_is_heard_of_the_first),
		cmocka_unit_test(test_libxl_reads_no_checkpoint_before_it_comes),
		cmocka_unit_test(test_a_checkpoint_that_was_cut_off_is_a_failover),
		cmocka_unit_test(test_the_guest_starts_only_behind_the_fence),
		cmocka_unit_test(test_a_failed_fence_holds_the_guest_until_the_next_try),
		cmocka_unit_test(test_without_a_fence_the_guest_waits_for_the_administrator),
		cmocka_unit_test(test_without_a_fence_by_choice_the_guest_starts),
		cmocka_unit_test(test_a_guest_that_is_to_stand_down_never_starts),
		cmocka_unit_test(test_a_failed_restore_is_not_fenced),
		cmocka_unit_test(test_a_helper_that_dies_at_the_fence_starts_nothing),
		cmocka_unit_test(test_a_libxl_before_4_14_is_told_by_its_arguments),
		cmocka_unit_test(test_a_bad_setting_is_named_with_its_place),
	};

	rig_be_helper(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
