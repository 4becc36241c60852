// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#define RX_BYTES (16U << 10) /* of one notification; the longest are about links, and have 2 KiB */
#define RX_AT_ONCE 16U
#define RCVBUF_BYTES (8 << 20)

/* Notifications of our own requests carry our port number: not worth waking up for. */
static int ignore_own(int fd, uint32_t portid)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(portid), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static struct vif *vif_of_link(struct watch *watch, const struct nlmsghdr *nlh,
			       struct link_info *link)
{
	return rtmsg_parse_link(nlh, link) ? NULL : registry_find_ifindex(watch->reg, link->ifindex);
}

static void on_link_new(struct watch *watch, const struct nlmsghdr *nlh)
{
	const char *reset = NULL;
	struct link_info link;
	struct vif *vif = vif_of_link(watch, nlh, &link);

	if (!vif)
		return;
	if (vif->buffer->vif_ifindex == link.ifindex) {
		registry_vif_renamed(watch->reg, vif, link.name);
		return;
	}
	if (link.txqueuelen != vif->buffer->txqueuelen)
		reset = "the IFB's queue length was changed";
	if (link.flags & IFF_UP)
		vif->buffer->seen_up = true;
	else if (vif->buffer->seen_up)
		/* it may be up again by now: what it held is gone all the same */
		reset = "the IFB was set down";
	if (reset)
		registry_vif_check(watch->reg, vif, reset);
}

static void on_link_del(struct watch *watch, const struct nlmsghdr *nlh)
{
	struct link_info link;
	struct vif *vif = vif_of_link(watch, nlh, &link);

	if (!vif)
		return;
	if (vif->buffer->vif_ifindex == link.ifindex)
		registry_vif_gone(watch->reg, vif);
	else
		registry_vif_check(watch->reg, vif, "the IFB was deleted");
}

/* Putting a clsact on an interface takes its queue down for a moment, and empties it. */
static void on_qdisc(struct watch *watch, const struct nlmsghdr *nlh)
{
	struct qdisc_info qdisc;
	struct vif *vif;
	const char *reset = NULL;

	if (rtmsg_parse_qdisc(nlh, &qdisc))
		return;
	vif = registry_find_ifindex(watch->reg, qdisc.ifindex);
	if (!vif)
		return;
	if (vif->buffer->ifb_ifindex == qdisc.ifindex) {
		if (qdisc.parent == TC_H_CLSACT)
			reset = "an ingress qdisc was put on the IFB or taken off";
		else if (qdisc.parent == TC_H_ROOT && (strcmp(qdisc.kind, "plug") ||
						       qdisc.handle != vif->buffer->handle))
			reset = "the plug was replaced";
		else if (qdisc.parent == TC_H_ROOT && nlh->nlmsg_type == RTM_DELQDISC)
			reset = "the plug was deleted";
	}
	registry_vif_check(watch->reg, vif, reset);
}

static void on_filter(struct watch *watch, const struct nlmsghdr *nlh)
{
	struct filter_info filter;
	struct vif *vif;

	if (rtmsg_parse_filter(nlh, &filter))
		return;
	vif = registry_find_ifindex(watch->reg, filter.ifindex);
	if (vif && vif->buffer->vif_ifindex == filter.ifindex)
		registry_vif_check(watch->reg, vif, NULL);
}

static void dispatch(struct watch *watch, const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		on_link_new(watch, nlh);
		break;
	case RTM_DELLINK:
		on_link_del(watch, nlh);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
		on_qdisc(watch, nlh);
		break;
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		on_filter(watch, nlh);
		break;
	}
}

/* Other people's changes may have queued many: they are between a request and its barrier. */
static int read_some(struct watch *watch, bool *lost)
{
	struct sockaddr_nl from[RX_AT_ONCE];
	struct mmsghdr msgs[RX_AT_ONCE];
	struct iovec iov[RX_AT_ONCE];
	int got;

	for (unsigned int i = 0; i < RX_AT_ONCE; i++) {
		iov[i] = (struct iovec){ .iov_base = watch->rx + i * RX_BYTES, .iov_len = RX_BYTES };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
							 .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	got = recvmmsg(watch->fd, msgs, RX_AT_ONCE, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		int len = (int)msgs[i].msg_len;

		if (from[i].nl_pid)
			continue;
		*lost |= msgs[i].msg_hdr.msg_flags & MSG_TRUNC;
		for (const struct nlmsghdr *nlh = iov[i].iov_base; nlmsg_ok(nlh, len); nlh = NLMSG_NEXT(nlh, len))
			dispatch(watch, nlh);
	}
	return got < 0 ? -errno : 0;
}

void watch_drain(struct watch *watch)
{
	bool lost = false;
	int ret;

	do {
		ret = read_some(watch, &lost);
		if (ret == -ENOBUFS)
			lost = true;
	} while (!ret || ret == -ENOBUFS || ret == -EINTR);
	if (!lost)
		return;
	metrics_count(&watch->reg->metrics, METRIC_WATCH_OVERFLOWS);
	log_warning(watch->reg->log, NULL, "notifications were lost: looking at every buffer anew");
	registry_check_all(watch->reg);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	watch_drain(io->data);
}

int watch_init(struct watch *watch, struct registry *reg)
{
	int size = RCVBUF_BYTES, ret = -ENOMEM;

	*watch = (struct watch){ .reg = reg, .fd = -1 };
	watch->rx = malloc(RX_AT_ONCE * RX_BYTES);
	watch->sock = nl_socket_alloc();
	if (!watch->rx || !watch->sock)
		goto fini;
	nl_socket_disable_seq_check(watch->sock);
	ret = nltx_errno(nl_connect(watch->sock, NETLINK_ROUTE));
	if (ret)
		goto fini;
	watch->fd = nl_socket_get_fd(watch->sock);
	setsockopt(watch->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ret = ignore_own(watch->fd, reg->tx.portid);
	if (!ret)
		ret = nltx_errno(nl_socket_add_memberships(watch->sock, RTNLGRP_LINK, RTNLGRP_TC, 0));
	if (ret)
		goto fini;
	ev_io_init(&watch->io, on_readable, watch->fd, EV_READ);
	watch->io.data = watch;
	return 0;
fini:
	watch_fini(watch);
	return ret;
}

void watch_start(struct watch *watch)
{
	ev_io_start(watch->reg->loop, &watch->io);
}

void watch_fini(struct watch *watch)
{
	if (watch->reg && watch->io.data)
		ev_io_stop(watch->reg->loop, &watch->io);
	if (watch->sock)
		nl_socket_free(watch->sock);
	free(watch->rx);
	*watch = (struct watch){ .fd = -1 };
}
