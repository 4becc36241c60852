// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leases, policies and the watch over what is held too long, on domains whose plugs have no kernel: who may, who may not, what
 * is done when nobody is there to say, and that nothing is done when somebody is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fake-plug.h"
#include "hold.h"
#include "lease.h"

#define MS 1000000ULL
#define CAUSES_MAX 16

struct bench {
	struct fake_world world;
	struct config config;
	struct log log;
	struct registry reg;
	struct hold hold;
	struct domain domain;
	struct domain *domains[1];
	struct vif vif;
	struct fake_plug plug;
	struct driver a, b;
	int peers[2]; /* the other ends of the drivers' connections */
	const char *causes[CAUSES_MAX]; /* of the events so far */
	size_t cause_count;
};

static void on_event(void *ctx, enum registry_event event, const struct domain *domain, const struct vif *vif,
		     const char *cause)
{
	struct bench *b = ctx;

	assert_true(b->cause_count < CAUSES_MAX);
	b->causes[b->cause_count++] = cause;
}

static void connect_driver(struct driver *driver, int *peer, pid_t pid)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	*driver = (struct driver){ .fd = fds[0], .pid = pid, .uid = 1000 };
	*peer = fds[1];
}

/* A domain that holds, with epoch 1 outstanding. */
static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct domain_fault fault;

	assert_non_null(b);
	b->config.driver_grace_ns = 20 * MS;
	b->log.level = LOG_EMERG;
	b->reg = (struct registry){ .loop = ev_loop_new(EVFLAG_AUTO), .config = &b->config, .log = &b->log,
				    .domains = b->domains, .domain_count = 1, .on_event = on_event, .on_event_ctx = b };
	b->domains[0] = &b->domain;
	domain_init(&b->domain, "web", &fake_outcommit_ops, &b->world);
	b->plug.open = 1;
	b->vif.buffer = (struct buffer *)&b->plug;
	assert_int_equal(domain_add(&b->domain, &b->vif, 1), 0);
	assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ 1 }, 9, clock_now_ns(), &fault), 0);
	connect_driver(&b->a, &b->peers[0], 7);
	connect_driver(&b->b, &b->peers[1], 8);
	hold_init(&b->hold, &b->reg);
	return b;
}

static void bench_free(struct bench *b)
{
	lease_end_all(&b->reg);
	assert_null(b->a.leases);
	assert_null(b->b.leases);
	hold_fini(&b->hold);
	ev_loop_destroy(b->reg.loop);
	close(b->a.fd);
	close(b->b.fd);
	close(b->peers[0]);
	close(b->peers[1]);
	free(b);
}

static int take(struct bench *b, struct driver *driver, const struct lease_terms *terms)
{
	static const struct lease_terms configured;
	const struct lease *holder = NULL;
	int ret = lease_take(&b->reg, &b->domain, driver, terms ? terms : &configured, &holder);

	assert_true(!ret == !holder);
	return ret;
}

static int check(struct bench *b, const struct driver *driver, bool settles)
{
	const struct lease *holder = NULL;
	int ret = lease_check(&b->domain, driver, settles, &holder);

	assert_true(!ret == !holder);
	return ret;
}

static void expect(struct bench *b, enum lease_state lease, enum domain_state state, uint64_t outstanding)
{
	assert_int_equal(lease_state(&b->domain), lease);
	assert_int_equal(b->domain.state, state);
	assert_int_equal(domain_outstanding(&b->domain), outstanding);
}

/* Until all timers have fired. */
static void pass_time(struct bench *b)
{
	ev_run(b->reg.loop, 0);
}

static void without_a_lease_any_driver_may(void **state)
{
	struct bench *b = bench_new();

	assert_int_equal(check(b, &b->a, false), 0);
	assert_int_equal(check(b, &b->b, true), 0);
	bench_free(b);
}

