// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake-kernel.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "fake-link.h"
#include "sch_plug_group.h"

static struct {
	enum fake_module module;
	struct fake_link links[FAKE_LINKS];
	int next_ifindex;
	uint32_t next_action;
	bool lies;
	bool failing;
	unsigned int skip;
	int error;
} kernel;

static struct fake_link *new_link(int ifindex, const char *name, const char *kind)
{
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		struct fake_link *link = &kernel.links[i];

		if (link->ifindex)
			continue;
		*link = (struct fake_link){ .ifindex = ifindex };
		snprintf(link->name, sizeof(link->name), "%s", name);
		snprintf(link->kind, sizeof(link->kind), "%s", kind);
		return link;
	}
	return NULL;
}

void fake_boot(enum fake_module module)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.module = module;
	kernel.next_ifindex = 20;
	kernel.next_action = 1;
	fake_forget_packets();
	new_link(10, "vif1.0", "")->flags = IFF_UP;
	new_link(11, "vif1.1", "")->flags = IFF_UP;
}

void fake_lie(void)
{
	kernel.lies = true;
}

void fake_fail(unsigned int skip, int error)
{
	kernel.failing = true;
	kernel.skip = skip;
	kernel.error = error;
}

static struct fake_link *find(int ifindex, const char *name)
{
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		struct fake_link *link = &kernel.links[i];

		if (link->ifindex && (ifindex ? link->ifindex == ifindex : name && !strcmp(link->name, name)))
			return link;
	}
	return NULL;
}

static struct fake_link *find_by_action(uint32_t action)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (kernel.links[i].ifindex && kernel.links[i].redirect.action == action)
			return &kernel.links[i];
	return NULL;
}

/* Requests on links. */

static const char *string_of(struct nlattr *attr)
{
	return attr ? nla_data(attr) : NULL;
}

static int create_link(const struct nlmsghdr *nlh, struct nlattr **attrs)
{
	const char *name = string_of(attrs[IFLA_IFNAME]);
	struct fake_link *link;

	if (!name || find(0, name))
		return -EEXIST;
	link = new_link(kernel.next_ifindex++, name, "ifb");
	if (!link)
		return -ENOMEM;
	if (attrs[IFLA_TXQLEN])
		link->txqueuelen = nla_get_u32(attrs[IFLA_TXQLEN]);
	return 0;
}

static int change_link(struct fake_link *link, const struct ifinfomsg *ifi, struct nlattr **attrs)
{
	if (!link)
		return -ENODEV;
	if (attrs[IFLA_IFALIAS])
		snprintf(link->alias, sizeof(link->alias), "%.*s", nla_len(attrs[IFLA_IFALIAS]),
			 (const char *)nla_data(attrs[IFLA_IFALIAS]));
	link->flags = (link->flags & ~ifi->ifi_change) | (ifi->ifi_flags & ifi->ifi_change);
	return 0;
}

/* A redirect into a device that goes leads nowhere, but stays. */
static void delete_link(struct fake_link *link)
{
	memset(link, 0, sizeof(*link));
}

/* The daemon never takes a buffer away that holds and that a vif still sends through: first it lets go, then it takes the redirect. */
static int on_delete_link(struct fake_link *link)
{
	if (!link)
		return -ENODEV;
	for (size_t i = 0; i < FAKE_LINKS && !kernel.lies; i++)
		if (link->plug.holding && kernel.links[i].redirect.action && kernel.links[i].redirect.to == link->ifindex)
			abort();
	delete_link(link);
	return 0;
}

static int get_link(const struct nlmsghdr *nlh, struct fake_link *link)
{
	if (nlh->nlmsg_flags & NLM_F_DUMP) {
		for (size_t i = 0; i < FAKE_LINKS; i++)
			if (kernel.links[i].ifindex)
				fake_tell_link(nlh, &kernel.links[i], RTM_NEWLINK);
		return 0;
	}
	if (!link)
		return -ENODEV;
	fake_tell_link(nlh, link, RTM_NEWLINK);
	return 0;
}

