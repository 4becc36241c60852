// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The leases that this connection has. What it promises: a connection that is made anew drives what
 * the lost one drove before anything else is asked on it, or says that it does not.
 */
#include <stdlib.h>
#include <string.h>

#include "lib.h"

/* The request that took it is all there is to know: to take it again, it is sent again. */
struct lease {
	struct lease *next;
	char domain[WIRE_DOMAIN_MAX + 1];
	size_t len;
	char request[];
};

struct lease *lease_new(const struct outcommit *c, const char *domain)
{
	struct lease *lease = malloc(sizeof(*lease) + c->request.len);

	if (!lease)
		return NULL;
	lease->next = NULL;
	/* a name that has no room is refused by the daemon, and the lease is not kept */
	strncpy(lease->domain, domain ? domain : "", WIRE_DOMAIN_MAX);
	lease->domain[WIRE_DOMAIN_MAX] = '\0';
	lease->len = c->request.len;
	memcpy(lease->request, c->request.data, c->request.len);
	return lease;
}

void lease_free(struct lease *lease)
{
	free(lease);
}

static void forget(struct lease **at)
{
	struct lease *lease = *at;

	*at = lease->next;
	lease_free(lease);
}

void lease_keep(struct outcommit *c, struct lease *lease)
{
	for (struct lease **at = &c->leases; *at; at = &(*at)->next) {
		if (strcmp((*at)->domain, lease->domain))
			continue;
		forget(at);
		break;
	}
	lease->next = c->leases;
	c->leases = lease;
}

void lease_forget_all(struct outcommit *c)
{
	while (c->leases)
		forget(&c->leases);
}

static int take_again(struct outcommit *c, const struct lease *lease, int64_t deadline,
		      struct outcommit_reply **reply)
{
	struct wire_buf request = { .data = (char *)lease->request, .len = lease->len };
	int ret = conn_send(c, &request, deadline);

	return ret ? ret : conn_recv(c, deadline, reply);
}

/* A domain that somebody else drives by now, or that is gone, is not driven any more. */
int lease_renew(struct outcommit *c, int64_t deadline, const char *domain,
		struct outcommit_reply **refusal)
{
	struct lease **at = &c->leases;

	while (*at) {
		struct outcommit_reply *reply;
		int ret = take_again(c, *at, deadline, &reply);

		if (ret)
			return ret;
		if (!reply->status && !reply->is_event) {
			at = &(*at)->next;
		} else if (domain && !strcmp((*at)->domain, domain)) {
			*refusal = reply;
			reply = NULL;
			forget(at);
		} else {
			forget(at);
		}
		outcommit_reply_free(reply);
	}
	return 0;
}
