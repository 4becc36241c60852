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

/*
 * An answer that was lost says nothing of what was done, and a BUFFER must not be done twice. The record behind it says: it was
 * written after, in the same go.
 */
static void confirm(struct plug_ctx *ctx, struct vif *vif, const struct record *record)
{
	struct filter_info filter = { 0 };
	struct nl_msg *msg;

	if (vif->error != -ENOBUFS)
		return;
	msg = rtmsg_redirect_get(vif->buffer->vif_ifindex);
	if (msg && !nltx_one(ctx->tx, nlmsg_hdr(msg), on_redirect, &filter) && filter.has_record &&
	    filter.record.holding == record->holding && filter.record.open == record->open &&
	    filter.record.outstanding == record->outstanding)
		vif->error = 0;
	nlmsg_free(msg);
}

static int send_recorded(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, enum plug_request request)
{
	int ret = plug_send(ctx, vifs, count, request, true);

	for (size_t i = 0; ret && i < count; i++) {
		struct record record;

		if (!record_unpack(&record, vifs[i]->buffer->record.data + vifs[i]->buffer->record.options_at,
				   RECORD_BYTES))
			confirm(ctx, vifs[i], &record);
	}
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
	plug_set_record(&vif->buffer->record, &(struct record){ .holding = true, .open = vif->open });
	return nltx_one(ctx->tx, &vif->buffer->record.nlh, NULL, NULL);
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
