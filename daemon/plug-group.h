/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's generic netlink family: all vifs of a domain in one message, and no waiting for whoever holds RTNL. */
#ifndef OUTCOMMITD_PLUG_GROUP_H
#define OUTCOMMITD_PLUG_GROUP_H

#include "nltx.h"
#include "plug.h"

struct plug_group {
	struct nltx tx;
	const uint64_t *enabled; /* in the configuration */
	uint16_t family; /* 0: not looked up, or not there */
	bool looked_up;
};

int plug_group_init(struct plug_group *group, const uint64_t *enabled);
void plug_group_fini(struct plug_group *group);

/*
 * One request of enum plug_genl_cmd for all @vifs; @epoch may be NULL. Sets vif->error. -EOPNOTSUPP, and nothing was done, if the family is
 * not there or not wanted.
 */
int plug_group_run(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, uint8_t command, const uint64_t *epoch);

#endif
