// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mainline's sch_plug, made safe by what is never asked of it. It counts frames, not epochs, and has room for one closed epoch: a second
 * BUFFER before the RELEASE_ONE would mix two up, so at most one is outstanding. It shows nothing, so what was done is written
 * down beside it, in the same sendmsg.
 */
#include "plug-private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <time.h>

#include <netlink/msg.h>

#define SETTLE_POLLS 200
#define SETTLE_POLL_NS 200000
#define SETTLE_TRIES 5

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = SETTLE_POLL_NS }, NULL);
}

static int queued(struct plug_ctx *ctx, const struct vif *vif, uint64_t *frames, uint64_t *sent)
{
	struct qdisc_info info;
	int ret = plug_query(ctx, vif->buffer->ifb_ifindex, &info);

	if (ret)
		return ret;
	*frames = info.queued_frames;
	*sent = info.sent_frames;
	return 0;
}

/* Wait until a passing plug has nothing queued; bounded, for a guest that is not really paused. */
static int wait_empty(struct plug_ctx *ctx, const struct vif *vif)
{
	uint64_t frames, sent;

	for (int i = 0; i < SETTLE_POLLS; i++) {
		int ret = queued(ctx, vif, &frames, &sent);

		if (ret || !frames)
			return ret;
		nap();
	}
	return -EAGAIN;
}

static void on_redirect(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct filter_info *filter = ctx;

	if (nlh->nlmsg_type != RTM_NEWTFILTER || rtmsg_parse_filter(nlh, filter))
		filter->has_record = false;
}

static bool same(const struct record *a, const struct record *b)
{
	return a->holding == b->holding && a->outstanding == b->outstanding && a->open == b->open;
}

static int write_record(struct plug_ctx *ctx, struct vif *vif, const struct record *record)
{
	plug_set_record(&vif->buffer->record, record);
	return nltx_one(ctx->tx, &vif->buffer->record.nlh, NULL, NULL);
}

static struct record asked_for(const struct vif *vif)
{
	struct record record = { 0 };

	record_unpack(&record, vif->buffer->record.data + vif->buffer->record.options_at, RECORD_BYTES);
	return record;
}

/* 1 if the record says so, 0 if it says something else, or a negative errno. */
static int is_written(struct plug_ctx *ctx, const struct vif *vif, const struct record *record)
{
	struct filter_info filter = { 0 };
	struct nl_msg *msg = rtmsg_redirect_get(vif->buffer->vif_ifindex);
	int ret = msg ? nltx_one(ctx->tx, nlmsg_hdr(msg), on_redirect, &filter) : -ENOMEM;

	nlmsg_free(msg);
	return ret ? ret : filter.has_record && same(&filter.record, record);
}

/* What the record said before: the state machine has not moved yet. */
static struct record record_before(const struct vif *vif)
{
	return (struct record){
		.holding = vif->holding,
		.outstanding = vif->holding && vif->committed + 1 < vif->open,
		.open = vif->open ? vif->open : 1,
	};
}

static int pend(struct vif *vif, enum plug_pending pending, const struct record *record, int error)
{
	vif->buffer->pending = error ? pending : PENDING_NOTHING;
	vif->buffer->asked = *record;
	return error;
}

/*
 * Plug and record went out together, but each may be refused, and each answer lost. An answer that was lost says nothing of what was
 * done, and a BUFFER must not be done twice; but the record, written after it, can be read. A record of what the plug refused must not
 * stay: whoever starts after a kill would believe it.
 */
static int settle(struct plug_ctx *ctx, struct vif *vif, int record_error)
{
	struct record record = asked_for(vif), old = record_before(vif);
	int written;

	if (vif->error == -ENOBUFS) {
		written = is_written(ctx, vif, &record);
		pend(vif, PENDING_LOOK, &record, written < 0 ? written : 0);
		return written > 0 ? 0 : -ENOBUFS;
	}
	if (vif->error) {
		if (!record_error || record_error == -ENOBUFS)
			write_record(ctx, vif, &old);
		return vif->error;
	}
	return record_error ? pend(vif, PENDING_RECORD, &record, write_record(ctx, vif, &record)) : 0;
}

/* Finish what was asked for before, if that is known. Returns whether @vif is done with, one way or the other. */
static bool resume(struct plug_ctx *ctx, struct vif *vif)
{
	struct record record = asked_for(vif);
	enum plug_pending pending = same(&vif->buffer->asked, &record) ? vif->buffer->pending : PENDING_NOTHING;
	int written;

	switch (pending) {
	case PENDING_NOTHING:
		break;
	case PENDING_RECORD:
		vif->error = pend(vif, PENDING_RECORD, &record, write_record(ctx, vif, &record));
		return true;
	case PENDING_LOOK:
		written = is_written(ctx, vif, &record);
		vif->error = written < 0 ? written : 0;
		if (written) {
			pend(vif, PENDING_LOOK, &record, vif->error);
			return true;
		}
	}
	vif->buffer->pending = PENDING_NOTHING;
	return false;
}

