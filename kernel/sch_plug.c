// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queueing discipline that holds frames until they are released.
 *
 * Promises: while holding, no frame leaves before a command releases its epoch or passes
 * everything; frames leave in the order in which they came; a frame is lost only to the byte
 * limit, to a failed copy, to DISCARD or to a reset of the qdisc, and each is counted. A held frame
 * waits for nobody and nobody waits for it: pages of another owner are copied, the sender's
 * accounting is released. See <linux/sch_plug.h> for the commands.
 *
 * Two lists: sch->q has the frames that may leave, plug_epochs those that may not. q.qlen and
 * qstats.backlog count both, and frames that were peeked at or requeued, as parents expect.
 * Everything here runs under the qdisc's lock, commands included.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/pkt_sched.h>

#include "compat/compat.h"
#include "plug_epochs.h"
#include "plug_group.h"
#include "plug_options.h"

#define PLUG_VERSION "0.1.0"

static bool plug_copy = true;
module_param_named(copy, plug_copy, bool, 0644);
MODULE_PARM_DESC(copy, "Copy pages of another owner when a frame is held. Costs a copy of the frame's paged data; without it a guest stalls on its own held frames and can still change them (default on)");

static bool plug_orphan = true;
module_param_named(orphan, plug_orphan, bool, 0644);
MODULE_PARM_DESC(orphan, "Release the sending socket's accounting when a frame is held. Costs the sender's back pressure: only the qdisc's limit remains; without it sockets stall on their held frames (default on)");

struct plug_sched_data {
	struct plug_epochs	epochs;
	u32			limit_bytes;
	struct tc_plug_count	lost;	/* held, then discarded or reset */
	struct tc_plug_xstats	xstats;	/* ->buffered is worked out when asked for */
	struct plug_member	*member;
};

/* Bytes that may leave but have not yet. backlog has 32 bits, which suffice for the difference. */
static u64 plug_ready_bytes(struct Qdisc *sch)
{
	const struct plug_sched_data *q = qdisc_priv(sch);

	return (u32)(sch->qstats.backlog - (u32)plug_epochs_held(&q->epochs).bytes);
}

static bool plug_has_room(struct Qdisc *sch, u32 bytes)
{
	const struct plug_sched_data *q = qdisc_priv(sch);

	return plug_epochs_held(&q->epochs).bytes + plug_ready_bytes(sch) + bytes <= q->limit_bytes;
}

/* Make @skb's data and memory our own. skb_orphan_frags() would spare MSG_ZEROCOPY's pages. */
static int plug_detach(struct plug_sched_data *q, struct sk_buff *skb)
{
	if (READ_ONCE(plug_copy) && skb_zcopy(skb)) {
		int err = skb_orphan_frags_rx(skb, GFP_ATOMIC);

		if (err)
			return err;
		q->xstats.copied++;
	}
	/* After the copy: a packet ring's slot is free for its owner to overwrite from here on. */
	if (READ_ONCE(plug_orphan))
		skb_orphan(skb);
	return 0;
}

static int plug_hold(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	if (unlikely(plug_detach(q, skb))) {
		q->xstats.drop_copy++;
		return qdisc_drop(skb, sch, to_free);
	}
	plug_epochs_add(&q->epochs, skb, qdisc_pkt_len(skb));
	sch->q.qlen++;
	qdisc_qstats_backlog_inc(sch, skb);
	return NET_XMIT_SUCCESS;
}

static int plug_enqueue(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	if (unlikely(!plug_has_room(sch, qdisc_pkt_len(skb)))) {
		q->xstats.drop_limit++;
		return qdisc_drop(skb, sch, to_free);
	}
	if (q->epochs.holding)
		return plug_hold(skb, sch, to_free);
	return qdisc_enqueue_tail(skb, sch);
}

/*
 * Let @batch leave. The device is woken with the lock held: bottom halves run when it is dropped,
 * on this CPU and at once, instead of when ksoftirqd gets its turn.
 */
