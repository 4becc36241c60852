/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rtnetlink messages of a buffer's life, built with libnl: the IFB, the plug on it, the redirect into it; and what
 * the kernel's answers say. Builders return a struct nl_msg that the caller frees, or NULL without memory.
 */
#ifndef OUTCOMMITD_RTMSG_H
#define OUTCOMMITD_RTMSG_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "record.h"

/* Major numbers of our root qdisc; a plug that replaces another takes the other one. */
#define PLUG_HANDLE_A 0x0c010000U
#define PLUG_HANDLE_B 0x0c020000U

/* Where our redirect sits on a vif's ingress: in front of everything. */
#define REDIRECT_PRIO 1U
#define REDIRECT_HANDLE 0x0cU

#define RTMSG_ALIAS_MAX 256

struct nl_msg;
struct tc_plug_qopt;

struct nl_msg *rtmsg_ifb_new(const char *name, uint32_t txqueuelen);
struct nl_msg *rtmsg_link_up(int ifindex);
struct nl_msg *rtmsg_link_del(int ifindex);
/* Put an interface into a group; remove all that are in one. */
struct nl_msg *rtmsg_link_group(int ifindex, uint32_t group);
struct nl_msg *rtmsg_group_del(uint32_t group);
/* By index, or by name if that is 0. */
struct nl_msg *rtmsg_link_get(int ifindex, const char *name);
struct nl_msg *rtmsg_link_alias(int ifindex, const char *name, const char *alias);
struct nl_msg *rtmsg_link_dump(void);

struct nl_msg *rtmsg_clsact_new(int ifindex);
struct nl_msg *rtmsg_clsact_del(int ifindex);
struct nl_msg *rtmsg_redirect_new(int ifindex, int to_ifindex, const struct record *record);
struct nl_msg *rtmsg_redirect_del(int ifindex);
struct nl_msg *rtmsg_redirect_get(int ifindex);
struct nl_msg *rtmsg_filter_dump(int ifindex, bool ingress);
/* Write the redirect's action @index anew, with @record in its cookie. */
struct nl_msg *rtmsg_record_set(uint32_t index, int to_ifindex, const struct record *record);

/* A root qdisc request of @flags (NLM_F_*) with the options at @options. */
struct nl_msg *rtmsg_plug(int ifindex, uint32_t handle, int flags, const void *options, uint32_t bytes);
struct nl_msg *rtmsg_qdisc_get(int ifindex, uint32_t parent);

/* What an RTM_NEWLINK says. */
struct link_info {
	int ifindex;
	unsigned int flags; /* IFF_* */
	uint32_t txqueuelen;
	uint64_t rx_frames, tx_frames, dropped_frames;
	char name[IFNAMSIZ];
	char kind[16];
	char alias[RTMSG_ALIAS_MAX];
};

/* What an RTM_NEWQDISC or RTM_DELQDISC says. */
struct qdisc_info {
	int ifindex;
	uint32_t handle, parent;
	char kind[IFNAMSIZ];
	uint32_t queued_frames;
	uint64_t queued_bytes;
	uint64_t drops;
	uint64_t sent_frames, sent_bytes;
	const void *options; /* into the message */
	uint32_t options_bytes;
};

/* What an RTM_NEWTFILTER or RTM_DELTFILTER says. */
struct filter_info {
	int ifindex;
	uint32_t parent, handle;
	uint16_t prio, protocol;
	char kind[IFNAMSIZ];
	bool redirects; /* its first action is a mirred egress redirect */
	int to_ifindex;
	uint32_t action_index;
	bool has_record;
	struct record record;
};

/* 0, or -EBADMSG; the output is then unspecified. */
int rtmsg_parse_link(const struct nlmsghdr *nlh, struct link_info *info);
int rtmsg_parse_qdisc(const struct nlmsghdr *nlh, struct qdisc_info *info);
int rtmsg_parse_filter(const struct nlmsghdr *nlh, struct filter_info *info);

#endif
