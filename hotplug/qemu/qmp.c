// SPDX-License-Identifier: GPL-2.0-or-later
#include "qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

#define MESSAGE_MAX (16U << 20)
#define READ_SIZE 4096U

static int fail(struct qmp *qmp, int ret, const char *what)
{
	snprintf(qmp->error, sizeof(qmp->error), "%s: %s", what, strerror(-ret));
	return ret;
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
	json_t *message = json_loadb(line, len, 0, NULL);
	const char *event = json_string_value(json_object_get(message, "event"));

	if (!json_is_object(message)) {
		json_decref(message);
		return fail(qmp, -EBADMSG, "QMP");
	}
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
	if (qmp->size >= MESSAGE_MAX)
		return -EMSGSIZE;
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
	ssize_t len;

	if (ret)
		return fail(qmp, ret, "QMP");
	len = recv(qmp->fd, qmp->buffer + qmp->len, qmp->size - qmp->len, MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len <= 0)
		return gone(qmp);
	qmp->len += (size_t)len;
	return take_lines(qmp);
}

int qmp_pump(struct qmp *qmp, int64_t until_ns)
{
	int ret = background_wait_any(qmp->background, qmp->fd, until_ns);

	return ret > 0 ? take_some(qmp) : ret;
}

static int send_all(struct qmp *qmp, const char *text, size_t len, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)text, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

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
	/* a command is far shorter than the socket's buffer */
	return sendmsg(qmp->fd, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -ESRCH;
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
	const char *why = json_string_value(json_object_get(error, "desc"));

	if (error) {
		snprintf(qmp->error, sizeof(qmp->error), "%s: %s", command, why ? why : "refused");
		return -EIO;
	}
	if (result)
		*result = json_incref(json_object_get(qmp->answer, "return"));
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
	return ret ? fail(qmp, ret, command) : take_result(qmp, command, result);
}

int qmp_open(struct qmp *qmp, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(qmp, -ENAMETOOLONG, path);
	strcpy(address.sun_path, path);
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (qmp->fd < 0 || connect(qmp->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(qmp, -errno, path);
	/* the greeting is no answer to anything, and passes by */
	return qmp_execute(qmp, "qmp_capabilities", NULL, -1, NULL);
}

void qmp_close(struct qmp *qmp)
{
	if (qmp->fd >= 0)
		close(qmp->fd);
	json_decref(qmp->answer);
	free(qmp->buffer);
}