static int send_recorded(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, enum plug_request request)
{
	struct vif *rest[DOMAIN_VIFS_MAX];
	int record_errors[DOMAIN_VIFS_MAX];
	size_t rests = 0;

	for (size_t i = 0; i < count; i++)
		if (!resume(ctx, vifs[i]))
			rest[rests++] = vifs[i];
	if (rests && plug_send(ctx, rest, rests, request, record_errors))
		for (size_t i = 0; i < rests; i++)
			rest[i]->error = settle(ctx, rest[i], record_errors[i]);
	for (size_t i = 0; i < count; i++)
		if (vifs[i]->error)
			return vifs[i]->error;
	return 0;
}

static void records(struct vif *const *vifs, size_t count, const struct record *record)
{
	for (size_t i = 0; i < count; i++)
		plug_set_record(&vifs[i]->buffer->record, record);
}

/* One try: @left tells how many frames were queued when holding began. */
static int try_holding(struct plug_ctx *ctx, struct vif *vif, const struct record *record, uint64_t *left)
{
	uint64_t sent;
	int ret = wait_empty(ctx, vif);

	if (ret && ret != -EAGAIN)
		return ret;
	plug_set_record(&vif->buffer->record, record);
	ret = send_recorded(ctx, &vif, 1, PLUG_BUFFER);
	return ret ? ret : queued(ctx, vif, left, &sent);
}

/*
 * From passing to holding. A frame still queued when BUFFER comes was never counted, and would take another's place in every
 * release to come: that one would leave late. The guest stands still, so the queue runs empty at once; if a frame slipped in all
 * the same, let it go and try again.
 */
static int begin_holding(struct plug_ctx *ctx, struct vif *vif, const struct record *record)
{
	uint64_t left = 0;
	int ret = try_holding(ctx, vif, record, &left);

	for (int again = 1; !ret && left && again < SETTLE_TRIES; again++) {
		ctx->tx->counts.retries++;
		plug_set_record(&vif->buffer->record, &(struct record){ .open = record->open - 1 });
		ret = send_recorded(ctx, &vif, 1, PLUG_PASS);
		if (!ret)
			ret = try_holding(ctx, vif, record, &left);
	}
	if (!ret && left)
		log_warning(ctx->log, (&(struct log_about){ .domain = vif->domain->name, .vif = vif->name }),
			    "%llu frames were on their way when holding began: as many will leave late",
			    (unsigned long long)left);
	return ret;
}

static int begin_holding_all(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, const struct record *record)
{
	int ret = 0;

	for (size_t i = 0; i < count; i++) {
		vifs[i]->error = begin_holding(ctx, vifs[i], record);
		if (!ret)
			ret = vifs[i]->error;
	}
	return ret;
}

static int mainline_close(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	struct record record = { .holding = true, .outstanding = true, .open = epoch + 1 };
	struct vif *first[DOMAIN_VIFS_MAX], *again[DOMAIN_VIFS_MAX];
	size_t firsts = 0, agains = 0;
	int ret = 0, ret_first = 0;

	for (size_t i = 0; i < count; i++) {
		if (vifs[i]->holding)
			again[agains++] = vifs[i];
		else
			first[firsts++] = vifs[i];
	}
	records(again, agains, &record);
	if (agains)
		ret = send_recorded(ctx, again, agains, PLUG_BUFFER);
	if (firsts)
		ret_first = begin_holding_all(ctx, first, firsts, &record);
	return ret ? ret : ret_first;
}

static int mainline_release(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	for (size_t i = 0; i < count; i++)
		plug_set_record(&vifs[i]->buffer->record,
				&(struct record){ .holding = true, .open = vifs[i]->open });
	return send_recorded(ctx, vifs, count, PLUG_RELEASE);
}

static int mainline_pass(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	records(vifs, count, &(struct record){ .open = open });
	return send_recorded(ctx, vifs, count, PLUG_PASS);
}

/* What is committed leaves at once; give it the moment it needs before the plug goes. */
static void wait_released(struct plug_ctx *ctx, const struct vif *vif)
{
	uint64_t frames, sent, before = 0;

	for (int i = 0; i < SETTLE_POLLS; i++) {
		if (queued(ctx, vif, &frames, &sent) || !frames || (i && sent == before))
			return;
		before = sent;
		nap();
	}
}

/* There is no such request: a new plug, which holds from its first moment, takes the old one's place. */
static int discard_one(struct plug_ctx *ctx, struct vif *vif)
{
	int ret;

	wait_released(ctx, vif);
	ret = plug_create(ctx, vif->buffer, true, vif->open);
	if (ret)
		return ret;
	return write_record(ctx, vif, &(struct record){ .holding = true, .open = vif->open });
}

static int mainline_discard(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	int ret = 0;

	for (size_t i = 0; i < count; i++) {
		vifs[i]->error = discard_one(ctx, vifs[i]);
		if (!ret)
			ret = vifs[i]->error;
	}
	return ret;
}

const struct buffer_ops plug_mainline_ops = {
	.outstanding_max = 1,
	.outstanding_why = "mainline's sch_plug can hold one uncommitted epoch safely",
	.can_abort = false,
	.close = mainline_close,
	.release = mainline_release,
	.discard = mainline_discard,
	.pass = mainline_pass,
};
