/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* One word too many is kept count of: child_start() refuses. */
void words_add(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX)
		words->word[words->count] = word;
	words->count++;
}

void words_addf(struct words *words, const char *format, ...)
{
	char *at = words->bytes + words->used;
	size_t room = sizeof(words->bytes) - words->used;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(at, room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= room)
		words->count = WORDS_MAX;
	else
		words->used += (size_t)size + 1;
	words_add(words, at);
}

static int enter_cgroup(const char *cgroup)
{
	char path[PATH_MAX];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int place_files(const struct child *child)
{
	int in = child->in ? child->in : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (dup2(in, STDIN_FILENO) < 0 || (child->out && dup2(child->out, STDOUT_FILENO) < 0) ||
	    (child->err && dup2(child->err, STDERR_FILENO) < 0) ||
	    (child->kept && fcntl(child->kept, F_SETFD, 0)))
		return -errno;
	return 0;
}

/* What is ignored stays so behind the exec; and a handler of ours does not. */
static void place_signals(const struct child *child)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; child->undisturbed && i < sizeof(ends) / sizeof(ends[0]); i++)
		signal(ends[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int place_path(const struct child *child)
{
	const char *others = getenv("PATH");
	char path[2 * PATH_MAX];
	int size;

	if (!child->path)
		return 0;
	size = snprintf(path, sizeof(path), "%s:%s", child->path,
			others ? others : "/usr/sbin:/usr/bin");
	if (size >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return setenv("PATH", path, 1) ? -errno : 0;
}

static void become(const struct child *child)
{
	setpgid(0, 0);
	place_signals(child);
	if (place_path(child) || place_files(child) ||
	    (child->cgroup && enter_cgroup(child->cgroup)))
		_exit(126);
	execvp(child->words->word[0], (char *const *)child->words->word);
	perror(child->words->word[0]);
	_exit(127);
}

pid_t child_start(const struct child *child)
{
	pid_t pid;

	if (child->words->count > WORDS_MAX)
		return -E2BIG;
	pid = fork();
	if (pid == 0)
		become(child);
	return pid < 0 ? -errno : pid;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_end(pid_t pid, int timeout_ms)
{
	struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};

	if (ended.fd < 0)
		return child_wait(pid);
	if (poll(&ended, 1, timeout_ms) <= 0)
		kill(-pid, SIGKILL);
	close(ended.fd);
	return child_wait(pid);
}

int child_run(const struct child *child)
{
	pid_t pid = child_start(child);

	return pid < 0 ? pid : child_wait(pid);
}
