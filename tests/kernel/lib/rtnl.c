// SPDX-License-Identifier: GPL-2.0-or-later
/* See rtnl.h. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/gen_stats.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"

struct message {
	struct nlmsghdr nlh;
	union {
		struct tcmsg tc;
		struct ifinfomsg link;
		char room[8192];
	};
};

int rtnl_open(struct rtnl *nl)
{
	static const struct timeval patience = { .tv_sec = 20 };
	static const int on = 1;

	*nl = (struct rtnl){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) };
	if (nl->fd < 0)
		return -errno;
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)))
		return -errno;
	return 0;
}

void rtnl_close(struct rtnl *nl)
{
	close(nl->fd);
}

static void begin(struct rtnl *nl, struct message *msg, int type, int flags, size_t body_bytes)
{
	memset(msg, 0, NLMSG_SPACE(body_bytes));
	msg->nlh.nlmsg_len = NLMSG_LENGTH(body_bytes);
	msg->nlh.nlmsg_type = type;
	msg->nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	msg->nlh.nlmsg_seq = ++nl->seq;
}

static struct rtattr *put(struct message *msg, int type, const void *data, size_t bytes)
{
	struct rtattr *attr = (struct rtattr *)((char *)msg + NLMSG_ALIGN(msg->nlh.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(attr), data, bytes);
	msg->nlh.nlmsg_len = NLMSG_ALIGN(msg->nlh.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

static void read_extack(struct rtnl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	size_t head = NLMSG_ALIGN(sizeof(*err));
	struct rtattr *attr = (struct rtattr *)((char *)NLMSG_DATA(nlh) + head);
	int left = nlh->nlmsg_len - NLMSG_LENGTH(head);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == NLMSGERR_ATTR_MSG)
			strncpy(nl->text, RTA_DATA(attr), sizeof(nl->text) - 1);
		if (attr->rta_type == NLMSGERR_ATTR_COOKIE && RTA_PAYLOAD(attr) == 8) {
			memcpy(&nl->cookie, RTA_DATA(attr), 8);
			nl->has_cookie = true;
		}
	}
}

/* Receive until the answer to the last request: an ack, or, if @want, a message of that type. */
static int answer(struct rtnl *nl, int want, struct message *msg)
{
	memset(nl->text, 0, sizeof(nl->text));
	nl->has_cookie = false;
	for (;;) {
		ssize_t n = recv(nl->fd, msg, sizeof(*msg), 0);

		if (n < 0)
			return -errno;
		if (msg->nlh.nlmsg_seq != nl->seq)
			continue;
		if (want && msg->nlh.nlmsg_type == want)
			return 0;
		if (msg->nlh.nlmsg_type != NLMSG_ERROR)
			continue;
		read_extack(nl, &msg->nlh);
		return ((struct nlmsgerr *)NLMSG_DATA(&msg->nlh))->error;
	}
}

static int ask(struct rtnl *nl, int want, struct message *msg)
{
	if (send(nl->fd, msg, msg->nlh.nlmsg_len, 0) < 0)
		return -errno;
	return answer(nl, want, msg);
}

int rtnl_qdisc(struct rtnl *nl, const struct qdisc_request *req)
{
	struct message msg;
	struct rtattr *attr;

	begin(nl, &msg, req->type, NLM_F_ACK | req->flags, sizeof(msg.tc));
	msg.tc.tcm_ifindex = req->ifindex;
	msg.tc.tcm_parent = req->parent;
	msg.tc.tcm_handle = req->handle;
	if (req->kind)
		put(&msg, TCA_KIND, req->kind, strlen(req->kind) + 1);
	if (req->options) {
		attr = put(&msg, TCA_OPTIONS, req->options, req->options_bytes);
		if (req->claimed_bytes)
			attr->rta_len = RTA_LENGTH(req->claimed_bytes);
	}
	return ask(nl, 0, &msg);
}

static void view_options(struct rtattr *options, struct qdisc_view *view)
{
	size_t bytes = RTA_PAYLOAD(options), size = sizeof(view->info);
	struct rtattr *attr;
	int left;

	view->options_bytes = bytes;
	if (bytes < size)
		return;
	memcpy(&view->info, RTA_DATA(options), size);
	attr = (struct rtattr *)((char *)RTA_DATA(options) + view->info.info_size);
	left = bytes - view->info.info_size;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type != TCA_PLUG_EPOCHS || RTA_PAYLOAD(attr) > sizeof(view->epochs))
			continue;
		memcpy(view->epochs, RTA_DATA(attr), RTA_PAYLOAD(attr));
		view->n_epochs = RTA_PAYLOAD(attr) / sizeof(view->epochs[0]);
	}
}

static void view_stats(struct rtattr *stats, struct qdisc_view *view)
{
	struct rtattr *attr = RTA_DATA(stats);
	int left = RTA_PAYLOAD(stats);

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == TCA_STATS_QUEUE) {
			struct gnet_stats_queue queue;

			memcpy(&queue, RTA_DATA(attr), sizeof(queue));
			view->qlen = queue.qlen;
			view->backlog_bytes = queue.backlog;
			view->drops = queue.drops;
		}
		if (attr->rta_type == TCA_STATS_APP && RTA_PAYLOAD(attr) == sizeof(view->xstats))
			memcpy(&view->xstats, RTA_DATA(attr), sizeof(view->xstats));
	}
}

int rtnl_qdisc_view(struct rtnl *nl, int ifindex, uint32_t parent, uint32_t handle,
		    struct qdisc_view *view)
{
	struct message msg;
	struct rtattr *attr;
	int left, err;

	/* Without ECHO the answer goes to the multicast group only. */
	begin(nl, &msg, RTM_GETQDISC, NLM_F_ECHO, sizeof(msg.tc));
	msg.tc.tcm_ifindex = ifindex;
	msg.tc.tcm_parent = parent;
	msg.tc.tcm_handle = handle;
	err = ask(nl, RTM_NEWQDISC, &msg);
	if (err)
		return err;

	memset(view, 0, sizeof(*view));
	view->message_bytes = msg.nlh.nlmsg_len;
	attr = (struct rtattr *)((char *)&msg + NLMSG_SPACE(sizeof(msg.tc)));
	left = msg.nlh.nlmsg_len - NLMSG_SPACE(sizeof(msg.tc));
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == TCA_KIND)
			strncpy(view->kind, RTA_DATA(attr), sizeof(view->kind) - 1);
		if (attr->rta_type == TCA_OPTIONS && !strcmp(view->kind, "plug"))
			view_options(attr, view);
		if (attr->rta_type == TCA_STATS2)
			view_stats(attr, view);
	}
	return 0;
}

int rtnl_link_up(struct rtnl *nl, int ifindex, bool up)
{
	struct message msg;

	begin(nl, &msg, RTM_NEWLINK, NLM_F_ACK, sizeof(msg.link));
	msg.link.ifi_index = ifindex;
	msg.link.ifi_flags = up ? IFF_UP : 0;
	msg.link.ifi_change = IFF_UP;
	return ask(nl, 0, &msg);
}

int rtnl_link_txqlen(struct rtnl *nl, int ifindex, uint32_t txqlen)
{
	struct message msg;

	begin(nl, &msg, RTM_NEWLINK, NLM_F_ACK, sizeof(msg.link));
	msg.link.ifi_index = ifindex;
	put(&msg, IFLA_TXQLEN, &txqlen, sizeof(txqlen));
	return ask(nl, 0, &msg);
}
