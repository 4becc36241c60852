/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request for the plugs of several interfaces, without RTNL.
 *
 * Promises: a plug that is found is the one its device sends through, and stays so while it is
 * worked on; one that is on its way out is not found. Nothing is waited for but the plug's own
 * lock.
 *
 * Root plugs are in a hash by device, read under RCU, each through a member that has a lock and a
 * life of its own: ->destroy() takes that lock to say that the plug is gone, so whoever holds it
 * and was not told so has a plug that stays. The order is member, then qdisc.
 */
#ifndef PLUG_GROUP_H
#define PLUG_GROUP_H

#include <linux/hashtable.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sch_generic.h>

#include "uapi/linux/sch_plug.h"
#include "uapi/linux/sch_plug_group.h"

#define PLUG_GROUP_HASH_BITS 10

struct plug_member {
	struct hlist_node	node;
	struct rcu_head		rcu;
	spinlock_t		lock;	/* while it is held, @sch stays */
	struct Qdisc		*sch;	/* NULL: gone */
	const struct net	*net;	/* a device that moves to another loses its qdiscs */
	int			ifindex;
};

struct plug_group {
	DECLARE_HASHTABLE(members, PLUG_GROUP_HASH_BITS);
	spinlock_t		lock;	/* for changes of @members */
};

/* A request as the qdisc takes it, from either netlink family. */
struct plug_request {
	struct tc_plug_xopt	opt;
	u64			now_ns;	/* read once: a domain's vifs close at the same time */
};

/* What the family asks of the qdisc, with its lock held. Frames to free go to *@to_free. */
struct plug_group_ops {
	int	(*apply)(struct Qdisc *sch, const struct plug_request *req,
			 struct sk_buff **to_free);
	void	(*info)(struct Qdisc *sch, struct tc_plug_info *info);
	void	(*free)(struct sk_buff *list);	/* without the lock, may sleep */
};

static struct plug_group plug_group = {
	.lock = __SPIN_LOCK_UNLOCKED(plug_group.lock),
};

/* A new root plug's member; NULL for a child, which is nobody's barrier. */
static int plug_group_add(struct Qdisc *sch, struct plug_member **out)
{
	struct plug_member *member;

	*out = NULL;
	if (sch->parent != TC_H_ROOT)
		return 0;
	member = kzalloc(sizeof(*member), GFP_KERNEL);
	if (!member)
		return -ENOMEM;
	spin_lock_init(&member->lock);
	member->sch = sch;
	member->net = dev_net(qdisc_dev(sch));
	member->ifindex = qdisc_dev(sch)->ifindex;

	spin_lock_bh(&plug_group.lock);
	hash_add_rcu(plug_group.members, &member->node, member->ifindex);
	spin_unlock_bh(&plug_group.lock);
	*out = member;
	return 0;
}

static void plug_group_remove(struct plug_member *member)
{
	if (!member)
		return;
	spin_lock_bh(&plug_group.lock);
	hash_del_rcu(&member->node);
	spin_unlock_bh(&plug_group.lock);

	spin_lock_bh(&member->lock);
	member->sch = NULL;
	spin_unlock_bh(&member->lock);
	kfree_rcu(member, rcu);
}

/* A qdisc is made before it is put in place, and put away before it is destroyed. */
static bool plug_group_serves(const struct plug_member *member, const struct net *net)
{
	struct Qdisc *sch = member->sch;

	return sch && member->net == net &&
	       rcu_access_pointer(sch->dev_queue->qdisc_sleeping) == sch;
}

/* What is done with a plug that was found, under its lock. */
struct plug_visit {
	void	(*visit)(struct Qdisc *sch, struct plug_visit *visit);
	const struct plug_request	*req;
	struct sk_buff			*to_free;
	struct tc_plug_info		*info;
	int				err;
};

static bool plug_group_visit_member(struct plug_member *member, const struct net *net,
				    struct plug_visit *visit)
{
	bool serves;

