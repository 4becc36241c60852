// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What Xen's save helper, libxl and the wrapper at the other end send to ours, in pieces. The input's first byte says who sends (message,
 * reply, frame), the second how many bytes of the rest come first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "message.h"

#define PIPE_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1: one is whole, and was looked at. */
static int take_message(int fd)
{
	static struct message message;
	int status, ret = message_read(&message, fd);

	if (ret == 1) {
		message_wants_reply(&message);
		message_complete_status(&message, &status);
	}
	if (ret)
		message.len = 0;
	return ret;
}

static int take_reply(int fd)
{
	static struct reply reply;
	int ret = reply_read(&reply, fd);

	if (ret == 1)
		reply_value(&reply);
	if (ret)
		reply.len = 0;
	return ret;
}

/* A frame that is understood is the one that would be sent. */
static int take_frame(int fd)
{
	static struct frame_reader reader;
	uint8_t bytes[FRAME_BYTES];
	struct frame frame, again;
	int ret = frame_read(&reader, fd, &frame);

	if (ret == 1) {
		frame_encode(&frame, bytes);
		if (frame_decode(bytes, &again) || again.type != frame.type || again.number != frame.number)
			abort();
	}
	if (ret)
		reader.len = 0;
	return ret;
}

static void take_all(int (*take)(int fd), int fd)
{
	int ret;

	/* an empty pipe is 0 with nothing read: more pieces than bytes there are not */
	for (size_t i = 0; i <= PIPE_BYTES; i++) {
		ret = take(fd);
		if (ret < 0 || !ret)
			return;
	}
	abort();
}

static void send_piece(int fd, const uint8_t *data, size_t size)
{
	if (size && write(fd, data, size) != (ssize_t)size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const takes[])(int fd) = { take_message, take_reply, take_frame };
	size_t first;
	int fds[2];

	if (size < 2 || size > PIPE_BYTES / 2 || pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return 0;
	first = data[1] < size - 2 ? data[1] : size - 2;
	send_piece(fds[1], data + 2, first);
	take_all(takes[data[0] % 3], fds[0]);
	send_piece(fds[1], data + 2 + first, size - 2 - first);
	close(fds[1]);
	while (takes[data[0] % 3](fds[0]) >= 0)
		;
	close(fds[0]);
	return 0;
}
