// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plug as the child of every qdisc that can have one: the parent's qlen and backlog are always
 * the sum of its children's, whatever happens to the plug, and nothing is lost. Then, what a
 * holding plug does to its neighbours. One line per promise: "ok NAME" or "not ok NAME: why".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "lib/promise.h"
#include "lib/rig.h"

#define IDLE_MS 300
#define FRAME_BYTES 1000
#define PARENT TC_H_MAKE(2 << 16, 0)
#define PLUGGED TC_H_MAKE(2 << 16, 1)
#define NEIGHBOUR TC_H_MAKE(2 << 16, 2)

struct parent {
	const char *kind;
	const char *extra; /* for the device */
	const char *setup; /* tc commands, for device plug0 and handle 2: */
	bool has_neighbour;
	int served; /* of the neighbour's three frames, while the plug holds; -1: don't care */
};

#define Q "tc qdisc add dev plug0 root handle 2: "
#define C " && tc class add dev plug0 parent 2: classid "

static const struct parent parents[] = {
	{ "prio", "", Q "prio bands 3", true, 3 },
	{ "tbf", "", Q "tbf rate 1gbit burst 100k limit 10m", false, 0 },
	{ "tbf, slow", "", Q "tbf rate 200kbit burst 1100 limit 10m", false, 0 },
	{ "htb", "", Q "htb" C "2:1 htb rate 1gbit" C "2:2 htb rate 1gbit", true, 3 },
	{ "drr", "", Q "drr" C "2:1 drr" C "2:2 drr", true, -1 },
	{ "ets", "", Q "ets bands 2 quanta 3000 3000", true, -1 },
	{ "mq", "numtxqueues 2 numrxqueues 2", "ethtool -L plug0 tx 1 && " Q "mq", false, 0 },
	/* last: it makes the kernel warn of a child that has frames and gives none */
	{ "qfq", "", Q "qfq" C "2:1 qfq weight 1 maxpkt 2048" C "2:2 qfq weight 1 maxpkt 2048", true,
	  -1 },
};

static struct rig rig;

static int received(int timeout_ms)
{
	struct frame_mark mark;
	int n = 0;

	while (frames_recv(rig.rx, timeout_ms, &mark) == 1)
		n++;
	return n;
}

static bool send_to(uint32_t class, int n)
{
	if (setsockopt(rig.tx, SOL_SOCKET, SO_PRIORITY, &class, sizeof(class)))
		return wrong("no priority");
	while (n-- > 0)
		rig_send(&rig, FRAME_BYTES);
	return true;
}

/* Parent and plug agree; @want < 0: on whatever. */
static bool balanced(const char *when, int want)
{
	struct qdisc_view parent, plug;

	if (rtnl_qdisc_view(&rig.nl, rig.ifindex, TC_H_ROOT, 0, &parent) || rig_view(&rig, &plug))
		return wrong("%s: no dump", when);
	if (parent.qlen != plug.qlen || parent.backlog_bytes != plug.backlog_bytes)
		return wrong("%s: the parent has %u frames, %u bytes, the plug %u and %u", when,
			     parent.qlen, parent.backlog_bytes, plug.qlen, plug.backlog_bytes);
	if (plug.info.ready.frames + plug.info.held.frames != plug.qlen)
		return wrong("%s: %llu ready and %llu held are not %u", when,
			     (unsigned long long)plug.info.ready.frames,
			     (unsigned long long)plug.info.held.frames, plug.qlen);
	if (want >= 0 && plug.qlen != (uint32_t)want)
		return wrong("%s: %u frames queued, not %d", when, plug.qlen, want);
	return true;
}

static bool expect(const char *when, int want)
{
	int n = received(IDLE_MS);

	return n == want || wrong("%s: %d frames left, not %d", when, n, want);
}

static bool command(int action, uint32_t limit_bytes, uint64_t tag)
{
	int err = rig_change(&rig, action, limit_bytes, tag);

	return !err || wrong("command %d: %s", action, strerror(-err));
}

static bool add_plug(void)
{
	int err = rig_add(&rig, TCQ_PLUG_BUFFER, 1 << 20, 0);

	return !err || wrong("cannot add the plug: %s", strerror(-err));
}

