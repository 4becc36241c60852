// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * liboutcommit against a daemon that plays a script: in an event loop, as a monitor, and with
 * several threads on one connection.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client-rig.h"

static void test_an_event_loop_sends_ahead_and_reads_in_order(void **state)
{
	const struct outcommit_field field = { "DOMAIN", "web" };
	struct pair p = begin(SCRIPT(ANSWER("a\nDOMAIN=web\n", "0\nN=1\n"),
				     ANSWER("b\n", "-5\nN=2\nMESSAGE=no\n"),
				     ANSWER("reload\n", "0\n"), CLOSE, ANSWER("c\n", "0\n")));
	struct outcommit_reply *reply = NULL;

	assert_int_equal(outcommit_recv(p.c, &reply), -EAGAIN);
	assert_int_equal(outcommit_send(p.c, "a", &field, 1), 0);
	assert_int_equal(outcommit_send(p.c, "b", NULL, 0), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), -EBUSY);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	assert_string_equal(outcommit_reply_get(reply, "N"), "1");
	outcommit_reply_free(reply);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	assert_string_equal(outcommit_reply_get(reply, "N"), "2");
	assert_int_equal(outcommit_reply_status(reply), -EIO);
	assert_string_equal(outcommit_reply_message(reply), "no");
	outcommit_reply_free(reply);
	assert_int_equal(outcommit_reload(p.c, &p.err), 0);

	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), -ENOTCONN);
	assert_int_equal(outcommit_fd(p.c), -ENOTCONN);
	assert_int_equal(outcommit_send(p.c, "c", NULL, 0), -ENOTCONN);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_send(p.c, "c", NULL, 0), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_recv(p.c, &reply), 0);
	outcommit_reply_free(reply);
	finish(&p);
}

static void test_a_daemon_that_does_not_read_is_not_waited_for(void **state)
{
	static const struct outcommit_field field = { "A", X1024 };
	static const struct fake_step steps[] = { { .act = FAKE_END } };
	struct fake_server *server = fake_start(steps);
	struct outcommit *heard, *c;
	int ret = 0;

	assert_int_equal(outcommit_connect(fake_path(server), 10000, &heard), 0);
	assert_int_equal(outcommit_connect(fake_path(server), 10000, &c), 0);
	for (int i = 0; i < 10000 && !ret; i++)
		ret = outcommit_send(c, "v", &field, 1);
	assert_int_equal(ret, -EAGAIN);
	outcommit_close(c);
	outcommit_close(heard);
	assert_null(fake_stop(server));
}

static void expect_event(struct outcommit *c, const char *name)
{
	struct outcommit_reply *event;

	assert_int_equal(outcommit_next_event(c, 10000, &event), 0);
	assert_non_null(outcommit_reply_event(event));
	assert_string_equal(outcommit_reply_event(event), name);
	assert_int_equal(outcommit_reply_status(event), 0);
	outcommit_reply_free(event);
}

static void test_events_come_in_order_and_a_restart_means_resync(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n"), SAY("exists\nOBJECT=domain\n"),
				     SAY("end\n"), RESTART, ANSWER("monitor\n", "0\n"),
				     SAY("end\n")));

	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	assert_int_equal(outcommit_reload(p.c, &p.err), -EBUSY);
	expect_event(p.c, "exists");
	expect_event(p.c, "end");
	expect_event(p.c, "resync");
	expect_event(p.c, "end");
	finish(&p);
}

static void test_no_event_is_no_error(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n"), CLOSE));
	struct outcommit_reply *event = NULL;

	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EINVAL);
	outcommit_set_retry(p.c, false);
	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	wait_readable(p.c);
	assert_int_equal(outcommit_next_event(p.c, 10000, &event), -ENOTCONN);
	assert_null(event);
	assert_int_equal(outcommit_reconnect(p.c), 0);
	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EINVAL);
	finish(&p);
}

static void test_waiting_for_an_event_ends_in_time(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("monitor\n", "0\n")));
	struct outcommit_reply *event = NULL;
	int64_t start;

	assert_int_equal(outcommit_monitor(p.c, &p.err), 0);
	assert_int_equal(outcommit_next_event(p.c, 0, &event), -EAGAIN);
	start = now_ms();
	assert_int_equal(outcommit_next_event(p.c, 50, &event), -EAGAIN);
	assert_in_range(now_ms() - start, 50, 5000);
	finish(&p);
}

#define THREADS 8
#define ROUNDS 500

struct talker {
	struct outcommit *c;
	int number;
	int wrong;
};

static void *talk(void *arg)
{
	struct talker *t = arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t closed = 0, epoch = (uint64_t)(t->number * ROUNDS + i + 1);

		if (outcommit_postsuspend(t->c, "web", epoch, &closed, NULL) || closed != epoch)
			t->wrong++;
	}
	return NULL;
}

static void test_threads_on_one_connection_get_their_own_replies(void **state)
{
	struct talker talkers[THREADS];
	pthread_t threads[THREADS];
	struct pair p = begin(NULL);

	for (int i = 0; i < THREADS; i++) {
		talkers[i] = (struct talker){ .c = p.c, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &talkers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(talkers[i].wrong, 0);
	}
	finish(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_event_loop_sends_ahead_and_reads_in_order),
		cmocka_unit_test(test_a_daemon_that_does_not_read_is_not_waited_for),
		cmocka_unit_test(test_events_come_in_order_and_a_restart_means_resync),
		cmocka_unit_test(test_no_event_is_no_error),
		cmocka_unit_test(test_waiting_for_an_event_ends_in_time),
		cmocka_unit_test(test_threads_on_one_connection_get_their_own_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
