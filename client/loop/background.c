// SPDX-License-Identifier: GPL-2.0-or-later
#include "background.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"

#define RETRY_NS (NS_PER_S / 5)
/* The descriptor that is waited for, signals, and each transfer */
enum {
	POLL_AWAITED,
	POLL_SIGNAL,
	POLL_TRANSFERS,
	POLL_MAX = POLL_TRANSFERS + EPOCHS_OUTSTANDING_MAX
};

int background_init(struct background *background)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -errno;
	background->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return background->signal_fd < 0 ? -errno : 0;
}

void background_fini(struct background *background)
{
	for (size_t i = 0; i < EPOCHS_OUTSTANDING_MAX; i++)
		if (background->transfers[i].pid > 0)
			command_kill(background->transfers[i].pid, background->transfers[i].fd);
	if (background->signal_fd >= 0)
		close(background->signal_fd);
}

static void take_signals(struct background *background)
{
	struct epochs *loop = background->loop;
	struct signalfd_siginfo info;

	while (read(background->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		loop->hurry = loop->stop;
		loop->stop = true;
		epochs_say(loop, "%s: %s", strsignal((int)info.ssi_signo),
			   loop->hurry ? "ending at once" : "ending after this epoch");
	}
}

static void say_how_it_ended(const struct background *background, const char *what, uint64_t epoch,
			     int status)
{
	if (status == -ETIMEDOUT)
		epochs_say(background->loop, "%s of epoch %" PRIu64 ": not done in %" PRId64 " s",
			   what, epoch, background->timeout_ns / NS_PER_S);
	else if (status < 0)
		epochs_say(background->loop, "%s of epoch %" PRIu64 ": %s", what, epoch,
			   status == -EINTR ? "ended by a signal" : strerror(-status));
	else
		epochs_say(background->loop, "%s of epoch %" PRIu64 ": exit status %d", what, epoch,
			   status);
}

static void transfer_done(struct background *background, struct transfer *transfer, int status)
{
	const uint64_t epoch = transfer->epoch;

	transfer->pid = 0;
	if (!status) {
		transfer->epoch = 0;
		epochs_safe(background->loop, epoch);
		return;
	}
	say_how_it_ended(background, "replicate", epoch, status);
	transfer->due_ns = clock_ns() + RETRY_NS;
	if (transfer->tries++ < background->retries)
		return;
	transfer->epoch = 0;
	epochs_lost(background->loop, epoch);
}

static void transfer_start(struct background *background, struct transfer *transfer)
{
	const struct command_call call = {
		.text = background->replicate,
		.domain = background->loop->domain,
		.epoch = transfer->epoch,
		.checkpoint = *transfer->checkpoint ? transfer->checkpoint : NULL,
	};

	transfer->due_ns = clock_ns() + background->timeout_ns;
	transfer->pid = command_start(&call, &transfer->fd);
	if (transfer->pid < 0)
		transfer_done(background, transfer, transfer->pid);
}

static void transfer_check(struct background *background, struct transfer *transfer, bool ended)
{
	if (!transfer->epoch || (!ended && clock_ns() < transfer->due_ns))
		return;
	if (!transfer->pid) {
		transfer_start(background, transfer);
	} else if (ended) {
		transfer_done(background, transfer, command_end(transfer->pid, transfer->fd));
	} else {
		command_kill(transfer->pid, transfer->fd);
		transfer_done(background, transfer, -ETIMEDOUT);
	}
}

/* Fill in what to poll; when to wake up at the latest. */
static int64_t prepare(const struct background *background, int fd, int64_t until_ns,
		       struct pollfd *polls)
{
	polls[POLL_AWAITED] = (struct pollfd){ .fd = fd, .events = POLLIN };
	polls[POLL_SIGNAL] = (struct pollfd){ .fd = background->signal_fd, .events = POLLIN };
	for (size_t i = 0; i < EPOCHS_OUTSTANDING_MAX; i++) {
		const struct transfer *transfer = &background->transfers[i];
		const bool runs = transfer->epoch && transfer->pid > 0;

		polls[POLL_TRANSFERS + i] =
			(struct pollfd){ .fd = runs ? transfer->fd : -1, .events = POLLIN };
		if (transfer->epoch && transfer->due_ns < until_ns)
			until_ns = transfer->due_ns;
	}
	return until_ns;
}

int background_wait_any(struct background *background, int fd, int64_t until_ns)
{
	struct pollfd polls[POLL_MAX];
	const int64_t wake_ns = prepare(background, fd, until_ns, polls);

	if (poll(polls, POLL_MAX, clock_poll_ms(wake_ns)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (polls[POLL_SIGNAL].revents)
		take_signals(background);
	for (size_t i = 0; i < EPOCHS_OUTSTANDING_MAX; i++)
		transfer_check(background, &background->transfers[i],
			       polls[POLL_TRANSFERS + i].revents);
	if (background->loop->hurry && !background->uncut)
		return -EINTR;
	return polls[POLL_AWAITED].revents ? 1 : 0;
}

int background_wait(struct background *background, int fd, int64_t until_ns)
{
	int ret;

	do {
		ret = background_wait_any(background, fd, until_ns);
	} while (!ret && clock_ns() < until_ns);
	return ret;
}

int background_run(struct background *background, const char *what, const char *command,
		   uint64_t epoch)
{
	const struct command_call call = { command, background->loop->domain, epoch, NULL };
	int fd, ret;
	pid_t pid = command_start(&call, &fd);

	if (pid < 0) {
		ret = pid;
	} else {
		ret = background_wait(background, fd, clock_ns() + background->timeout_ns);
		if (ret == 1) {
			ret = command_end(pid, fd);
		} else {
			command_kill(pid, fd);
			ret = ret ? ret : -ETIMEDOUT;
		}
	}
	if (!ret)
		return 0;
	say_how_it_ended(background, what, epoch, ret);
	return ret < 0 ? ret : -EIO;
}

int background_replicate(struct background *background, uint64_t epoch, const char *checkpoint)
{
	struct transfer *transfer = background->transfers;

	while (transfer->epoch)
		if (++transfer == background->transfers + EPOCHS_OUTSTANDING_MAX)
			return -ENOSPC;
	*transfer = (struct transfer){ .epoch = epoch };
	if (checkpoint)
		snprintf(transfer->checkpoint, sizeof(transfer->checkpoint), "%s", checkpoint);
	transfer_start(background, transfer);
	return 0;
}
