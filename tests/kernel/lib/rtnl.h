/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnl.h - rtnetlink by hand: the tests send what no library would, and read every byte that comes
 * back. All calls return 0 or a negative errno, the kernel's where it answered.
 */
#ifndef TEST_RTNL_H
#define TEST_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/sch_plug.h"

struct rtnl {
	int fd;
	uint32_t seq;
	/* From the last answer. */
	char text[160];
	uint64_t cookie;
	bool has_cookie;
};

/* A qdisc as the kernel shows it. What mainline's plug does not show is zero. */
struct qdisc_view {
	char kind[16];
	uint32_t qlen;
	uint32_t backlog_bytes;
	uint32_t drops;
	size_t message_bytes;
	size_t options_bytes;
	struct tc_plug_info info;
	struct tc_plug_xstats xstats;
	size_t n_epochs;
	struct tc_plug_epoch epochs[TC_PLUG_DUMP_EPOCHS];
};

struct qdisc_request {
	int type;  /* RTM_NEWQDISC, RTM_DELQDISC */
	int flags; /* NLM_F_CREATE, ... */
	int ifindex;
	uint32_t parent, handle;
	const char *kind;
	const void *options; /* NULL: none */
	size_t options_bytes;
	size_t claimed_bytes; /* what the attribute's header says if not what is there */
};

int rtnl_open(struct rtnl *nl);
void rtnl_close(struct rtnl *nl);
int rtnl_qdisc(struct rtnl *nl, const struct qdisc_request *req);
/* Exactly one of @parent and @handle is 0. */
int rtnl_qdisc_view(struct rtnl *nl, int ifindex, uint32_t parent, uint32_t handle,
		    struct qdisc_view *view);
int rtnl_link_up(struct rtnl *nl, int ifindex, bool up);
int rtnl_link_txqlen(struct rtnl *nl, int ifindex, uint32_t txqlen);

#endif
