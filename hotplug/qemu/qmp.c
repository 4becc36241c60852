// SPDX-License-Identifier: GPL-2.0-or-later
#include "qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "wire.h"

#define READ_SIZE 4096U
#define LINE "a line from the monitor"

static void set_error(struct qmp *qmp, const char *what, const char *why)
{
	char text[2 * sizeof(qmp->error)];

	snprintf(text, sizeof(text), "%s: %s", what, why);
	wire_clean(qmp->error, sizeof(qmp->error), text);
}

int qmp_fail(struct qmp *qmp, int ret, const char *what)
{
	set_error(qmp, what, strerror(-ret));
	return ret;
}

int qmp_refused(struct qmp *qmp, const char *what, const char *why)
{
	set_error(qmp, what, why ? why : "refused");
	return -EIO;
}

static int gone(struct qmp *qmp)
{
	snprintf(qmp->error, sizeof(qmp->error), "QEMU is gone");
	return -ESRCH;
}

/* An answer to an earlier command, which nobody waits for any more, is dropped. */
static void take_answer(struct qmp *qmp, json_t *message)
{
	if (json_integer_value(json_object_get(message, "id")) != qmp->id)
		return;
	json_decref(qmp->answer);
	qmp->answer = json_incref(message);
}

static int take_line(struct qmp *qmp, const char *line, size_t len)
{
	const char *event;
	json_t *message;

	if (len > QMP_LINE_MAX)
		return qmp_fail(qmp, -EMSGSIZE, LINE);
	message = json_loadb(line, len, 0, NULL);
	if (!json_is_object(message)) {
		json_decref(message);
		return qmp_fail(qmp, -EBADMSG, LINE);
	}
	event = json_string_value(json_object_get(message, "event"));
	if (event)
		qmp->event(qmp->arg, event, json_object_get(message, "data"));
	else
		take_answer(qmp, message);
	json_decref(message);
	return 0;
}

/* All whole lines in the buffer */
static int take_lines(struct qmp *qmp)
{
	char *line = qmp->buffer, *end;
	int ret = 0;

	while (!ret && (end = memchr(line, '\n', (size_t)(qmp->buffer + qmp->len - line)))) {
		ret = take_line(qmp, line, (size_t)(end - line));
		line = end + 1;
	}
	qmp->len -= (size_t)(line - qmp->buffer);
	memmove(qmp->buffer, line, qmp->len);
	return ret;
}

static int make_room(struct qmp *qmp)
{
	char *buffer;

	if (qmp->size - qmp->len >= READ_SIZE)
		return 0;
	buffer = realloc(qmp->buffer, 2 * qmp->size + READ_SIZE);
	if (!buffer)
		return -ENOMEM;
	qmp->buffer = buffer;
	qmp->size = 2 * qmp->size + READ_SIZE;
	return 0;
}

static int take_some(struct qmp *qmp)
{
	int ret = make_room(qmp);
	char *fresh;
	ssize_t len;

	if (ret)
		return qmp_fail(qmp, ret, LINE);
	fresh = qmp->buffer + qmp->len;
	len = recv(qmp->fd, fresh, qmp->size - qmp->len, MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len <= 0)
		return gone(qmp);
	qmp->len += (size_t)len;
	/* one that comes byte by byte is not searched from its beginning each time */
	if (memchr(fresh, '\n', (size_t)len))
		ret = take_lines(qmp);
	if (!ret && qmp->len > QMP_LINE_MAX)
		ret = qmp_fail(qmp, -EMSGSIZE, LINE);
	return ret;
}

int qmp_pump(struct qmp *qmp, int64_t until_ns)
{
	int ret = background_wait_any(qmp->background, qmp->fd, until_ns);

	if (ret > 0)
		return take_some(qmp);
	return ret ? qmp_fail(qmp, ret, "the monitor") : 0;
}

static int send_all(struct qmp *qmp, const char *text, size_t len, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)text, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(fd));
	}
	/* a command is far shorter than the socket's buffer: that is full only if nobody reads */
	sent = sendmsg(qmp->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno == EAGAIN)
		return -ETIMEDOUT;
	return sent == (ssize_t)len ? 0 : -ESRCH;
}

static int send_command(struct qmp *qmp, const char *command, json_t *arguments, int fd)
{
	json_t *message = json_pack("{s:s, s:I, s:o*}", "execute", command, "id",
				    (json_int_t)++qmp->id, "arguments", arguments);
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	int ret = text ? send_all(qmp, text, strlen(text), fd) : -ENOMEM;

	free(text);
	json_decref(message);
	return ret;
}

static int await_answer(struct qmp *qmp)
{
	const int64_t until_ns = clock_ns() + qmp->timeout_ns;
	int ret = 0;

	while (!ret && !qmp->answer) {
		if (clock_ns() >= until_ns)
			return -ETIMEDOUT;
		ret = qmp_pump(qmp, until_ns);
	}
	return ret;
}

static int take_result(struct qmp *qmp, const char *command, json_t **result)
{
	const json_t *error = json_object_get(qmp->answer, "error");
	json_t *value = json_object_get(qmp->answer, "return");

	if (error)
		return qmp_refused(qmp, command, json_string_value(json_object_get(error, "desc")));
	if (!value)
		return qmp_fail(qmp, -EBADMSG, command);
	if (result)
		*result = json_incref(value);
	return 0;
}

int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, int fd, json_t **result)
{
	int ret;

	json_decref(qmp->answer);
	qmp->answer = NULL;
	ret = send_command(qmp, command, arguments, fd);
	if (!ret)
		ret = await_answer(qmp);
	if (ret == -ESRCH)
		return gone(qmp);
	return ret ? qmp_fail(qmp, ret, command) : take_result(qmp, command, result);
}

/* Who has as many clients waiting as it may is waited for no longer than for an answer. */
static int connect_to(struct qmp *qmp, const struct sockaddr_un *address)
{
	const struct timeval timeout = {
		.tv_sec = qmp->timeout_ns / NS_PER_S,
		.tv_usec = qmp->timeout_ns % NS_PER_S / 1000,
	};

	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (qmp->fd < 0 ||
	    setsockopt(qmp->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	if (connect(qmp->fd, (const struct sockaddr *)address, sizeof(*address)))
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

int qmp_negotiate(struct qmp *qmp)
{
	/* the greeting is no answer to anything, and passes by */
	return qmp_execute(qmp, "qmp_capabilities", NULL, -1, NULL);
}

int qmp_open(struct qmp *qmp, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return qmp_fail(qmp, -ENAMETOOLONG, path);
	strcpy(address.sun_path, path);
	ret = connect_to(qmp, &address);
	return ret ? qmp_fail(qmp, ret, path) : qmp_negotiate(qmp);
}

void qmp_close(struct qmp *qmp)
{
	if (qmp->fd >= 0)
		close(qmp->fd);
	json_decref(qmp->answer);
	free(qmp->buffer);
}