static int on_link(const struct nlmsghdr *nlh)
{
	struct ifinfomsg *ifi = nlmsg_data(nlh);
	struct nlattr *attrs[IFLA_MAX + 1];
	struct fake_link *link;

	if (nlmsg_parse((struct nlmsghdr *)nlh, sizeof(*ifi), attrs, IFLA_MAX, NULL) < 0)
		return -EINVAL;
	link = find(ifi->ifi_index, string_of(attrs[IFLA_IFNAME]));
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		return nlh->nlmsg_flags & NLM_F_CREATE ? create_link(nlh, attrs) : change_link(link, ifi, attrs);
	case RTM_SETLINK:
		return change_link(link, ifi, attrs);
	case RTM_DELLINK:
		return on_delete_link(link);
	default:
		return get_link(nlh, link);
	}
}

/* Requests on qdiscs and filters. */

static int change_plug(struct fake_link *link, const struct nlmsghdr *nlh, const struct tcmsg *tcm, struct nlattr *options)
{
	struct tc_plug_xopt request = { 0 };
	bool make = nlh->nlmsg_flags & NLM_F_CREATE;

	if (!options || nla_len(options) < (int)sizeof(request.base))
		return -EINVAL;
	nla_memcpy(&request, options, sizeof(request));
	if (!make && (!link->plug.there || link->plug.handle != tcm->tcm_handle))
		return -ENOENT;
	if (make && (!link->plug.there || link->plug.handle != tcm->tcm_handle)) {
		link->plug = (struct fake_queue){ .there = true, .handle = tcm->tcm_handle,
						  .ours = kernel.module != FAKE_MAINLINE };
		fake_queue_make(&link->plug, &request);
		return 0;
	}
	return fake_queue_change(&link->plug, &request);
}

/* What traffic control is asked: the attributes, and of which link. */
static int parse_tc(const struct nlmsghdr *nlh, struct nlattr *attrs[TCA_MAX + 1], struct fake_link **link)
{
	const struct tcmsg *tcm = nlmsg_data(nlh);

	if (nlmsg_parse((struct nlmsghdr *)nlh, sizeof(*tcm), attrs, TCA_MAX, NULL) < 0)
		return -EINVAL;
	*link = find(tcm->tcm_ifindex, NULL);
	return *link ? 0 : -ENODEV;
}

static int on_qdisc(const struct nlmsghdr *nlh)
{
	struct tcmsg *tcm = nlmsg_data(nlh);
	struct nlattr *attrs[TCA_MAX + 1];
	struct fake_link *link;
	int ret = parse_tc(nlh, attrs, &link);

	if (ret)
		return ret;
	if (nlh->nlmsg_type == RTM_GETQDISC) {
		if (tcm->tcm_parent == TC_H_CLSACT && !link->clsact)
			return -ENOENT;
		fake_tell_qdisc(nlh, link, RTM_NEWQDISC);
		return 0;
	}
	if (tcm->tcm_parent != TC_H_CLSACT)
		return change_plug(link, nlh, tcm, attrs[TCA_OPTIONS]);
	if (link->clsact == (nlh->nlmsg_type == RTM_NEWQDISC))
		return link->clsact ? -EEXIST : -ENOENT;
	link->clsact = !link->clsact;
	memset(&link->redirect, 0, sizeof(link->redirect));
	return 0;
}

