/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "report.h"

#define SECOND_NS INT64_C(1000000000)
#define NO_FENCE "none"

void fence_init(struct fence *fence, const struct settings *settings)
{
	*fence = (struct fence){.settings = settings, .deadline_ns = INT64_MAX};
}

static bool word(const struct fence *fence, const char *what)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s.%s", fence->settings->run_dir,
			   fence->settings->domain, what);

	return len < (int)sizeof(path) && !access(path, F_OK);
}

static bool has_command(const struct fence *fence)
{
	return *fence->settings->fence && strcmp(fence->settings->fence, NO_FENCE);
}

static void announce(const struct fence *fence)
{
	const char *domain = fence->settings->domain;

	if (has_command(fence))
		report(LOG_WARNING, "domain %s: failover; fencing %s: %s", domain,
		       fence->settings->primary, fence->settings->fence);
	else if (*fence->settings->fence)
		report(LOG_WARNING,
		       "domain %s: failover WITHOUT FENCING, as configured: if the "
		       "other one still runs, there are two of it now",
		       domain);
	else
		report(LOG_CRIT,
		       "domain %s: failover waits for you, because no fence command is "
		       "configured: make sure that it does not run on %s, then: "
		       "outcommit-xl-receive take-over %s",
		       domain, fence->settings->primary, domain);
}

/* stdout is libxl's: what the command prints goes to the log. */
static void run_command(const struct settings *settings)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	setenv("OUTCOMMIT_DOMAIN", settings->domain, 1);
	setenv("OUTCOMMIT_PRIMARY", settings->primary, 1);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close(STDIN_FILENO);
	open("/dev/null", O_RDONLY);
	execl("/bin/sh", "sh", "-c", settings->fence, (char *)NULL);
	_exit(127);
}

static void start_command(struct fence *fence, int64_t now_ns)
{
	fence->tries++;
	fence->kill_ns = now_ns + (int64_t)fence->settings->fence_timeout_s * SECOND_NS;
	fence->retry_ns = now_ns + (int64_t)fence->settings->fence_retry_s * SECOND_NS;
	fence->pid = fork();
	if (fence->pid == 0)
		run_command(fence->settings);
	if (fence->pid > 0)
		return;
	report(LOG_ERR, "domain %s: cannot run the fence command: %s", fence->settings->domain,
	       strerror(errno));
	fence->pid = 0;
}

static void drive_command(struct fence *fence, int64_t now_ns)
{
	if (!has_command(fence))
		return;
	if (!fence->pid && now_ns >= fence->retry_ns)
		start_command(fence, now_ns);
	else if (fence->pid && now_ns >= fence->kill_ns)
		kill(-fence->pid, SIGKILL);
}

enum fence_verdict fence_ask(struct fence *fence, int64_t now_ns)
{
	fence->deadline_ns = now_ns + SECOND_NS;
	if (word(fence, "stand-down"))
		return FENCE_GIVE_UP;
	if (!fence->begun)
		announce(fence);
	fence->begun = true;
	if (fence->done || !strcmp(fence->settings->fence, NO_FENCE) || word(fence, "take-over"))
		return FENCE_START;
	drive_command(fence, now_ns);
	return FENCE_WAIT;
}

bool fence_child(struct fence *fence, pid_t pid, int status, int64_t now_ns)
{
	if (!fence->pid || pid != fence->pid)
		return false;
	fence->pid = 0;
	fence->done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (fence->done)
		report(LOG_NOTICE, "domain %s: fenced", fence->settings->domain);
	else
		report(LOG_CRIT,
		       "domain %s: the fence command failed (%s %d); the guest does NOT start; try "
		       "%u follows in "
		       "%u s, or: outcommit-xl-receive take-over %s",
		       fence->settings->domain, WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), fence->tries + 1,
		       fence->settings->fence_retry_s, fence->settings->domain);
	fence->retry_ns = now_ns + (int64_t)fence->settings->fence_retry_s * SECOND_NS;
	return true;
}

void fence_end(struct fence *fence)
{
	if (fence->pid)
		kill(-fence->pid, SIGTERM);
}
