/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig.h - one plug under test: the root qdisc of one end of a veth pair, and an observer at the
 * other end, who sees what leaves. Names: plug0 and seen0.
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include "frames.h"
#include "rtnl.h"

#define RIG_UNTAGGED UINT64_MAX
#define RIG_NO_OPTIONS (-1)

struct rig {
	struct rtnl nl;
	int ifindex;
	uint32_t parent, handle; /* of the plug: root and 1: unless changed */
	int tx, rx;
	uint64_t seq; /* of the last frame sent */
};

/* Make the devices, in this network namespace; @extra goes to "ip link add". */
int rig_open(struct rig *rig, const char *extra);
void rig_close(struct rig *rig);

/* Commands. @action may be RIG_NO_OPTIONS at creation; @tag RIG_UNTAGGED. */
int rig_add(struct rig *rig, int action, uint32_t limit_bytes, uint64_t tag);
int rig_del(struct rig *rig);
int rig_change(struct rig *rig, int action, uint32_t limit_bytes, uint64_t tag);
int rig_view(struct rig *rig, struct qdisc_view *view);

/* What resets a qdisc. */
int rig_down_up(struct rig *rig);
int rig_txqlen(struct rig *rig);
int rig_clsact(struct rig *rig);

int rig_send(struct rig *rig, size_t bytes);

/* Options of either kind for @action; returns their length. */
size_t rig_options(struct tc_plug_xopt *opt, int action, uint32_t limit_bytes, uint64_t tag);

/* Run a shell command; 0 or -EIO. */
int rig_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Is the loaded module ours? */
bool rig_is_ours(void);

#endif
