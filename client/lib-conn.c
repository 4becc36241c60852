// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The connection: open, wait, send one packet, take one packet. What it promises: nothing here
 * blocks beyond its deadline, raises a signal or outlives an exec.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t conn_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? NEVER : now_ns() + (int64_t)timeout_ms * 1000000;
}

/* For poll(2): rounded up, so that it does not wake before the deadline. */
static int left_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == NEVER)
		return -1;
	left = (deadline - now_ns() + 999999) / 1000000;
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Wait until @fd is ready. 0, -EAGAIN if waiting is not wanted, -ETIMEDOUT. */
int conn_wait(int fd, short events, int64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (deadline == AT_ONCE)
		return -EAGAIN;
	for (;;) {
		int ready = poll(&poll_fd, 1, left_ms(deadline));

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (deadline != NEVER && now_ns() >= deadline)
			return -ETIMEDOUT;
	}
}

/* Let @ms pass, there being no event to wait for: a listener that is not there yet has none. */
int conn_pause(int ms, int64_t deadline)
{
	int left = left_ms(deadline);

	if (!left)
		return -ETIMEDOUT;
	poll(NULL, 0, left > 0 && left < ms ? left : ms);
	return 0;
}

static int try_connect(struct outcommit *c)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&c->address, sizeof(c->address))) {
		int error = -errno;

		close(fd);
		return error;
	}
	c->fd = fd;
	return 0;
}

/* Connect. A listener whose queue is full is waited for, one that is not there is not. */
int conn_open(struct outcommit *c, int64_t deadline)
{
	int ret;

	while ((ret = try_connect(c)) == -EAGAIN)
		if (conn_pause(1, deadline)) {
			ret = -ETIMEDOUT;
			break;
		}
	c->refusal = ret;
	return ret;
}

void conn_drop(struct outcommit *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->outstanding = 0;
}

/* Does this error of conn_send() or conn_recv() mean that the connection is gone? */
bool conn_is_lost(int error)
{
	return error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN ||
	       error == -ECONNREFUSED;
}

/* Send a packet: 0, -EAGAIN, -ETIMEDOUT, or the connection is lost and nothing was sent. */
int conn_send(struct outcommit *c, const struct wire_buf *packet, int64_t deadline)
{
	for (;;) {
		ssize_t sent = send(c->fd, packet->data, packet->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int ret;

		if (sent >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		ret = conn_wait(c->fd, POLLOUT, deadline);
		if (ret)
			return ret;
	}
}

/* Take the next packet: 0, -EAGAIN, -ETIMEDOUT, -EBADMSG, -ENOMEM, or the connection is lost. */
int conn_recv(struct outcommit *c, int64_t deadline, struct outcommit_reply **reply)
{
	for (;;) {
		ssize_t len = recv(c->fd, c->packet, sizeof(c->packet), MSG_DONTWAIT);
		int ret;

		if (len > 0)
			return reply_new(c->packet, (size_t)len, reply);
		if (!len)
			return -ECONNRESET;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		ret = conn_wait(c->fd, POLLIN, deadline);
		if (ret)
			return ret;
	}
}

static int set_address(struct sockaddr_un *address, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, len + 1);
	return 0;
}

int outcommit_connect(const char *path, int timeout_ms, struct outcommit **out)
{
	struct outcommit *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->timeout_ms = timeout_ms;
	c->retry = true;
	c->request.data = c->request_data;
	c->request.size = sizeof(c->request_data);
	pthread_mutex_init(&c->lock, NULL);

	ret = set_address(&c->address, path ? path : OUTCOMMIT_SOCKET);
	if (!ret)
		ret = conn_open(c, conn_deadline(timeout_ms));
	if (ret) {
		outcommit_close(c);
		return ret;
	}
	*out = c;
	return 0;
}

void outcommit_close(struct outcommit *c)
{
	if (!c)
		return;
	conn_drop(c);
	lease_forget_all(c);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int outcommit_fd(struct outcommit *c)
{
	int fd;

	pthread_mutex_lock(&c->lock);
	fd = c->fd;
	pthread_mutex_unlock(&c->lock);
	return fd < 0 ? -ENOTCONN : fd;
}

void outcommit_set_timeout(struct outcommit *c, int timeout_ms)
{
	pthread_mutex_lock(&c->lock);
	c->timeout_ms = timeout_ms;
	pthread_mutex_unlock(&c->lock);
}

void outcommit_set_retry(struct outcommit *c, bool retry)
{
	pthread_mutex_lock(&c->lock);
	c->retry = retry;
	pthread_mutex_unlock(&c->lock);
}

int outcommit_reconnect(struct outcommit *c)
{
	int64_t deadline;
	int ret;

	pthread_mutex_lock(&c->lock);
	deadline = conn_deadline(c->timeout_ms);
	conn_drop(c);
	c->monitoring = false;
	ret = conn_open(c, deadline);
	if (!ret)
		ret = lease_renew(c, deadline, NULL, NULL);
	if (ret)
		conn_drop(c);
	pthread_mutex_unlock(&c->lock);
	return ret;
}
