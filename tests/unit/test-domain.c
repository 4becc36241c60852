// SPDX-License-Identifier: GPL-2.0-or-later
/* The epoch state machine over plugs without a kernel: every request in every state, then a long random life. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake-plug.h"

#define VIFS 3
#define RANDOM_STEPS 200000

struct bench {
	struct fake_world world;
	struct domain domain;
	struct vif vifs[VIFS];
	struct fake_plug plugs[VIFS];
	struct domain_fault fault;
};

static const struct buffer_ops *ops_of(const struct bench *b)
{
	return b->world.mainline ? &fake_mainline_ops : &fake_outcommit_ops;
}

static struct bench *bench_new(bool mainline)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->world.mainline = mainline;
	domain_init(&b->domain, "web", ops_of(b), &b->world);
	for (size_t i = 0; i < VIFS; i++) {
		b->plugs[i].open = 1;
		b->vifs[i].buffer = (struct buffer *)&b->plugs[i];
		snprintf(b->vifs[i].name, sizeof(b->vifs[i].name), "vif1.%zu", i);
		assert_int_equal(domain_add(&b->domain, &b->vifs[i], DOMAIN_VIFS_MAX), 0);
	}
	return b;
}

/* One request by name: a script's word. */
static int request(struct bench *b, const char *verb, uint64_t epoch)
{
	uint64_t closing = epoch;

	b->fault = (struct domain_fault){ 0 };
	if (!strcmp(verb, "postsuspend"))
		return domain_postsuspend(&b->domain, &closing, DOMAIN_OUTSTANDING_MAX, 0, &b->fault);
	if (!strcmp(verb, "preresume"))
		return domain_preresume(&b->domain, epoch, &b->fault);
	if (!strcmp(verb, "commit"))
		return domain_commit(&b->domain, epoch, &b->fault);
	if (!strcmp(verb, "abort"))
		return domain_abort(&b->domain, epoch, &b->fault);
	if (!strcmp(verb, "discard"))
		return domain_discard(&b->domain, epoch, 0, &b->fault);
	if (!strcmp(verb, "release"))
		return domain_release(&b->domain, epoch, &b->fault);
	fail_msg("no verb %s", verb);
	return 0;
}

struct step {
	const char *verb;
	uint64_t epoch;
	int ret;
	uint64_t expected; /* with -EPROTO */
};

#define STEPS 16

