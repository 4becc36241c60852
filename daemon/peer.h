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
	pid_t pid; /* 0 if it is not visible from here */
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

/* A driver may do what an observer may, an admin what anybody may. */
bool peer_may(const struct peer *peer, enum peer_role role, const struct config *config);

/* May change every driver's domains. */
bool peer_is_admin(const struct peer *peer, const struct config *config);
/* Whose a domain is that this peer makes: DOMAIN_ANYBODYS or its user's. */
uint32_t peer_owner(const struct peer *peer, const struct config *config);
/* May a driver change a domain of this owner? */
bool peer_may_drive(const struct peer *peer, uint32_t owner, const struct config *config);

#endif
