// SPDX-License-Identifier: GPL-2.0-or-later
#include "buffer.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <netlink/msg.h>

static int run(struct plug_ctx *ctx, struct nl_msg *msg, nltx_answer answer, void *answer_ctx)
{
	int ret = msg ? nltx_one(ctx->tx, nlmsg_hdr(msg), answer, answer_ctx) : -ENOMEM;

	nlmsg_free(msg);
	return ret;
}

/* Two messages between which nobody can be killed. The second is sent even if the first fails. */
static int run_two(struct plug_ctx *ctx, struct nl_msg *one, struct nl_msg *two)
{
	struct iovec iov[2];
	int errors[2], ret = -ENOMEM;

	if (one && two) {
		iov[0] = (struct iovec){ nlmsg_hdr(one), NLMSG_ALIGN(nlmsg_hdr(one)->nlmsg_len) };
		iov[1] = (struct iovec){ nlmsg_hdr(two), NLMSG_ALIGN(nlmsg_hdr(two)->nlmsg_len) };
		ret = nltx_run(ctx->tx, iov, 2, errors, NULL, NULL);
	}
	nlmsg_free(one);
	nlmsg_free(two);
	return ret;
}

struct found {
	bool found;
	void *info;
};

static void on_link(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct found *found = ctx;

	if (nlh->nlmsg_type == RTM_NEWLINK && !rtmsg_parse_link(nlh, found->info))
		found->found = true;
}

int buffer_link_get(struct plug_ctx *ctx, int ifindex, const char *name, struct link_info *info)
{
	struct found found = { .info = info };
	int ret = run(ctx, rtmsg_link_get(ifindex, name), on_link, &found);

	return ret ? ret : found.found ? 0 : -ENODEV;
}

static void on_filter(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct found *found = ctx;

	if (nlh->nlmsg_type == RTM_NEWTFILTER && !rtmsg_parse_filter(nlh, found->info))
		found->found = true;
}

int buffer_redirect_get(struct plug_ctx *ctx, int vif_ifindex, struct filter_info *info)
{
	struct found found = { .info = info };
	int ret = run(ctx, rtmsg_redirect_get(vif_ifindex), on_filter, &found);

	/* without a clsact, or a chain, the kernel says -EINVAL */
	if (ret == -EINVAL || ret == -ENOENT || (!ret && !found.found))
		return -ENOENT;
	return ret;
}

static void alias_of(const struct buffer *buffer, const char *domain, const char *vif, char *text, size_t size)
{
	struct buffer_alias alias = {
		.vif_ifindex = buffer->vif_ifindex,
		.limit_bytes = buffer->limit_bytes,
		.own_ingress = buffer->own_ingress,
		.owner = buffer->owner,
		.ready = buffer->ready,
	};

	snprintf(alias.domain, sizeof(alias.domain), "%s", domain);
	snprintf(alias.vif, sizeof(alias.vif), "%s", vif);
	buffer_alias_format(&alias, text, size);
}

int buffer_save_alias(struct plug_ctx *ctx, const struct buffer *buffer, const char *domain, const char *vif)
{
	char alias[RTMSG_ALIAS_MAX];

	alias_of(buffer, domain, vif, alias, sizeof(alias));
	return run(ctx, rtmsg_link_alias(buffer->ifb_ifindex, NULL, alias), NULL, NULL);
}

static int create_ifb(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	char alias[RTMSG_ALIAS_MAX];
	struct link_info link;
	int ret;

	/* the second message goes by name: it must not find somebody else's interface */
	if (!buffer_link_get(ctx, 0, buffer->ifb, &link))
		return -EEXIST;
	alias_of(buffer, request->domain, request->vif, alias, sizeof(alias));
	ret = run_two(ctx, rtmsg_ifb_new(buffer->ifb, buffer->txqueuelen),
		      rtmsg_link_alias(0, buffer->ifb, alias));
	if (ret)
		return ret;
	ret = buffer_link_get(ctx, 0, buffer->ifb, &link);
	if (!ret)
		buffer->ifb_ifindex = link.ifindex;
	return ret;
}

static void on_any_filter(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	bool *any = ctx;

	if (nlh->nlmsg_type == RTM_NEWTFILTER)
		*any = true;
}

static bool has_filters(struct plug_ctx *ctx, int ifindex, bool ingress)
{
	bool any = false;

	return run(ctx, rtmsg_filter_dump(ifindex, ingress), on_any_filter, &any) || any;
}

/* A clsact that is there already is used, and left there at the end. */
static int create_ingress(struct plug_ctx *ctx, struct buffer *buffer)
{
	int ret = run(ctx, rtmsg_clsact_new(buffer->vif_ifindex), NULL, NULL);

	if (!ret)
		buffer->own_ingress = true;
	return ret == -EEXIST ? 0 : ret;
}

/* Ours, and its IFB was deleted while no daemon ran: it drops what the vif sends. */
static bool is_dead(const struct filter_info *filter)
{
	return filter->redirects && filter->has_record && !filter->to_ifindex;
}

static bool has_dead_redirect(struct plug_ctx *ctx, int vif_ifindex)
{
	struct filter_info filter;

	return !buffer_redirect_get(ctx, vif_ifindex, &filter) && is_dead(&filter);
}

/*
 * The same for a new buffer. That the clsact is ours is written down in the same go, so that a killed daemon's successor knows what
 * to take away.
 */