static const struct script {
	const char *promise;
	bool mainline, outcommit; /* which kinds it is for */
	struct step steps[STEPS];
} scripts[] = {
	{ "an ordinary life", true, true, {
		{ "postsuspend", 1, 0, 0 }, { "preresume", 1, 0, 0 }, { "commit", 1, 0, 0 }, { "postsuspend", 2, 0, 0 },
		{ "preresume", 2, 0, 0 }, { "commit", 2, 0, 0 }, { "release", 0, 0, 0 } } },
	{ "every request may be repeated", true, true, {
		{ "postsuspend", 1, 0, 0 }, { "postsuspend", 1, 0, 0 }, { "preresume", 1, 0, 0 }, { "preresume", 1, 0, 0 },
		{ "commit", 1, 0, 0 }, { "commit", 1, 0, 0 }, { "postsuspend", 1, 0, 0 }, { "discard", 0, 0, 0 },
		{ "discard", 0, 0, 0 }, { "commit", 1, 0, 0 }, { "release", 0, 0, 0 }, { "release", 0, 0, 0 },
		{ "commit", 1, 0, 0 } } },
	{ "the first number is the driver's choice, but not an old one", true, true, {
		{ "postsuspend", 40, 0, 0 }, { "commit", 40, 0, 0 }, { "release", 0, 0, 0 },
		{ "postsuspend", 40, -EPROTO, 41 }, { "postsuspend", 41, 0, 0 } } },
	{ "a gap is refused with the number that is right", true, true, {
		{ "postsuspend", 1, 0, 0 }, { "commit", 1, 0, 0 }, { "postsuspend", 3, -EPROTO, 2 },
		{ "postsuspend", 2, 0, 0 } } },
	{ "a step back is refused", true, true, {
		{ "postsuspend", 1, 0, 0 }, { "commit", 1, 0, 0 }, { "postsuspend", 2, 0, 0 }, { "commit", 2, 0, 0 },
		{ "postsuspend", 1, -EPROTO, 3 }, { "preresume", 1, -EPROTO, 2 }, { "commit", 1, 0, 0 } } },
	{ "what is not closed cannot be committed", true, true, {
		{ "commit", 1, -EPROTO, 0 }, { "postsuspend", 1, 0, 0 }, { "commit", 2, -EPROTO, 1 }, { "commit", 1, 0, 0 } } },
	{ "without a barrier the guest must not run", true, true, {
		{ "preresume", 1, -EPROTO, 1 }, { "postsuspend", 1, 0, 0 }, { "preresume", 2, -EPROTO, 1 },
		{ "release", 0, 0, 0 }, { "preresume", 1, -EPROTO, 2 } } },
	{ "the last number is never used up", true, true, {
		{ "postsuspend", INT64_MAX, -ENOSPC, 0 }, { "postsuspend", INT64_MAX - 1, 0, 0 } } },
	{ "what was meant for another epoch is not carried out", true, true, {
		{ "release", 2, -EPROTO, 1 }, { "discard", 1, 0, 0 }, { "postsuspend", 1, 0, 0 }, { "release", 1, -EPROTO, 2 },
		{ "discard", 1, -EPROTO, 2 }, { "discard", 3, -EPROTO, 2 }, { "preresume", 1, 0, 0 }, { "discard", 2, 0, 0 },
		{ "discard", 2, 0, 0 }, { "postsuspend", 2, 0, 0 }, { "release", 2, -EPROTO, 3 }, { "release", 3, 0, 0 },
		{ "release", 3, 0, 0 }, { "release", 2, 0, 0 }, { "postsuspend", 3, 0, 0 }, { "release", 3, -EPROTO, 4 } } },
	{ "mainline's plug holds one uncommitted epoch", true, false, {
		{ "postsuspend", 1, 0, 0 }, { "postsuspend", 2, -EPROTO, 1 }, { "abort", 1, -EOPNOTSUPP, 0 },
		{ "commit", 1, 0, 0 }, { "postsuspend", 2, 0, 0 }, { "discard", 0, 0, 0 }, { "postsuspend", 3, 0, 0 } } },
	{ "ours holds many, and one commit covers all before it", false, true, {
		{ "postsuspend", 1, 0, 0 }, { "postsuspend", 2, 0, 0 }, { "postsuspend", 3, 0, 0 }, { "commit", 2, 0, 0 },
		{ "commit", 1, 0, 0 }, { "commit", 3, 0, 0 } } },
	{ "an aborted epoch leaves with the next one", false, true, {
		{ "abort", 1, -EPROTO, 0 }, { "postsuspend", 1, 0, 0 }, { "abort", 1, 0, 0 }, { "abort", 1, 0, 0 },
		{ "commit", 1, -ECANCELED, 0 }, { "preresume", 1, 0, 0 }, { "postsuspend", 2, 0, 0 },
		{ "abort", 3, -EPROTO, 2 }, { "commit", 2, 0, 0 }, { "commit", 1, 0, 0 }, { "abort", 1, -EPROTO, 2 } } },
};

static void run_script(const struct script *script, bool mainline)
{
	struct bench *b = bench_new(mainline);

	for (size_t i = 0; i < STEPS && script->steps[i].verb; i++) {
		const struct step *step = &script->steps[i];
		int ret = request(b, step->verb, step->epoch);

		if (ret != step->ret || (step->expected && b->fault.expected != step->expected))
			fail_msg("%s, step %zu, %s %llu: %d, expected %llu, \"%s\"", script->promise, i, step->verb,
				 (unsigned long long)step->epoch, ret, (unsigned long long)b->fault.expected,
				 b->fault.message);
		assert_true(!ret || *b->fault.message);
	}
	free(b);
}

static void every_request_has_its_answer_in_every_state(void **state)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (scripts[i].mainline)
			run_script(&scripts[i], true);
		if (scripts[i].outcommit)
			run_script(&scripts[i], false);
	}
}