	spin_lock_bh(&member->lock);
	serves = plug_group_serves(member, net);
	if (serves) {
		spin_lock(qdisc_lock(member->sch));
		visit->visit(member->sch, visit);
		spin_unlock(qdisc_lock(member->sch));
	}
	spin_unlock_bh(&member->lock);
	return serves;
}

static int plug_group_visit(const struct net *net, int ifindex, struct plug_visit *visit)
{
	struct plug_member *member;

	visit->err = -ENODEV;
	rcu_read_lock();
	hash_for_each_possible_rcu(plug_group.members, member, node, ifindex)
		if (member->ifindex == ifindex && plug_group_visit_member(member, net, visit))
			break;
	rcu_read_unlock();
	return visit->err;
}

static struct genl_family plug_group_family;
static const struct plug_group_ops *plug_group_ops;

static void plug_group_apply(struct Qdisc *sch, struct plug_visit *visit)
{
	visit->err = plug_group_ops->apply(sch, visit->req, &visit->to_free);
}

static int plug_group_apply_one(const struct net *net, int ifindex, const struct plug_request *req)
{
	struct plug_visit visit = { .visit = plug_group_apply, .req = req };
	int err = plug_group_visit(net, ifindex, &visit);

	plug_group_ops->free(visit.to_free);
	return err;
}

static void plug_group_info(struct Qdisc *sch, struct plug_visit *visit)
{
	visit->err = 0;
	plug_group_ops->info(sch, visit->info);
}

static int plug_group_info_one(const struct net *net, int ifindex, struct tc_plug_info *info)
{
	struct plug_visit visit = { .visit = plug_group_info, .info = info };

	memset(info, 0, sizeof(*info));
	return plug_group_visit(net, ifindex, &visit);
}

static int plug_group_count(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	int count = attr ? nla_len(attr) / (int)sizeof(s32) : 0;
	int i;

	if (!count || count > PLUG_GROUP_MAX || nla_len(attr) % sizeof(s32)) {
		NL_SET_ERR_MSG_MOD(extack, "interfaces: an array of 1 to 256 indexes is needed");
		return -EINVAL;
	}
	for (i = 0; i < count; i++) {
		if (((const s32 *)nla_data(attr))[i] > 0)
			continue;
		NL_SET_ERR_MSG_ATTR(extack, attr, KBUILD_MODNAME ": an index that is not above 0");
		return -EINVAL;
	}
	return count;
}

