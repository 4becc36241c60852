// SPDX-License-Identifier: GPL-2.0-or-later
#include "buffer-private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <netlink/msg.h>

const char buffer_unseen[] = "the kernel did not say how it is";

static bool is_absence(int error)
{
	return error == -ENODEV || error == -ENOENT;
}

static const char *missing(int error, const char *reason)
{
	return is_absence(error) ? reason : buffer_unseen;
}

const char *buffer_inspect(struct plug_ctx *ctx, const struct buffer *buffer)
{
	struct filter_info filter;
	struct qdisc_info qdisc;
	struct link_info link;
	int ret = buffer_link_get(ctx, buffer->ifb_ifindex, NULL, &link);

	if (ret)
		return missing(ret, "the IFB was deleted");
	if (!(link.flags & IFF_UP))
		return "the IFB was set down";
	if (link.txqueuelen != buffer->txqueuelen)
		return "the IFB's queue length was changed";
	ret = plug_query(ctx, buffer->ifb_ifindex, &qdisc);
	if (ret || strcmp(qdisc.kind, "plug"))
		return missing(ret ? ret : -ENOENT, "the plug was deleted");
	if (qdisc.handle != buffer->handle)
		return "the plug was replaced";
	ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);
	if (ret)
		return missing(ret, "the redirect was deleted");
	if (!filter.redirects || filter.to_ifindex != buffer->ifb_ifindex)
		return "the redirect was replaced";
	return NULL;
}

static bool is_ours(const struct qdisc_info *qdisc, const struct buffer *buffer)
{
	return !strcmp(qdisc->kind, "plug") && qdisc->handle == buffer->handle;
}

/* A new plug must not have the number of the one it replaces, whoever put that there. */
static int replace_plug(struct plug_ctx *ctx, struct buffer *buffer, const struct qdisc_info *old,
			const struct record *record)
{
	if (old && (old->handle == PLUG_HANDLE_A || old->handle == PLUG_HANDLE_B))
		buffer->handle = old->handle;
	return plug_create(ctx, buffer, record->holding, record->open);
}

static int repair_plug(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record, bool *fresh)
{
	struct qdisc_info qdisc;
	int ret = plug_query(ctx, buffer->ifb_ifindex, &qdisc);

	if (!ret && is_ours(&qdisc, buffer) && !*fresh)
		return 0;
	/* an answer that was lost is no reason to drop what may be held */
	if (ret && !is_absence(ret))
		return ret;
	*fresh = true;
	return replace_plug(ctx, buffer, ret ? NULL : &qdisc, record);
}

static int write_record(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record)
{
	record_pack(record, buffer->record.data + buffer->record.options_at);
	return nltx_one(ctx->tx, &buffer->record.nlh, NULL, NULL);
}

void buffer_seal(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record, bool *fresh)
{
	struct record now = *record;
	struct filter_info filter;
	int ret;

	if (repair_plug(ctx, buffer, &now, fresh))
		*fresh = false;
	now.outstanding = record->outstanding && !*fresh;
	ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);
	if (ret == -ENOENT && !buffer_make_ingress(ctx, buffer))
		buffer_make_redirect(ctx, buffer, &now);
	else if (!ret && *fresh && buffer->action_index == filter.action_index)
		write_record(ctx, buffer, &now);
}

static int repair_ifb(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	struct link_info link;
	int ret = buffer_link_get(ctx, buffer->ifb_ifindex, NULL, &link);

	if (!ret)
		buffer->txqueuelen = link.txqueuelen;
	if (!is_absence(ret))
		return ret;
	buffer->handle = 0;
	buffer->txqueuelen = request->txqueuelen;
	return buffer_make_ifb(ctx, buffer, request);
}

static int repair_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record)
{
	struct filter_info filter;
	int ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);

	if (!ret && filter.redirects && (filter.has_record || filter.to_ifindex == buffer->ifb_ifindex))
		return buffer_swing_redirect(ctx, buffer, &filter, record);
	if (!ret)
		return -EBUSY;
	if (ret == -ENOENT)
		ret = buffer_make_ingress(ctx, buffer);
	return ret ? ret : buffer_make_redirect(ctx, buffer, record);
}

int buffer_repair(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request, bool *fresh)
{
	struct record record = request->record;
	struct link_info link;
	int ret = buffer_link_get(ctx, buffer->vif_ifindex, NULL, &link);

	buffer->seen_up = false;
	if (!ret)
		ret = repair_ifb(ctx, buffer, request);
	if (!ret)
		ret = repair_plug(ctx, buffer, &record, fresh);
	if (*fresh)
		record.outstanding = false;
	if (!ret)
		ret = buffer_save_alias(ctx, buffer, request->domain, request->vif);
	if (!ret)
		ret = buffer_run(ctx, rtmsg_link_up(buffer->ifb_ifindex), NULL, NULL);
	if (!ret)
		ret = repair_redirect(ctx, buffer, &record);
	return ret;
}

int buffer_is_empty(struct plug_ctx *ctx, const struct buffer *buffer, bool *empty, uint64_t *passed)
{
	struct qdisc_info qdisc;
	struct link_info link;
	int ret = plug_query(ctx, buffer->ifb_ifindex, &qdisc);

	if (!ret)
		ret = buffer_link_get(ctx, buffer->ifb_ifindex, NULL, &link);
	if (ret)
		return ret;
	/* an IFB counts a frame as received when it takes it, as sent when it hands it back */
	*empty = !qdisc.queued_frames && link.tx_frames + link.dropped_frames >= link.rx_frames;
	*passed = link.rx_frames;
	return 0;
}

/* An interface that is gone has taken everything with it. */
static int if_not_gone(int error)
{
	return error == -ENOENT || error == -EINVAL || error == -ENODEV ? 0 : error;
}

int buffer_leave_ingress(struct plug_ctx *ctx, const struct buffer *buffer)
{
	int others;

	if (!buffer->own_ingress)
		return 0;
	others = buffer_has_filters(ctx, buffer->vif_ifindex, true);
	if (!others)
		others = buffer_has_filters(ctx, buffer->vif_ifindex, false);
	if (others)
		return others < 0 ? if_not_gone(others) : 0;
	return if_not_gone(buffer_run(ctx, rtmsg_clsact_del(buffer->vif_ifindex), NULL, NULL));
}

int buffer_unredirect(struct plug_ctx *ctx, const struct buffer *buffer)
{
	int ret = if_not_gone(buffer_run(ctx, rtmsg_redirect_del(buffer->vif_ifindex), NULL, NULL));

	return ret ? ret : buffer_leave_ingress(ctx, buffer);
}

int buffer_remove_ifb(struct plug_ctx *ctx, const struct buffer *buffer)
{
	int ret = buffer->ifb_ifindex ? buffer_run(ctx, rtmsg_link_del(buffer->ifb_ifindex), NULL, NULL) : 0;

	return ret == -ENODEV ? 0 : ret;
}
