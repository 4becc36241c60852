// SPDX-License-Identifier: GPL-2.0-or-later
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>

#include "domain.h"

int peer_read(struct peer *peer, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred), groups_len = (PEER_GROUPS_MAX - 1) * sizeof(gid_t);

	*peer = (struct peer){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	peer->groups[peer->group_count++] = cred.gid;
	/* somebody in more groups than fit has only the first one here: less, never more */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &peer->groups[1], &groups_len))
		peer->group_count += groups_len / sizeof(gid_t);
	return 0;
}

static bool has(const struct config_ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (ids->ids[i] == id)
			return true;
	return false;
}

static bool matches(const struct peer *peer, const struct config_ids *users, const struct config_ids *groups)
{
	if (users->everyone || groups->everyone || has(users, peer->uid))
		return true;
	for (size_t i = 0; i < peer->group_count; i++)
		if (has(groups, peer->groups[i]))
			return true;
	return false;
}

bool peer_is_admin(const struct peer *peer, const struct config *config)
{
	return !peer->uid || matches(peer, &config->admin_users, &config->admin_groups);
}

uint32_t peer_owner(const struct peer *peer, const struct config *config)
{
	return peer_is_admin(peer, config) ? DOMAIN_ANYBODYS : peer->uid;
}

bool peer_may_drive(const struct peer *peer, uint32_t owner, const struct config *config)
{
	return owner == DOMAIN_ANYBODYS || owner == peer->uid || peer_is_admin(peer, config);
}

bool peer_may(const struct peer *peer, enum peer_role role, const struct config *config)
{
	if (peer_is_admin(peer, config) || matches(peer, &config->driver_users, &config->driver_groups))
		return true;
	return role == PEER_OBSERVER && matches(peer, &config->observer_users, &config->observer_groups);
}