static int create_first_ingress(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	char alias[RTMSG_ALIAS_MAX];
	int ret;

	buffer->own_ingress = true;
	alias_of(buffer, request->domain, request->vif, alias, sizeof(alias));
	ret = run_two(ctx, rtmsg_link_alias(buffer->ifb_ifindex, NULL, alias), rtmsg_clsact_new(buffer->vif_ifindex));
	if (!ret)
		return 0;
	buffer->own_ingress = false;
	if (ret != -EEXIST)
		return ret;
	ret = buffer_save_alias(ctx, buffer, request->domain, request->vif);
	if (!ret && has_dead_redirect(ctx, buffer->vif_ifindex))
		buffer->own_ingress = true;
	/* the redirect takes every frame before they see it, and what comes back is not classified again */
	else if (!ret && has_filters(ctx, buffer->vif_ifindex, true))
		ret = -EBUSY;
	return ret;
}

/* Let a redirect of ours lead into this buffer, from one moment to the next: the vif is never without. */
static int swing_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct filter_info *filter,
			  const struct record *record)
{
	int ret = run(ctx, rtmsg_record_set(filter->action_index, buffer->ifb_ifindex, record), NULL, NULL);

	buffer->action_index = filter->action_index;
	return ret ? ret : plug_prepare(buffer);
}

static int create_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record)
{
	struct filter_info filter;
	int ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);

	if (!ret && is_dead(&filter))
		return swing_redirect(ctx, buffer, &filter, record);
	ret = run(ctx, rtmsg_redirect_new(buffer->vif_ifindex, buffer->ifb_ifindex, record), NULL, NULL);
	if (!ret)
		ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);
	if (!ret) {
		buffer->action_index = filter.action_index;
		ret = plug_prepare(buffer);
	}
	return ret;
}

static int find_vif(struct plug_ctx *ctx, struct buffer *buffer, const char *vif, const char **fault)
{
	struct link_info link;
	int ret = buffer_link_get(ctx, 0, vif, &link);

	if (!ret)
		buffer->vif_ifindex = link.ifindex;
	else if (ret == -ENODEV)
		*fault = "no such interface";
	return ret;
}

static int create_on_vif(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request,
			 const char **fault)
{
	struct qdisc_info qdisc;
	int ret = create_ifb(ctx, buffer, request);

	if (ret) {
		if (ret == -EEXIST)
			*fault = "the buffer's name is taken by another interface";
		if (ret == -EOPNOTSUPP)
			*fault = "the kernel has no ifb module: see outcommitctl check";
		return ret;
	}
	ret = plug_create(ctx, buffer, request->record.holding, request->record.open);
	if (ret == -EOPNOTSUPP)
		*fault = "the kernel has no sch_plug module: see outcommitctl check";
	if (!ret)
		ret = plug_query(ctx, buffer->ifb_ifindex, &qdisc);
	if (!ret)
		ret = run(ctx, rtmsg_link_up(buffer->ifb_ifindex), NULL, NULL);
	if (!ret)
		ret = create_first_ingress(ctx, buffer, request);
	if (!ret)
		ret = create_redirect(ctx, buffer, &request->record);
	if (!ret) {
		/* if this does not succeed, a start without the redirect takes it for a rest, as one of an older daemon */
		buffer->ready = true;
		buffer_save_alias(ctx, buffer, request->domain, request->vif);
		return 0;
	}
	if (ret == -EEXIST || ret == -EBUSY) {
		ret = -EBUSY;
		*fault = "the vif's ingress has filters of somebody else, which the redirect would bypass";
	}
	buffer_remove_ifb(ctx, buffer);
	if (buffer->own_ingress)
		run(ctx, rtmsg_clsact_del(buffer->vif_ifindex), NULL, NULL);
	return ret;
}

int buffer_create(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request, const char **fault)
{
	int ret;

	*buffer = (struct buffer){
		.limit_bytes = request->limit_bytes,
		.owner = request->owner,
		.txqueuelen = request->txqueuelen,
	};
	*fault = NULL;
	ret = find_vif(ctx, buffer, request->vif, fault);
	if (ret)
		return ret;
	buffer_ifb_name(buffer->ifb, request->vif, buffer->vif_ifindex);
	return create_on_vif(ctx, buffer, request, fault);
}

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
	if (ret == -ENOENT && !create_ingress(ctx, buffer))
		create_redirect(ctx, buffer, &now);
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
	return create_ifb(ctx, buffer, request);
}

static int repair_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record)
{
	struct filter_info filter;
	int ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);

	if (!ret && filter.redirects && (filter.has_record || filter.to_ifindex == buffer->ifb_ifindex))
		return swing_redirect(ctx, buffer, &filter, record);
	if (!ret)
		return -EBUSY;
	if (ret == -ENOENT)
		ret = create_ingress(ctx, buffer);
	return ret ? ret : create_redirect(ctx, buffer, record);
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
		ret = run(ctx, rtmsg_link_up(buffer->ifb_ifindex), NULL, NULL);
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

void buffer_leave_ingress(struct plug_ctx *ctx, const struct buffer *buffer)
{
	if (buffer->own_ingress && !has_filters(ctx, buffer->vif_ifindex, true) &&
	    !has_filters(ctx, buffer->vif_ifindex, false))
		run(ctx, rtmsg_clsact_del(buffer->vif_ifindex), NULL, NULL);
}

int buffer_unredirect(struct plug_ctx *ctx, const struct buffer *buffer)
{
	int ret = run(ctx, rtmsg_redirect_del(buffer->vif_ifindex), NULL, NULL);

	if (ret && ret != -ENOENT && ret != -EINVAL && ret != -ENODEV)
		return ret;
	buffer_leave_ingress(ctx, buffer);
	return 0;
}

int buffer_remove_ifb(struct plug_ctx *ctx, const struct buffer *buffer)
{
	int ret = buffer->ifb_ifindex ? run(ctx, rtmsg_link_del(buffer->ifb_ifindex), NULL, NULL) : 0;

	return ret == -ENODEV ? 0 : ret;
}