/* An answer with room for @count results, and infos if @infos; its arrays are handed out. */
static struct sk_buff *plug_group_answer(struct genl_info *info, int count, bool infos,
					 void **header, s32 **results, struct tc_plug_info **out)
{
	size_t size = nla_total_size(count * sizeof(s32)) +
		      (infos ? nla_total_size(count * sizeof(**out)) : 0);
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);
	struct nlattr *attr;

	if (!skb)
		return NULL;
	*header = genlmsg_put_reply(skb, info, &plug_group_family, 0, info->genlhdr->cmd);
	attr = *header ? nla_reserve(skb, PLUG_A_RESULT, count * sizeof(s32)) : NULL;
	*results = attr ? nla_data(attr) : NULL;
	if (attr && infos) {
		attr = nla_reserve(skb, PLUG_A_INFO, count * sizeof(**out));
		*out = attr ? nla_data(attr) : NULL;
	}
	if (attr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

static const struct plug_group_command {
	int	action;
	bool	needs_epoch;
	bool	takes_epoch;
} plug_group_commands[] = {
	[PLUG_CMD_BUFFER] = { TCQ_PLUG_BUFFER, true, true },
	[PLUG_CMD_RELEASE] = { TCQ_PLUG_RELEASE_ONE, true, true },
	[PLUG_CMD_PASS] = { TCQ_PLUG_RELEASE_INDEFINITE, false, false },
	[PLUG_CMD_DISCARD] = { TC_PLUG_DISCARD, false, true },
	[PLUG_CMD_GET] = { 0, false, false },
};

static int plug_group_request(const struct genl_info *info, struct plug_request *req)
{
	const struct plug_group_command *command = &plug_group_commands[info->genlhdr->cmd];
	const struct nlattr *epoch = info->attrs[PLUG_A_EPOCH];

	if ((!epoch && command->needs_epoch) || (epoch && !command->takes_epoch)) {
		NL_SET_ERR_MSG_MOD(info->extack, "the epoch is missing, or one too many");
		return -EINVAL;
	}
	*req = (struct plug_request) {
		.opt.base.action = command->action, .now_ns = ktime_get_ns()
	};
	if (epoch) {
		req->opt.flags = TC_PLUG_F_EPOCH;
		req->opt.epoch = nla_get_u64(epoch);
	}
	return 0;
}

static int plug_group_do(struct sk_buff *in, struct genl_info *info)
{
	const struct nlattr *indexes = info->attrs[PLUG_A_IFINDEX];
	int i, err, count = plug_group_count(indexes, info->extack);
	struct tc_plug_info *unused;
	struct plug_request req;
	struct sk_buff *answer;
	void *header;
	s32 *results;

	if (count < 0)
		return count;
	err = plug_group_request(info, &req);
	if (err)
		return err;
	/* first: what was done must not go unanswered for want of memory */
	answer = plug_group_answer(info, count, false, &header, &results, &unused);
	if (!answer)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		results[i] = plug_group_apply_one(genl_info_net(info),
						  ((const s32 *)nla_data(indexes))[i], &req);
	genlmsg_end(answer, header);
	return genlmsg_reply(answer, info);
}

static int plug_group_get(struct sk_buff *in, struct genl_info *info)
{
	const struct nlattr *indexes = info->attrs[PLUG_A_IFINDEX];
	int i, err, count = plug_group_count(indexes, info->extack);
	struct tc_plug_info one, *infos;
	struct plug_request unused;
	struct sk_buff *answer;
	void *header;
	s32 *results;

	if (count < 0)
		return count;
	err = plug_group_request(info, &unused);
	if (err)
		return err;
	answer = plug_group_answer(info, count, true, &header, &results, &infos);
	if (!answer)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		results[i] = plug_group_info_one(genl_info_net(info),
						 ((const s32 *)nla_data(indexes))[i], &one);
		/* attributes are aligned to 4 bytes only */
		memcpy(&infos[i], &one, sizeof(one));
	}
	genlmsg_end(answer, header);
	return genlmsg_reply(answer, info);
}

static const struct nla_policy plug_group_policy[PLUG_A_MAX + 1] = {
	[PLUG_A_EPOCH] = { .type = NLA_U64 },
	[PLUG_A_IFINDEX] = { .type = NLA_BINARY },	/* see plug_group_count() */
};

static const struct genl_small_ops plug_group_genl_ops[] = {
	{ .cmd = PLUG_CMD_BUFFER, .flags = GENL_UNS_ADMIN_PERM, .doit = plug_group_do },
	{ .cmd = PLUG_CMD_RELEASE, .flags = GENL_UNS_ADMIN_PERM, .doit = plug_group_do },
	{ .cmd = PLUG_CMD_PASS, .flags = GENL_UNS_ADMIN_PERM, .doit = plug_group_do },
	{ .cmd = PLUG_CMD_DISCARD, .flags = GENL_UNS_ADMIN_PERM, .doit = plug_group_do },
	{ .cmd = PLUG_CMD_GET, .flags = GENL_UNS_ADMIN_PERM, .doit = plug_group_get },
};

static struct genl_family plug_group_family = {
	.name		= PLUG_GENL_NAME,
	.version	= PLUG_GENL_VERSION,
	.maxattr	= PLUG_A_MAX,
	.policy		= plug_group_policy,
	.netnsok	= true,
	.parallel_ops	= true,
	.small_ops	= plug_group_genl_ops,
	.n_small_ops	= ARRAY_SIZE(plug_group_genl_ops),
	.module		= THIS_MODULE,
};

static int __init plug_group_init(const struct plug_group_ops *ops)
{
	plug_group_ops = ops;
	return genl_register_family(&plug_group_family);
}

static void plug_group_exit(void)
{
	genl_unregister_family(&plug_group_family);
}

#endif /* PLUG_GROUP_H */