/* The mirred action of a table of actions: where to, which one, and its cookie. */
static bool parse_action(struct nlattr *table, struct tc_mirred *mirred, uint8_t cookie[RECORD_BYTES])
{
	struct nlattr *tab[2], *act[TCA_ACT_MAX + 1], *options[TCA_MIRRED_MAX + 1];

	if (!table || nla_parse_nested(tab, 1, table, NULL) || !tab[1] ||
	    nla_parse_nested(act, TCA_ACT_MAX, tab[1], NULL) || !act[TCA_ACT_OPTIONS] || !act[TCA_ACT_COOKIE] ||
	    nla_parse_nested(options, TCA_MIRRED_MAX, act[TCA_ACT_OPTIONS], NULL) || !options[TCA_MIRRED_PARMS])
		return false;
	nla_memcpy(mirred, options[TCA_MIRRED_PARMS], sizeof(*mirred));
	nla_memcpy(cookie, act[TCA_ACT_COOKIE], RECORD_BYTES);
	return true;
}

static int create_filter(struct fake_link *link, struct nlattr *options)
{
	struct nlattr *attrs[TCA_MATCHALL_MAX + 1];
	struct tc_mirred mirred;

	if (!link->clsact || !options || nla_parse_nested(attrs, TCA_MATCHALL_MAX, options, NULL) ||
	    !parse_action(attrs[TCA_MATCHALL_ACT], &mirred, link->redirect.cookie))
		return -EINVAL;
	if (link->redirect.action)
		return -EEXIST;
	link->redirect.to = (int)mirred.ifindex;
	link->redirect.action = kernel.next_action++;
	return 0;
}

static int on_filter(const struct nlmsghdr *nlh)
{
	struct tcmsg *tcm = nlmsg_data(nlh);
	struct nlattr *attrs[TCA_MAX + 1];
	struct fake_link *link;
	int ret = parse_tc(nlh, attrs, &link);

	if (ret)
		return ret;
	if (nlh->nlmsg_type == RTM_NEWTFILTER)
		return create_filter(link, attrs[TCA_OPTIONS]);
	if (!link->clsact)
		return -EINVAL;
	if (!link->redirect.action)
		return nlh->nlmsg_flags & NLM_F_DUMP ? 0 : -ENOENT;
	if (nlh->nlmsg_type == RTM_GETTFILTER) {
		if (tcm->tcm_parent == TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS))
			fake_tell_filter(nlh, link, RTM_NEWTFILTER);
		return 0;
	}
	memset(&link->redirect, 0, sizeof(link->redirect));
	return 0;
}

static int on_action(const struct nlmsghdr *nlh)
{
	struct nlattr *table = nlmsg_find_attr((struct nlmsghdr *)nlh, sizeof(struct tcamsg), TCA_ACT_TAB);
	struct tc_mirred mirred;
	uint8_t cookie[RECORD_BYTES];
	struct fake_link *link;

	if (!parse_action(table, &mirred, cookie))
		return -EINVAL;
	link = find_by_action(mirred.index);
	if (!link)
		return -ENOENT;
	link->redirect.to = (int)mirred.ifindex;
	memcpy(link->redirect.cookie, cookie, sizeof(cookie));
	return 0;
}

/* The module's own family: one command for several plugs, one answer and no acknowledgement. */
static int on_group(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = nlmsg_data(nlh);
	struct nlattr *attrs[PLUG_A_MAX + 1];
	int32_t results[PLUG_GROUP_MAX];
	size_t count;

	if (nlmsg_parse((struct nlmsghdr *)nlh, GENL_HDRLEN, attrs, PLUG_A_MAX, NULL) < 0 || !attrs[PLUG_A_IFINDEX])
		return -EINVAL;
	count = (size_t)nla_len(attrs[PLUG_A_IFINDEX]) / sizeof(int32_t);
	for (size_t i = 0; i < count && i < PLUG_GROUP_MAX; i++) {
		struct fake_link *link = find(((int32_t *)nla_data(attrs[PLUG_A_IFINDEX]))[i], NULL);

		results[i] = link && link->plug.there ?
				     fake_queue_command(&link->plug, genl->cmd,
							attrs[PLUG_A_EPOCH] ? nla_data(attrs[PLUG_A_EPOCH]) : NULL) :
				     -ENODEV;
	}
	fake_tell_results(nlh, results, count);
	return 0;
}

