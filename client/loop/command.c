// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void be_child(const struct command_call *call)
{
	char epoch[24];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	snprintf(epoch, sizeof(epoch), "%" PRIu64, call->epoch);
	setenv("DOMAIN", call->domain, 1);
	setenv("EPOCH", epoch, 1);
	if (call->checkpoint)
		setenv("CHECKPOINT", call->checkpoint, 1);
	close(STDIN_FILENO);
	open("/dev/null", O_RDONLY);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", call->text, (char *)NULL);
	_exit(127);
}

pid_t command_start(const struct command_call *call, int *fd)
{
	pid_t pid = fork();
	int err;

	if (pid < 0)
		return -errno;
	if (!pid)
		be_child(call);
	/* on both sides: whoever is first, it is in its group before it can be killed */
	setpgid(pid, pid);
	*fd = pidfd_open(pid, 0);
	if (*fd >= 0)
		return pid;
	err = -errno;
	command_kill(pid, -1);
	return err;
}

int command_end(pid_t pid, int fd)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (fd >= 0)
		close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

void command_kill(pid_t pid, int fd)
{
	kill(-pid, SIGKILL);
	command_end(pid, fd);
}
