/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "write-whole.h"

static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

int stream_open(struct stream *stream, int in, int out, int timeout_ms)
{
	int err;

	stream->in = in;
	stream->out = out;
	stream->timeout_ms = timeout_ms;
	stream->begin = 0;
	stream->end = 0;
	err = make_nonblocking(in);
	return err ? err : make_nonblocking(out);
}

void stream_close(struct stream *stream)
{
	if (stream->in >= 0)
		close(stream->in);
	if (stream->out >= 0 && stream->out != stream->in)
		close(stream->out);
	stream->in = -1;
	stream->out = -1;
}

static int await(int fd, short events, int timeout_ms)
{
	struct pollfd wait = {.fd = fd, .events = events};
	int ready = poll(&wait, 1, timeout_ms);

	if (ready < 0)
		return -errno;
	return ready ? 0 : -ETIMEDOUT;
}

/* Only whole lines may be given up for a signal; in the midst of something it has to wait. */
static int await_through(int fd, short events, int timeout_ms)
{
	int err;

	do {
		err = await(fd, events, timeout_ms);
	} while (err == -EINTR);
	return err;
}

/* What is there by now is taken; there is room for it. */
static int fill(struct stream *stream)
{
	ssize_t size;

	memmove(stream->bytes, stream->bytes + stream->begin, stream->end - stream->begin);
	stream->end -= stream->begin;
	stream->begin = 0;
	size = read(stream->in, stream->bytes + stream->end, sizeof(stream->bytes) - stream->end);
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	stream->end += (size_t)size;
	return size ? 0 : -EPIPE;
}

int stream_line(struct stream *stream, char line[STREAM_LINE_BYTES], int timeout_ms)
{
	const char *from, *newline;
	size_t size;
	int err = 0;

	for (;;) {
		from = stream->bytes + stream->begin;
		size = stream->end - stream->begin;
		newline = memchr(from, '\n', size);
		if (newline || err || size >= STREAM_LINE_BYTES)
			break;
		err = await(stream->in, POLLIN, timeout_ms);
		if (!err)
			err = fill(stream);
	}
	if (err)
		return err;
	if (!newline || (size_t)(newline - from) >= STREAM_LINE_BYTES)
		return -EBADMSG;
	size = (size_t)(newline - from);
	memcpy(line, from, size);
	line[size] = '\0';
	stream->begin += size + 1;
	return 0;
}

int stream_to_file(struct stream *stream, int fd, uint64_t size)
{
	int err = 0;

	while (!err && size) {
		size_t here = stream->end - stream->begin;

		if (here > size)
			here = (size_t)size;
		err = write_whole(fd, stream->bytes + stream->begin, here);
		stream->begin += here;
		size -= here;
		if (!err && size)
			err = await_through(stream->in, POLLIN, stream->timeout_ms);
		if (!err && size)
			err = fill(stream);
	}
	return err;
}

static int send_all(struct stream *stream, const char *bytes, size_t size)
{
	int err = 0;

	while (!err && size) {
		ssize_t done = write(stream->out, bytes, size);

		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		} else if (errno == EAGAIN) {
			err = await_through(stream->out, POLLOUT, stream->timeout_ms);
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	return err;
}

int stream_say(struct stream *stream, const char *format, ...)
{
	char line[STREAM_LINE_BYTES + 1];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(line, STREAM_LINE_BYTES, format, args);
	va_end(args);
	if (size < 0 || size >= (int)STREAM_LINE_BYTES)
		return -EMSGSIZE;
	line[size] = '\n';
	return send_all(stream, line, (size_t)size + 1);
}

int stream_from_file(struct stream *stream, int fd, uint64_t size)
{
	char bytes[1 << 16];
	int err = 0;

	while (!err && size) {
		size_t room = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
		ssize_t got = read(fd, bytes, room);

		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO;
		err = send_all(stream, bytes, (size_t)got);
		size -= (uint64_t)got;
	}
	return err;
}
