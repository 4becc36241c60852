// SPDX-License-Identifier: GPL-2.0-or-later
#include "epochs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

void epochs_say(const struct epochs *loop, const char *format, ...)
{
	char line[1280];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* the progress line may stand where this one is to go */
	fprintf(stderr, "%s%s: %s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "",
		program_invocation_short_name, loop->domain, line);
}

/* The first reason counts: what fails after it does so because of it. */
static void end(struct epochs *loop, enum epochs_end why)
{
	if (loop->end == EPOCHS_GOING || loop->end == EPOCHS_ASKED)
		loop->end = why;
}

static void end_failed(struct epochs *loop)
{
	end(loop, loop->holding ? EPOCHS_HELD : EPOCHS_NEVER_BEGAN);
}

static void refused(const struct epochs *loop, const char *verb, const struct outcommit_error *err)
{
	epochs_say(loop, "%s: %s", verb, err->message);
}

static int get_module(struct epochs *loop, bool *mainline)
{
	struct outcommit_reply *reply;
	struct outcommit_error err;
	const char *module;
	int ret = outcommit_check(loop->connection, &reply, &err);

	if (ret) {
		refused(loop, "check", &err);
		return ret;
	}
	module = outcommit_reply_get(reply, "MODULE");
	*mainline = !module || strcmp(module, "outcommit");
	outcommit_reply_free(reply);
	return 0;
}

/* A domain without a vif, or with a broken one, would be protected in name only. */
static int check_barrier(const struct epochs *loop, const struct outcommit_reply *status)
{
	uint64_t whole = 0, vifs = 0;

	outcommit_reply_get_u64(status, "WHOLE", &whole);
	outcommit_reply_get_u64(status, "VIFS", &vifs);
	if (whole && vifs)
		return 0;
	epochs_say(loop, "%s", vifs ? "a vif is broken: attach it again" : "no vif is attached");
	return -EIO;
}

/*
 * What an earlier driver left: with mainline's module, an epoch that it closed and did not commit
 * has to be committed before another can be closed. A checkpoint that is made now covers it.
 */
static void take_over(struct epochs *loop, const struct outcommit_reply *status, bool mainline)
{
	const char *state = outcommit_reply_get(status, "STATE");
	uint64_t outstanding = 0;

	outcommit_reply_get_u64(status, "OUTSTANDING", &outstanding);
	loop->holding = state && !strcmp(state, "holding");
	loop->closed = loop->holding ? loop->next - 1 : 0;
	if (mainline && outstanding && loop->next > 1)
		loop->next--;
}

/* From now on nobody else drives this domain. @terms: for the time when we are gone. */
static int drive(const struct epochs *loop, const struct outcommit_terms *terms)
{
	struct outcommit_error err;
	int ret = outcommit_drive(loop->connection, loop->domain, terms, NULL, &err);

	if (ret)
		refused(loop, "drive", &err);
	return ret;
}

/* Whoever comes next need not wait, and nothing is released because we have gone. */
static void hand_over_domain(const struct epochs *loop)
{
	static const struct outcommit_terms terms = {
		.on_driver_lost = OUTCOMMIT_POLICY_HOLD,
		.has_grace = true,
	};

	if (loop->holding)
		drive(loop, &terms);
}

static int find_state(struct epochs *loop, bool mainline)
{
	struct outcommit_reply *status;
	struct outcommit_error err;
	int ret = outcommit_status(loop->connection, loop->domain, &status, &err);

	if (ret) {
		refused(loop, "status", &err);
		return ret;
	}
	ret = outcommit_reply_get_u64(status, "OPEN", &loop->next);
	if (!ret)
		ret = check_barrier(loop, status);
	if (!ret)
		take_over(loop, status, mainline);
	outcommit_reply_free(status);
	return ret;
}

static int begin(struct epochs *loop)
{
	bool mainline = true;
	int ret = drive(loop, NULL);

	if (!ret)
		ret = get_module(loop, &mainline);
	if (ret)
		return ret;
	if (mainline && loop->limits.outstanding > 1)
		epochs_say(loop, "the kernel's own sch_plug has one outstanding epoch, not %u",
			   loop->limits.outstanding);
	if (mainline)
		loop->limits.outstanding = 1;
	return find_state(loop, mainline);
}

static bool close_epoch(struct epochs *loop, uint64_t epoch)
{
	struct outcommit_error err;

	if (outcommit_postsuspend(loop->connection, loop->domain, epoch, NULL, &err)) {
		refused(loop, "postsuspend", &err);
		return false;
	}
	loop->holding = true;
	loop->closed = epoch;
	return true;
}

static void stands_still(struct epochs *loop, const char *why)
{
	epochs_say(loop, "the guest is NOT resumed and stands still: %s", why);
	end(loop, EPOCHS_STANDS_STILL);
}

/* Of a guest that is gone there is nothing more to suspend or resume. */
static bool is_gone(struct epochs *loop, int ret)
{
	if (ret == -ESRCH)
		end_failed(loop);
	return ret == -ESRCH;
}

/* @epoch: the last one that was closed; 0: none ever, so that there is no barrier to ask for. */
static bool resume(struct epochs *loop, uint64_t epoch)
{
	struct outcommit_error err;
	int ret;

	if (epoch && outcommit_preresume(loop->connection, loop->domain, epoch, &err)) {
		stands_still(loop, err.message);
		return false;
	}
	ret = loop->ops->resume(loop->guest, epoch);
	if (ret && !is_gone(loop, ret))
		stands_still(loop, "it could not be resumed");
	return !ret;
}

static void count_failure(struct epochs *loop)
{
	loop->failures++;
	if (++loop->failed <= loop->limits.failures)
		return;
	epochs_say(loop, "%u checkpoints in a row have failed", loop->failed);
	end_failed(loop);
}