static void plug_make_ready(struct Qdisc *sch, const struct plug_batch *batch)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	if (!batch->head)
		return;
	if (sch->q.tail)
		sch->q.tail->next = batch->head;
	else
		sch->q.head = batch->head;
	sch->q.tail = batch->tail;
	plug_count_add(&q->xstats.released, &batch->count);
	netif_schedule_queue(sch->dev_queue);
}

/* Take @batch out of the books, the parents' included. */
static void plug_discount(struct Qdisc *sch, const struct plug_batch *batch)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	if (!batch->head)
		return;
	sch->q.qlen -= batch->count.frames;
	sch->qstats.backlog -= batch->count.bytes;
	sch->qstats.drops += batch->count.frames;
	q->xstats.drop_discard += batch->count.frames;
	plug_count_add(&q->lost, &batch->count);
	qdisc_tree_reduce_backlog(sch, batch->count.frames, batch->count.bytes);
}

static void plug_free_list(struct sk_buff *skb)
{
	while (skb) {
		struct sk_buff *next = skb->next;

		skb_mark_not_on_list(skb);
		kfree_skb(skb);
		skb = next;
		cond_resched();
	}
}

/* The commands: under the lock; frames to free go to *@to_free. */

static int plug_do_buffer(struct Qdisc *sch, const struct plug_request *req,
			  struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	if (plug_options_tagged(&req->opt))
		return plug_epochs_close(&q->epochs, req->opt.epoch, req->now_ns);
	return plug_epochs_close_next(&q->epochs, req->now_ns);
}

static int plug_do_release(struct Qdisc *sch, const struct plug_request *req,
			   struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct plug_batch batch;
	int err = 0;

	if (plug_options_tagged(&req->opt))
		err = plug_epochs_release(&q->epochs, req->opt.epoch, &batch);
	else
		plug_epochs_release_oldest(&q->epochs, &batch);
	if (!err)
		plug_make_ready(sch, &batch);
	return err;
}

static int plug_do_release_all(struct Qdisc *sch, const struct plug_request *req,
			       struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct plug_batch batch;

	plug_epochs_release_all(&q->epochs, &batch);
	plug_make_ready(sch, &batch);
	return 0;
}

/* A lower limit trims nothing: what was accepted stays, new frames wait for room. */
static int plug_do_limit(struct Qdisc *sch, const struct plug_request *req,
			 struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	q->limit_bytes = req->opt.base.limit;
	return 0;
}

static int plug_do_discard(struct Qdisc *sch, const struct plug_request *req,
			   struct sk_buff **to_free)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	u64 epoch = plug_options_tagged(&req->opt) ? req->opt.epoch : q->epochs.open_epoch;
	struct plug_batch batch;
	int err = plug_epochs_discard(&q->epochs, epoch, &batch);

	if (err)
		return err;
	plug_discount(sch, &batch);
	*to_free = batch.head;
	return 0;
}

static const struct plug_action {
	int	action;
	bool	taggable;
	int	(*run)(struct Qdisc *sch, const struct plug_request *req, struct sk_buff **to_free);
} plug_actions[] = {
	{ TCQ_PLUG_BUFFER, true, plug_do_buffer },
	{ TCQ_PLUG_RELEASE_ONE, true, plug_do_release },
	{ TCQ_PLUG_RELEASE_INDEFINITE, false, plug_do_release_all },
	{ TCQ_PLUG_LIMIT, false, plug_do_limit },
	{ TC_PLUG_DISCARD, true, plug_do_discard },
};

static const struct plug_action *plug_find_action(int action, struct netlink_ext_ack *extack)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plug_actions); i++)
		if (plug_actions[i].action == action)
			return &plug_actions[i];
	NL_SET_ERR_MSG_MOD(extack, "unknown action");
	return NULL;
}

/* Say why @err came, and where the numbers stand. */
static void plug_explain(const struct plug_epochs *p, int err, struct netlink_ext_ack *extack)
{
	switch (err) {
	case -EPROTO:
		plug_err_epoch(extack, "epoch out of sequence", p->open_epoch);
		nl_set_extack_cookie_u64(extack, p->open_epoch);
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG_MOD(extack, "too many outstanding epochs: release or discard first");
		break;
	case -ERANGE:
		NL_SET_ERR_MSG_MOD(extack, "there is no epoch after this one");
		break;
	}
}

