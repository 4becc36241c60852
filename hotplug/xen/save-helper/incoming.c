/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "incoming.h"

#include <poll.h>
#include <sys/ioctl.h>

/* What can be read and has no bytes is at its end, a pipe as well as a socket. */
enum incoming incoming_look(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int bytes, count = poll(&ready, 1, 0);

	if (count == 0)
		return INCOMING_NOTHING;
	if (count < 0 || ready.revents & POLLNVAL || ioctl(fd, FIONREAD, &bytes))
		return INCOMING_DATA;
	return bytes ? INCOMING_DATA : INCOMING_END;
}
