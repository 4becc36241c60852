// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static int signals = -1;

uint64_t wait_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int wait_begin(bool terminal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	if (terminal) {
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGTSTP);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals < 0 ? -errno : 0;
}

static enum wait_event take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return WAIT_TIME;
	if (info.ssi_signo == SIGWINCH)
		return WAIT_RESIZE;
	return info.ssi_signo == SIGTSTP ? WAIT_STOP : WAIT_END;
}

enum wait_event wait_for(int fd, uint64_t deadline_ns)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	uint64_t now_ns = wait_now_ns();
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	struct timespec left = {
		.tv_sec = (time_t)(left_ns / 1000000000),
		.tv_nsec = (long)(left_ns % 1000000000),
	};
	int ready;

	do {
		ready = ppoll(fds, 2, deadline_ns ? &left : NULL, NULL);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return WAIT_END;
	if (fds[0].revents)
		return take_signal();
	return fds[1].revents ? WAIT_INPUT : WAIT_TIME;
}
