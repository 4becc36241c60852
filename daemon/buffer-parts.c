// SPDX-License-Identifier: GPL-2.0-or-later
/* What a buffer is made of: IFB, alias, the vif's ingress, redirect. Each is a small question to the kernel, or a small request. */
#include "buffer-private.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <netlink/msg.h>

int buffer_run(struct plug_ctx *ctx, struct nl_msg *msg, nltx_answer answer, void *answer_ctx)
{
	int ret = msg ? nltx_one(ctx->tx, nlmsg_hdr(msg), answer, answer_ctx) : -ENOMEM;

	nlmsg_free(msg);
	return ret;
}

int buffer_run_two(struct plug_ctx *ctx, struct nl_msg *one, struct nl_msg *two)
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
	int ret = buffer_run(ctx, rtmsg_link_get(ifindex, name), on_link, &found);

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
	int ret = buffer_run(ctx, rtmsg_redirect_get(vif_ifindex), on_filter, &found);

	/* without a clsact, or a chain, the kernel says -EINVAL */
	if (ret == -EINVAL || ret == -ENOENT || (!ret && !found.found))
		return -ENOENT;
	return ret;
}

void buffer_alias_of(const struct buffer *buffer, const char *domain, const char *vif, char *text, size_t size)
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

	buffer_alias_of(buffer, domain, vif, alias, sizeof(alias));
	return buffer_run(ctx, rtmsg_link_alias(buffer->ifb_ifindex, NULL, alias), NULL, NULL);
}

int buffer_make_ifb(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	char alias[RTMSG_ALIAS_MAX];
	struct link_info link;
	int ret, found;

	/* the second message goes by name: it must not find somebody else's interface */
	ret = buffer_link_get(ctx, 0, buffer->ifb, &link);
	if (ret != -ENODEV)
		return ret ? ret : -EEXIST;
	buffer_alias_of(buffer, request->domain, request->vif, alias, sizeof(alias));
	ret = buffer_run_two(ctx, rtmsg_ifb_new(buffer->ifb, buffer->txqueuelen),
			     rtmsg_link_alias(0, buffer->ifb, alias));
	/* an error may be the second message's, or an answer that was lost */
	found = ret == -EEXIST ? ret : buffer_link_get(ctx, 0, buffer->ifb, &link);
	if (!found)
		buffer->ifb_ifindex = link.ifindex;
	return ret ? ret : found;
}

static void on_any_qdisc(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	bool *any = ctx;

	if (nlh->nlmsg_type == RTM_NEWQDISC)
		*any = true;
}

int buffer_has_ingress(struct plug_ctx *ctx, int ifindex)
{
	bool any = false;
	int ret = buffer_run(ctx, rtmsg_qdisc_get(ifindex, TC_H_CLSACT), on_any_qdisc, &any);

	/* of what never was there the kernel says -ENOENT, of what was there once it says nothing */
	return !ret || ret == -ENOENT ? any : ret;
}

static void on_any_filter(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	bool *any = ctx;

	if (nlh->nlmsg_type == RTM_NEWTFILTER)
		*any = true;
}

int buffer_has_filters(struct plug_ctx *ctx, int ifindex, bool ingress)
{
	bool any = false;
	int ret = buffer_run(ctx, rtmsg_filter_dump(ifindex, ingress), on_any_filter, &any);

	return ret ? ret : any;
}

int buffer_make_ingress(struct plug_ctx *ctx, struct buffer *buffer)
{
	int ret = buffer_run(ctx, rtmsg_clsact_new(buffer->vif_ifindex), NULL, NULL);

	if (!ret)
		buffer->own_ingress = true;
	return ret == -EEXIST ? 0 : ret;
}

static bool is_dead(const struct filter_info *filter)
{
	return filter->redirects && filter->has_record && !filter->to_ifindex;
}

bool buffer_has_dead_redirect(struct plug_ctx *ctx, int vif_ifindex)
{
	struct filter_info filter;

	return !buffer_redirect_get(ctx, vif_ifindex, &filter) && is_dead(&filter);
}

int buffer_swing_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct filter_info *filter,
			  const struct record *record)
{
	int ret = buffer_run(ctx, rtmsg_record_set(filter->action_index, buffer->ifb_ifindex, record), NULL, NULL);

	buffer->action_index = filter->action_index;
	return ret ? ret : plug_prepare(buffer);
}

int buffer_make_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record)
{
	struct filter_info filter;
	int ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);

	if (!ret && is_dead(&filter))
		return buffer_swing_redirect(ctx, buffer, &filter, record);
	ret = buffer_run(ctx, rtmsg_redirect_new(buffer->vif_ifindex, buffer->ifb_ifindex, record), NULL, NULL);
	if (!ret)
		ret = buffer_redirect_get(ctx, buffer->vif_ifindex, &filter);
	if (!ret) {
		buffer->action_index = filter.action_index;
		ret = plug_prepare(buffer);
	}
	return ret;
}
