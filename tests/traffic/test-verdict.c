/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judge sees each fault, and none where there is none: made-up runs with one thing wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verdict.h"

#define SECOND 1000000000ULL
#define FRAMES_MAX 8U

/* A captured frame: whole, or one of three segments. */
#define SEEN(sequence_, epoch_, time_ns_) \
	{ .sequence = sequence_, .epoch = epoch_, .time_ns = time_ns_, .segments = 1, .covered = 1 }
#define PIECE(segment_) \
	{ .epoch = 1, .time_ns = 10 * SECOND, .segments = 3, .segment = segment_, .covered = 1 }

/* One vif: commit(1) at 10 s, commit(2) at 20 s, commit(3) at 30 s. */
static const struct commit commits[] = {
	{ 1, 10 * SECOND },
	{ 2, 20 * SECOND },
	{ 3, 30 * SECOND },
};

/* Sequence number 1 was destroyed, what was sent from 5 s to 6 s may be early. */
static struct exception exceptions[] = {
	{ EXCEPTION_DESTROYED, 0, 1, 2 },
	{ EXCEPTION_LEAKED, 0, 5 * SECOND, 6 * SECOND },
};

#define LEAK(sequence_, sent_ns_) \
	{ .sequence = sequence_, .epoch = 1, .time_ns = 6 * SECOND, .sent_ns = sent_ns_, .segments = 1, .covered = 1 }

struct run {
	const char *name;
	uint64_t sent;
	struct capture frames[FRAMES_MAX]; /* up to the first without a time */
	struct verdict expected; /* fault counters only */
};

static const struct run runs[] = {
	{ "nothing wrong", 3,
	  { SEEN(0, 1, 10 * SECOND), SEEN(1, 1, 10 * SECOND + 1), SEEN(2, 2, 20 * SECOND) },
	  { .premature = 0 } },
	{ "nothing sent", 0, { SEEN(0, 0, 0) }, { .premature = 0 } },
	{ "a nanosecond early", 1, { SEEN(0, 1, 10 * SECOND - 1) }, { .premature = 1 } },
	{ "after another's commit", 1, { SEEN(0, 2, 10 * SECOND) }, { .premature = 1 } },
	{ "never committed", 1, { SEEN(0, 4, 40 * SECOND) }, { .premature = 1 } },
	{ "first one lost", 2, { SEEN(1, 1, 10 * SECOND) }, { .lost = 1 } },
	{ "last one lost", 2, { SEEN(0, 1, 10 * SECOND) }, { .lost = 1 } },
	{ "all lost", 3, { SEEN(0, 0, 0) }, { .lost = 3 } },
	{ "overtaken", 3,
	  { SEEN(1, 1, 10 * SECOND), SEEN(0, 1, 10 * SECOND), SEEN(2, 1, 10 * SECOND) },
	  { .reordered = 1 } },
	{ "twice", 1, { SEEN(0, 1, 10 * SECOND), SEEN(0, 1, 10 * SECOND) }, { .duplicates = 1 } },
	{ "late, at another commit", 1, { SEEN(0, 1, 20 * SECOND) }, { .stranded = 0 } },
	{ "late, with another commit", 1, { SEEN(0, 1, 21 * SECOND) }, { .stranded = 0 } },
	{ "late, long after another commit", 1, { SEEN(0, 1, 21 * SECOND + 1) }, { .stranded = 1 } },
	{ "late, no commit since", 1, { SEEN(0, 3, 39 * SECOND) }, { .stranded = 0 } },
	{ "never sent", 1, { SEEN(0, 1, 10 * SECOND), SEEN(1, 1, 10 * SECOND) }, { .foreign = 1 } },
	{ "no such vif", 0, { { .vif = 1, .epoch = 1, .time_ns = 10 * SECOND } }, { .foreign = 1 } },
	{ "no such domain", 0, { { .domain = 9, .time_ns = 10 * SECOND } }, { .foreign = 1 } },
	{ "not protected", 1, { SEEN(0, 0, 1) }, { .premature = 0 } },
	{ "in three segments", 1, { PIECE(0), PIECE(1), PIECE(2) }, { .lost = 0 } },
	{ "a segment lost", 1, { PIECE(0), PIECE(2) }, { .lost = 1 } },
	{ "segments out of order", 1, { PIECE(1), PIECE(0), PIECE(2) }, { .reordered = 1 } },
	{ "a segment twice", 1, { PIECE(0), PIECE(1), PIECE(2), PIECE(2) }, { .duplicates = 1 } },
};

