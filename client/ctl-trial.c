// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/matchall.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/plug.h>

#include "ctl-spawn.h"

#define VIF "lo" /* every new namespace has one */
#define IFB "oc-trial"
#define FRAME_MS 2000
#define LIMIT_BYTES 65536

/* The place where it is tried. */
struct place {
	struct nl_sock *netlink;
	int vif_ifindex;
	int ifb_ifindex;
	struct trial *trial;
};

/* libnl's errors are numbers of its own, and none of them is 0. */
static int set_up(struct nl_sock *netlink, int ifindex)
{
	struct rtnl_link *old = rtnl_link_alloc(), *changes = rtnl_link_alloc();
	int ret = -NLE_NOMEM;

	if (old && changes) {
		rtnl_link_set_ifindex(old, ifindex);
		rtnl_link_set_flags(changes, IFF_UP);
		ret = rtnl_link_change(netlink, old, changes, 0);
	}
	rtnl_link_put(old);
	rtnl_link_put(changes);
	return ret;
}

static int try_ifb(struct place *place)
{
	struct rtnl_link *link = rtnl_link_alloc();
	int ret;

	if (!link)
		return -NLE_NOMEM;
	rtnl_link_set_name(link, IFB);
	ret = rtnl_link_set_type(link, "ifb");
	if (!ret)
		ret = rtnl_link_add(place->netlink, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	if (ret)
		return ret;
	place->ifb_ifindex = (int)if_nametoindex(IFB);
	return set_up(place->netlink, place->ifb_ifindex);
}

static struct rtnl_qdisc *make_qdisc(int ifindex, uint32_t parent, uint32_t handle,
				     const char *kind)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (!qdisc)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), parent);
	rtnl_tc_set_handle(TC_CAST(qdisc), handle);
	if (!rtnl_tc_set_kind(TC_CAST(qdisc), kind))
		return qdisc;
	rtnl_qdisc_put(qdisc);
	return NULL;
}

static int note_plug(struct nl_msg *msg, void *arg)
{
	struct trial *trial = arg;
	struct nlattr *attributes[TCA_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct tcmsg), attributes, TCA_MAX, NULL) ||
	    !attributes[TCA_KIND] || nla_strcmp(attributes[TCA_KIND], "plug"))
		return NL_OK;
	if (attributes[TCA_OPTIONS] && nla_len(attributes[TCA_OPTIONS]) > 0)
		trial->plug_shows_itself = true;
	return NL_OK;
}

