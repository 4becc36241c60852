/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "report.h"
#include "write-whole.h"

#define MILLISECOND_NS INT64_C(1000000)
#define STATUS_FAILED (1 << 8) /* as wait(2) says "exited with 1" */

enum { POLL_SIGNALS, POLL_HELPER, POLL_LIBXL, POLL_PEER, POLL_COUNT };

struct relay {
	const struct relay_side *side;
	void *data;
	struct child helper;
	int signals;
	int status;
	bool helper_ended;
	bool failed; /* by our own decision */
	bool libxl_gone;
	bool routine;	    /* checkpoints were made: one more is no news */
	bool waiting;	    /* @message is whole and the side has said to wait */
	unsigned int asked; /* type of the message that libxl has yet to reply to */
	struct message message;
	struct message kept;
	struct reply reply;
};

int64_t relay_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void give_up(struct relay *relay, const char *why, int err)
{
	if (!relay->failed)
		report(LOG_ERR, "%s%s%s", why, err ? ": " : "", err ? strerror(-err) : "");
	relay->failed = true;
	relay->waiting = false;
	child_stop(&relay->helper);
}

static void answer_helper(struct relay *relay, int value)
{
	int err = write_whole(relay->helper.in, &value, sizeof(value));

	if (err)
		give_up(relay, "the save helper does not listen", err);
	else if (relay->side->replied)
		relay->side->replied(relay->data);
}

static int hand_on(struct message *message)
{
	int err = write_whole(STDOUT_FILENO, message->bytes, message->len);

	message->len = 0;
	return err;
}

static void pass(struct relay *relay)
{
	int err = hand_on(&relay->kept);

	if (message_wants_reply(&relay->message))
		relay->asked = message_type(&relay->message);
	if (message_type(&relay->message) == MESSAGE_CHECKPOINT)
		relay->routine = true;
	if (!err)
		err = hand_on(&relay->message);
	if (err)
		give_up(relay, "libxl does not listen", err);
}

static void keep(struct relay *relay)
{
	memcpy(relay->kept.bytes, relay->message.bytes, relay->message.len);
	relay->kept.len = relay->message.len;
	relay->message.len = 0;
}

static void answer_instead(struct relay *relay, int value)
{
	relay->message.len = 0;
	answer_helper(relay, value);
}

static void decide(struct relay *relay)
{
	relay->waiting = false;
	switch (relay->side->message(relay->data, &relay->message, relay_now_ns())) {
	case RELAY_PASS:
		pass(relay);
		break;
	case RELAY_WAIT:
		relay->waiting = true;
		break;
	case RELAY_REFUSE:
		answer_instead(relay, 0);
		break;
	case RELAY_FAIL_OVER:
		answer_instead(relay, CHECKPOINT_FAILOVER);
		break;
	case RELAY_KEEP:
		keep(relay);
		break;
	case RELAY_ABANDON:
		give_up(relay, "the restored guest is given up", 0);
		break;
	}
}

static void from_helper(struct relay *relay)
{
	int got = message_read(&relay->message, relay->helper.out);

	if (got > 0 && relay->routine && message_is_chatter(&relay->message))
		relay->message.len = 0;
	else if (got > 0)
		decide(relay);
	else if (got == -EPIPE)
		child_close_out(&relay->helper);
	else if (got < 0)
		give_up(relay, "the save helper says what is no message", got);
}

/* Without libxl nobody is there who could do anything with the guest. */
static void lose_libxl(struct relay *relay, int err)
{
	relay->libxl_gone = true;
	give_up(relay, "libxl is gone", err == -EPIPE ? 0 : err);
}

static void from_libxl(struct relay *relay)
{
	int got = reply_read(&relay->reply, STDIN_FILENO);
	unsigned int type = relay->asked;

	if (got < 0)
		lose_libxl(relay, got);
	if (got <= 0)
		return;
	relay->reply.len = 0;
	relay->asked = 0;
	if (type)
		answer_helper(relay,
			      relay->side->reply(relay->data, type, reply_value(&relay->reply),
						 relay_now_ns()));
	else
		give_up(relay, "libxl replied to what nobody asked", 0);
}

static void reap(struct relay *relay)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == relay->helper.pid) {
			relay->helper_ended = true;
			relay->helper.pid = 0;
			relay->status = status;
		} else if (relay->side->child) {
			relay->side->child(relay->data, pid, status, relay_now_ns());
		}
	}
}

static void from_signals(struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(relay);
	else
		child_signal(&relay->helper, (int)info.ssi_signo);
}

/* What the helper said last is for libxl still, but not what it can get no answer to any more. */
static bool is_over(const struct relay *relay)
{
	return relay->helper_ended && (relay->helper.out < 0 || relay->waiting || relay->failed);
}

static int timeout_ms(struct relay *relay)
{
	int64_t deadline = relay->side->deadline ? relay->side->deadline(relay->data) : INT64_MAX;
	int64_t left;

	if (deadline == INT64_MAX)
		return -1;
	left = deadline - relay_now_ns();
	return left <= 0 ? 0 : (int)(left / MILLISECOND_NS + 1);
}

static void wait_for_any(struct relay *relay, struct pollfd fds[POLL_COUNT])
{
	bool reading = !relay->waiting && !relay->failed;

	fds[POLL_SIGNALS].fd = relay->signals;
	fds[POLL_HELPER].fd = reading ? relay->helper.out : -1;
	fds[POLL_LIBXL].fd = relay->libxl_gone ? -1 : STDIN_FILENO;
	fds[POLL_PEER].fd = relay->side->peer_fd ? relay->side->peer_fd(relay->data) : -1;
	for (int i = 0; i < POLL_COUNT; i++) {
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	poll(fds, POLL_COUNT, timeout_ms(relay));
}

/* Acks first: they may be what a message waits for. */
static void turn(struct relay *relay)
{
	struct pollfd fds[POLL_COUNT];

	wait_for_any(relay, fds);
	if (fds[POLL_SIGNALS].revents)
		from_signals(relay);
	if (fds[POLL_PEER].revents)
		relay->side->peer_ready(relay->data, relay_now_ns());
	if (relay->side->tick)
		relay->side->tick(relay->data, relay_now_ns());
	if (fds[POLL_LIBXL].revents && !relay->failed)
		from_libxl(relay);
	if (fds[POLL_HELPER].revents && !relay->failed)
		from_helper(relay);
	else if (relay->waiting && !relay->failed)
		decide(relay);
}

static int catch_signals(struct child_signals *before)
{
	sigset_t caught;

	sigemptyset(&caught);
	sigaddset(&caught, SIGCHLD);
	sigaddset(&caught, SIGTERM);
	sigaddset(&caught, SIGINT);
	sigprocmask(SIG_BLOCK, &caught, &before->mask);
	before->on_pipe = signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
}

int relay_run(char *const argv[], const struct relay_side *side, void *data)
{
	/* Too big for the stack of whoever calls; there is one relay in a process. */
	static struct relay relay;
	struct child_signals before;
	int err;

	memset(&relay, 0, sizeof(relay));
	relay.side = side;
	relay.data = data;
	relay.signals = catch_signals(&before);
	err = relay.signals < 0 ? -errno : child_start(&relay.helper, argv, &before);
	if (err) {
		report(LOG_ERR, "cannot run %s: %s", argv[0], strerror(-err));
		return STATUS_FAILED;
	}
	while (!is_over(&relay))
		turn(&relay);
	child_close(&relay.helper);
	close(relay.signals);
	return relay.failed ? STATUS_FAILED : relay.status;
}
