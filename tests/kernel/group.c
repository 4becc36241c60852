// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request for the plugs of several interfaces: each root plug of the caller's namespace is
 * served, nobody else's is, each interface has its own result; a request that is not as it should
 * be, or whose sender has no right to it, is refused and changes nothing; and plugs, links and
 * namespaces may go meanwhile. One line per promise: "ok NAME" or "not ok NAME: why".
 *
 * usage: group MILLISECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

#include "lib/group.h"
#include "lib/group_race.h"
#include "lib/promise.h"
#include "lib/rig.h"

#define LIMIT_BYTES (1 << 20)
#define NOBODY 65534
#define CHILD_HANDLE TC_H_MAKE(0x30 << 16, 0)

/* Beside the rig's: indexes that are the same in every run. TWIN exists in both namespaces. */
enum { TWIN = 4001, BARE, CHILD, AWAY, MOVED };

static struct rig rigs[2];	  /* plug0 and TWIN, here */
static struct group here, there; /* sockets of the two namespaces */
static int32_t everyone[5];	  /* the rigs', then those without a root plug here */
#define N_EVERYONE (sizeof(everyone) / sizeof(everyone[0]))

static int race_ms;

/* A socket of the namespace at @path. */
static int open_in(const char *path, struct group *group)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int away = open(path, O_RDONLY | O_CLOEXEC);
	int err = home < 0 || away < 0 || setns(away, CLONE_NEWNET) ? -errno : group_open(group);

	if (setns(home, CLONE_NEWNET))
		err = -errno;
	close(home);
	close(away);
	return err;
}

static int open_twin(struct rig *rig)
{
	int err;

	*rig = (struct rig){ .ifindex = TWIN, .parent = TC_H_ROOT, .handle = rigs[0].handle };
	err = rtnl_open(&rig->nl);
	if (err)
		return err;
	rig->tx = frames_tx_open(TWIN);
	return rig->tx < 0 ? rig->tx : 0;
}

static int set_up(void)
{
	int err = rig_open(&rigs[0], "");

	err = err ?: rig_sh("ip link add twin index %d type dummy && "
			    "ip link add bare index %d type dummy && "
			    "ip link add child index %d type dummy && for i in twin bare child; do "
			    "ip link set $i arp off addrgenmode none up; done && "
			    "tc qdisc add dev child root handle 1: prio && "
			    "tc qdisc add dev child parent 1:1 handle 30: plug && "
			    "ip netns add other && "
			    "ip -n other link add twin index %d type dummy && "
			    "ip -n other link add away index %d type dummy && "
			    "tc -n other qdisc add dev twin root plug && "
			    "tc -n other qdisc add dev away root plug",
			    TWIN, BARE, CHILD, TWIN, AWAY);
	memcpy(everyone, (int32_t[]){ rigs[0].ifindex, TWIN, BARE, CHILD, AWAY }, sizeof(everyone));
	err = err ?: open_twin(&rigs[1]);
	return err ?: group_open(&here) ?: open_in("/run/netns/other", &there);
}

/* Devices first, and by hand: a namespace goes when it likes, and its plugs keep the module. */
static void tear_down(void)
{
	group_close(&here);
	group_close(&there);
	rig_sh("ip -n other link del twin; ip -n other link del away; ip netns del other");
	rig_sh("for i in twin bare child; do ip link del $i; done");
	rtnl_close(&rigs[1].nl);
	close(rigs[1].tx);
	rig_close(&rigs[0]);
}

/* Both hold in epoch 0: two frames and one. */
static bool begin(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		rig_del(&rigs[i]);
		if (rig_add(&rigs[i], TCQ_PLUG_BUFFER, LIMIT_BYTES, RIG_UNTAGGED) ||
		    rig_send(&rigs[i], 100))
			return false;
	}
	return !rig_send(&rigs[0], 100);
}