static int look_at_plug(struct place *place)
{
	struct tcmsg request = { .tcm_family = AF_UNSPEC, .tcm_ifindex = place->ifb_ifindex };
	int ret;

	nl_socket_modify_cb(place->netlink, NL_CB_VALID, NL_CB_CUSTOM, note_plug, place->trial);
	ret = nl_send_simple(place->netlink, RTM_GETQDISC, NLM_F_DUMP, &request, sizeof(request));
	if (ret >= 0)
		ret = nl_recvmsgs_default(place->netlink);
	nl_socket_modify_cb(place->netlink, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return ret;
}

static int try_plug(struct place *place)
{
	struct rtnl_qdisc *qdisc = make_qdisc(place->ifb_ifindex, TC_H_ROOT, TC_H_MAKE(1 << 16, 0),
					      "plug");
	int ret;

	if (!qdisc)
		return -NLE_NOMEM;
	ret = rtnl_qdisc_plug_set_limit(qdisc, LIMIT_BYTES);
	if (!ret)
		ret = rtnl_qdisc_add(place->netlink, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	/* mainline's plug holds when it is new */
	if (!ret)
		ret = rtnl_qdisc_plug_release_indefinite(qdisc);
	if (!ret)
		ret = rtnl_qdisc_add(place->netlink, qdisc, 0);
	rtnl_qdisc_put(qdisc);
	return ret ? ret : look_at_plug(place);
}

static int add_clsact(struct place *place)
{
	struct rtnl_qdisc *qdisc = make_qdisc(place->vif_ifindex, TC_H_CLSACT,
					      TC_H_MAKE(TC_H_CLSACT, 0), "clsact");
	int ret;

	if (!qdisc)
		return -NLE_NOMEM;
	ret = rtnl_qdisc_add(place->netlink, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(qdisc);
	return ret;
}

static int append_redirect(struct rtnl_cls *cls, int ifindex)
{
	struct rtnl_act *act = rtnl_act_alloc();
	int ret;

	if (!act)
		return -NLE_NOMEM;
	ret = rtnl_tc_set_kind(TC_CAST(act), "mirred");
	if (!ret)
		ret = rtnl_mirred_set_action(act, TCA_EGRESS_REDIR);
	if (!ret)
		ret = rtnl_mirred_set_policy(act, TC_ACT_STOLEN);
	if (!ret)
		ret = rtnl_mirred_set_ifindex(act, (uint32_t)ifindex);
	if (!ret)
		ret = rtnl_mall_append_action(cls, act);
	rtnl_act_put(act);
	return ret;
}

static int try_redirect(struct place *place)
{
	struct rtnl_cls *cls;
	int ret = add_clsact(place);

	if (ret)
		return ret;
	cls = rtnl_cls_alloc();
	if (!cls)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(cls), place->vif_ifindex);
	rtnl_tc_set_parent(TC_CAST(cls), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
	rtnl_cls_set_prio(cls, 1);
	rtnl_cls_set_protocol(cls, ETH_P_ALL);
	ret = rtnl_tc_set_kind(TC_CAST(cls), "matchall");
	if (!ret)
		ret = append_redirect(cls, place->ifb_ifindex);
	if (!ret)
		ret = rtnl_cls_add(place->netlink, cls, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_cls_put(cls);
	return ret;
}

/* From the vif through the buffer and back: a datagram to ourselves. 0 or an errno. */
static int send_frame(int fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(address);

	if (bind(fd, (struct sockaddr *)&address, len) ||
	    getsockname(fd, (struct sockaddr *)&address, &len) ||
	    sendto(fd, "", 1, 0, (struct sockaddr *)&address, len) < 0)
		return -errno;
	return poll(&poll_fd, 1, FRAME_MS) == 1 ? 0 : -ETIMEDOUT;
}

static bool went_through(struct place *place)
{
	struct rtnl_link *link;
	bool some;

	if (rtnl_link_get_kernel(place->netlink, place->ifb_ifindex, NULL, &link))
		return false;
	some = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS) > 0;
	rtnl_link_put(link);
	return some;
}

static int try_frame(struct place *place)
{
	int fd, ret = set_up(place->netlink, place->vif_ifindex);

	if (ret)
		return ret;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -NLE_NOMEM;
	ret = send_frame(fd);
	close(fd);
	if (ret)
		return nl_syserr2nlerr(-ret);
	return went_through(place) ? 0 : -NLE_FAILURE;
}

static void note(struct trial *trial, enum trial_step step, bool good, const char *reason)
{
	struct trial_result *result = &trial->steps[step];

	result->tried = true;
	result->good = good;
	snprintf(result->why, sizeof(result->why), "%s", good ? "" : reason);
}

/* Without the right to make a network namespace, one may have it in a user namespace. */
static bool enter_namespace(struct trial *trial)
{
	bool good = !unshare(CLONE_NEWNET) || !unshare(CLONE_NEWUSER | CLONE_NEWNET);

	note(trial, TRIAL_NAMESPACE, good, strerror(errno));
	return good;
}

/* A kind of qdisc, filter or action that no module has comes back as "Object not found". */
static const char *why(int error)
{
	return error == -NLE_OBJ_NOTFOUND ? "unknown to this kernel" : nl_geterror(error);
}

static void try_steps(struct place *place)
{
	static int (*const steps[TRIAL_STEPS])(struct place *place) = {
		[TRIAL_IFB] = try_ifb,
		[TRIAL_PLUG] = try_plug,
		[TRIAL_REDIRECT] = try_redirect,
		[TRIAL_FRAME] = try_frame,
	};

	for (enum trial_step step = TRIAL_IFB; step < TRIAL_STEPS; step++) {
		int ret = steps[step](place);

		note(place->trial, step, ret >= 0, why(ret));
		/*
		 * a redirect can be tried with any IFB, but nothing without one, and a frame only
		 * with all
		 */
		if (ret < 0 && step != TRIAL_PLUG)
			return;
		if (step == TRIAL_REDIRECT && !place->trial->steps[TRIAL_PLUG].good)
			return;
	}
}

static void try_all(struct trial *trial)
{
	struct place place = { .trial = trial };

	if (!enter_namespace(trial))
		return;
	place.netlink = nl_socket_alloc();
	if (!place.netlink || nl_connect(place.netlink, NETLINK_ROUTE)) {
		note(trial, TRIAL_IFB, false, "no netlink socket");
	} else {
		/* a request that could not even be sent has no answer that the next step may miss */
		nl_socket_disable_seq_check(place.netlink);
		place.vif_ifindex = (int)if_nametoindex(VIF);
		try_steps(&place);
	}
	nl_socket_free(place.netlink);
}

static int report(void *arg)
{
	struct trial trial = { 0 };

	try_all(&trial);
	return write(STDOUT_FILENO, &trial, sizeof(trial)) == sizeof(trial) ? 0 : 1;
}

int trial_run(struct trial *trial, int timeout_ms)
{
	struct spawn spawn = { .function = report, .timeout_ms = timeout_ms };
	struct trial result;
	int ret = spawn_run(&spawn, &result, sizeof(result));

	if (ret < 0)
		return ret;
	if (ret || spawn.len != sizeof(result))
		return -EPROTO;
	*trial = result;
	return 0;
}
