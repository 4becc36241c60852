/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group.h - the plug's generic netlink family by hand: requests as they should be and as they
 * should not, and every byte of the answer looked at. All calls return 0 or a negative errno, the
 * kernel's where it answered; what each interface answered is in the results.
 */
#ifndef TEST_GROUP_H
#define TEST_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/sch_plug.h"
#include "linux/sch_plug_group.h"

#define GROUP_NO_EPOCH UINT64_MAX

/* The family's socket, of the network namespace in which it was opened. */
struct group {
	int fd;
	uint16_t family;
	uint32_t seq;
	/* From the last answer. */
	char text[160];
	size_t n_results, n_infos;
	int32_t results[PLUG_GROUP_MAX];
	struct tc_plug_info infos[PLUG_GROUP_MAX];
};

struct group_attr {
	int type; /* 0: none */
	const void *data;
	size_t bytes;
	size_t claimed_bytes; /* what the attribute's header says if not what is there */
};

struct group_request {
	int cmd;
	size_t message_bytes; /* what the message's header says if not what is there */
	uint16_t flags, reserved; /* of the headers, beside what must be there */
	struct group_attr attrs[3];
};

int group_open(struct group *group);
void group_close(struct group *group);

int group_send(struct group *group, const struct group_request *req);
/* A request as it should be. */
int group_ask(struct group *group, int cmd, uint64_t epoch, const int32_t *ifindex, size_t n);

#endif
