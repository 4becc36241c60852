/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static void become_helper(const struct child *child, int in, int out, pid_t parent,
			  char *const argv[], const struct child_signals *signals)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	signal(SIGPIPE, signals->on_pipe);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
	execv(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

static int make_pipes(int in[2], int out[2])
{
	int err;

	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (!pipe2(out, O_CLOEXEC))
		return 0;
	err = -errno;
	close(in[0]);
	close(in[1]);
	return err;
}

int child_start(struct child *child, char *const argv[], const struct child_signals *signals)
{
	pid_t parent = getpid();
	int in[2], out[2];
	int err;

	err = make_pipes(in, out);
	if (err)
		return err;
	*child = (struct child){.pid = fork(), .in = in[1], .out = out[0]};
	err = child->pid < 0 ? -errno : 0;
	if (child->pid == 0)
		become_helper(child, in[0], out[1], parent, argv, signals);
	close(in[0]);
	close(out[1]);
	if (err)
		child_close(child);
	return err;
}

void child_signal(const struct child *child, int number)
{
	if (child->pid > 0)
		kill(child->pid, number);
}

static void close_once(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void child_stop(struct child *child)
{
	child_signal(child, SIGTERM);
	close_once(&child->in);
}

void child_close_out(struct child *child)
{
	close_once(&child->out);
}

void child_close(struct child *child)
{
	close_once(&child->in);
	close_once(&child->out);
}
