/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames that a plug holds, by epoch.
 *
 * Promises: a frame leaves with its own epoch or a later one, never before; frames leave in the
 * order in which they came; numbers and frames stay together whatever is released, dropped or
 * reset; a refused request changes nothing. Nothing here allocates, frees or sleeps after
 * plug_epochs_init(): the caller holds the qdisc's lock, and disposes of what it is handed.
 *
 * All held frames are on one list, oldest first. Each outstanding epoch has a record that points
 * at its last frame, so that releasing an epoch cuts the list once, however many frames it has.
 */
#ifndef PLUG_EPOCHS_H
#define PLUG_EPOCHS_H

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/skbuff.h>

#include "uapi/linux/sch_plug.h"

struct plug_record {
	struct sk_buff		*last;		/* NULL: no frames */
	struct tc_plug_count	held;
	u64			first_ns;	/* when its first frame came, if it has any */
	u64			closed_ns;
};

struct plug_epochs {
	struct sk_buff		*head;
	struct sk_buff		*tail;
	struct tc_plug_count	outstanding_held; /* in all records of closed */
	struct plug_record	open;	/* ->last is set when it is closed */
	struct plug_record	newest;	/* of the epoch before the open one */
	u64			open_epoch;
	u64			oldest_epoch;	/* == open_epoch: none is outstanding */
	u64			released_end;
	bool			holding;
	bool			untouched;	/* created holding, and no BUFFER since */
	struct plug_record	*closed;	/* older ones, by epoch modulo TC_PLUG_MAX_EPOCHS */
};

/* Frames that left the held list together. */
struct plug_batch {
	struct sk_buff		*head;
	struct sk_buff		*tail;
	struct tc_plug_count	count;
};

static inline void plug_count_add(struct tc_plug_count *count, const struct tc_plug_count *more)
{
	count->frames += more->frames;
	count->bytes += more->bytes;
}

static inline int plug_epochs_init(struct plug_epochs *p, u64 open_epoch, bool holding)
{
	memset(p, 0, sizeof(*p));
	p->open_epoch = open_epoch;
	p->oldest_epoch = open_epoch;
	p->holding = holding;
	p->untouched = holding;
	p->closed = kvcalloc(TC_PLUG_MAX_EPOCHS, sizeof(*p->closed), GFP_KERNEL);
	return p->closed ? 0 : -ENOMEM;
}

static inline void plug_epochs_free(struct plug_epochs *p)
{
	kvfree(p->closed);
	p->closed = NULL;
}

/* Whoever commits each epoch before closing the next never touches the array, which is cold. */
static inline struct plug_record *plug_epochs_record(struct plug_epochs *p, u64 epoch)
{
	if (epoch + 1 == p->open_epoch)
		return &p->newest;
	return &p->closed[epoch % TC_PLUG_MAX_EPOCHS];
}

static inline u32 plug_epochs_outstanding(const struct plug_epochs *p)
{
	return p->open_epoch - p->oldest_epoch;
}

/* What is held in all. Summed up when asked for, because frames come more often than questions. */
static inline struct tc_plug_count plug_epochs_held(const struct plug_epochs *p)
{
	struct tc_plug_count held = p->outstanding_held;

	plug_count_add(&held, &p->open.held);
	return held;
}

/* Hold @skb, which counts as @bytes, in the open epoch. */
static inline void plug_epochs_add(struct plug_epochs *p, struct sk_buff *skb, u32 bytes)
{
	skb->next = NULL;
	if (p->tail)
		p->tail->next = skb;
	else
		p->head = skb;
	p->tail = skb;

	if (!p->open.held.frames)
		p->open.first_ns = ktime_get_ns();
	p->open.held.frames++;
	p->open.held.bytes += bytes;
}

static inline void plug_epochs_open(struct plug_epochs *p, u64 epoch)
{
	p->open_epoch = epoch;
	memset(&p->open, 0, sizeof(p->open));
}

/* Start to hold; @epoch and all before it have left. The caller has checked @epoch. */
static inline void plug_epochs_start(struct plug_epochs *p, u64 epoch)
{
	plug_epochs_open(p, epoch + 1);
	p->oldest_epoch = p->open_epoch;
	p->released_end = p->open_epoch;
	p->holding = true;
	p->untouched = false;
}

/**
 * plug_epochs_close() - BUFFER: close @epoch and open the next, holding from now on
 * @p:     the epochs
 * @epoch: the open epoch; the one before it was closed by an earlier call; when passing, any from
 *         the open one on
 * @now_ns: the time to note; the caller reads the clock, once for all plugs that close together
 *
 * Return: 0, -ERANGE if there is no next number, -EPROTO if @epoch is not the one to close,
 * -ENOSPC if too many are outstanding.
 */
static inline int plug_epochs_close(struct plug_epochs *p, u64 epoch, u64 now_ns)
{
	if (epoch == U64_MAX)
		return -ERANGE;
	if (!p->holding) {
		if (epoch < p->open_epoch)
			return -EPROTO;
		plug_epochs_start(p, epoch);
		return 0;
	}
	if (epoch + 1 == p->open_epoch)
		return 0;
	if (epoch != p->open_epoch)
		return -EPROTO;
	if (plug_epochs_outstanding(p) == TC_PLUG_MAX_EPOCHS)
		return -ENOSPC;

	p->open.closed_ns = now_ns;
	p->open.last = p->open.held.frames ? p->tail : NULL;
	p->outstanding_held = plug_epochs_held(p);
	if (plug_epochs_outstanding(p))
		p->closed[(epoch - 1) % TC_PLUG_MAX_EPOCHS] = p->newest;
	p->newest = p->open;
	plug_epochs_open(p, epoch + 1);
	p->untouched = false;
	return 0;
}

