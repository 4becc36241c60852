// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void be_child(const struct spawn *spawn, int out)
{
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	if (spawn->function)
		_exit(spawn->function(spawn->arg));
	if (dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	execvp(spawn->argv[0], (char *const *)spawn->argv);
	_exit(127);
}

/* Everything up to the end, of which @size bytes are kept. */
static int read_all(struct spawn *spawn, int fd, char *output, size_t size)
{
	const int64_t deadline = now_ms() + spawn->timeout_ms;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		char rest[512];
		size_t room = size - spawn->len;
		ssize_t len;

		if (poll(&poll_fd, 1, left > 0 ? (int)left : 0) < 1)
			return -ETIMEDOUT;
		len = read(fd, room ? output + spawn->len : rest, room ? room : sizeof(rest));
		if (len < 0)
			return -errno;
		if (!len)
			return 0;
		if (room)
			spawn->len += (size_t)len;
	}
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int spawn_run(struct spawn *spawn, void *output, size_t size)
{
	int pipe_fds[2], ret, status;
	pid_t pid;

	spawn->len = 0;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		be_child(spawn, pipe_fds[1]);
	close(pipe_fds[1]);
	ret = pid < 0 ? -errno : read_all(spawn, pipe_fds[0], output, size);
	close(pipe_fds[0]);
	if (pid < 0)
		return ret;
	if (ret)
		kill(pid, SIGKILL);
	status = reap(pid);
	return ret ? ret : status;
}
