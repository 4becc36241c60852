/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cell.h"
#include "report.h"

/* Behind the three that every process has. */
#define TOLD_FD 3

static int failed(const char *what, int err)
{
	report(LOG_ERR, "%s: %s", what, strerror(-err));
	return err;
}

static int enter_netns(const char *name)
{
	char path[256];
	int fd, err = 0;

	if (snprintf(path, sizeof(path), "/run/netns/%s", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err ? failed(path, err) : 0;
}

/* Nothing of ours stays open: criu would have to restore it. TOLD goes with the exec. */
static int detach(int told)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || setsid() < 0 || chdir("/"))
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	if (dup3(told, TOLD_FD, O_CLOEXEC) < 0 || close_range(TOLD_FD + 1, ~0U, 0))
		return -errno;
	return 0;
}

static void become(char *const argv[], int told)
{
	int err = detach(told);

	if (!err) {
		execvp(argv[0], argv);
		err = -errno;
		told = TOLD_FD;
	}
	if (write(told, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* Nothing comes when the exec has closed the other end. */
static int hear(int fd)
{
	int err;

	return read(fd, &err, sizeof(err)) == sizeof(err) ? err : 0;
}

/* The process id, or what kept it from running. */
static pid_t launch(char *const argv[])
{
	int told[2], err;
	pid_t pid;

	if (unshare(CLONE_NEWPID) || pipe2(told, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		become(argv, told[1]);
	close(told[1]);
	err = pid < 0 ? -errno : hear(told[0]);
	close(told[0]);
	return err ? err : pid;
}

static int prepare(const struct options *options)
{
	char life[CELL_LIFE_BYTES] = "";
	struct cell cell;
	pid_t root;
	int err;

	err = cell_open(&cell, options->domain, options->cgroup);
	if (err)
		return failed(cell.path, err);
	root = cell_root(&cell);
	if (root != -ESRCH)
		err = failed(cell.path, root < 0 ? root : -EEXIST);
	if (!err)
		err = cell_thaw(&cell);
	if (!err)
		err = cell_set_life(&cell, life);
	if (!err)
		err = cell_take(&cell, getpid());
	cell_close(&cell);
	return err ? err : enter_netns(options->netns);
}

int start_run(const struct options *options)
{
	int err = prepare(options);
	pid_t pid;

	if (err)
		return err;
	pid = launch(options->rest);
	if (pid < 0)
		return failed(options->rest[0], pid);
	printf("%s runs as process %d\n", options->domain, pid);
	return 0;
}