static void a_failing_vif_fails_the_barrier_and_a_repeat_mends_it(void **state)
{
	for (int mainline = 0; mainline < 2; mainline++) {
		struct bench *b = bench_new(mainline);

		b->plugs[1].fail_before = true;
		assert_int_equal(request(b, "postsuspend", 1), -EIO);
		assert_string_equal(b->fault.vif, "vif1.1");
		assert_int_not_equal(request(b, "preresume", 1), 0);
		b->world.operations = 0;
		assert_int_equal(request(b, "postsuspend", 1), 0);
		assert_int_equal(b->world.operations, 1); /* the other two were done */
		assert_int_equal(request(b, "preresume", 1), 0);
		free(b);
	}
}

static void a_broken_vif_fails_the_barrier_and_keeps_its_frames(void **state)
{
	struct bench *b = bench_new(true);

	assert_int_equal(request(b, "postsuspend", 1), 0);
	b->vifs[2].state = VIF_BROKEN;
	b->vifs[2].reason = "the test broke it";
	assert_int_equal(request(b, "preresume", 1), -EIO);
	assert_non_null(strstr(b->fault.message, "the test broke it"));
	b->world.operations = 0;
	assert_int_equal(request(b, "commit", 1), -EIO);
	assert_int_equal(b->world.operations, 2);
	assert_int_equal(request(b, "postsuspend", 2), -EIO);
	b->vifs[2].state = VIF_OK;
	assert_int_equal(request(b, "commit", 1), 0);
	assert_int_equal(b->world.operations, 3);
	free(b);
}

static void a_gone_vif_does_not_count(void **state)
{
	struct bench *b = bench_new(false);

	b->vifs[0].state = VIF_GONE;
	assert_int_equal(request(b, "postsuspend", 1), 0);
	assert_int_equal(request(b, "preresume", 1), 0);
	assert_int_equal(request(b, "commit", 1), 0);
	assert_false(b->plugs[0].holding);
	b->vifs[1].state = b->vifs[2].state = VIF_GONE;
	assert_int_equal(request(b, "postsuspend", 2), -ENODEV);
	free(b);
}

static void a_hot_plugged_vif_holds_as_the_others_do(void **state)
{
	struct bench *b = bench_new(false);

	domain_remove(&b->domain, &b->vifs[2]);
	assert_int_equal(request(b, "postsuspend", 7), 0);
	assert_int_equal(domain_add(&b->domain, &b->vifs[2], DOMAIN_VIFS_MAX), 0);
	assert_true(b->vifs[2].holding);
	assert_true(b->vifs[2].open == 8);
	assert_int_equal(request(b, "preresume", 7), 0);
	free(b);
}

static void limits_are_kept(void **state)
{
	struct bench *b = bench_new(false);
	struct vif extra = { 0 };
	uint64_t epoch = 0;

	assert_int_equal(domain_add(&b->domain, &extra, VIFS), -ENOSPC);
	for (int i = 0; i < 5; i++)
		assert_int_equal((epoch = 0, domain_postsuspend(&b->domain, &epoch, 5, 0, &b->fault)), 0);
	epoch = 0;
	assert_int_equal(domain_postsuspend(&b->domain, &epoch, 5, 0, &b->fault), -ENOSPC);
	free(b);
}

static void expect_held_since(struct bench *b, uint64_t ns)
{
	assert_int_equal(b->domain.state, DOMAIN_HOLDING);
	assert_int_equal(b->domain.held_since_ns, ns);
}

static void what_is_held_is_as_old_as_the_oldest_uncommitted_epoch(void **state)
{
	struct bench *b = bench_new(false);
	struct domain_fault *fault = &b->fault;

	for (uint64_t epoch = 1; epoch <= 3; epoch++)
		assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ epoch }, 5, 100 * epoch, fault), 0);
	expect_held_since(b, 100);
	assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ 3 }, 5, 350, fault), 0);
	expect_held_since(b, 100);
	assert_int_equal(domain_commit(&b->domain, 2, fault), 0);
	expect_held_since(b, 200);
	assert_int_equal(domain_commit(&b->domain, 3, fault), 0);
	expect_held_since(b, 300);
	assert_int_equal(domain_discard(&b->domain, 0, 400, fault), 0);
	expect_held_since(b, 400);
	assert_int_equal(domain_release(&b->domain, 0, fault), 0);
	b->plugs[1].fail_before = true;
	assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ 4 }, 5, 500, fault), -EIO);
	expect_held_since(b, 500);
	assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ 4 }, 5, 600, fault), 0);
	expect_held_since(b, 500);
	free(b);
}