/* Both plugs without what only time changes. */
static int states(struct qdisc_view views[2])
{
	size_t i, j;
	int err = 0;

	for (i = 0; !err && i < 2; i++) {
		err = rig_view(&rigs[i], &views[i]);
		views[i].info.oldest_hold_ns = 0;
		for (j = 0; j < views[i].n_epochs; j++)
			views[i].epochs[j].hold_ns = views[i].epochs[j].closed_ns = 0;
	}
	return err;
}

static bool same_as(const struct qdisc_view before[2])
{
	struct qdisc_view after[2];

	return (!states(after) && !memcmp(before, after, sizeof(after))) ||
	       wrong("the state changed");
}

/* What the two plugs are to answer; the others have none that could. */
static bool answers(int cmd, uint64_t epoch, int first, int second)
{
	int32_t want[N_EVERYONE] = { first, second, -ENODEV, -ENODEV, -ENODEV };
	int err = group_ask(&here, cmd, epoch, everyone, N_EVERYONE);
	size_t i;

	if (err)
		return wrong("command %d: %d %s", cmd, err, here.text);
	for (i = 0; i < N_EVERYONE; i++)
		if (here.results[i] != want[i])
			return wrong("command %d, interface %zu: %d, not %d", cmd, i,
				     here.results[i], want[i]);
	return true;
}

static bool stands(size_t i, uint64_t open, uint64_t oldest, uint64_t held)
{
	struct qdisc_view view;

	if (rig_view(&rigs[i], &view))
		return wrong("no dump");
	return (view.info.open_epoch == open && view.info.oldest_epoch == oldest &&
		view.info.held.frames == held) ||
	       wrong("plug %zu is at %lu, oldest %lu, with %lu frames", i,
		     (unsigned long)view.info.open_epoch, (unsigned long)view.info.oldest_epoch,
		     (unsigned long)view.info.held.frames);
}

static bool arrive(size_t n)
{
	struct frame_mark mark;
	size_t i;

	for (i = 0; i < n; i++)
		if (frames_recv(rigs[0].rx, 5000, &mark) != 1)
			return wrong("frame %zu of %zu did not arrive", i + 1, n);
	return frames_recv(rigs[0].rx, 100, &mark) == 0 || wrong("more than %zu frames arrived", n);
}

static bool only_root_plugs_of_this_namespace(void)
{
	static const int32_t twins[] = { TWIN, AWAY };
	struct qdisc_view child;

	if (!answers(PLUG_CMD_BUFFER, 0, 0, 0) || !stands(0, 1, 0, 2) || !stands(1, 1, 0, 1))
		return false;
	if (rtnl_qdisc_view(&rigs[0].nl, CHILD, 0, CHILD_HANDLE, &child) || child.info.open_epoch)
		return wrong("the child was reached");
	if (group_ask(&there, PLUG_CMD_GET, GROUP_NO_EPOCH, twins, 2) || there.results[0] ||
	    there.results[1])
		return wrong("the other namespace has no plugs");
	return (!there.infos[0].open_epoch && !there.infos[1].open_epoch) ||
	       wrong("plugs of another namespace were reached");
}

/* What is known of it, its namespace too, is known of the plug it had. */
static bool moved_devices(void)
{
	static const int32_t moved = MOVED;

	if (rig_sh("ip link add moved index %d type dummy && tc qdisc add dev moved root plug", MOVED))
		return wrong("no device to move");
	if (group_ask(&here, PLUG_CMD_BUFFER, 0, &moved, 1) || here.results[0])
		return wrong("its plug is not served");
	if (rig_sh("ip link set moved netns other"))
		return wrong("it does not move");
	if (group_ask(&here, PLUG_CMD_GET, GROUP_NO_EPOCH, &moved, 1) ||
	    group_ask(&there, PLUG_CMD_GET, GROUP_NO_EPOCH, &moved, 1))
		return wrong("refused");
	rig_sh("ip -n other link del moved");
	return (here.results[0] == -ENODEV && there.results[0] == -ENODEV) ||
	       wrong("%d, %d", here.results[0], there.results[0]);
}