/* Whether the guest stands still now is not known, so it is resumed. */
static void suspend_failed(struct epochs *loop)
{
	if (resume(loop, loop->closed))
		count_failure(loop);
}

/*
 * The epoch's frames are left to the next commit. A module that cannot abort an epoch gets a
 * later checkpoint for the same one: it covers all that the epoch sent.
 */
static void checkpoint_failed(struct epochs *loop, uint64_t epoch)
{
	struct outcommit_error err;
	int ret = outcommit_abort(loop->connection, loop->domain, epoch, &err);

	if (!ret) {
		loop->next = epoch + 1;
	} else if (ret != -EOPNOTSUPP) {
		refused(loop, "abort", &err);
		end_failed(loop);
	}
	count_failure(loop);
}

static void hand_over(struct epochs *loop, uint64_t epoch, int64_t closed_ns)
{
	loop->failed = 0;
	loop->next = epoch + 1;
	loop->checkpoints++;
	loop->slots[loop->outstanding++] =
		(struct epochs_slot){ .epoch = epoch, .closed_ns = closed_ns };
	if (!loop->ops->replicate)
		epochs_safe(loop, epoch);
	else if (loop->ops->replicate(loop->guest, epoch))
		epochs_lost(loop, epoch);
}

static void one_epoch(struct epochs *loop)
{
	const uint64_t epoch = loop->next;
	const int64_t began_ns = clock_ns();
	int64_t closed_ns;
	int failed = loop->ops->suspend(loop->guest, epoch);

	if (failed) {
		if (!is_gone(loop, failed))
			suspend_failed(loop);
		return;
	}
	if (!close_epoch(loop, epoch)) {
		stands_still(loop, "the epoch could not be closed on every vif");
		return;
	}
	closed_ns = clock_ns();
	failed = loop->ops->checkpoint(loop->guest, epoch);
	if (is_gone(loop, failed))
		return;
	if (failed)
		checkpoint_failed(loop, epoch);
	if (!resume(loop, epoch))
		return;
	loop->pause_ns = clock_ns() - began_ns;
	if (!failed)
		hand_over(loop, epoch, closed_ns);
	if (loop->ops->progress)
		loop->ops->progress(loop->guest);
}

/* How many of the oldest are safe, none left out */
static unsigned int count_safe(const struct epochs *loop)
{
	unsigned int count = 0;

	while (count < loop->outstanding && loop->slots[count].safe)
		count++;
	return count;
}

static void commit(struct epochs *loop, unsigned int count)
{
	const struct epochs_slot newest = loop->slots[count - 1];
	struct outcommit_error err;

	if (outcommit_commit(loop->connection, loop->domain, newest.epoch, NULL, &err)) {
		refused(loop, "commit", &err);
		end(loop, EPOCHS_HELD);
		loop->outstanding = 0;
		return;
	}
	loop->committed = newest.epoch;
	loop->commit_ns = clock_ns() - newest.closed_ns;
	loop->outstanding -= count;
	memmove(loop->slots, loop->slots + count, loop->outstanding * sizeof(*loop->slots));
	if (loop->ops->progress)
		loop->ops->progress(loop->guest);
}

static unsigned int find(const struct epochs *loop, uint64_t epoch)
{
	unsigned int i = 0;

	while (i < loop->outstanding && loop->slots[i].epoch != epoch)
		i++;
	return i;
}

void epochs_safe(struct epochs *loop, uint64_t epoch)
{
	unsigned int i = find(loop, epoch), count;

	if (i == loop->outstanding)
		return;
	loop->slots[i].safe = true;
	count = count_safe(loop);
	if (count)
		commit(loop, count);
}

/* Those behind it may be built on it, and are not waited for either. */
void epochs_lost(struct epochs *loop, uint64_t epoch)
{
	epochs_say(loop, "the checkpoint of epoch %" PRIu64 " did not get to safety", epoch);
	loop->outstanding = find(loop, epoch);
	end(loop, EPOCHS_HELD);
}

static bool is_due(const struct epochs *loop, int64_t due_ns)
{
	return loop->outstanding < loop->limits.outstanding && clock_ns() >= due_ns;
}

static bool is_enough(const struct epochs *loop)
{
	return loop->stop || (loop->limits.epochs && loop->checkpoints >= loop->limits.epochs);
}

static void wait_until_due(struct epochs *loop, int64_t due_ns)
{
	while (loop->end == EPOCHS_GOING && !is_enough(loop) && !is_due(loop, due_ns)) {
		const bool full = loop->outstanding >= loop->limits.outstanding;

		if (loop->ops->wait(loop->guest, full ? NEVER_NS : due_ns))
			end_failed(loop);
	}
}

/* What is on its way may still arrive, whatever it was that ended the loop. */
static void finish(struct epochs *loop)
{
	while (loop->outstanding && !loop->hurry)
		if (loop->ops->wait(loop->guest, NEVER_NS))
			break;
	if (loop->outstanding)
		epochs_say(loop, "%u checkpoints were not waited for", loop->outstanding);
	if (loop->outstanding || loop->hurry)
		end_failed(loop);
}

enum epochs_end epochs_run(struct epochs *loop)
{
	loop->end = EPOCHS_GOING;
	if (begin(loop)) {
		loop->end = EPOCHS_NEVER_BEGAN;
		return loop->end;
	}
	while (loop->end == EPOCHS_GOING) {
		const int64_t due_ns = clock_ns() + loop->limits.interval_ns;

		one_epoch(loop);
		wait_until_due(loop, due_ns);
		if (is_enough(loop))
			end(loop, EPOCHS_ASKED);
	}
	finish(loop);
	hand_over_domain(loop);
	return loop->end;
}
