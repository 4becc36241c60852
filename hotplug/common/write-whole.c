/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "write-whole.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

int write_whole(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t put = write(fd, at, len);

		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			at += put;
			len -= (size_t)put;
		}
	}
	return 0;
}
