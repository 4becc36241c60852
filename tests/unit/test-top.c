// SPDX-License-Identifier: GPL-2.0-or-later
/* What top computes from looks and how it shows it: rates, percentiles, what came and went. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl-top.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static void set(struct scope *scope, const char *key, uint64_t value)
{
	for (size_t i = 0; i < SAMPLE_METRICS; i++)
		if (!strcmp(sample_metrics[i].key, key) &&
		    sample_metrics[i].levels & 1U << scope->level) {
			scope->values[i] = value;
			scope->present[i] = true;
			return;
		}
	fail_msg("no metric %s", key);
}

/* The daemon with bounds of 10, 20 and 50 ms, and domains with a vif each. */
static struct sample make_sample(size_t domains, const char *const *names)
{
	struct sample sample = {
		.version = "1.2",
		.module = "mainline",
		.bounds = 3,
		.bounds_ns = { 10 * MS, 20 * MS, 50 * MS },
		.count = 1 + 2 * domains,
		.scopes = calloc(1 + 2 * domains, sizeof(*sample.scopes)),
	};

	set(&sample.scopes[0], "DOMAINS", domains);
	for (size_t i = 0; i < domains; i++) {
		struct scope *domain = &sample.scopes[1 + 2 * i], *vif = domain + 1;

		domain->level = SCOPE_DOMAIN;
		vif->level = SCOPE_VIF;
		strcpy(domain->domain, names[i]);
		strcpy(vif->domain, names[i]);
		strcpy(vif->vif, "vif");
		set(domain, "STATE", 1);
		set(domain, "WHOLE", 1);
	}
	return sample;
}

static const char *const a_b[] = { "a", "b" };

/* So many epochs of domain a so far, each held for 15 ms and 2 ms of pause. */
static struct sample epochs(uint64_t count, uint64_t held_bytes)
{
	struct sample sample = make_sample(1, a_b);
	struct scope *domain = &sample.scopes[1];

	set(domain, "EPOCHS_CLOSED", count);
	domain->times[TIME_BARRIER].sum_ns = count * MS;
	domain->times[TIME_PRERESUME].sum_ns = count * MS;
	domain->times[TIME_HOLD].count = count;
	domain->times[TIME_HOLD].buckets[1] = count;
	set(&sample.scopes[2], "VIF_HELD_BYTES", held_bytes);
	set(&sample.scopes[2], "VIF_DROPS", 3);
	return sample;
}

static void test_rates_are_what_was_between_two_looks(void **state)
{
	struct top top = { 0 };
	struct sample first = epochs(100, 0), second = epochs(150, 0);

	top_take(&top, &first, 10 * SECOND);
	assert_true(top.rows[0].epochs_per_s == 0);
	top_take(&top, &second, 12 * SECOND);
	assert_true(top.rows[0].epochs_per_s == 25);
	assert_true(top.epochs_per_s == 25);
	assert_int_equal(top.rows[0].pause_ns, 2 * MS);
	assert_int_equal(top.rows[0].hold_p50_ns, 15 * MS);
	top_free(&top);
}

static void test_a_daemon_that_began_anew_gives_no_nonsense(void **state)
{
	struct top top = { 0 };
	struct sample first = epochs(1000, 0), second = epochs(10, 0);
	struct sample_histogram *hold = &first.scopes[1].times[TIME_HOLD];

	hold->buckets[0] = 500;
	hold->count += 500;
	top_take(&top, &first, 10 * SECOND);
	top_take(&top, &second, 11 * SECOND);
	assert_true(top.rows[0].epochs_per_s == 10);
	assert_int_equal(top.rows[0].pause_ns, 2 * MS);
	assert_in_range(top.rows[0].hold_p99_ns, 10 * MS, 20 * MS);
	top_free(&top);
}

