/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fake kernel's interfaces, and what it says of them. For fake-kernel.c. */
#ifndef FAKE_LINK_H
#define FAKE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>

#include "record.h"
#include "rtmsg.h"
#include "sch_plug.h"

#define FAKE_LINKS 64

/* A plug: how many frames it holds is all that shows of them. */
struct fake_queue {
	bool there, ours, holding;
	uint32_t handle, limit;
	uint64_t open, oldest;
	uint32_t held, drops;
};

struct fake_link {
	int ifindex; /* 0: none */
	char name[IFNAMSIZ], kind[16], alias[RTMSG_ALIAS_MAX];
	unsigned int flags;
	uint32_t txqueuelen;
	bool clsact;
	struct fake_queue plug;
	struct {
		uint32_t action; /* 0: there is none */
		int to;
		uint8_t cookie[RECORD_BYTES];
	} redirect;
};

void fake_queue_make(struct fake_queue *queue, const struct tc_plug_xopt *request);
int fake_queue_change(struct fake_queue *queue, const struct tc_plug_xopt *request);
/* enum plug_genl_cmd; @epoch may be NULL, and need not be aligned. */
int fake_queue_command(struct fake_queue *queue, uint8_t command, const void *epoch);

/* Answer @request, or notify everybody if that is NULL. */
void fake_tell_link(const struct nlmsghdr *request, const struct fake_link *link, int type);
void fake_tell_bridge(const struct fake_link *link, int type);
void fake_tell_qdisc(const struct nlmsghdr *request, const struct fake_link *link, int type);
void fake_tell_filter(const struct nlmsghdr *request, const struct fake_link *link, int type);
void fake_tell_family(const struct nlmsghdr *request);
void fake_tell_results(const struct nlmsghdr *request, const int32_t *results, size_t count);
void fake_tell_outcome(const struct nlmsghdr *request, int error);

#endif