static int on_lookup(const struct nlmsghdr *nlh)
{
	if (kernel.module != FAKE_GROUP)
		return -ENOENT;
	fake_tell_family(nlh);
	return 0;
}

static int handle_generic(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case GENL_ID_CTRL:
		return on_lookup(nlh);
	case FAKE_FAMILY:
		return on_group(nlh);
	default:
		return -ENOENT;
	}
}

static int handle_route(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_SETLINK:
	case RTM_DELLINK:
	case RTM_GETLINK:
		return on_link(nlh);
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_GETQDISC:
		return on_qdisc(nlh);
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_GETTFILTER:
		return on_filter(nlh);
	case RTM_NEWACTION:
		return on_action(nlh);
	default:
		return -EOPNOTSUPP;
	}
}

void fake_request(int protocol, const struct nlmsghdr *nlh)
{
	bool fails = kernel.failing && !kernel.skip;
	int ret = 0;

	if (kernel.failing && kernel.skip)
		kernel.skip--;
	if (fails)
		kernel.failing = false;
	if (!fails || !kernel.error)
		ret = protocol == NETLINK_GENERIC ? handle_generic(nlh) : handle_route(nlh);
	else
		ret = -kernel.error;
	if (fails && !kernel.error)
		fake_forget_packets();
	else if (ret || nlh->nlmsg_flags & NLM_F_ACK)
		fake_tell_outcome(nlh, ret);
}

/* What others do. */

static bool is_chosen(const struct fake_link *link, int ifindex)
{
	return link->ifindex && (ifindex ? link->ifindex == ifindex : !strcmp(link->kind, "ifb"));
}

int fake_first_buffer(void)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (is_chosen(&kernel.links[i], 0))
			return kernel.links[i].ifindex;
	return 0;
}

void fake_set_down(int ifindex)
{
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		struct fake_link *link = &kernel.links[i];

		if (!is_chosen(link, ifindex))
			continue;
		link->flags &= ~(unsigned int)IFF_UP;
		link->plug.held = 0;
		fake_tell_link(NULL, link, RTM_NEWLINK);
		link->flags |= IFF_UP;
		fake_tell_link(NULL, link, RTM_NEWLINK);
	}
}

void fake_delete(int ifindex)
{
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		if (!is_chosen(&kernel.links[i], ifindex))
			continue;
		fake_tell_link(NULL, &kernel.links[i], RTM_DELLINK);
		delete_link(&kernel.links[i]);
	}
}

void fake_replace_plug(int ifindex)
{
	for (size_t i = 0; i < FAKE_LINKS; i++) {
		struct fake_link *link = &kernel.links[i];

		if (!is_chosen(link, ifindex))
			continue;
		fake_tell_qdisc(NULL, link, RTM_DELQDISC);
		memset(&link->plug, 0, sizeof(link->plug));
		fake_tell_qdisc(NULL, link, RTM_NEWQDISC);
	}
}

void fake_unredirect(int ifindex)
{
	struct fake_link *link = find(ifindex, NULL);

	if (!link || !link->redirect.action)
		return;
	fake_tell_filter(NULL, link, RTM_DELTFILTER);
	memset(&link->redirect, 0, sizeof(link->redirect));
}

void fake_rename(int ifindex, const char *name)
{
	struct fake_link *link = find(ifindex, NULL);

	if (!link || find(0, name))
		return;
	snprintf(link->name, sizeof(link->name), "%s", name);
	fake_tell_link(NULL, link, RTM_NEWLINK);
}

void fake_leave_bridge(int ifindex)
{
	const struct fake_link *link = find(ifindex, NULL);

	if (link)
		fake_tell_bridge(link, RTM_DELLINK);
}

void fake_send_frames(unsigned int count)
{
	for (size_t i = 0; i < FAKE_LINKS; i++)
		if (is_chosen(&kernel.links[i], 0) && kernel.links[i].plug.holding)
			kernel.links[i].plug.held += count;
}
