// SPDX-License-Identifier: GPL-2.0-or-later
/* A barrier waits for one other request at most, and nobody waits for ever: the real server in this process, its loop turned by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager.h"

#define ASKERS 40
#define COMMIT "commit\nDOMAIN=nobody\nEPOCH=1"

struct rig {
	struct manager mgr;
	int askers[ASKERS], driver;
};

static int client_of(int listener)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
	return fd;
}

static void turn(struct rig *rig)
{
	ev_run(rig->mgr.loop, EVRUN_NOWAIT);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct config_error error;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	/* an address without a name: the kernel finds one that nobody has */
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr.sun_family)), 0);
	assert_int_equal(listen(fd, ASKERS + 1), 0);
	assert_int_equal(config_load(&rig->mgr.config, "/nowhere", 0, &rig->mgr.overrides, &error), 0);
	/* as for root, whoever runs this */
	rig->mgr.config.clients_per_user = ASKERS + 1;
	rig->mgr.config.driver_users.everyone = true;
	rig->mgr.loop = ev_loop_new(0);
	assert_int_equal(server_init(&rig->mgr.server, &rig->mgr, fd), 0);
	for (size_t i = 0; i < ASKERS; i++)
		rig->askers[i] = client_of(fd);
	rig->driver = client_of(fd);
	while (rig->mgr.server.client_count <= ASKERS)
		turn(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	server_fini(&rig->mgr.server);
	ev_loop_destroy(rig->mgr.loop);
	for (size_t i = 0; i < ASKERS; i++)
		close(rig->askers[i]);
	close(rig->driver);
	free(rig);
	return 0;
}

static void ask(int fd, const char *request)
{
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
}

/* The reply's status, or 1 if there is none. */
static int reply(int fd)
{
	char text[4096];
	ssize_t got = recv(fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return 1;
	text[got] = '\0';
	return atoi(text);
}

static size_t answered(const struct rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < ASKERS; i++)
		count += reply(rig->askers[i]) == 0;
	return count;
}

static void a_barrier_among_many_questions_waits_for_one_at_most(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ASKERS / 2; i++)
		ask(rig->askers[i], "version");
	ask(rig->driver, COMMIT);
	for (size_t i = ASKERS / 2; i < ASKERS; i++)
		ask(rig->askers[i], "version");
	turn(rig);
	assert_int_equal(reply(rig->driver), -ENOENT);
	assert_in_range(answered(rig), 0, 1);
}

static void a_barrier_that_comes_during_a_question_waits_for_that_one_only(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ASKERS; i++)
		ask(rig->askers[i], "version");
	turn(rig);
	assert_int_equal(answered(rig), 1);
	ask(rig->driver, COMMIT);
	turn(rig);
	assert_int_equal(reply(rig->driver), -ENOENT);
	assert_int_equal(answered(rig), 0);
}

static void every_question_gets_its_turn_while_some_never_stop(void **state)
{
	struct rig *rig = *state;
	size_t first = 0, turns = 0;

	for (size_t i = 0; i < ASKERS; i++)
		ask(rig->askers[i], "version");
	for (; first < ASKERS / 2 && turns < 10 * ASKERS; turns++) {
		turn(rig);
		for (size_t i = 0; i < ASKERS; i++) {
			if (reply(rig->askers[i]))
				continue;
			if (i < ASKERS / 2)
				first++;
			else
				ask(rig->askers[i], "version");
		}
	}
	assert_int_equal(first, ASKERS / 2);
	assert_in_range(turns, 1, ASKERS + 2);
}

static void who_leaves_while_waiting_takes_its_question_along(void **state)
{
	struct rig *rig = *state;
	size_t count = 0;

	for (size_t i = 0; i < ASKERS; i++)
		ask(rig->askers[i], "version");
	turn(rig);
	for (size_t i = 0; i < ASKERS; i += 2)
		shutdown(rig->askers[i], SHUT_RDWR);
	for (size_t i = 0; i < 3 * ASKERS; i++) {
		turn(rig);
		count += answered(rig);
	}
	assert_in_range(count, ASKERS / 2, ASKERS);
	assert_int_equal(rig->mgr.server.client_count, ASKERS / 2 + 1);
}

static void a_request_that_is_too_long_is_refused_after_its_turn_too(void **state)
{
	struct rig *rig = *state;
	char *longest = calloc(1, 3 * WIRE_REQUEST_MAX);

	memset(longest, 'x', 2 * WIRE_REQUEST_MAX);
	for (size_t i = 0; i < 3; i++)
		ask(rig->askers[i], longest);
	for (size_t i = 0; i < 5; i++)
		turn(rig);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(reply(rig->askers[i]), -EMSGSIZE);
	free(longest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_barrier_among_many_questions_waits_for_one_at_most),
		TEST(a_barrier_that_comes_during_a_question_waits_for_that_one_only),
		TEST(every_question_gets_its_turn_while_some_never_stop),
		TEST(who_leaves_while_waiting_takes_its_question_along),
		TEST(a_request_that_is_too_long_is_refused_after_its_turn_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
