// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's counters: where a time goes, and what counts for whom. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "metrics.h"

static void test_a_time_is_in_the_bucket_whose_bound_it_does_not_exceed(void **state)
{
	struct metrics metrics = { 0 };
	const struct histogram *time = &metrics.times[METRIC_TIME_HOLD];
	uint64_t sum_ns = 0;

	for (size_t i = 0; i < METRICS_BOUNDS; i++) {
		assert_true(!i || metrics_bounds_ns[i] > metrics_bounds_ns[i - 1]);
		metrics_time(&metrics, METRIC_TIME_HOLD, metrics_bounds_ns[i]);
		assert_int_equal(time->buckets[i], i ? 2 : 1);
		metrics_time(&metrics, METRIC_TIME_HOLD, metrics_bounds_ns[i] + 1);
		assert_int_equal(time->buckets[i + 1], 1);
		sum_ns += 2 * metrics_bounds_ns[i] + 1;
	}
	assert_int_equal(time->sum_ns, sum_ns);
	metrics_time(&metrics, METRIC_TIME_HOLD, UINT64_MAX - sum_ns);
	assert_int_equal(time->buckets[METRICS_BOUNDS], 2);
}

static void test_what_counts_for_a_domain_counts_for_the_whole(void **state)
{
	struct metrics whole = { 0 }, a = { .whole = &whole }, b = { .whole = &whole };

	metrics_count(&a, METRIC_COMMITS);
	metrics_add(&b, METRIC_COMMITS, 5);
	metrics_time(&a, METRIC_TIME_COMMIT, 1);
	metrics_time(&b, METRIC_TIME_COMMIT, 2);
	assert_int_equal(a.times[METRIC_TIME_COMMIT].buckets[0], 1);
	assert_int_equal(whole.times[METRIC_TIME_COMMIT].buckets[0], 2);
	assert_int_equal(whole.times[METRIC_TIME_COMMIT].sum_ns, 3);
	metrics_refused(&a, -EPROTO);
	metrics_refused(&b, -EPERM);
	assert_int_equal(a.counts[METRIC_COMMITS], 1);
	assert_int_equal(b.counts[METRIC_COMMITS], 5);
	assert_int_equal(whole.counts[METRIC_COMMITS], 6);
	for (size_t i = 0; i < METRICS_ERRNOS; i++) {
		assert_int_equal(a.refused[i], !strcmp(metrics_errno_name(i), "EPROTO"));
		assert_int_equal(b.refused[i], !strcmp(metrics_errno_name(i), "OTHER"));
		assert_int_equal(whole.refused[i], a.refused[i] + b.refused[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_time_is_in_the_bucket_whose_bound_it_does_not_exceed),
		cmocka_unit_test(test_what_counts_for_a_domain_counts_for_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