/*
 * Untagged BUFFER. Issuers of untagged commands pair each RELEASE_ONE with a BUFFER before it, but
 * some send one BUFFER more, to begin. If nothing was held so far, the first one only begins: to
 * count it as an epoch would keep every later release one epoch behind.
 */
static inline int plug_epochs_close_next(struct plug_epochs *p, u64 now_ns)
{
	if (p->untouched && !p->head && p->open_epoch != U64_MAX) {
		plug_epochs_start(p, p->open_epoch);
		return 0;
	}
	return plug_epochs_close(p, p->open_epoch, now_ns);
}

static inline void plug_epochs_take_all(struct plug_epochs *p, struct plug_batch *batch)
{
	batch->head = p->head;
	batch->tail = p->tail;
	batch->count = plug_epochs_held(p);
	p->head = NULL;
	p->tail = NULL;
	memset(&p->outstanding_held, 0, sizeof(p->outstanding_held));
	memset(&p->open, 0, sizeof(p->open));
}

/* Cut the frames of all outstanding epochs <= @epoch off; those are outstanding no longer. */
static inline void plug_epochs_take_closed(struct plug_epochs *p, u64 epoch,
					   struct plug_batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	for (; p->oldest_epoch <= epoch && p->oldest_epoch < p->open_epoch; p->oldest_epoch++) {
		const struct plug_record *rec = plug_epochs_record(p, p->oldest_epoch);

		if (!rec->last)
			continue;
		batch->tail = rec->last;
		plug_count_add(&batch->count, &rec->held);
	}
	if (!batch->tail)
		return;

	batch->head = p->head;
	p->head = batch->tail->next;
	if (!p->head)
		p->tail = NULL;
	batch->tail->next = NULL;
	p->outstanding_held.frames -= batch->count.frames;
	p->outstanding_held.bytes -= batch->count.bytes;
}

/**
 * plug_epochs_release() - RELEASE: every closed epoch <= @epoch may leave
 * @p:     the epochs
 * @epoch: below the open one
 * @batch: set to the frames that may leave, perhaps none; untouched on failure
 *
 * Return: 0, or -EPROTO if @epoch is not closed yet.
 */
static inline int plug_epochs_release(struct plug_epochs *p, u64 epoch, struct plug_batch *batch)
{
	if (epoch >= p->open_epoch)
		return -EPROTO;
	if (epoch >= p->oldest_epoch)
		p->released_end = epoch + 1;
	plug_epochs_take_closed(p, epoch, batch);
	return 0;
}

/* Untagged RELEASE_ONE: the oldest outstanding epoch, if there is one. */
static inline void plug_epochs_release_oldest(struct plug_epochs *p, struct plug_batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	if (plug_epochs_outstanding(p))
		plug_epochs_release(p, p->oldest_epoch, batch);
}

/* RELEASE_INDEFINITE: everything may leave, and frames pass from now on. */
static inline void plug_epochs_release_all(struct plug_epochs *p, struct plug_batch *batch)
{
	plug_epochs_take_all(p, batch);
	if (p->holding)
		p->released_end = p->open_epoch;
	p->oldest_epoch = p->open_epoch;
	p->holding = false;
}

/**
 * plug_epochs_discard() - DISCARD: give up what is held of every epoch <= @epoch
 * @p:     the epochs
 * @epoch: the open one or any before it
 * @batch: set to the frames to drop, perhaps none; untouched on failure
 *
 * Return: 0, or -EPROTO if @epoch is not open yet.
 */
static inline int plug_epochs_discard(struct plug_epochs *p, u64 epoch, struct plug_batch *batch)
{
	if (epoch > p->open_epoch)
		return -EPROTO;
	if (epoch < p->open_epoch) {
		plug_epochs_take_closed(p, epoch, batch);
		return 0;
	}
	plug_epochs_take_all(p, batch);
	p->oldest_epoch = p->open_epoch;
	return 0;
}

/* Reset: the frames are lost, the epochs are not: what was outstanding still is, but empty. */
static inline void plug_epochs_purge(struct plug_epochs *p, struct plug_batch *batch)
{
	u64 epoch;

	plug_epochs_take_all(p, batch);
	for (epoch = p->oldest_epoch; epoch < p->open_epoch; epoch++) {
		struct plug_record *rec = plug_epochs_record(p, epoch);

		rec->last = NULL;
		memset(&rec->held, 0, sizeof(rec->held));
	}
}

/* When the oldest held frame came, in ns of the monotonic clock; 0 if none is held. */
static inline u64 plug_epochs_oldest_ns(struct plug_epochs *p)
{
	u64 epoch;

	for (epoch = p->oldest_epoch; epoch < p->open_epoch; epoch++) {
		const struct plug_record *rec = plug_epochs_record(p, epoch);

		if (rec->last)
			return rec->first_ns;
	}
	return p->open.held.frames ? p->open.first_ns : 0;
}

#endif /* PLUG_EPOCHS_H */