static int plug_change(struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	const struct plug_action *action;
	struct sk_buff *to_free = NULL;
	struct plug_request req;
	int err;

	err = plug_options_parse(opt, &req.opt, extack);
	if (err)
		return err;
	action = plug_find_action(req.opt.base.action, extack);
	if (!action)
		return -EINVAL;
	if (plug_options_tagged(&req.opt) && !action->taggable) {
		NL_SET_ERR_MSG_MOD(extack, "this action takes no epoch");
		return -EINVAL;
	}

	req.now_ns = ktime_get_ns();
	sch_tree_lock(sch);
	err = action->run(sch, &req, &to_free);
	if (err)
		plug_explain(&q->epochs, err, extack);
	sch_tree_unlock(sch);
	plug_free_list(to_free);
	return err;
}

/* No limit given, which libnl's and tc's messages express as 0, means the default one. */
static int plug_init(struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct tc_plug_xopt req = {};
	int err;

	if (opt) {
		err = plug_options_parse(opt, &req, extack);
		if (err)
			return err;
		if (!plug_find_action(req.base.action, extack))
			return -EINVAL;
	}
	q->limit_bytes = req.base.limit;
	if (!q->limit_bytes && req.base.action != TCQ_PLUG_LIMIT)
		q->limit_bytes = TC_PLUG_DEFAULT_LIMIT;
	err = plug_epochs_init(&q->epochs, req.epoch,
			       req.base.action != TCQ_PLUG_RELEASE_INDEFINITE);
	return err ? err : plug_group_add(sch, &q->member);
}

/* Called with the lock held, and RTNL, which lets the freeing wait until it is dropped. */
static void plug_reset(struct Qdisc *sch)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct plug_batch batch;

	sch->qstats.drops += sch->q.qlen;
	q->xstats.drop_reset += sch->q.qlen;
	q->xstats.resets++;
	plug_epochs_purge(&q->epochs, &batch);
	plug_count_add(&q->lost, &batch.count);
	rtnl_kfree_skbs(batch.head, batch.tail);
	qdisc_reset_queue(sch);
}

static void plug_destroy(struct Qdisc *sch)
{
	struct plug_sched_data *q = qdisc_priv(sch);

	plug_group_remove(q->member);
	plug_epochs_free(&q->epochs);
}

static u64 plug_age_ns(u64 now_ns, u64 then_ns)
{
	return then_ns ? now_ns - then_ns : 0;
}

static struct tc_plug_xstats plug_xstats(const struct plug_sched_data *q)
{
	const struct tc_plug_count held = plug_epochs_held(&q->epochs);
	struct tc_plug_xstats xstats = q->xstats;

	xstats.buffered = held;
	plug_count_add(&xstats.buffered, &xstats.released);
	plug_count_add(&xstats.buffered, &q->lost);
	return xstats;
}

static void plug_fill_info(struct Qdisc *sch, u64 now_ns, struct tc_plug_info *info)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct plug_epochs *p = &q->epochs;

	*info = (struct tc_plug_info) {
		.base.action = p->holding ? TCQ_PLUG_BUFFER : TCQ_PLUG_RELEASE_INDEFINITE,
		.base.limit = q->limit_bytes,
		.magic = TC_PLUG_MAGIC,
		.version = TC_PLUG_VERSION,
		.flags = (p->holding ? TC_PLUG_S_HOLDING : 0) |
			 (READ_ONCE(plug_copy) ? TC_PLUG_S_COPY : 0) |
			 (READ_ONCE(plug_orphan) ? TC_PLUG_S_ORPHAN : 0),
		.open_epoch = p->open_epoch,
		.oldest_epoch = p->oldest_epoch,
		.released_end = p->released_end,
		.outstanding = plug_epochs_outstanding(p),
		.max_outstanding = TC_PLUG_MAX_EPOCHS,
		.ready.frames = sch->q.qlen - plug_epochs_held(p).frames,
		.ready.bytes = plug_ready_bytes(sch),
		.open = p->open.held,
		.held = plug_epochs_held(p),
		.oldest_hold_ns = plug_age_ns(now_ns, plug_epochs_oldest_ns(p)),
		.info_size = sizeof(*info),
		.xstats = plug_xstats(q),
	};
}

