// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommit-qmp's end of QEMU's monitor, against a monitor on a socket pair that says what it is
 * told to: what is taken for an answer, and that every monitor that does not behave is an error
 * with a name, in time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp-rig.h"
#include "scratch.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static void test_a_greeting_is_followed_by_the_capabilities(void **state)
{
	struct rig rig;

	set_up(&rig);
	say(&rig, GREETING DONE(1));
	assert_int_equal(qmp_negotiate(&rig.qmp), 0);
	assert_string_equal(heard(&rig), "{\"execute\":\"qmp_capabilities\",\"id\":1}");
	assert_string_equal(rig.events, "");
	tear_down(&rig);
}

static void test_a_monitor_that_wants_no_capabilities_says_so(void **state)
{
	struct rig rig;

	set_up(&rig);
	say(&rig, GREETING "{\"id\": 1, \"error\": {\"class\": \"CommandNotFound\","
			   " \"desc\": \"Capabilities negotiation is already complete\"}}\r\n");
	assert_int_equal(qmp_negotiate(&rig.qmp), -EIO);
	assert_string_equal(rig.qmp.error,
			    "qmp_capabilities: Capabilities negotiation is already complete");
	tear_down(&rig);
}

static void test_arguments_go_out_and_a_result_comes_back(void **state)
{
	struct rig rig;
	json_t *result = NULL;

	set_up(&rig);
	say(&rig, "{\"return\": {\"status\": \"paused\"}, \"id\": 1}\r\n");
	assert_int_equal(qmp_execute(&rig.qmp, "query-status", json_pack("{s:s}", "a", "b"), -1,
				     &result), 0);
	assert_string_equal(heard(&rig),
			    "{\"execute\":\"query-status\",\"id\":1,\"arguments\":{\"a\":\"b\"}}");
	assert_string_equal(json_string_value(json_object_get(result, "status")), "paused");
	json_decref(result);
	/* it is one command's, and not the next one's too */
	rig.qmp.timeout_ns = SHORT_NS;
	expect_failure(&rig, -ETIMEDOUT, "stop: Connection timed out");
	tear_down(&rig);
}

