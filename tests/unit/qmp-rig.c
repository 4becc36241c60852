// SPDX-License-Identifier: GPL-2.0-or-later
/* See qmp-rig.h. */
#include "qmp-rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void note_event(void *arg, const char *name, const json_t *data)
{
	struct rig *rig = arg;

	if (strlen(rig->events) + strlen(name) + 2 > sizeof(rig->events))
		return;
	strcat(rig->events, name);
	strcat(rig->events, " ");
}

void set_up(struct rig *rig)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*rig = (struct rig){
		.qmp = { .fd = fds[0], .timeout_ns = PATIENCE_NS, .event = note_event },
		.background = { .signal_fd = -1 },
		.loop = { .domain = "web" },
		.monitor = fds[1],
	};
	rig->qmp.background = &rig->background;
	rig->qmp.arg = rig;
	rig->background.loop = &rig->loop;
}

void tear_down(struct rig *rig)
{
	qmp_close(&rig->qmp);
	if (rig->monitor >= 0)
		close(rig->monitor);
}

void say(struct rig *rig, const char *text)
{
	assert_int_equal(send(rig->monitor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

const char *heard(struct rig *rig)
{
	ssize_t len = recv(rig->monitor, rig->heard, sizeof(rig->heard) - 1, MSG_DONTWAIT);

	rig->heard[len > 0 ? len : 0] = '\0';
	return rig->heard;
}

void expect_failure(struct rig *rig, int ret, const char *error)
{
	assert_int_equal(qmp_execute(&rig->qmp, "stop", NULL, -1, NULL), ret);
	assert_string_equal(rig->qmp.error, error);
}

static bool send_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

		if (sent < 0)
			return false;
		text += sent;
		len -= (size_t)sent;
	}
	return true;
}

static void *talk(void *arg)
{
	const struct talker *talker = arg;

	for (size_t i = 0; i < talker->times; i++)
		if (!send_all(talker->fd, talker->text))
			return NULL;
	if (talker->last)
		send_all(talker->fd, talker->last);
	return NULL;
}

int execute_against(struct rig *rig, struct talker *talker)
{
	pthread_t thread;
	int ret;

	talker->fd = rig->monitor;
	assert_int_equal(pthread_create(&thread, NULL, talk, talker), 0);
	ret = qmp_execute(&rig->qmp, "stop", NULL, -1, NULL);
	shutdown(rig->qmp.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	return ret;
}
