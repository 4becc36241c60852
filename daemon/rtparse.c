// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers and notifications of rtnetlink. Every length is checked before a value is read. */
#include "rtmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

static void copy_string(char *to, size_t size, const struct nlattr *attr)
{
	if (attr)
		snprintf(to, size, "%.*s", nla_len(attr), (const char *)nla_data(attr));
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static int parse_attrs(const struct nlmsghdr *nlh, size_t header, struct nlattr **attrs, int max)
{
	if (nlh->nlmsg_len < NLMSG_LENGTH(header))
		return -EBADMSG;
	return nlmsg_parse((struct nlmsghdr *)nlh, (int)header, attrs, max, NULL) < 0 ? -EBADMSG : 0;
}

static void parse_link_stats(const struct nlattr *attr, struct link_info *info)
{
	struct rtnl_link_stats64 stats = { 0 };

	if (!attr)
		return;
	memcpy(&stats, nla_data(attr), (size_t)nla_len(attr) < sizeof(stats) ? (size_t)nla_len(attr) : sizeof(stats));
	info->rx_frames = stats.rx_packets;
	info->tx_frames = stats.tx_packets;
	info->dropped_frames = stats.rx_dropped + stats.tx_dropped;
}

int rtmsg_parse_link(const struct nlmsghdr *nlh, struct link_info *info)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(nlh);
	struct nlattr *attrs[IFLA_MAX + 1], *nested[IFLA_INFO_MAX + 1];

	if (parse_attrs(nlh, sizeof(*ifi), attrs, IFLA_MAX) || ifi->ifi_index <= 0)
		return -EBADMSG;
	/* what a bridge says of its ports is not about the link: one that leaves the bridge is not gone */
	if (ifi->ifi_family != AF_UNSPEC)
		return -EBADMSG;
	*info = (struct link_info){ .ifindex = ifi->ifi_index, .flags = ifi->ifi_flags };
	copy_string(info->name, sizeof(info->name), attrs[IFLA_IFNAME]);
	copy_string(info->alias, sizeof(info->alias), attrs[IFLA_IFALIAS]);
	info->txqueuelen = get_u32(attrs[IFLA_TXQLEN]);
	parse_link_stats(attrs[IFLA_STATS64], info);
	if (attrs[IFLA_LINKINFO] && !nla_parse_nested(nested, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL))
		copy_string(info->kind, sizeof(info->kind), nested[IFLA_INFO_KIND]);
	return 0;
}

static void parse_stats2(struct nlattr *attr, struct qdisc_info *info)
{
	struct nlattr *stats[TCA_STATS_MAX + 1];
	struct gnet_stats_basic basic = { 0 };
	struct gnet_stats_queue queue = { 0 };

	if (!attr || nla_parse_nested(stats, TCA_STATS_MAX, attr, NULL))
		return;
	if (stats[TCA_STATS_BASIC])
		nla_memcpy(&basic, stats[TCA_STATS_BASIC], sizeof(basic));
	if (stats[TCA_STATS_QUEUE])
		nla_memcpy(&queue, stats[TCA_STATS_QUEUE], sizeof(queue));
	info->sent_bytes = basic.bytes;
	info->sent_frames = basic.packets;
	if (stats[TCA_STATS_PKT64] && nla_len(stats[TCA_STATS_PKT64]) >= 8)
		info->sent_frames = nla_get_u64(stats[TCA_STATS_PKT64]);
	info->queued_frames = queue.qlen;
	info->queued_bytes = queue.backlog;
	info->drops = queue.drops;
}

int rtmsg_parse_qdisc(const struct nlmsghdr *nlh, struct qdisc_info *info)
{
	const struct tcmsg *tcm = NLMSG_DATA(nlh);
	struct nlattr *attrs[TCA_MAX + 1];

	if (parse_attrs(nlh, sizeof(*tcm), attrs, TCA_MAX))
		return -EBADMSG;
	*info = (struct qdisc_info){
		.ifindex = tcm->tcm_ifindex, .handle = tcm->tcm_handle, .parent = tcm->tcm_parent
	};
	copy_string(info->kind, sizeof(info->kind), attrs[TCA_KIND]);
	parse_stats2(attrs[TCA_STATS2], info);
	if (attrs[TCA_OPTIONS]) {
		info->options = nla_data(attrs[TCA_OPTIONS]);
		info->options_bytes = (uint32_t)nla_len(attrs[TCA_OPTIONS]);
	}
	return 0;
}

static void parse_mirred(struct nlattr *action, struct filter_info *info)
{
	struct nlattr *act[TCA_ACT_MAX + 1], *options[TCA_MIRRED_MAX + 1];
	char kind[IFNAMSIZ] = "";
	struct tc_mirred parms;

	if (nla_parse_nested(act, TCA_ACT_MAX, action, NULL))
		return;
	copy_string(kind, sizeof(kind), act[TCA_ACT_KIND]);
	if (strcmp(kind, "mirred") || !act[TCA_ACT_OPTIONS] ||
	    nla_parse_nested(options, TCA_MIRRED_MAX, act[TCA_ACT_OPTIONS], NULL))
		return;
	if (!options[TCA_MIRRED_PARMS] || nla_len(options[TCA_MIRRED_PARMS]) < (int)sizeof(parms))
		return;
	memcpy(&parms, nla_data(options[TCA_MIRRED_PARMS]), sizeof(parms));
	info->redirects = parms.eaction == TCA_EGRESS_REDIR;
	info->to_ifindex = (int)parms.ifindex;
	info->action_index = parms.index;
	if (act[TCA_ACT_COOKIE])
		info->has_record = !record_unpack(&info->record, nla_data(act[TCA_ACT_COOKIE]),
						  (size_t)nla_len(act[TCA_ACT_COOKIE]));
}

int rtmsg_parse_filter(const struct nlmsghdr *nlh, struct filter_info *info)
{
	const struct tcmsg *tcm = NLMSG_DATA(nlh);
	struct nlattr *attrs[TCA_MAX + 1], *options[TCA_MATCHALL_MAX + 1], *table[2];

	if (parse_attrs(nlh, sizeof(*tcm), attrs, TCA_MAX))
		return -EBADMSG;
	*info = (struct filter_info){
		.ifindex = tcm->tcm_ifindex,
		.parent = tcm->tcm_parent,
		.handle = tcm->tcm_handle,
		.prio = (uint16_t)(TC_H_MAJ(tcm->tcm_info) >> 16),
		.protocol = ntohs((uint16_t)TC_H_MIN(tcm->tcm_info)),
	};
	copy_string(info->kind, sizeof(info->kind), attrs[TCA_KIND]);
	if (strcmp(info->kind, "matchall") || !attrs[TCA_OPTIONS] ||
	    nla_parse_nested(options, TCA_MATCHALL_MAX, attrs[TCA_OPTIONS], NULL))
		return 0;
	if (options[TCA_MATCHALL_ACT] && !nla_parse_nested(table, 1, options[TCA_MATCHALL_ACT], NULL) && table[1])
		parse_mirred(table[1], info);
	return 0;
}
