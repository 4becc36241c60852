// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests. */
#include "rtmsg.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <arpa/inet.h>
#include <string.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

static struct nl_msg *begin(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (msg && nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Ends every builder: with @failed, there is no message. */
static struct nl_msg *end(struct nl_msg *msg, int failed)
{
	if (!failed)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static struct nl_msg *begin_link(int type, int flags, int ifindex)
{
	struct ifinfomsg ifi = { .ifi_index = ifindex };

	return begin(type, flags, &ifi, sizeof(ifi));
}

static struct nl_msg *begin_tc(int type, int flags, const struct tcmsg *tcm)
{
	return begin(type, flags, tcm, sizeof(*tcm));
}

struct nl_msg *rtmsg_ifb_new(const char *name, uint32_t txqueuelen)
{
	struct nl_msg *msg = begin_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info;
	int failed;

	if (!msg)
		return NULL;
	failed = nla_put_string(msg, IFLA_IFNAME, name);
	failed |= nla_put_u32(msg, IFLA_TXQLEN, txqueuelen);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	failed |= !info || nla_put_string(msg, IFLA_INFO_KIND, "ifb");
	if (info)
		nla_nest_end(msg, info);
	return end(msg, failed);
}

struct nl_msg *rtmsg_link_alias(int ifindex, const char *name, const char *alias)
{
	struct nl_msg *msg = begin_link(RTM_SETLINK, 0, ifindex);

	if (!msg)
		return NULL;
	return end(msg, (!ifindex && nla_put_string(msg, IFLA_IFNAME, name)) ||
				nla_put(msg, IFLA_IFALIAS, (int)strlen(alias), alias));
}

struct nl_msg *rtmsg_link_up(int ifindex)
{
	struct ifinfomsg ifi = { .ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	return begin(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
}

struct nl_msg *rtmsg_link_del(int ifindex)
{
	return begin_link(RTM_DELLINK, 0, ifindex);
}

struct nl_msg *rtmsg_link_group(int ifindex, uint32_t group)
{
	struct nl_msg *msg = begin_link(RTM_NEWLINK, 0, ifindex);

	return msg ? end(msg, nla_put_u32(msg, IFLA_GROUP, group)) : NULL;
}

struct nl_msg *rtmsg_group_del(uint32_t group)
{
	struct nl_msg *msg = begin_link(RTM_DELLINK, 0, 0);

	return msg ? end(msg, nla_put_u32(msg, IFLA_GROUP, group)) : NULL;
}

struct nl_msg *rtmsg_link_get(int ifindex, const char *name)
{
	struct nl_msg *msg = begin_link(RTM_GETLINK, 0, ifindex);

	if (!msg || ifindex)
		return msg;
	return end(msg, nla_put_string(msg, IFLA_IFNAME, name));
}

struct nl_msg *rtmsg_link_dump(void)
{
	return begin_link(RTM_GETLINK, NLM_F_DUMP, 0);
}

struct nl_msg *rtmsg_clsact_new(int ifindex)
{
	struct tcmsg tcm = {
		.tcm_ifindex = ifindex, .tcm_parent = TC_H_CLSACT, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)
	};
	struct nl_msg *msg = begin_tc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &tcm);

	return msg ? end(msg, nla_put_string(msg, TCA_KIND, "clsact")) : NULL;
}

struct nl_msg *rtmsg_clsact_del(int ifindex)
{
	struct tcmsg tcm = {
		.tcm_ifindex = ifindex, .tcm_parent = TC_H_CLSACT, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)
	};

	return begin_tc(RTM_DELQDISC, 0, &tcm);
}

static struct tcmsg redirect_tcm(int ifindex)
{
	return (struct tcmsg){
		.tcm_ifindex = ifindex,
		.tcm_parent = INGRESS,
		.tcm_handle = REDIRECT_HANDLE,
		.tcm_info = TC_H_MAKE(REDIRECT_PRIO << 16, htons(ETH_P_ALL)),
	};
}

/* One mirred egress redirect as action 1 of the table @table. */
static int put_redirect(struct nl_msg *msg, int table, uint32_t index, int to_ifindex, const struct record *record)
{
	struct tc_mirred parms = {
		.index = index, .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to_ifindex
	};
	struct nlattr *tab = nla_nest_start(msg, table);
	struct nlattr *act = tab ? nla_nest_start(msg, 1) : NULL;
	struct nlattr *options;
	uint8_t cookie[RECORD_BYTES];
	int failed;

	if (!act)
		return -1;
	failed = nla_put_string(msg, TCA_ACT_KIND, "mirred");
	record_pack(record, cookie);
	failed |= nla_put(msg, TCA_ACT_COOKIE, sizeof(cookie), cookie);
	options = nla_nest_start(msg, TCA_ACT_OPTIONS | NLA_F_NESTED);
	failed |= !options || nla_put(msg, TCA_MIRRED_PARMS, sizeof(parms), &parms);
	if (failed)
		return -1;
	nla_nest_end(msg, options);
	nla_nest_end(msg, act);
	nla_nest_end(msg, tab);
	return 0;
}

struct nl_msg *rtmsg_redirect_new(int ifindex, int to_ifindex, const struct record *record)
{
	struct tcmsg tcm = redirect_tcm(ifindex);
	struct nl_msg *msg = begin_tc(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &tcm);
	struct nlattr *options;
	int failed;

	if (!msg)
		return NULL;
	failed = nla_put_string(msg, TCA_KIND, "matchall");
	options = nla_nest_start(msg, TCA_OPTIONS);
	failed |= !options || put_redirect(msg, TCA_MATCHALL_ACT, 0, to_ifindex, record);
	if (options)
		nla_nest_end(msg, options);
	return end(msg, failed);
}

struct nl_msg *rtmsg_redirect_del(int ifindex)
{
	struct tcmsg tcm = redirect_tcm(ifindex);
	struct nl_msg *msg = begin_tc(RTM_DELTFILTER, 0, &tcm);

	return msg ? end(msg, nla_put_string(msg, TCA_KIND, "matchall")) : NULL;
}

struct nl_msg *rtmsg_redirect_get(int ifindex)
{
	struct tcmsg tcm = redirect_tcm(ifindex);
	struct nl_msg *msg = begin_tc(RTM_GETTFILTER, 0, &tcm);

	return msg ? end(msg, nla_put_string(msg, TCA_KIND, "matchall")) : NULL;
}

struct nl_msg *rtmsg_filter_dump(int ifindex, bool ingress)
{
	struct tcmsg tcm = { .tcm_ifindex = ifindex, .tcm_parent = ingress ? INGRESS : EGRESS };

	return begin_tc(RTM_GETTFILTER, NLM_F_DUMP, &tcm);
}

struct nl_msg *rtmsg_record_set(uint32_t index, int to_ifindex, const struct record *record)
{
	struct tcamsg tca = { .tca_family = AF_UNSPEC };
	struct nl_msg *msg = begin(RTM_NEWACTION, NLM_F_CREATE | NLM_F_REPLACE, &tca, sizeof(tca));

	return msg ? end(msg, put_redirect(msg, TCA_ACT_TAB, index, to_ifindex, record)) : NULL;
}

struct nl_msg *rtmsg_plug(int ifindex, uint32_t handle, int flags, const void *options, uint32_t bytes)
{
	struct tcmsg tcm = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_ROOT, .tcm_handle = handle };
	struct nl_msg *msg = begin_tc(RTM_NEWQDISC, flags, &tcm);

	if (!msg)
		return NULL;
	return end(msg, nla_put_string(msg, TCA_KIND, "plug") ||
				nla_put(msg, TCA_OPTIONS, (int)bytes, options));
}

/* Without NLM_F_ECHO the kernel tells everybody but the asker. */
struct nl_msg *rtmsg_qdisc_get(int ifindex, uint32_t parent)
{
	struct tcmsg tcm = { .tcm_ifindex = ifindex, .tcm_parent = parent };

	return begin_tc(RTM_GETQDISC, NLM_F_ECHO, &tcm);
}
