// SPDX-License-Identifier: GPL-2.0-or-later
/* See rig.h. */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "rig.h"

int rig_sh(const char *fmt, ...)
{
	char line[2048];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return n >= sizeof(line) || system(line) ? -EIO : 0;
}

bool rig_is_ours(void)
{
	return access("/sys/module/sch_plug/version", F_OK) == 0;
}

int rig_open(struct rig *rig, const char *extra)
{
	int err;

	memset(rig, 0, sizeof(*rig));
	rig_sh("ip link del plug0 2>/dev/null");
	err = rig_sh("ip link add plug0 txqueuelen 1000 %s type veth peer name seen0 &&"
		     "ip link set plug0 arp off addrgenmode none &&"
		     "ip link set seen0 arp off addrgenmode none up && ip link set plug0 up",
		     extra);
	if (err)
		return err;
	/* Where there are several CPUs: one receives all, or it is their order that is seen. */
	rig_sh("echo 1 2>/dev/null >/sys/class/net/seen0/queues/rx-0/rps_cpus; "
	       "echo 100000 >/proc/sys/net/core/netdev_max_backlog");
	rig->parent = TC_H_ROOT;
	rig->handle = TC_H_MAKE(1 << 16, 0);
	rig->ifindex = if_nametoindex("plug0");
	err = rtnl_open(&rig->nl);
	if (err)
		return err;
	rig->tx = frames_tx_open(rig->ifindex);
	rig->rx = frames_rx_open(if_nametoindex("seen0"));
	return rig->tx < 0 ? rig->tx : rig->rx < 0 ? rig->rx : 0;
}

void rig_close(struct rig *rig)
{
	rtnl_close(&rig->nl);
	close(rig->tx);
	close(rig->rx);
	rig_sh("ip link del plug0");
}

size_t rig_options(struct tc_plug_xopt *opt, int action, uint32_t limit_bytes, uint64_t tag)
{
	*opt = (struct tc_plug_xopt){ .base.action = action, .base.limit = limit_bytes };
	if (tag == RIG_UNTAGGED)
		return sizeof(opt->base);
	opt->magic = TC_PLUG_MAGIC;
	opt->version = TC_PLUG_VERSION;
	opt->flags = TC_PLUG_F_EPOCH;
	opt->epoch = tag;
	return sizeof(*opt);
}

static int request(struct rig *rig, int flags, int action, uint32_t limit_bytes, uint64_t tag)
{
	struct tc_plug_xopt opt;
	struct qdisc_request req = {
		.type = RTM_NEWQDISC,
		.flags = flags,
		.ifindex = rig->ifindex,
		.parent = rig->parent,
		.handle = rig->handle,
		.kind = "plug",
		.options = action == RIG_NO_OPTIONS ? NULL : &opt,
		.options_bytes = rig_options(&opt, action, limit_bytes, tag),
	};

	return rtnl_qdisc(&rig->nl, &req);
}

int rig_add(struct rig *rig, int action, uint32_t limit_bytes, uint64_t tag)
{
	return request(rig, NLM_F_CREATE | NLM_F_EXCL, action, limit_bytes, tag);
}

int rig_change(struct rig *rig, int action, uint32_t limit_bytes, uint64_t tag)
{
	return request(rig, 0, action, limit_bytes, tag);
}

int rig_del(struct rig *rig)
{
	struct qdisc_request req = {
		.type = RTM_DELQDISC,
		.ifindex = rig->ifindex,
		.parent = TC_H_ROOT,
	};

	return rtnl_qdisc(&rig->nl, &req);
}

int rig_view(struct rig *rig, struct qdisc_view *view)
{
	return rtnl_qdisc_view(&rig->nl, rig->ifindex, rig->parent, 0, view);
}

int rig_down_up(struct rig *rig)
{
	int err = rtnl_link_up(&rig->nl, rig->ifindex, false);

	return err ? err : rtnl_link_up(&rig->nl, rig->ifindex, true);
}

int rig_txqlen(struct rig *rig)
{
	int err = rtnl_link_txqlen(&rig->nl, rig->ifindex, 999);

	return err ? err : rtnl_link_txqlen(&rig->nl, rig->ifindex, 1000);
}

int rig_clsact(struct rig *rig)
{
	struct qdisc_request req = {
		.type = RTM_NEWQDISC,
		.flags = NLM_F_CREATE | NLM_F_EXCL,
		.ifindex = rig->ifindex,
		.parent = TC_H_CLSACT,
		.handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.kind = "clsact",
	};
	int err = rtnl_qdisc(&rig->nl, &req);

	if (err)
		return err;
	req.type = RTM_DELQDISC;
	req.flags = 0;
	return rtnl_qdisc(&rig->nl, &req);
}

int rig_send(struct rig *rig, size_t bytes)
{
	return frames_send(rig->tx, ++rig->seq, 0, bytes);
}
