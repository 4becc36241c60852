/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK "lock"

static void on_alarm(int number)
{
}

/* The alarm interrupts it. */
static int wait_for(int fd, unsigned int wait_s)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	int rc;

	sigaction(SIGALRM, &action, NULL);
	alarm(wait_s);
	rc = flock(fd, LOCK_EX);
	alarm(0);
	return rc ? -EBUSY : 0;
}

int lock_take(int dir_fd, unsigned int wait_s)
{
	int fd = openat(dir_fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = flock(fd, LOCK_EX | LOCK_NB) ? -EBUSY : 0;
	if (err && wait_s)
		err = wait_for(fd, wait_s);
	if (err)
		close(fd);
	return err ? err : fd;
}