static void test_a_percentile_lies_within_its_bucket(void **state)
{
	const struct sample bounds = { .bounds = 3, .bounds_ns = { 10, 20, 50 } };
	const struct sample_histogram none = { 0 };
	const struct sample_histogram even = { .count = 4, .buckets = { 2, 0, 2 } };
	const struct sample_histogram above = { .count = 1, .buckets = { 0, 0, 0, 1 } };

	assert_int_equal(top_percentile(&bounds, &none, 0.5), 0);
	assert_int_equal(top_percentile(&bounds, &even, 0.25), 5);
	assert_int_equal(top_percentile(&bounds, &even, 0.5), 10);
	assert_int_equal(top_percentile(&bounds, &even, 0.75), 35);
	assert_int_equal(top_percentile(&bounds, &even, 1), 50);
	assert_int_equal(top_percentile(&bounds, &above, 0.5), 50);
}

static void test_domains_come_and_go_and_are_sorted_as_asked(void **state)
{
	static const char *const names[] = { "c", "a", "b" };
	struct sample first = make_sample(3, names), second = make_sample(2, names);
	struct top top = { 0 };

	set(&first.scopes[2], "VIF_HELD_BYTES", 5);
	set(&first.scopes[6], "VIF_HELD_BYTES", 7);
	top_take(&top, &first, SECOND);
	assert_string_equal(top.rows[0].domain, "a");
	assert_string_equal(top.rows[2].domain, "c");
	top.order = TOP_BY_HELD;
	top_sort(&top);
	assert_string_equal(top.rows[0].domain, "b");
	assert_string_equal(top.rows[1].domain, "c");
	top_take(&top, &second, 2 * SECOND);
	assert_int_equal(top.count, 2);
	assert_null(strstr(top.rows[0].domain, "b"));
	top_free(&top);
}

/* More looks than are kept: the oldest are forgotten, for percentiles too. */
static void test_the_history_is_as_long_as_it_is_said_to_be(void **state)
{
	struct top top = { 0 };

	for (uint64_t i = 0; i < 3 * TOP_LOOKS; i++) {
		struct sample sample = epochs(i * 4, 1024);

		sample.scopes[1].times[TIME_HOLD].count++;
		sample.scopes[1].times[TIME_HOLD].buckets[3]++;
		top_take(&top, &sample, (i + 1) * SECOND);
	}
	assert_in_range(top.rows[0].hold_p99_ns, 10 * MS, 20 * MS);
	top_free(&top);
}

static void expect_text(const struct top *top, int lines, const char *expected)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	top_print(out, top, lines, true);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_it_is_shown_to_the_letter(void **state)
{
	static const uint64_t held[] = { 0, 7 << 20, 3 << 20, 1 << 20 };
	struct top top = { 0 };

	for (uint64_t i = 0; i < 4; i++) {
		struct sample sample = epochs(i * 20, held[i]);

		top_take(&top, &sample, (i + 1) * SECOND);
	}
	expect_text(&top, 0,
		    "outcommitd 1.2, up 0, sch_plug: mainline, domains: 1, vifs: 0, clients: 0\n"
		    "20.0 epochs/s, 1 MiB held; since the start: 0 commits, 0 requests refused, 0 netlink errors\n"
		    "\n"
		    "DOMAIN  STATE    EPOCHS/S  PAUSE  OUT  FRAMES   HELD  HOLD P50    P99  DROPS  HELD BEFORE\n"
		    "a       holding      20.0   2 ms    0       0  1 MiB     15 ms  20 ms      3  ▁█▄▂\n");
	top.trouble = "cannot reach outcommitd";
	expect_text(&top, TOP_FIRST_ROW_LINE,
		    "outcommitd 1.2, up 0, sch_plug: mainline, domains: 1, vifs: 0, clients: 0\n"
		    "20.0 epochs/s, 1 MiB held; since the start: 0 commits, 0 requests refused, 0 netlink errors\n"
		    "cannot reach outcommitd\n"
		    "DOMAIN  STATE  EPOCHS/S  PAUSE  OUT  FRAMES  HELD  HOLD P50  P99  DROPS  HELD BEFORE\n");
	top_free(&top);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_are_what_was_between_two_looks),
		cmocka_unit_test(test_a_daemon_that_began_anew_gives_no_nonsense),
		cmocka_unit_test(test_a_percentile_lies_within_its_bucket),
		cmocka_unit_test(test_domains_come_and_go_and_are_sorted_as_asked),
		cmocka_unit_test(test_the_history_is_as_long_as_it_is_said_to_be),
		cmocka_unit_test(test_it_is_shown_to_the_letter),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