static void with_a_lease_only_its_connection_may(void **state)
{
	struct bench *b = bench_new();

	assert_int_equal(take(b, &b->a, NULL), 0);
	assert_int_equal(take(b, &b->a, NULL), 0);
	assert_int_equal(check(b, &b->a, false), 0);
	assert_int_equal(check(b, &b->b, false), -EBUSY);
	assert_int_equal(check(b, &b->b, true), -EBUSY);
	assert_int_equal(take(b, &b->b, NULL), -EBUSY);
	assert_int_equal(b->cause_count, 1);
	bench_free(b);
}

static void a_closed_connection_keeps_nobody_out(void **state)
{
	struct bench *b = bench_new();

	assert_int_equal(take(b, &b->a, NULL), 0);
	close(b->peers[0]);
	b->peers[0] = dup(b->peers[1]);
	assert_int_equal(take(b, &b->b, NULL), 0);
	assert_int_equal(check(b, &b->a, true), -EBUSY);
	lease_driver_lost(&b->a);
	expect(b, LEASE_HELD, DOMAIN_HOLDING, 1);
	bench_free(b);
}

static void a_closed_connection_is_lost_to_whoever_asks_next(void **state)
{
	const struct lease_terms at_once = { .has_grace = true };
	struct bench *b = bench_new();

	assert_int_equal(take(b, &b->a, &at_once), 0);
	close(b->peers[0]);
	assert_int_equal(check(b, &b->b, false), 0);
	expect(b, LEASE_LOST, DOMAIN_HOLDING, 1);
	assert_null(b->a.leases);

	assert_int_equal(take(b, &b->b, NULL), 0);
	close(b->peers[1]);
	b->peers[0] = dup(STDIN_FILENO);
	b->peers[1] = dup(STDIN_FILENO);
	assert_int_equal(check(b, &b->a, false), -EBUSY);
	expect(b, LEASE_GRACE, DOMAIN_HOLDING, 1);
	assert_int_equal(check(b, &b->a, true), 0);
	bench_free(b);
}

static void a_lost_driver_is_answered_once_by_the_policy(void **state)
{
	static const struct {
		enum config_policy policy;
		enum lease_state lease;
		enum domain_state state;
		uint64_t outstanding;
	} cases[] = {
		{ CONFIG_POLICY_HOLD, LEASE_LOST, DOMAIN_HOLDING, 1 },
		{ CONFIG_POLICY_RELEASE, LEASE_NONE, DOMAIN_PASSING, 0 },
		{ CONFIG_POLICY_DISCARD, LEASE_LOST, DOMAIN_HOLDING, 0 },
	};

	for (size_t i = 0; i < 6; i++) {
		struct bench *b = bench_new();
		const struct lease_terms terms = { .has_policy = true, .policy = cases[i / 2].policy };

		if (i % 2)
			b->config.on_driver_lost = cases[i / 2].policy;
		assert_int_equal(take(b, &b->a, i % 2 ? NULL : &terms), 0);
		lease_driver_lost(&b->a);
		expect(b, LEASE_GRACE, DOMAIN_HOLDING, 1);
		pass_time(b);
		expect(b, cases[i / 2].lease, cases[i / 2].state, cases[i / 2].outstanding);
		assert_int_equal(b->cause_count, 3);
		assert_string_equal(b->causes[1], "driver_lost");
		assert_string_equal(b->causes[2], "on_driver_lost");
		bench_free(b);
	}
}

static void a_policy_that_fails_leaves_everything_held(void **state)
{
	struct bench *b = bench_new();
	const struct lease_terms terms = { .has_policy = true, .policy = CONFIG_POLICY_RELEASE, .has_grace = true };

	assert_int_equal(take(b, &b->a, &terms), 0);
	b->plug.fail_before = true;
	lease_driver_lost(&b->a);
	expect(b, LEASE_LOST, DOMAIN_HOLDING, 1);
	pass_time(b);
	expect(b, LEASE_LOST, DOMAIN_HOLDING, 1);
	bench_free(b);
}