static bool releases_and_discards(void)
{
	return send_to(PLUGGED, 5) && balanced("held", 5) && command(TCQ_PLUG_BUFFER, 0, 0) &&
	       send_to(PLUGGED, 2) && command(TCQ_PLUG_RELEASE_ONE, 0, 0) &&
	       balanced("leaving", -1) && expect("released", 5) && balanced("released", 2) &&
	       command(TC_PLUG_DISCARD, 0, RIG_UNTAGGED) && balanced("discarded", 0) &&
	       send_to(PLUGGED, 3) && balanced("held again", 3) &&
	       command(TCQ_PLUG_BUFFER, 0, 1) && command(TCQ_PLUG_RELEASE_ONE, 0, 1) &&
	       expect("released again", 3) && balanced("empty", 0);
}

/* What was released but has not left is not the discard's to drop, even if a parent peeked at it. */
static bool discards_while_leaving(void)
{
	return send_to(PLUGGED, 4) && command(TCQ_PLUG_BUFFER, 0, 2) && send_to(PLUGGED, 2) &&
	       command(TCQ_PLUG_RELEASE_ONE, 0, 2) && command(TC_PLUG_DISCARD, 0, 3) &&
	       balanced("discarded while leaving", -1) && expect("left after a discard", 4) &&
	       balanced("all left", 0);
}

static bool drops_and_resets(void)
{
	return command(TCQ_PLUG_LIMIT, 2500, RIG_UNTAGGED) && send_to(PLUGGED, 4) &&
	       balanced("over its limit", 2) && !rig_down_up(&rig) && balanced("after a reset", 0) &&
	       command(TCQ_PLUG_LIMIT, 1 << 20, RIG_UNTAGGED) && send_to(PLUGGED, 2) &&
	       balanced("held after a reset", 2) && expect("not released", 0);
}

static bool is_replaced(void)
{
	uint32_t major = rig.parent >> 16, minor = rig.parent & 0xffff;
	struct qdisc_view parent;

	if (rig_sh("tc qdisc replace dev plug0 parent %x:%x handle 9: pfifo", major, minor))
		return wrong("cannot replace the plug");
	if (rtnl_qdisc_view(&rig.nl, rig.ifindex, TC_H_ROOT, 0, &parent) || parent.qlen ||
	    parent.backlog_bytes)
		return wrong("replaced: %u frames, %u bytes remain", parent.qlen,
			     parent.backlog_bytes);
	if (rig_sh("tc qdisc del dev plug0 parent %x:%x", major, minor))
		return wrong("cannot delete what replaced the plug");
	return add_plug() && send_to(PLUGGED, 2) && balanced("added again", 2) &&
	       command(TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED) && expect("passing", 2) &&
	       send_to(PLUGGED, 2) && expect("passed", 2) && balanced("in the end", 0);
}

static bool begin(const struct parent *parent)
{
	if (rig_open(&rig, parent->extra))
		return wrong("cannot make the devices");
	if (rig_sh("%s", parent->setup))
		return wrong("cannot add the parent");
	rig.parent = PLUGGED;
	return add_plug();
}

static bool keeps_its_parent_right(const struct parent *parent)
{
	bool good = begin(parent) && releases_and_discards() && discards_while_leaving() &&
		    drops_and_resets() && is_replaced();

	rig_close(&rig);
	return good;
}

/* The plug's class is served first, and has nothing to give; then the neighbour's turn should come. */
static bool neighbour_is_served(const struct parent *parent)
{
	int served, later;

	if (!begin(parent))
		return false;
	if (rig_sh("tc qdisc add dev plug0 parent 2:2 handle 8: pfifo limit 100"))
		return wrong("cannot add the neighbour");
	if (!send_to(PLUGGED, 2) || !send_to(NEIGHBOUR, 3))
		return false;
	served = received(IDLE_MS);
	if (!command(TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED))
		return false;
	later = received(IDLE_MS);
	rig_close(&rig);
	printf("# %s: %d of a neighbour's 3 frames are served beside a holding plug\n", parent->kind,
	       served);
	if (served + later != 5)
		return wrong("%d frames of 5 left", served + later);
	return parent->served < 0 || served == parent->served ||
	       wrong("%d of 3 frames served", served);
}

int main(void)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		promise_line(keeps_its_parent_right(&parents[i]), "%s: qlen and backlog are the plug's",
			     parents[i].kind);
	for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		if (parents[i].has_neighbour)
			promise_line(neighbour_is_served(&parents[i]),
				     "%s: nothing of a neighbour is lost", parents[i].kind);
	return promises_status();
}
