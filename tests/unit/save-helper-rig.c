// SPDX-License-Identifier: GPL-2.0-or-later
#include "save-helper-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "write-whole.h"

#define PATIENCE_MS 20000
#define NOTHING_MS 150 /* long enough to see that something does not come */

/* ---- The scripted save helper ---- */

static void say(unsigned int type, const int *args, size_t count)
{
	uint8_t bytes[64];
	uint16_t len = (uint16_t)(2 + count * sizeof(int)), number = (uint16_t)type;

	memcpy(bytes, &len, 2);
	memcpy(bytes + 2, &number, 2);
	if (count)
		memcpy(bytes + 4, args, count * sizeof(int));
	if (write_whole(STDOUT_FILENO, bytes, 2U + len))
		exit(3);
}

static int listen_for_reply(void)
{
	int value;

	if (read(STDIN_FILENO, &value, sizeof(value)) != sizeof(value))
		exit(254);
	return value;
}

static void complete(int status)
{
	const int args[] = {status, 0};

	say(MESSAGE_COMPLETE, args, 2);
	listen_for_reply();
	exit(0);
}

/* As libxc does: 0 to a question is the end. */
static void ask(unsigned int type)
{
	say(type, NULL, 0);
	if (listen_for_reply() <= 0)
		complete(-1);
}

static void act(char what)
{
	const int results[] = {1, 2, 3, 4}, info[] = {5, 0, 0, 0}, error[] = {8, 0, 0, 0};

	switch (what) {
	case 'l':
		say(MESSAGE_LOG, info, 4);
		break;
	case 'e':
		say(MESSAGE_LOG, error, 4);
		break;
	case 'n':
		say(MESSAGE_PROGRESS, results, 4);
		break;
	case 's':
		ask(MESSAGE_SUSPEND);
		break;
	case 'r':
		ask(MESSAGE_POSTCOPY);
		break;
	case 'c':
		ask(MESSAGE_CHECKPOINT);
		break;
	case 'd':
		ask(MESSAGE_LOGDIRTY);
		break;
	case 'R':
		say(MESSAGE_RESTORE_RESULTS, results, 4);
		break;
	case 'C':
		complete(0);
		break;
	case 'E':
		complete(-1);
		break;
	case 'x':
		exit(7);
	case 'k':
		raise(SIGKILL);
		break;
	case 'p':
		pause();
		break;
	case 'i': /* 5 if SIGPIPE would not kill it */
		exit(signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 5 : 6);
	case 'z':
		if (write(STDOUT_FILENO, "\1\0\0", 3) != 3)
			exit(3);
		break; /* too short for a message */
	}
}

void rig_be_helper(int argc, char *argv[])
{
	if (argc < 2 || strncmp(argv[1], "--", 2))
		return;
	for (const char *script = getenv("FAKE_HELPER"); script && *script; script++)
		act(*script);
	exit(0);
}

/* ---- The scripted libxl ---- */

void rig_set_path(const struct rig *rig, const char *name, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig->dir, file);
	setenv(name, path, 1);
}

void rig_set_environment(struct rig *rig, const char *script)
{
	char self[256] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	setenv("OUTCOMMIT_XEN_HELPER", self, 1);
	setenv("FAKE_HELPER", script, 1);
	setenv("OUTCOMMIT_DOMAIN", "g", 1);
	setenv("OUTCOMMIT_PRIMARY", "alpha", 1);
	rig_set_path(rig, "OUTCOMMIT_XEN_CONF", "xen.conf");
	rig_set_path(rig, "OUTCOMMIT_XEN_STATUS", "status");
	rig_set_path(rig, "OUTCOMMIT_XEN_RUN_DIR", ".");
	if (rig->daemon)
		setenv("OUTCOMMIT_SOCKET", fake_path(rig->daemon), 1);
}

/* @stream is libxl's word for what it is, 1 for Remus. */
static void become_wrapper(int in, int out, int back, int io, bool restore, const char *stream)
{
	char fd[16], io_fd[16];

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	snprintf(fd, sizeof(fd), "%d", back);
	snprintf(io_fd, sizeof(io_fd), "%d", io);
	if (restore)
		execl(XEN_SAVE_HELPER, XEN_SAVE_HELPER, "--restore-domain", io_fd, fd, "7", "1", "2",
		      "3", "4", "288", stream, (char *)NULL);
	else
		execl(XEN_SAVE_HELPER, XEN_SAVE_HELPER, "--save-domain", io_fd, fd, "7", "1", "184",
		      stream, (char *)NULL);
	_exit(126);
}

void stream_goes_on(struct rig *rig)
{
	assert_int_equal(write(rig->stream[1], "", 1), 1);
}

void stream_is_read(struct rig *rig)
{
	char byte;

	assert_int_equal(read(rig->stream[0], &byte, 1), 1);
}

void stream_ends(struct rig *rig)
{
	close(rig->stream[1]);
	rig->stream[1] = -1;
}

