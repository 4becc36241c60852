/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon in a box: its parts as manager.c puts them together, without a socket of its own, over a fake or a raw kernel. */
#ifndef FUZZ_RIG_H
#define FUZZ_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "manager.h"

struct rig {
	struct manager mgr;
	struct client client; /* a driver */
	int peer; /* the client's end */
};

void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);
/* A new daemon finds what the last one left in the kernel. */
void rig_restart(struct rig *rig);

/* The client's connection is taken for closed, and then for a new one. */
void rig_hang_up(struct rig *rig);
/* Whatever is waited for is over. */
void rig_pass_time(struct rig *rig);

/* One packet from the client. Aborts unless there is exactly one reply, and that is one. */
void rig_request(struct rig *rig, const void *data, size_t len);

/* A socket of somebody who listens to notifications, and asks nothing. */
bool rig_listens(int fd);

#endif