static int take_fd(int monitor)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	char text[256];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	int fd = -1;

	assert_true(recvmsg(monitor, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0);
	if (msg.msg_controllen >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void test_a_descriptor_goes_along(void **state)
{
	struct rig rig;
	int ends[2], fd;

	set_up(&rig);
	assert_int_equal(pipe(ends), 0);
	say(&rig, DONE(1));
	assert_int_equal(qmp_execute(&rig.qmp, "getfd", NULL, ends[1], NULL), 0);
	fd = take_fd(rig.monitor);
	close(ends[1]);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(ends[0], &(char){ 0 }, 1), 1);
	close(fd);
	close(ends[0]);
	tear_down(&rig);
}

static void test_events_pass_between_a_command_and_its_answer(void **state)
{
	struct rig rig;

	set_up(&rig);
	say(&rig, EVENT("STOP") EVENT("RESUME") DONE(1) EVENT("SHUTDOWN"));
	assert_int_equal(qmp_execute(&rig.qmp, "stop", NULL, -1, NULL), 0);
	assert_string_equal(rig.events, "STOP RESUME SHUTDOWN ");
	tear_down(&rig);
}

static void test_a_line_may_come_in_pieces(void **state)
{
	static const char *const pieces[] = {
		"{\"event\": \"ST", "OP\"", "}\r", "\n{\"return\"", ": {},",
	};
	struct rig rig;

	set_up(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		say(&rig, pieces[i]);
		assert_int_equal(qmp_pump(&rig.qmp, clock_ns() + PATIENCE_NS), 0);
		assert_string_equal(rig.events, i < 3 ? "" : "STOP ");
	}
	say(&rig, " \"id\": 1}\n");
	assert_int_equal(qmp_execute(&rig.qmp, "stop", NULL, -1, NULL), 0);
	tear_down(&rig);
}

static void test_a_refusal_has_the_command_and_the_reason_fit_to_be_shown(void **state)
{
	static const struct {
		const char *answer;
		const char *error;
	} cases[] = {
		{ "{\"class\": \"GenericError\", \"desc\": \"no disk\"}", "stop: no disk" },
		{ "{\"desc\": \"\\u001b[2J\\r\\n\\u009b1m\\u007f\"}", "stop: ?[2J????1m?" },
		{ "{\"desc\": \"caf\\u00e9\"}", "stop: caf\xc3\xa9" },
		{ "{\"desc\": 7}", "stop: refused" },
		{ "{}", "stop: refused" },
		{ "null", "stop: refused" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig rig;
		char line[256];

		set_up(&rig);
		snprintf(line, sizeof(line), "{\"error\": %s, \"id\": 1}\n", cases[i].answer);
		say(&rig, line);
		expect_failure(&rig, -EIO, cases[i].error);
		tear_down(&rig);
	}
}

static void test_a_long_reason_is_cut(void **state)
{
	struct rig rig;
	char line[4096];

	set_up(&rig);
	snprintf(line, sizeof(line), "{\"id\": 1, \"error\": {\"desc\": \"%03000d\"}}\n", 0);
	say(&rig, line);
	assert_int_equal(qmp_execute(&rig.qmp, "stop", NULL, -1, NULL), -EIO);
	assert_int_equal(strlen(rig.qmp.error), sizeof(rig.qmp.error) - 1);
	tear_down(&rig);
}

static void test_what_is_no_qmp_is_refused(void **state)
{
	static const char *const lines[] = {
		"\n", "hello\n", "[]\n", "7\n", "{\n", "{\"return\": {}, \"id\": 1} x\n", "\xff\n",
		"{\"id\": 1, \"return\": \"\\u0000\"}\n", "{\"id\": 1, \"return\": \"\xc3\"}\n",
		"{\"id\": 1}\n", "{\"id\": 1, \"result\": {}}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rig rig;

		set_up(&rig);
		say(&rig, lines[i]);
		expect_failure(&rig, -EBADMSG, "stop: Bad message");
		tear_down(&rig);
	}
}

static void test_no_answer_but_that_with_its_number_is_taken(void **state)
{
	static const char *const answers[] = {
		DONE(2), DONE(0), DONE(-1), DONE(1.0), DONE("1"), "{\"return\": {}}\n", GREETING,
		EVENT("STOP"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct rig rig;

		set_up(&rig);
		rig.qmp.timeout_ns = SHORT_NS;
		say(&rig, answers[i]);
		expect_failure(&rig, -ETIMEDOUT, "stop: Connection timed out");
		tear_down(&rig);
	}
}

static void test_an_answer_that_never_comes_costs_the_timeout_and_no_more(void **state)
{
	const int64_t start_ns = clock_ns();
	struct rig rig;

	set_up(&rig);
	rig.qmp.timeout_ns = SHORT_NS;
	expect_failure(&rig, -ETIMEDOUT, "stop: Connection timed out");
	assert_in_range(clock_ns() - start_ns, SHORT_NS, PATIENCE_NS);
	/* when it comes after all, it is no answer to what was asked since */
	say(&rig, "{\"error\": {\"desc\": \"late\"}, \"id\": 1}\n" DONE(2));
	assert_int_equal(qmp_execute(&rig.qmp, "cont", NULL, -1, NULL), 0);
	tear_down(&rig);
}

static void test_a_monitor_that_does_not_read_costs_the_timeout_and_no_more(void **state)
{
	const int64_t start_ns = clock_ns();
	const int size = 1;
	struct rig rig;

	set_up(&rig);
	rig.qmp.timeout_ns = NS_PER_MS;
	assert_int_equal(setsockopt(rig.qmp.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 20; i++)
		expect_failure(&rig, -ETIMEDOUT, "stop: Connection timed out");
	assert_true(clock_ns() - start_ns < PATIENCE_NS);
	tear_down(&rig);
}

static void test_a_monitor_that_closes_is_gone(void **state)
{
	static const char *const last_words[] = {
		"", GREETING, EVENT("SHUTDOWN"), "{\"return\": {}, \"id\": 1}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(last_words); i++) {
		struct rig rig;

		set_up(&rig);
		say(&rig, last_words[i]);
		shutdown(rig.monitor, SHUT_WR);
		expect_failure(&rig, -ESRCH, "QEMU is gone");
		assert_int_equal(qmp_pump(&rig.qmp, NEVER_NS), -ESRCH);
		close(rig.monitor);
		rig.monitor = -1;
		expect_failure(&rig, -ESRCH, "QEMU is gone");
		tear_down(&rig);
	}
}

static void test_events_without_end_do_not_put_the_deadline_off(void **state)
{
	struct talker talker = { .text = EVENT("STOP"), .times = SIZE_MAX };
	struct rig rig;

	set_up(&rig);
	rig.qmp.timeout_ns = SHORT_NS;
	assert_int_equal(execute_against(&rig, &talker), -ETIMEDOUT);
	assert_string_equal(rig.qmp.error, "stop: Connection timed out");
	tear_down(&rig);
}

static void test_a_line_without_end_is_refused(void **state)
{
	struct talker talker = { .text = LETTERS LETTERS LETTERS, .times = SIZE_MAX };
	struct rig rig;

	set_up(&rig);
	say(&rig, "{\"event\": \"STOP\", \"data\": \"");
	assert_int_equal(execute_against(&rig, &talker), -EMSGSIZE);
	assert_string_equal(rig.qmp.error, "stop: Message too long");
	assert_true(rig.qmp.size <= 4 * QMP_LINE_MAX);
	tear_down(&rig);
}

static void test_the_longest_line_is_taken_and_a_longer_one_refused(void **state)
{
	for (size_t len = QMP_LINE_MAX; len <= QMP_LINE_MAX + 1; len++) {
		struct talker talker = { .times = 1, .last = DONE(1) };
		char *line = malloc(len + 2);
		struct rig rig;

		assert_non_null(line);
		memset(line, ' ', len);
		memcpy(line, "{}", 2);
		strcpy(line + len, "\n");
		talker.text = line;
		set_up(&rig);
		assert_int_equal(execute_against(&rig, &talker),
				 len == QMP_LINE_MAX ? 0 : -EMSGSIZE);
		tear_down(&rig);
		free(line);
	}
}

static void test_who_is_not_there_is_named(void **state)
{
	static const char path[] = "/proc/self/no-monitor";
	struct qmp qmp = { .fd = -1, .timeout_ns = PATIENCE_NS };
	char longer[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

	assert_int_equal(qmp_open(&qmp, path), -ENOENT);
	assert_string_equal(qmp.error, "/proc/self/no-monitor: No such file or directory");
	qmp_close(&qmp);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	qmp = (struct qmp){ .fd = -1 };
	assert_int_equal(qmp_open(&qmp, longer), -ENAMETOOLONG);
	qmp_close(&qmp);
}

static void listen_at(struct sockaddr_un *address, const char *directory, int *listener)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/qmp", directory);
	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*listener, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(*listener, 0), 0);
}

/* As QEMU does, which serves one client at a time and lets one more wait. */
static void test_a_monitor_that_serves_others_costs_the_timeout_and_no_more(void **state)
{
	char directory[SCRATCH_BYTES], path_error[256];
	struct rig first, second;
	struct sockaddr_un address;
	int listener;

	scratch_dir(directory, "test-qmp");
	listen_at(&address, directory, &listener);
	set_up(&first);
	set_up(&second);
	close(first.qmp.fd);
	close(second.qmp.fd);
	first.qmp.timeout_ns = second.qmp.timeout_ns = SHORT_NS;
	assert_int_equal(qmp_open(&first.qmp, address.sun_path), -ETIMEDOUT);
	assert_string_equal(first.qmp.error, "qmp_capabilities: Connection timed out");
	assert_int_equal(qmp_open(&second.qmp, address.sun_path), -ETIMEDOUT);
	snprintf(path_error, sizeof(path_error), "%s: Connection timed out", address.sun_path);
	assert_string_equal(second.qmp.error, path_error);
	tear_down(&first);
	tear_down(&second);
	close(listener);
	unlink(address.sun_path);
	rmdir(directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_greeting_is_followed_by_the_capabilities),
		cmocka_unit_test(test_a_monitor_that_wants_no_capabilities_says_so),
		cmocka_unit_test(test_arguments_go_out_and_a_result_comes_back),
		cmocka_unit_test(test_events_pass_between_a_command_and_its_answer),
		cmocka_unit_test(test_a_line_may_come_in_pieces),
		cmocka_unit_test(test_a_refusal_has_the_command_and_the_reason_fit_to_be_shown),
		cmocka_unit_test(test_a_long_reason_is_cut),
		cmocka_unit_test(test_what_is_no_qmp_is_refused),
		cmocka_unit_test(test_no_answer_but_that_with_its_number_is_taken),
		cmocka_unit_test(test_an_answer_that_never_comes_costs_the_timeout_and_no_more),
		cmocka_unit_test(test_a_monitor_that_does_not_read_costs_the_timeout_and_no_more),
		cmocka_unit_test(test_a_monitor_that_closes_is_gone),
		cmocka_unit_test(test_events_without_end_do_not_put_the_deadline_off),
		cmocka_unit_test(test_a_line_without_end_is_refused),
		cmocka_unit_test(test_the_longest_line_is_taken_and_a_longer_one_refused),
		cmocka_unit_test(test_who_is_not_there_is_named),
		cmocka_unit_test(test_a_monitor_that_serves_others_costs_the_timeout_and_no_more),
		cmocka_unit_test(test_a_descriptor_goes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