void rig_launch(struct rig *rig, bool restore, const char *stream)
{
	int in[2], out[2], back[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(back, O_CLOEXEC), 0);
	assert_int_equal(pipe2(rig->stream, O_CLOEXEC), 0);
	stream_goes_on(rig);
	rig->pid = fork();
	if (!rig->pid) {
		int end = back[restore ? 1 : 0];

		fcntl(end, F_SETFD, 0);
		fcntl(rig->stream[0], F_SETFD, 0);
		become_wrapper(in[0], out[1], end, rig->stream[0], restore, stream);
	}
	close(in[0]);
	close(out[1]);
	close(back[restore ? 1 : 0]);
	rig->in = in[1];
	rig->out = out[0];
	rig->back = back[restore ? 0 : 1];
}

struct rig rig_begin(bool restore, const char *script, const struct fake_step *steps)
{
	struct rig rig = {.daemon = steps ? fake_start(steps) : NULL};

	signal(SIGPIPE, SIG_IGN);
	scratch_dir(rig.dir, "save-helper");
	rig_set_environment(&rig, script);
	rig_launch(&rig, restore, "1");
	return rig;
}

bool comes(int fd, int timeout_ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, timeout_ms) == 1;
}

static void read_exactly(int fd, void *bytes, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n;

		if (!comes(fd, PATIENCE_MS))
			fail_msg("nothing comes");
		n = read(fd, (char *)bytes + got, len - got);
		if (n <= 0)
			fail_msg("the end, after %zu of %zu bytes", got, len);
		got += (size_t)n;
	}
}

void hears(struct rig *rig, unsigned int type)
{
	uint8_t body[256];
	uint16_t len, got;

	read_exactly(rig->out, &len, 2);
	assert_in_range(len, 2, sizeof(body));
	read_exactly(rig->out, body, len);
	memcpy(&got, body, 2);
	assert_int_equal(got, type);
}

void hears_nothing(struct rig *rig)
{
	assert_false(comes(rig->out, NOTHING_MS));
}

void replies(struct rig *rig, int value)
{
	assert_int_equal(write(rig->in, &value, sizeof(value)), sizeof(value));
}

/* It says that it failed, is told so, and ends as its helper does. */
void hears_failure(struct rig *rig)
{
	int args[2];
	uint16_t head[2];

	read_exactly(rig->out, head, sizeof(head));
	assert_int_equal(head[1], MESSAGE_COMPLETE);
	read_exactly(rig->out, args, sizeof(args));
	assert_int_equal(args[0], -1);
	replies(rig, 0);
}

/* What is said next is then heard later than what was said here. */
static void await_taken(int fd)
{
	int left = 1;

	for (int ms = 0; ms < PATIENCE_MS && left; ms++) {
		assert_int_equal(ioctl(fd, FIONREAD, &left), 0);
		if (left)
			poll(NULL, 0, 1);
	}
	assert_int_equal(left, 0);
}

void backup_says(struct rig *rig, enum frame_type type, uint64_t number)
{
	const struct frame frame = {.type = type, .number = number};
	uint8_t bytes[FRAME_BYTES];

	frame_encode(&frame, bytes);
	assert_int_equal(write(rig->back, bytes, sizeof(bytes)), sizeof(bytes));
	await_taken(rig->back);
}

void primary_hears(struct rig *rig, enum frame_type type, uint64_t number)
{
	uint8_t bytes[FRAME_BYTES];
	struct frame frame;

	read_exactly(rig->back, bytes, sizeof(bytes));
	assert_int_equal(frame_decode(bytes, &frame), 0);
	assert_int_equal(frame.type, type);
	assert_int_equal(frame.number, number);
}

void primary_hears_nothing(struct rig *rig)
{
	char byte;

	assert_true(!comes(rig->back, NOTHING_MS) || read(rig->back, &byte, 1) == 0);
}

void rig_await_end(struct rig *rig)
{
	struct pollfd none = {.fd = -1};

	for (int ms = 0; ms < PATIENCE_MS && !rig->ended; ms += 5) {
		rig->ended = waitpid(rig->pid, &rig->status, WNOHANG) == rig->pid;
		if (!rig->ended)
			poll(&none, 1, 5);
	}
	if (!rig->ended) {
		kill(rig->pid, SIGKILL);
		fail_msg("it does not end");
	}
}

/* It must end with @status, as exit(3) has it. */
void rig_end_with(struct rig *rig, int status)
{
	const char *problem = NULL;

	rig_await_end(rig);
	if (rig->daemon)
		problem = fake_stop(rig->daemon);
	close(rig->in);
	close(rig->out);
	close(rig->back);
	close(rig->stream[0]);
	if (rig->stream[1] >= 0)
		stream_ends(rig);
	scratch_remove(rig->dir);
	unsetenv("OUTCOMMIT_XEN_FENCE_RETRY_S");
	unsetenv("OUTCOMMIT_XEN_FENCE");
	unsetenv("OUTCOMMIT_XEN_PEER");
	unsetenv("OUTCOMMIT_XEN_HELLO_TIMEOUT_S");
	unsetenv("OUTCOMMIT_XEN_ACK_TIMEOUT_S");
	if (problem)
		fail_msg("%s", problem);
	assert_true(WIFEXITED(rig->status));
	assert_int_equal(WEXITSTATUS(rig->status), status);
}
