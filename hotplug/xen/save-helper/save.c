/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "save.h"

#include <errno.h>
#include <string.h>

#include "message.h"

void save_init(struct save *save, const struct save_ops *ops, void *data,
	       const struct save_limits *limits)
{
	*save = (struct save){.ops = ops, .data = data, .limits = *limits};
}

uint64_t save_epoch(const struct save *save, uint64_t number)
{
	return save->first_epoch + number - 1;
}

/* The first reason is the one that counts: later ones follow from it. */
static int fail(struct save *save, const char *why, int error)
{
	if (!save->failed) {
		save->failed = why;
		save->error = error;
	}
	return error;
}

static int64_t *closed_at(struct save *save, uint64_t number)
{
	return &save->closed_ns[number % ACK_TIMES];
}

static uint64_t outstanding(const struct save *save)
{
	return save->closed - save->acked;
}

/* By the time that the oldest outstanding checkpoint was made; an older one than we keep times of
 * is late for certain. */
static int64_t ack_deadline(const struct save *save)
{
	uint64_t oldest = save->acked + 1;

	if (!outstanding(save) || save->blind)
		return INT64_MAX;
	if (outstanding(save) > ACK_TIMES)
		return 0;
	return save->closed_ns[oldest % ACK_TIMES] + save->limits.ack_ns;
}

static int64_t hello_deadline(const struct save *save)
{
	return save->waiting_since_ns ? save->waiting_since_ns + save->limits.hello_ns : INT64_MAX;
}

int64_t save_deadline(const struct save *save)
{
	int64_t hello = hello_deadline(save), ack = ack_deadline(save);

	if (save->failed)
		return INT64_MAX;
	return hello < ack ? hello : ack;
}

void save_tick(struct save *save, int64_t now_ns)
{
	if (now_ns >= ack_deadline(save))
		fail(save, "the backup does not acknowledge checkpoints", -ETIMEDOUT);
}

/* Before the guest is stopped for the first time: is there somebody who will say that its
 * checkpoints are safe? */
static enum verdict await_peer(struct save *save, int64_t now_ns)
{
	if (save->peer || save->blind)
		return VERDICT_PASS;
	if (!save->waiting_since_ns)
		save->waiting_since_ns = now_ns;
	if (now_ns < hello_deadline(save))
		return VERDICT_WAIT;
	save->waiting_since_ns = 0;
	if (save->limits.any_peer) {
		save->blind = true;
		return VERDICT_PASS;
	}
	fail(save, "the backup does not run outcommit's save helper", -EPROTONOSUPPORT);
	return VERDICT_REFUSE;
}

/* Nothing has been asked of the guest yet: the time to find out that it cannot be protected. */
static enum verdict begin(struct save *save, int64_t now_ns)
{
	enum verdict verdict = await_peer(save, now_ns);
	int err;

	if (verdict != VERDICT_PASS || save->first_epoch)
		return verdict;
	save->waiting_since_ns = 0;
	err = save->ops->open(save->data, &save->first_epoch, &save->outstanding_max);
	if (err) {
		save->first_epoch = 0;
		fail(save, "the domain cannot be protected", err);
		return VERDICT_REFUSE;
	}
	return VERDICT_PASS;
}

static enum verdict want_suspend(struct save *save, int64_t now_ns)
{
	enum verdict verdict = begin(save, now_ns);

	if (verdict != VERDICT_PASS)
		return verdict;
	return outstanding(save) < save->outstanding_max ? VERDICT_PASS : VERDICT_WAIT;
}

static enum verdict want_resume(struct save *save)
{
	int err = -EPROTO;

	if (save->closed)
		err = save->ops->preresume(save->data, save_epoch(save, save->closed));
	if (err)
		fail(save, "the barrier is not in force", err);
	return err ? VERDICT_REFUSE : VERDICT_PASS;
}

enum verdict save_message(struct save *save, unsigned int type, int64_t now_ns)
{
	save_tick(save, now_ns);
	switch (type) {
	case MESSAGE_SUSPEND:
		return save->failed ? VERDICT_REFUSE : want_suspend(save, now_ns);
	case MESSAGE_POSTCOPY:
		return save->failed ? VERDICT_REFUSE : want_resume(save);
	case MESSAGE_CHECKPOINT:
		return save->failed ? VERDICT_REFUSE : VERDICT_PASS;
	default: /* what does not concern the guest's course */
		return VERDICT_PASS;
	}
}

static int suspended(struct save *save, int64_t now_ns)
{
	int err = save->ops->postsuspend(save->data, save_epoch(save, save->closed + 1));

	if (err)
		return fail(save, "the barrier could not be put in force", err);
	save->closed++;
	*closed_at(save, save->closed) = now_ns;
	return 0;
}

static void commit(struct save *save, uint64_t number, int64_t now_ns)
{
	int err = save->ops->commit(save->data, save_epoch(save, number));

	if (err) {
		fail(save, "a checkpoint that is safe could not be committed", err);
		return;
	}
	if (save->closed - number < ACK_TIMES)
		save->ack_latency_ns = now_ns - *closed_at(save, number);
	save->acked = number;
}

int save_reply(struct save *save, unsigned int type, int value, int64_t now_ns)
{
	save_tick(save, now_ns);
	if (!value) /* libxl itself ends it */
		return value;
	switch (type) {
	case MESSAGE_SUSPEND:
		if (!save->failed)
			suspended(save, now_ns);
		return save->failed ? 0 : value;
	case MESSAGE_CHECKPOINT:
		if (save->blind && !save->failed)
			commit(save, save->closed, now_ns);
		return save->failed ? 0 : value;
	default: /* the guest runs already, or the question was another */
		return value;
	}
}

static void ack(struct save *save, uint64_t number, int64_t now_ns)
{
	if (number <= save->acked)
		return;
	if (number > save->closed)
		fail(save, "the backup acknowledged a checkpoint that was never made", -EPROTO);
	else if (!save->failed)
		commit(save, number, now_ns);
}

void save_frame(struct save *save, const struct frame *frame, int64_t now_ns)
{
	switch (frame->type) {
	case FRAME_HELLO:
		save->peer = true;
		save->blind = false;
		break;
	case FRAME_ACK:
		if (save->peer)
			ack(save, frame->number, now_ns);
		else
			fail(save, "the backup acknowledged without a greeting", -EPROTO);
		break;
	}
}

void save_peer_lost(struct save *save, int error)
{
	if (error == -EPROTONOSUPPORT)
		fail(save, "the backup's save helper is of another version", error);
	else if (error == -EBADMSG)
		fail(save, "the backup says what no save helper says", error);
	else if (!save->blind && !(save->limits.any_peer && !save->peer))
		fail(save, "the backup is lost", error);
}