static int plug_put_epochs(struct plug_epochs *p, u64 now_ns, struct sk_buff *skb)
{
	u32 i, n = min_t(u32, plug_epochs_outstanding(p), TC_PLUG_DUMP_EPOCHS);
	struct nlattr *attr;

	attr = nla_reserve(skb, TCA_PLUG_EPOCHS, n * sizeof(struct tc_plug_epoch));
	if (!attr)
		return -EMSGSIZE;
	for (i = 0; i < n; i++) {
		u64 epoch = p->oldest_epoch + i;
		const struct plug_record *rec = plug_epochs_record(p, epoch);
		struct tc_plug_epoch out = {
			.epoch = epoch,
			.held = rec->held,
			.hold_ns = rec->last ? plug_age_ns(now_ns, rec->first_ns) : 0,
			.closed_ns = plug_age_ns(now_ns, rec->closed_ns),
		};

		/* attributes are aligned to 4 bytes only */
		memcpy(nla_data(attr) + i * sizeof(out), &out, sizeof(out));
	}
	return 0;
}

static int plug_dump(struct Qdisc *sch, struct sk_buff *skb)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct tc_plug_info info;
	struct nlattr *nest;
	u64 now_ns;
	int err;

	nest = nla_nest_start_noflag(skb, TCA_OPTIONS);
	if (!nest)
		return -EMSGSIZE;

	sch_tree_lock(sch);
	now_ns = ktime_get_ns();
	plug_fill_info(sch, now_ns, &info);
	err = nla_put_nohdr(skb, sizeof(info), &info);
	if (!err)
		err = plug_put_epochs(&q->epochs, now_ns, skb);
	sch_tree_unlock(sch);

	if (err) {
		nla_nest_cancel(skb, nest);
		return err;
	}
	return nla_nest_end(skb, nest);
}

static int plug_dump_stats(struct Qdisc *sch, struct gnet_dump *d)
{
	struct plug_sched_data *q = qdisc_priv(sch);
	struct tc_plug_xstats xstats;

	sch_tree_lock(sch);
	xstats = plug_xstats(q);
	sch_tree_unlock(sch);
	return gnet_stats_copy_app(d, &xstats, sizeof(xstats));
}

static struct Qdisc_ops plug_qdisc_ops __read_mostly = {
	.id		= "plug",
	.priv_size	= sizeof(struct plug_sched_data),
	.enqueue	= plug_enqueue,
	.dequeue	= qdisc_dequeue_head,
	.peek		= qdisc_peek_dequeued,
	.init		= plug_init,
	.reset		= plug_reset,
	.destroy	= plug_destroy,
	.change		= plug_change,
	.dump		= plug_dump,
	.dump_stats	= plug_dump_stats,
	.owner		= THIS_MODULE,
};

static int plug_apply(struct Qdisc *sch, const struct plug_request *req, struct sk_buff **to_free)
{
	const struct plug_action *action = plug_find_action(req->opt.base.action, NULL);

	return action ? action->run(sch, req, to_free) : -EINVAL;
}

static void plug_info(struct Qdisc *sch, struct tc_plug_info *info)
{
	plug_fill_info(sch, ktime_get_ns(), info);
}

static const struct plug_group_ops plug_qdisc_group_ops = {
	.apply = plug_apply,
	.info = plug_info,
	.free = plug_free_list,
};

static int __init plug_module_init(void)
{
	int err = plug_group_init(&plug_qdisc_group_ops);

	if (err)
		return err;
	err = register_qdisc(&plug_qdisc_ops);
	if (err)
		plug_group_exit();
	return err;
}

static void __exit plug_module_exit(void)
{
	plug_group_exit();
	unregister_qdisc(&plug_qdisc_ops);
}

module_init(plug_module_init);
module_exit(plug_module_exit);

MODULE_DESCRIPTION("Hold network output until it is released, epoch by epoch");
MODULE_VERSION(PLUG_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS("net-sch-plug"); /* what newer kernels ask for; older ones for "sch_plug" */