static bool sockets_of_another_namespace(void)
{
	const int32_t theirs[] = { AWAY, rigs[0].ifindex, TWIN };
	struct qdisc_view before[2];

	if (states(before))
		return wrong("no dump");
	if (group_ask(&there, PLUG_CMD_PASS, GROUP_NO_EPOCH, theirs, 3))
		return wrong("refused");
	if (there.results[0] || there.results[1] != -ENODEV || there.results[2])
		return wrong("%d, %d, %d", there.results[0], there.results[1], there.results[2]);
	return same_as(before);
}

static bool releases(void)
{
	return answers(PLUG_CMD_BUFFER, 0, 0, 0) && !rig_send(&rigs[0], 100) && arrive(0) &&
	       answers(PLUG_CMD_RELEASE, 0, 0, 0) && arrive(2) && stands(0, 1, 1, 1) &&
	       stands(1, 1, 1, 0) && answers(PLUG_CMD_PASS, GROUP_NO_EPOCH, 0, 0) && arrive(1) &&
	       !rig_send(&rigs[0], 100) && arrive(1);
}

static bool discards(void)
{
	return answers(PLUG_CMD_BUFFER, 0, 0, 0) && !rig_send(&rigs[0], 100) &&
	       answers(PLUG_CMD_DISCARD, 0, 0, 0) && stands(0, 1, 1, 1) && stands(1, 1, 1, 0) &&
	       answers(PLUG_CMD_DISCARD, GROUP_NO_EPOCH, 0, 0) && stands(0, 1, 1, 0) &&
	       answers(PLUG_CMD_PASS, GROUP_NO_EPOCH, 0, 0) && arrive(0);
}

static bool repeated(void)
{
	static const struct {
		int cmd;
		uint64_t epoch;
	} sequence[] = {
		{ PLUG_CMD_BUFFER, 0 },
		{ PLUG_CMD_BUFFER, 1 },
		{ PLUG_CMD_RELEASE, 0 },
		{ PLUG_CMD_DISCARD, 1 },
		{ PLUG_CMD_PASS, GROUP_NO_EPOCH },
	};
	struct qdisc_view before[2];
	size_t i;

	for (i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		if (!answers(sequence[i].cmd, sequence[i].epoch, 0, 0) || !arrive(i == 2 ? 2 : 0))
			return false;
		if (states(before) || !answers(sequence[i].cmd, sequence[i].epoch, 0, 0) ||
		    !same_as(before))
			return false;
	}
	return true;
}

static bool out_of_sequence(void)
{
	return !rig_change(&rigs[1], TCQ_PLUG_BUFFER, 0, 0) &&
	       answers(PLUG_CMD_BUFFER, 1, -EPROTO, 0) && stands(0, 0, 0, 2) &&
	       stands(1, 2, 0, 1) &&
	       answers(PLUG_CMD_RELEASE, 1, -EPROTO, 0) && stands(0, 0, 0, 2) &&
	       stands(1, 2, 2, 0) &&
	       answers(PLUG_CMD_DISCARD, 2, -EPROTO, 0) && stands(0, 0, 0, 2) && arrive(0);
}

static bool looks(void)
{
	static const struct tc_plug_info none;
	struct qdisc_view views[2];
	size_t i;

	if (!answers(PLUG_CMD_BUFFER, 0, 0, 0) || states(views) ||
	    !answers(PLUG_CMD_GET, GROUP_NO_EPOCH, 0, 0))
		return false;
	for (i = 0; i < N_EVERYONE; i++) {
		if (i < 2 && !here.infos[i].oldest_hold_ns)
			return wrong("plug %zu: frames without an age", i);
		here.infos[i].oldest_hold_ns = 0;
		if (memcmp(&here.infos[i], i < 2 ? &views[i].info : &none, sizeof(none)))
			return wrong("interface %zu differs", i);
	}
	return same_as(views);
}

