// SPDX-License-Identifier: GPL-2.0-or-later
/* What both kinds of module have in common: messages, creation, limit, state. */
#include "plug.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/plug.h>
#include <netlink/route/tc.h>

#include "plug-private.h"
#include "sch_plug.h"

enum plug_kind plug_kind_of(const struct qdisc_info *info)
{
	struct tc_plug_xopt head;

	if (strcmp(info->kind, "plug"))
		return PLUG_NONE;
	if (!info->options || info->options_bytes < sizeof(struct tc_plug_info))
		return PLUG_MAINLINE;
	memcpy(&head, info->options, sizeof(head));
	return head.magic == TC_PLUG_MAGIC ? PLUG_OUTCOMMIT : PLUG_MAINLINE;
}

const char *plug_kind_name(enum plug_kind kind)
{
	switch (kind) {
	case PLUG_NONE:
		return "none";
	case PLUG_MAINLINE:
		return "mainline";
	case PLUG_OUTCOMMIT:
		return "outcommit";
	}
	return "none";
}

const struct buffer_ops *plug_ops(enum plug_kind kind)
{
	return kind == PLUG_OUTCOMMIT ? &plug_outcommit_ops : &plug_mainline_ops;
}

/* Copy a message that libnl built, and note where attribute @type's payload begins. */
static int keep(struct plug_msg *to, struct nl_msg *msg, size_t header, int type)
{
	struct nlmsghdr *nlh = msg ? nlmsg_hdr(msg) : NULL;
	struct nlattr *attr = nlh ? nlmsg_find_attr(nlh, (int)header, type) : NULL;
	int ret = -ENOMEM;

	if (attr && NLMSG_ALIGN(nlh->nlmsg_len) <= sizeof(to->data)) {
		memset(to->data, 0, sizeof(to->data));
		memcpy(to->data, nlh, nlh->nlmsg_len);
		to->bytes = NLMSG_ALIGN(nlh->nlmsg_len);
		to->options_at = (uint32_t)((char *)nla_data(attr) - (char *)nlh);
		ret = 0;
	}
	nlmsg_free(msg);
	return ret;
}

static int set_limit_max(struct rtnl_qdisc *qdisc)
{
	return rtnl_qdisc_plug_set_limit(qdisc, 0);
}

/* A request to @buffer's plug as libnl makes it. @set says which. */
static struct nl_msg *plug_request(const struct buffer *buffer, int (*set)(struct rtnl_qdisc *))
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();
	struct nl_msg *msg = NULL;

	if (!qdisc)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), buffer->ifb_ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
	rtnl_tc_set_handle(TC_CAST(qdisc), buffer->handle);
	if (!rtnl_tc_set_kind(TC_CAST(qdisc), "plug") && !set(qdisc) &&
	    rtnl_qdisc_build_add_request(qdisc, 0, &msg) < 0)
		msg = NULL;
	rtnl_qdisc_put(qdisc);
	return msg;
}

/* Room for the longer options of our module, which mainline's ignores, is added to libnl's. */
static struct nl_msg *lengthen(struct nl_msg *msg)
{
	struct nlmsghdr *nlh = msg ? nlmsg_hdr(msg) : NULL;
	struct nlattr *attr = nlh ? nlmsg_find_attr(nlh, sizeof(struct tcmsg), TCA_OPTIONS) : NULL;
	struct tc_plug_xopt options = { .magic = TC_PLUG_MAGIC, .version = TC_PLUG_VERSION };
	struct nl_msg *longer;

	if (!attr || nla_len(attr) < (int)sizeof(options.base)) {
		nlmsg_free(msg);
		return NULL;
	}
	memcpy(&options.base, nla_data(attr), sizeof(options.base));
	longer = rtmsg_plug(((struct tcmsg *)nlmsg_data(nlh))->tcm_ifindex,
			    ((struct tcmsg *)nlmsg_data(nlh))->tcm_handle, 0, &options, sizeof(options));
	nlmsg_free(msg);
	return longer;
}

static int prepare_one(struct plug_msg *to, const struct buffer *buffer, int (*set)(struct rtnl_qdisc *))
{
	return keep(to, lengthen(plug_request(buffer, set)), sizeof(struct tcmsg), TCA_OPTIONS);
}

/* The record's cookie lies two nests deep: find it by what it holds. */
static int prepare_record(struct buffer *buffer)
{
	struct record record = { .open = 1 };
	uint8_t cookie[RECORD_BYTES], *found;
	int ret = keep(&buffer->record,
		       rtmsg_record_set(buffer->action_index, buffer->ifb_ifindex, &record), sizeof(struct tcamsg),
		       TCA_ACT_TAB);

	if (ret)
		return ret;
	record_pack(&record, cookie);
	found = memmem(buffer->record.data, buffer->record.bytes, cookie, sizeof(cookie));
	if (!found)
		return -EIO;
	buffer->record.options_at = (uint32_t)(found - buffer->record.data);
	return 0;
}

