/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a connection, and what the configuration lets them do. */
#ifndef OUTCOMMITD_PEER_H
#define OUTCOMMITD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config.h"

#define PEER_GROUPS_MAX 64

struct peer {
	uid_t uid;
	size_t group_count;
	gid_t groups[PEER_GROUPS_MAX];
};

enum peer_role {
	PEER_OBSERVER,
	PEER_DRIVER,
};

/* From the kernel, as it was when the connection was made. */
int peer_read(struct peer *peer, int fd);

/* A driver may do what an observer may. */
bool peer_may(const struct peer *peer, enum peer_role role, const struct config *config);

#endif