static bool as_many_as_may_be(void)
{
	int32_t many[PLUG_GROUP_MAX];
	size_t i;

	for (i = 0; i < PLUG_GROUP_MAX; i++)
		many[i] = everyone[i % N_EVERYONE];
	if (group_ask(&here, PLUG_CMD_GET, GROUP_NO_EPOCH, many, PLUG_GROUP_MAX))
		return wrong("refused: %s", here.text);
	for (i = 0; i < PLUG_GROUP_MAX; i++)
		if (here.results[i] != (i % N_EVERYONE < 2 ? 0 : -ENODEV) ||
		    here.infos[i].magic != (i % N_EVERYONE < 2 ? TC_PLUG_MAGIC : 0))
			return wrong("index %zu: %d", i, here.results[i]);
	return true;
}

static const uint64_t zero[2];
/* All good, but too many for some; and pairs of which only the first is. */
static int32_t good[PLUG_GROUP_MAX + 1];
static int32_t below[2] = { 1, -1 }, lowest[2] = { 1, INT32_MIN }, nought[2] = { 1, 0 };

#define INDEXES(array, bytes) { PLUG_A_IFINDEX, array, bytes, 0 }
#define ONE INDEXES(good, 4)
#define TOO_MANY INDEXES(good, sizeof(good))
#define EPOCH(bytes) { PLUG_A_EPOCH, zero, bytes, 0 }
#define HEAD NLMSG_LENGTH(GENL_HDRLEN)
#define BAD(name, err, command, size, ...) \
	{ name, err, { .cmd = (command), .message_bytes = (size), .attrs = { __VA_ARGS__ } } }

/* The kernel's own parser refuses some, and has errors of its own for that. */
static const struct {
	const char *what;
	int want;
	struct group_request req;
} bad[] = {
	BAD("no attributes", -EINVAL, PLUG_CMD_PASS, HEAD),
	BAD("nothing to look at", -EINVAL, PLUG_CMD_GET, HEAD),
	BAD("only an epoch", -EINVAL, PLUG_CMD_BUFFER, 0, EPOCH(8)),
	BAD("an empty array", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(good, 0)),
	BAD("1 byte", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(good, 1)),
	BAD("3 bytes", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(good, 3)),
	BAD("7 bytes", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(good, 7)),
	BAD("7 bytes to look at", -EINVAL, PLUG_CMD_GET, 0, INDEXES(good, 7)),
	BAD("257 indexes", -EINVAL, PLUG_CMD_PASS, 0, TOO_MANY),
	BAD("257 indexes to look at", -EINVAL, PLUG_CMD_GET, 0, TOO_MANY),
	BAD("an index below 0", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(below, sizeof(below))),
	BAD("the lowest index", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(lowest, sizeof(lowest))),
	BAD("index 0", -EINVAL, PLUG_CMD_PASS, 0, INDEXES(nought, sizeof(nought))),
	BAD("index 0 to look at", -EINVAL, PLUG_CMD_GET, 0, INDEXES(nought, sizeof(nought))),
	BAD("BUFFER without an epoch", -EINVAL, PLUG_CMD_BUFFER, 0, ONE),
	BAD("RELEASE without an epoch", -EINVAL, PLUG_CMD_RELEASE, 0, ONE),
	BAD("PASS with an epoch", -EINVAL, PLUG_CMD_PASS, 0, ONE, EPOCH(8)),
	BAD("GET with an epoch", -EINVAL, PLUG_CMD_GET, 0, ONE, EPOCH(8)),
	BAD("half an epoch", -EINVAL, PLUG_CMD_BUFFER, 0, ONE, EPOCH(4)),
	BAD("two epochs in one", -EINVAL, PLUG_CMD_BUFFER, 0, ONE, EPOCH(16)),
	BAD("command 0", -EOPNOTSUPP, PLUG_CMD_UNSPEC, 0, ONE),
	BAD("the first unknown command", -EOPNOTSUPP, PLUG_CMD_MAX + 1, 0, ONE),
	BAD("command 255", -EOPNOTSUPP, 255, 0, ONE),
	BAD("an answer's attribute", -EINVAL, PLUG_CMD_PASS, 0, ONE, { PLUG_A_RESULT, zero, 4, 0 }),
	BAD("an unknown attribute", -EINVAL, PLUG_CMD_PASS, 0, ONE, { PLUG_A_MAX + 1, zero, 4, 0 }),
	BAD("indexes beyond the end", -EINVAL, PLUG_CMD_PASS, 0, { PLUG_A_IFINDEX, good, 4, 400 }),
	BAD("an epoch beyond it", -EINVAL, PLUG_CMD_BUFFER, 0, ONE, { PLUG_A_EPOCH, zero, 8, 400 }),
	BAD("half an attribute's header", -EINVAL, PLUG_CMD_PASS, HEAD + 10, ONE, ONE),
	BAD("half a header", -EINVAL, PLUG_CMD_PASS, NLMSG_HDRLEN + 2),
	{ "flags of no meaning here", -EINVAL,
	  { .cmd = PLUG_CMD_PASS, .flags = NLM_F_CREATE, .attrs = { ONE } } },
	{ "a reserved field in use", -EINVAL,
	  { .cmd = PLUG_CMD_PASS, .reserved = 1, .attrs = { ONE } } },
};