int plug_prepare(struct buffer *buffer)
{
	int ret = prepare_one(&buffer->buffer, buffer, rtnl_qdisc_plug_buffer);

	if (!ret)
		ret = prepare_one(&buffer->release, buffer, rtnl_qdisc_plug_release_one);
	if (!ret)
		ret = prepare_one(&buffer->pass, buffer, rtnl_qdisc_plug_release_indefinite);
	if (!ret && buffer->action_index)
		ret = prepare_record(buffer);
	return ret;
}

void plug_set_epoch(struct plug_msg *msg, uint64_t epoch)
{
	struct tc_plug_xopt options;

	memcpy(&options, msg->data + msg->options_at, sizeof(options));
	options.flags = TC_PLUG_F_EPOCH;
	options.epoch = epoch;
	memcpy(msg->data + msg->options_at, &options, sizeof(options));
}

void plug_set_record(struct plug_msg *msg, const struct record *record)
{
	record_pack(record, msg->data + msg->options_at);
}

static struct plug_msg *message_of(struct buffer *buffer, enum plug_request request)
{
	switch (request) {
	case PLUG_BUFFER:
		return &buffer->buffer;
	case PLUG_RELEASE:
		return &buffer->release;
	case PLUG_PASS:
		return &buffer->pass;
	}
	return NULL;
}