/* The same with those exceptions. */
static const struct run excused_runs[] = {
	{ "destroyed by somebody else", 3, { SEEN(0, 1, 10 * SECOND), SEEN(2, 1, 10 * SECOND) }, { .destroyed = 1 } },
	{ "lost beside what was destroyed", 4, { SEEN(0, 1, 10 * SECOND) }, { .destroyed = 1, .lost = 2 } },
	{ "opened by somebody else", 2, { LEAK(1, 5 * SECOND), SEEN(0, 1, 10 * SECOND) }, { .leaked = 1 } },
	{ "sent before it was opened", 1, { LEAK(0, 5 * SECOND - 1) }, { .premature = 1 } },
	{ "sent when it was closed again", 1, { LEAK(0, 6 * SECOND) }, { .premature = 1 } },
};

static struct verdict judge_run(const struct run *run, bool excused)
{
	const struct record record = {
		.commits = (struct commit *)commits,
		.commit_count = sizeof(commits) / sizeof(*commits),
		.sent = { run->sent },
		.vif_count = 1,
		.exceptions = exceptions,
		.exception_count = excused ? sizeof(exceptions) / sizeof(*exceptions) : 0,
	};
	struct judge *judge = judge_new(NULL, NULL);
	struct verdict verdict;

	assert_non_null(judge);
	assert_int_equal(judge_add_record(judge, 0, &record), 0);
	for (size_t i = 0; i < FRAMES_MAX && run->frames[i].time_ns; i++)
		judge_frame(judge, &run->frames[i]);
	verdict = judge_end(judge);
	judge_free(judge);
	return verdict;
}

static void check_count(const struct run *run, const char *what, uint64_t got, uint64_t expected)
{
	if (got != expected)
		fail_msg("%s: %s %ju, not %ju", run->name, what, (uintmax_t)got, (uintmax_t)expected);
}

static void check_runs(const struct run *list, size_t count, bool excused)
{
	for (size_t i = 0; i < count; i++) {
		const struct verdict got = judge_run(&list[i], excused), *expected = &list[i].expected;

		check_count(&list[i], "premature", got.premature, expected->premature);
		check_count(&list[i], "lost", got.lost, expected->lost);
		check_count(&list[i], "reordered", got.reordered, expected->reordered);
		check_count(&list[i], "stranded", got.stranded, expected->stranded);
		check_count(&list[i], "duplicates", got.duplicates, expected->duplicates);
		check_count(&list[i], "foreign", got.foreign, expected->foreign);
		check_count(&list[i], "destroyed", got.destroyed, expected->destroyed);
		check_count(&list[i], "leaked", got.leaked, expected->leaked);
		check_count(&list[i], "faults", verdict_faults(&got), verdict_faults(expected));
	}
}

static void test_each_fault_is_seen_and_no_other(void **state)
{
	check_runs(runs, sizeof(runs) / sizeof(*runs), false);
}

static void test_what_somebody_else_did_is_counted_apart_and_no_more(void **state)
{
	check_runs(excused_runs, sizeof(excused_runs) / sizeof(*excused_runs), true);
}

static void test_a_repeated_commit_does_not_move_the_first(void **state)
{
	struct commit repeated[] = { { 1, 10 }, { 1, 20 }, { 2, 30 } };
	const struct record record = { .commits = repeated, .commit_count = 3, .sent = { 1 }, .vif_count = 1 };
	const struct capture frame = { .time_ns = 15, .epoch = 1, .domain = 5, .segments = 1, .covered = 1 };
	struct judge *judge = judge_new(NULL, NULL);
	struct verdict verdict;

	assert_int_equal(judge_add_record(judge, 5, &record), 0);
	judge_frame(judge, &frame);
	verdict = judge_end(judge);
	assert_int_equal(verdict_faults(&verdict), 0);
	assert_int_equal(verdict.captured, 1);
	judge_free(judge);
}

static void test_commits_that_go_back_in_time_are_refused(void **state)
{
	struct commit backwards[] = { { 1, 20 }, { 2, 10 } };
	const struct record record = { .commits = backwards, .commit_count = 2 };
	struct judge *judge = judge_new(NULL, NULL);

	assert_int_equal(judge_add_record(judge, 0, &record), -EINVAL);
	judge_free(judge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_fault_is_seen_and_no_other),
		cmocka_unit_test(test_what_somebody_else_did_is_counted_apart_and_no_more),
		cmocka_unit_test(test_a_repeated_commit_does_not_move_the_first),
		cmocka_unit_test(test_commits_that_go_back_in_time_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