static void fill_indexes(void)
{
	size_t i;

	for (i = 0; i <= PLUG_GROUP_MAX; i++)
		good[i] = rigs[0].ifindex;
	below[0] = lowest[0] = nought[0] = rigs[0].ifindex;
}

static bool refused_requests(void)
{
	struct qdisc_view before[2];
	size_t i;
	int err;

	if (states(before))
		return wrong("no dump");
	fill_indexes();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = group_send(&here, &bad[i].req);
		if (err != bad[i].want)
			return wrong("%s: answered %d, not %d", bad[i].what, err, bad[i].want);
		if (!same_as(before))
			return wrong("%s: the state changed", bad[i].what);
	}
	return true;
}

/* What a process without rights is told, on a socket of its own and on one that had them. */
static int ask_as_nobody(void)
{
	struct group own;
	int cmd;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ||
	    group_open(&own))
		return 100;
	for (cmd = PLUG_CMD_BUFFER; cmd <= PLUG_CMD_MAX; cmd++) {
		uint64_t epoch = cmd <= PLUG_CMD_RELEASE ? 0 : GROUP_NO_EPOCH;

		if (group_ask(&own, cmd, epoch, everyone, N_EVERYONE) != -EPERM ||
		    group_ask(&here, cmd, epoch, everyone, N_EVERYONE) != -EPERM)
			return cmd;
	}
	return 0;
}

static bool without_rights(void)
{
	struct qdisc_view before[2];
	int status = 0;
	pid_t pid;

	if (states(before))
		return wrong("no dump");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(ask_as_nobody());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return wrong("no process");
	if (status)
		return wrong("command %d was not refused", WEXITSTATUS(status));
	return same_as(before);
}

static bool anything_may_go(void)
{
	char why[128] = "";

	return group_race(&rigs[0], race_ms, why, sizeof(why)) || wrong("%s", why);
}

static const struct promise tests[] = {
	{ "a request reaches root plugs of its namespace, and no other",
	  only_root_plugs_of_this_namespace },
	{ "a socket of another namespace reaches that one's", sockets_of_another_namespace },
	{ "a device that moves to another namespace leaves its plug behind", moved_devices },
	{ "what is released leaves, what is held does not", releases },
	{ "what is discarded does not leave", discards },
	{ "a request may be repeated", repeated },
	{ "an epoch out of sequence is refused where it is, and done elsewhere", out_of_sequence },
	{ "GET shows what a dump shows", looks },
	{ "256 indexes fit one request", as_many_as_may_be },
	{ "requests that are not as they should be change nothing", refused_requests },
	{ "requests without the right to them change nothing", without_rights },
	{ "plugs, links and namespaces may go while they are asked", anything_may_go },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	race_ms = argc > 1 ? atoi(argv[1]) : 4000;
	if (set_up()) {
		fprintf(stderr, "cannot make the devices\n");
		return 2;
	}
	promises_check(tests, sizeof(tests) / sizeof(tests[0]), begin);
	tear_down();
	return promises_status();
}