int plug_send(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, enum plug_request request, int *record_errors)
{
	struct iovec iov[2 * DOMAIN_VIFS_MAX];
	int errors[2 * DOMAIN_VIFS_MAX];
	int ret;

	for (size_t i = 0; i < count; i++) {
		struct plug_msg *msg = message_of(vifs[i]->buffer, request);
		struct plug_msg *record = &vifs[i]->buffer->record;

		iov[i] = (struct iovec){ .iov_base = msg->data, .iov_len = msg->bytes };
		iov[count + i] = (struct iovec){ .iov_base = record->data, .iov_len = record->bytes };
	}
	ret = nltx_run(ctx->tx, iov, record_errors ? 2 * count : count, errors, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		vifs[i]->error = errors[i];
	if (record_errors)
		memcpy(record_errors, errors + count, count * sizeof(*record_errors));
	return ret;
}

/* A plug's counts end with it; the buffer's go on. */
static void count_past(struct plug_ctx *ctx, struct buffer *buffer)
{
	struct qdisc_info qdisc;

	if (!buffer->handle || plug_query(ctx, buffer->ifb_ifindex, &qdisc) || qdisc.handle != buffer->handle)
		return;
	buffer->past_drops += qdisc.drops + qdisc.queued_frames;
	buffer->past_sent_frames += qdisc.sent_frames;
	buffer->past_sent_bytes += qdisc.sent_bytes;
}

int plug_create(struct plug_ctx *ctx, struct buffer *buffer, bool holding, uint64_t open)
{
	struct tc_plug_xopt options = {
		.base = { .action = holding ? TCQ_PLUG_BUFFER : TCQ_PLUG_RELEASE_INDEFINITE,
			  .limit = (uint32_t)buffer->limit_bytes },
		.magic = TC_PLUG_MAGIC,
		.version = TC_PLUG_VERSION,
		.flags = TC_PLUG_F_EPOCH,
		.epoch = open,
	};
	struct nl_msg *msg;
	int ret;

	count_past(ctx, buffer);
	buffer->pending = PENDING_NOTHING;
	/* the same handle would change the old plug, not replace it */
	buffer->handle = buffer->handle == PLUG_HANDLE_A ? PLUG_HANDLE_B : PLUG_HANDLE_A;
	msg = rtmsg_plug(buffer->ifb_ifindex, buffer->handle, NLM_F_CREATE | NLM_F_REPLACE, &options, sizeof(options));
	if (!msg)
		return -ENOMEM;
	ret = nltx_one(ctx->tx, nlmsg_hdr(msg), NULL, NULL);
	nlmsg_free(msg);
	if (ret == -ENOENT)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = plug_prepare(buffer);
	/* mainline's starts to hold whatever it is told */
	if (!ret && !holding)
		ret = nltx_one(ctx->tx, &buffer->pass.nlh, NULL, NULL);
	return ret;
}

int plug_set_limit(struct plug_ctx *ctx, struct buffer *buffer, uint64_t limit_bytes)
{
	struct plug_msg msg;
	struct tc_plug_qopt options;
	int ret = keep(&msg, plug_request(buffer, set_limit_max), sizeof(struct tcmsg), TCA_OPTIONS);

	if (ret)
		return ret;
	/* libnl takes an int: the upper half of what the kernel takes does not fit */
	memcpy(&options, msg.data + msg.options_at, sizeof(options));
	options.limit = (uint32_t)limit_bytes;
	memcpy(msg.data + msg.options_at, &options, sizeof(options));
	return nltx_one(ctx->tx, &msg.nlh, NULL, NULL);
}

#define PROBE_NAME "oc-probe"

static int link_request(struct plug_ctx *ctx, struct nl_msg *msg, nltx_answer answer, void *answer_ctx)
{
	int ret = msg ? nltx_one(ctx->tx, nlmsg_hdr(msg), answer, answer_ctx) : -ENOMEM;

	nlmsg_free(msg);
	return ret;
}

static void on_probe_link(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct link_info link;

	if (nlh->nlmsg_type == RTM_NEWLINK && !rtmsg_parse_link(nlh, &link))
		*(int *)ctx = link.ifindex;
}

/* The probe is never up. One that a killed daemon left is used, and removed. */
int plug_probe(struct plug_ctx *ctx)
{
	struct buffer probe = { .limit_bytes = 1 };
	struct qdisc_info qdisc;
	int ret = link_request(ctx, rtmsg_ifb_new(PROBE_NAME, 1), NULL, NULL);

	if (ret && ret != -EEXIST)
		return ret;
	ret = link_request(ctx, rtmsg_link_get(0, PROBE_NAME), on_probe_link, &probe.ifb_ifindex);
	if (ret || !probe.ifb_ifindex)
		return ret ? ret : -ENODEV;
	ret = plug_create(ctx, &probe, true, 1);
	if (!ret)
		ret = plug_query(ctx, probe.ifb_ifindex, &qdisc);
	link_request(ctx, rtmsg_link_del(probe.ifb_ifindex), NULL, NULL);
	return ret;
}

struct query {
	struct qdisc_info *info;
	bool found;
	enum plug_kind kind; /* found out while the options are there */
	struct plug_status *status;
	struct plug_epoch *epochs;
	size_t *epoch_count;
};

static void take_epochs(struct query *query, const struct tc_plug_info *info)
{
	const char *options = query->info->options;
	struct tc_plug_epoch epoch;
	struct nlattr *attr;
	int bytes;

	*query->epoch_count = 0;
	if (info->info_size < sizeof(*info) || info->info_size > query->info->options_bytes)
		return;
	bytes = (int)query->info->options_bytes - (int)NLA_ALIGN(info->info_size);
	if (bytes <= 0)
		return;
	attr = nla_find((struct nlattr *)(options + NLA_ALIGN(info->info_size)), bytes, TCA_PLUG_EPOCHS);
	for (int at = 0; attr && at + (int)sizeof(epoch) <= nla_len(attr) &&
			 *query->epoch_count < PLUG_EPOCHS_MAX; at += (int)sizeof(epoch)) {
		memcpy(&epoch, (char *)nla_data(attr) + at, sizeof(epoch));
		query->epochs[(*query->epoch_count)++] = (struct plug_epoch){
			.epoch = epoch.epoch,
			.frames = epoch.held.frames,
			.bytes = epoch.held.bytes,
			.hold_ns = epoch.hold_ns,
			.closed_ns = epoch.closed_ns,
		};
	}
}

static void take_status(struct query *query)
{
	const struct qdisc_info *qdisc = query->info;
	struct plug_status *status = query->status;
	struct tc_plug_info info;

	*status = (struct plug_status){
		.held_frames = qdisc->queued_frames,
		.held_bytes = qdisc->queued_bytes,
		.drops = qdisc->drops,
		.sent_frames = qdisc->sent_frames,
		.sent_bytes = qdisc->sent_bytes,
	};
	if (plug_kind_of(qdisc) != PLUG_OUTCOMMIT)
		return;
	memcpy(&info, qdisc->options, sizeof(info));
	status->holding = info.flags & TC_PLUG_S_HOLDING;
	status->open = info.open_epoch;
	status->committed = info.oldest_epoch ? info.oldest_epoch - 1 : 0;
	status->held_frames = info.held.frames;
	status->held_bytes = info.held.bytes;
	status->oldest_hold_ns = info.oldest_hold_ns;
	if (query->epochs)
		take_epochs(query, &info);
}

static void on_qdisc(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct query *query = ctx;

	if (nlh->nlmsg_type != RTM_NEWQDISC || rtmsg_parse_qdisc(nlh, query->info))
		return;
	query->found = true;
	query->kind = plug_kind_of(query->info);
	if (query->status)
		take_status(query);
}

static int run_query(struct plug_ctx *ctx, int ifindex, struct query *query)
{
	struct nl_msg *msg = rtmsg_qdisc_get(ifindex, TC_H_ROOT);
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = nltx_one(ctx->tx, nlmsg_hdr(msg), on_qdisc, query);
	nlmsg_free(msg);
	return ret ? ret : query->found ? 0 : -ENOENT;
}

int plug_query(struct plug_ctx *ctx, int ifindex, struct qdisc_info *info)
{
	struct query query = { .info = info };
	int ret = run_query(ctx, ifindex, &query);

	if (!ret && query.kind)
		ctx->kind = query.kind;
	return ret;
}

int plug_read(struct plug_ctx *ctx, const struct buffer *buffer, struct plug_status *status,
	      struct plug_epoch *epochs, size_t *epoch_count)
{
	struct qdisc_info info = { 0 };
	struct query query = { .info = &info, .status = status, .epochs = epochs, .epoch_count = epoch_count };
	int ret = run_query(ctx, buffer->ifb_ifindex, &query);

	if (!ret && query.kind != PLUG_OUTCOMMIT)
		ret = strcmp(info.kind, "plug") ? -ENOENT : -EOPNOTSUPP;
	return ret;
}
