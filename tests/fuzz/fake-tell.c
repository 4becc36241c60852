// SPDX-License-Identifier: GPL-2.0-or-later
/* What the fake kernel says: the same messages answer a request and notify those who watch. */
#include "fake-kernel.h"
#include "fake-link.h"

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "sch_plug_group.h"

static struct nl_msg *begin(const struct nlmsghdr *request, int type, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	if (!msg || nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0)
		abort();
	nlmsg_hdr(msg)->nlmsg_seq = request ? request->nlmsg_seq : 0;
	nlmsg_hdr(msg)->nlmsg_pid = request ? request->nlmsg_pid : 0;
	return msg;
}

static void tell(const struct nlmsghdr *request, struct nl_msg *msg)
{
	if (request)
		fake_answer(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	else
		fake_notify(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
}

static void put_kind(struct nl_msg *msg, const char *kind)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

	nla_put_string(msg, IFLA_INFO_KIND, kind);
	nla_nest_end(msg, info);
}

void fake_tell_link(const struct nlmsghdr *request, const struct fake_link *link, int type)
{
	struct ifinfomsg ifi = { .ifi_index = link->ifindex, .ifi_flags = link->flags };
	struct nl_msg *msg = begin(request, type, &ifi, sizeof(ifi));
	struct rtnl_link_stats64 stats = { 0 };

	nla_put_string(msg, IFLA_IFNAME, link->name);
	nla_put_u32(msg, IFLA_TXQLEN, link->txqueuelen);
	nla_put(msg, IFLA_STATS64, sizeof(stats), &stats);
	if (*link->alias)
		nla_put_string(msg, IFLA_IFALIAS, link->alias);
	if (*link->kind)
		put_kind(msg, link->kind);
	tell(request, msg);
}

/* A bridge speaks of its port with the port's index. */
void fake_tell_bridge(const struct fake_link *link, int type)
{
	struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE, .ifi_index = link->ifindex, .ifi_flags = link->flags };
	struct nl_msg *msg = begin(NULL, type, &ifi, sizeof(ifi));

	nla_put_string(msg, IFLA_IFNAME, link->name);
	tell(NULL, msg);
}

/* Ours tells its state, mainline's nothing. */
static void put_plug(struct nl_msg *msg, const struct fake_queue *plug)
{
	struct tc_plug_info info = {
		.base = { .limit = plug->limit },
		.magic = TC_PLUG_MAGIC, .version = TC_PLUG_VERSION,
		.flags = plug->holding ? TC_PLUG_S_HOLDING : 0,
		.open_epoch = plug->open, .oldest_epoch = plug->oldest,
		.outstanding = (uint32_t)(plug->open - plug->oldest),
		.held = { .frames = plug->held, .bytes = 100ULL * plug->held },
		.info_size = sizeof(info),
	};
	struct tc_plug_epoch epoch = { .epoch = plug->oldest };
	struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);

	nlmsg_append(msg, &info, sizeof(info), 0);
	nla_put(msg, TCA_PLUG_EPOCHS, info.outstanding ? sizeof(epoch) : 0, &epoch);
	nla_nest_end(msg, options);
}

void fake_tell_qdisc(const struct nlmsghdr *request, const struct fake_link *link, int type)
{
	const struct fake_queue *plug = &link->plug;
	struct tcmsg tcm = { .tcm_ifindex = link->ifindex, .tcm_parent = TC_H_ROOT, .tcm_handle = plug->handle };
	struct nl_msg *msg = begin(request, type, &tcm, sizeof(tcm));
	struct gnet_stats_queue queue = { .qlen = plug->held, .backlog = 100 * plug->held, .drops = plug->drops };
	struct nlattr *stats;

	nla_put_string(msg, TCA_KIND, plug->there ? "plug" : "noqueue");
	if (plug->there && plug->ours)
		put_plug(msg, plug);
	stats = nla_nest_start(msg, TCA_STATS2);
	nla_put(msg, TCA_STATS_QUEUE, sizeof(queue), &queue);
	nla_nest_end(msg, stats);
	tell(request, msg);
}

static void put_mirred(struct nl_msg *msg, const struct fake_link *link)
{
	struct tc_mirred mirred = { .index = link->redirect.action, .eaction = TCA_EGRESS_REDIR,
				    .ifindex = (uint32_t)link->redirect.to };
	struct nlattr *options;

	nla_put_string(msg, TCA_ACT_KIND, "mirred");
	nla_put(msg, TCA_ACT_COOKIE, sizeof(link->redirect.cookie), link->redirect.cookie);
	options = nla_nest_start(msg, TCA_ACT_OPTIONS);
	nla_put(msg, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	nla_nest_end(msg, options);
}

void fake_tell_filter(const struct nlmsghdr *request, const struct fake_link *link, int type)
{
	struct tcmsg tcm = {
		.tcm_ifindex = link->ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_handle = REDIRECT_HANDLE,
		.tcm_info = TC_H_MAKE(REDIRECT_PRIO << 16, htons(ETH_P_ALL)),
	};
	struct nl_msg *msg = begin(request, type, &tcm, sizeof(tcm));
	struct nlattr *options, *table, *action;

	nla_put_string(msg, TCA_KIND, "matchall");
	options = nla_nest_start(msg, TCA_OPTIONS);
	table = nla_nest_start(msg, TCA_MATCHALL_ACT);
	action = nla_nest_start(msg, 1);
	put_mirred(msg, link);
	nla_nest_end(msg, action);
	nla_nest_end(msg, table);
	nla_nest_end(msg, options);
	tell(request, msg);
}

void fake_tell_family(const struct nlmsghdr *request)
{
	struct genlmsghdr genl = { .cmd = CTRL_CMD_NEWFAMILY };
	struct nl_msg *msg = begin(request, GENL_ID_CTRL, &genl, sizeof(genl));

	nla_put_u16(msg, CTRL_ATTR_FAMILY_ID, FAKE_FAMILY);
	tell(request, msg);
}

void fake_tell_results(const struct nlmsghdr *request, const int32_t *results, size_t count)
{
	struct genlmsghdr genl = { .cmd = PLUG_CMD_GET };
	struct nl_msg *msg = begin(request, FAKE_FAMILY, &genl, sizeof(genl));

	nla_put(msg, PLUG_A_RESULT, (int)(count * sizeof(results[0])), results);
	tell(request, msg);
}

void fake_tell_outcome(const struct nlmsghdr *request, int error)
{
	struct nlmsgerr err = { .error = error, .msg = *request };

	tell(request, begin(request, NLMSG_ERROR, &err, sizeof(err)));
}