static void who_comes_in_the_grace_time_stops_the_policy(void **state)
{
	const struct lease_terms terms = { .has_policy = true, .policy = CONFIG_POLICY_RELEASE };

	for (int settles = 0; settles < 2; settles++) {
		struct bench *b = bench_new();

		assert_int_equal(take(b, &b->a, &terms), 0);
		lease_driver_lost(&b->a);
		assert_int_equal(check(b, &b->b, false), -EBUSY);
		assert_int_equal(check(b, &b->b, true), 0);
		if (settles)
			lease_settle(&b->domain);
		else
			assert_int_equal(take(b, &b->b, NULL), 0);
		pass_time(b);
		expect(b, settles ? LEASE_NONE : LEASE_HELD, DOMAIN_HOLDING, 1);
		bench_free(b);
	}
}

static void to_settle_does_not_end_a_lease_that_is_held(void **state)
{
	struct bench *b = bench_new();

	assert_int_equal(take(b, &b->a, NULL), 0);
	lease_settle(&b->domain);
	expect(b, LEASE_HELD, DOMAIN_HOLDING, 1);
	bench_free(b);
}

static void an_age_has_its_mark(void **state)
{
	struct config config = { .hold_warning_ns = 10, .hold_limit_ns = 20 };

	assert_int_equal(hold_mark(&config, 9), HOLD_OK);
	assert_int_equal(hold_mark(&config, 10), HOLD_WARNING);
	assert_int_equal(hold_mark(&config, 20), HOLD_LIMIT);
	config.hold_warning_ns = 0;
	assert_int_equal(hold_mark(&config, 19), HOLD_OK);
	assert_int_equal(hold_mark(&config, 20), HOLD_LIMIT);
	config.hold_limit_ns = 0;
	assert_int_equal(hold_mark(&config, UINT64_MAX - 1), HOLD_OK);
}

static void what_is_held_too_long_is_told_once_until_it_is_committed(void **state)
{
	struct bench *b = bench_new();
	struct domain_fault fault;

	b->config.hold_warning_ns = 10 * MS;
	b->config.hold_limit_ns = 20 * MS;
	hold_expect(&b->hold, &b->domain);
	pass_time(b);
	assert_int_equal(b->cause_count, 2);
	assert_string_equal(b->causes[0], "hold_warning");
	assert_string_equal(b->causes[1], "hold_limit");
	hold_look(&b->hold);
	pass_time(b);
	assert_int_equal(b->cause_count, 2);
	assert_int_equal(domain_postsuspend(&b->domain, &(uint64_t){ 2 }, 9, clock_now_ns(), &fault), 0);
	assert_int_equal(domain_commit(&b->domain, 2, &fault), 0);
	hold_expect(&b->hold, &b->domain);
	pass_time(b);
	assert_int_equal(b->cause_count, 4);
	bench_free(b);
}

static void at_the_limit_the_policy_is_carried_out(void **state)
{
	struct bench *b = bench_new();

	b->config.hold_limit_ns = 10 * MS;
	b->config.on_hold_limit = CONFIG_POLICY_RELEASE;
	hold_expect(&b->hold, &b->domain);
	pass_time(b);
	expect(b, LEASE_NONE, DOMAIN_PASSING, 0);
	assert_int_equal(b->cause_count, 1);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_lease_any_driver_may),
		cmocka_unit_test(with_a_lease_only_its_connection_may),
		cmocka_unit_test(a_closed_connection_keeps_nobody_out),
		cmocka_unit_test(a_closed_connection_is_lost_to_whoever_asks_next),
		cmocka_unit_test(a_lost_driver_is_answered_once_by_the_policy),
		cmocka_unit_test(a_policy_that_fails_leaves_everything_held),
		cmocka_unit_test(who_comes_in_the_grace_time_stops_the_policy),
		cmocka_unit_test(to_settle_does_not_end_a_lease_that_is_held),
		cmocka_unit_test(an_age_has_its_mark),
		cmocka_unit_test(what_is_held_too_long_is_told_once_until_it_is_committed),
		cmocka_unit_test(at_the_limit_the_policy_is_carried_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