/* A new daemon: all it has is what the plugs tell. */
static void restart(struct bench *b)
{
	domain_init(&b->domain, "web", ops_of(b), &b->world);
	for (size_t i = 0; i < VIFS; i++) {
		b->vifs[i].holding = b->plugs[i].holding;
		b->vifs[i].open = b->plugs[i].open;
		b->vifs[i].committed = b->plugs[i].committed;
		assert_int_equal(domain_adopt(&b->domain, &b->vifs[i], 0), 0);
	}
}

struct driver {
	uint64_t last; /* closed epoch */
	uint64_t guest; /* the epoch the guest is in */
	uint64_t safe; /* on the backup */
	bool protected;
};

static void send_some(struct bench *b, const struct driver *driver)
{
	for (int n = rand() % 6; n > 0; n--)
		fake_send(&b->world, &b->plugs[rand() % VIFS], driver->guest);
}

/* Until it works: a driver repeats what failed, whatever came between. */
static void insist(struct bench *b, const char *verb, uint64_t epoch)
{
	for (int tries = 0; tries < 50; tries++) {
		/* a failure after the fact leaves mainline's counts unknown: the daemon takes such a vif for broken */
		if (rand() % 4 == 0)
			b->plugs[rand() % VIFS].fail_before = true;
		if (rand() % 4 == 0 && !b->world.mainline)
			b->plugs[rand() % VIFS].fail_after = true;
		if (rand() % 5 == 0)
			restart(b);
		if (!request(b, verb, epoch))
			return;
	}
	fail_msg("%s %llu never succeeds: %s", verb, (unsigned long long)epoch, b->fault.message);
}

static void one_epoch(struct bench *b, struct driver *driver)
{
	uint64_t closing = driver->last + 1;

	insist(b, "postsuspend", closing);
	driver->last = closing;
	driver->protected = true;
	insist(b, "preresume", closing);
	driver->guest = closing + 1;
	send_some(b, driver);
	if (b->world.mainline || rand() % 3) {
		driver->safe = b->world.mainline ? closing : closing - (uint64_t)(rand() % 3);
		if (driver->safe + 2 >= closing && driver->safe <= closing && driver->safe > 0) {
			if (driver->safe > b->world.allowed)
				b->world.allowed = driver->safe;
			insist(b, "commit", driver->safe);
			for (size_t i = 0; i < VIFS; i++)
				assert_int_equal(fake_held(&b->plugs[i], driver->safe), 0);
		}
	}
}

static void random_life(bool mainline)
{
	struct bench *b = bench_new(mainline);
	struct driver driver = { .guest = 1 };

	for (int step = 0; step < RANDOM_STEPS / 10; step++) {
		int dice = rand() % 40;

		b->world.allowed = driver.protected ? b->world.allowed : UINT64_MAX;
		send_some(b, &driver);
		if (dice == 0) {
			b->world.allowed = UINT64_MAX;
			insist(b, "release", 0);
			driver.protected = false;
		} else if (dice == 1 && driver.protected) {
			insist(b, "discard", 0);
		} else if (dice == 2) {
			restart(b);
		} else {
			if (!driver.protected)
				b->world.allowed = driver.last;
			one_epoch(b, &driver);
		}
		assert_int_equal(b->world.premature, 0);
		assert_int_equal(b->world.reordered, 0);
	}
	free(b);
}

static void nothing_leaves_early_or_stays_in_a_long_random_life(void **state)
{
	srand(1);
	random_life(true);
	random_life(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_has_its_answer_in_every_state),
		cmocka_unit_test(a_failing_vif_fails_the_barrier_and_a_repeat_mends_it),
		cmocka_unit_test(a_broken_vif_fails_the_barrier_and_keeps_its_frames),
		cmocka_unit_test(a_gone_vif_does_not_count),
		cmocka_unit_test(a_hot_plugged_vif_holds_as_the_others_do),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(what_is_held_is_as_old_as_the_oldest_uncommitted_epoch),
		cmocka_unit_test(nothing_leaves_early_or_stays_in_a_long_random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
