// SPDX-License-Identifier: GPL-2.0-or-later
/* Making the buffer of a vif that has none, in an order in which traffic is touched last, and unmaking what was made of it. */
#include "buffer-private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

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

/* Whatever of it there is, the redirect first: the vif would be mute without its IFB. What fails is done by the next attach. */
static void unmake(struct plug_ctx *ctx, const struct buffer *buffer)
{
	struct filter_info filter;

	if (!buffer_redirect_get(ctx, buffer->vif_ifindex, &filter) && filter.redirects &&
	    filter.to_ifindex == buffer->ifb_ifindex)
		buffer_run(ctx, rtmsg_redirect_del(buffer->vif_ifindex), NULL, NULL);
	buffer_leave_ingress(ctx, buffer);
	buffer_remove_ifb(ctx, buffer);
}

/* An IFB made for this very vif, which no domain has: a request was given up when the kernel did not do, or answer, what it should. */
static bool find_rest(struct plug_ctx *ctx, const struct buffer *buffer, struct buffer *rest)
{
	struct buffer_alias alias;
	struct link_info link;

	if (buffer_link_get(ctx, 0, buffer->ifb, &link) || strcmp(link.kind, "ifb") ||
	    buffer_alias_parse(&alias, link.alias) || alias.vif_ifindex != buffer->vif_ifindex)
		return false;
	*rest = (struct buffer){
		.vif_ifindex = alias.vif_ifindex, .ifb_ifindex = link.ifindex, .own_ingress = alias.own_ingress
	};
	return true;
}

/* The kernel may have made an IFB and not have said so. */
static void give_up(struct plug_ctx *ctx, const struct buffer *buffer)
{
	struct buffer rest;

	if (buffer->ifb_ifindex)
		unmake(ctx, buffer);
	else if (find_rest(ctx, buffer, &rest))
		unmake(ctx, &rest);
}

static int make_ifb(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request,
		    const char **fault)
{
	int ret = buffer_make_ifb(ctx, buffer, request);
	struct buffer rest;

	if (ret == -EEXIST && find_rest(ctx, buffer, &rest)) {
		unmake(ctx, &rest);
		ret = buffer_make_ifb(ctx, buffer, request);
	}
	if (ret == -EEXIST)
		*fault = "the buffer's name is taken by another interface";
	if (ret == -EOPNOTSUPP)
		*fault = "the kernel has no ifb module: see outcommitctl check";
	return ret;
}

static int make_plug(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record, const char **fault)
{
	struct qdisc_info qdisc;
	int ret = plug_create(ctx, buffer, record->holding, record->open);

	if (ret == -EOPNOTSUPP)
		*fault = "the kernel has no sch_plug module: see outcommitctl check";
	return ret ? ret : plug_query(ctx, buffer->ifb_ifindex, &qdisc);
}

/* One that is there already is used, and left there at the end. */
static int share_ingress(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	int ret;

	buffer->own_ingress = false;
	ret = buffer_save_alias(ctx, buffer, request->domain, request->vif);
	if (ret)
		return ret;
	if (buffer_has_dead_redirect(ctx, buffer->vif_ifindex)) {
		buffer->own_ingress = true;
		return 0;
	}
	/* the redirect takes every frame before they see it, and what comes back is not classified again */
	ret = buffer_has_filters(ctx, buffer->vif_ifindex, true);
	return ret > 0 ? -EBUSY : ret;
}

/* That the clsact is ours is written down in the same go, so that a killed daemon's successor knows what to take away. */
static int make_ingress(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request)
{
	char alias[RTMSG_ALIAS_MAX];
	int ret = buffer_has_ingress(ctx, buffer->vif_ifindex);

	if (ret)
		return ret < 0 ? ret : share_ingress(ctx, buffer, request);
	buffer->own_ingress = true;
	buffer_alias_of(buffer, request->domain, request->vif, alias, sizeof(alias));
	ret = buffer_run_two(ctx, rtmsg_link_alias(buffer->ifb_ifindex, NULL, alias),
			     rtmsg_clsact_new(buffer->vif_ifindex));
	return ret == -EEXIST ? share_ingress(ctx, buffer, request) : ret;
}

static int make_way(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request, const char **fault)
{
	int ret = buffer_run(ctx, rtmsg_link_up(buffer->ifb_ifindex), NULL, NULL);

	if (!ret)
		ret = make_ingress(ctx, buffer, request);
	if (!ret)
		ret = buffer_make_redirect(ctx, buffer, &request->record);
	if (ret != -EEXIST && ret != -EBUSY)
		return ret;
	*fault = "the vif's ingress has filters of somebody else, which the redirect would bypass";
	return -EBUSY;
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
	ret = make_ifb(ctx, buffer, request, fault);
	if (!ret)
		ret = make_plug(ctx, buffer, &request->record, fault);
	if (!ret)
		ret = make_way(ctx, buffer, request, fault);
	if (ret) {
		give_up(ctx, buffer);
		return ret;
	}
	/* if this does not succeed, a start without the redirect takes it for a rest, as one of an older daemon */
	buffer->ready = true;
	buffer_save_alias(ctx, buffer, request->domain, request->vif);
	return 0;
}
