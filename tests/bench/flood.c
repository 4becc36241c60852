// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Somebody else's curiosity: so many connections, each asking for the daemon's state without pause. Until killed.
 *
 * usage: flood SOCKET CONNECTIONS
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "outcommit.h"
#include "peers.h"

#define CONNECTIONS_MAX 100

static struct outcommit *connections[CONNECTIONS_MAX];
static struct pollfd pollers[CONNECTIONS_MAX];

static void ask(size_t i)
{
	int ret = outcommit_send(connections[i], "status", NULL, 0);

	if (ret)
		die("status", ret);
}

static void take(size_t i)
{
	struct outcommit_reply *reply;
	int ret = outcommit_recv(connections[i], &reply);

	if (ret)
		die("reply", ret);
	outcommit_reply_free(reply);
}

int main(int argc, char **argv)
{
	size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (!count || count > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: flood SOCKET CONNECTIONS\n");
		return 2;
	}
	for (size_t i = 0; i < count; i++) {
		int ret = outcommit_connect(argv[1], 10000, &connections[i]);

		if (ret)
			die(argv[1], ret);
		pollers[i] = (struct pollfd){ .fd = outcommit_fd(connections[i]), .events = POLLIN };
		ask(i);
	}
	for (;;) {
		if (poll(pollers, count, -1) < 0)
			die("poll", errno);
		for (size_t i = 0; i < count; i++) {
			if (!pollers[i].revents)
				continue;
			take(i);
			ask(i);
		}
	}
}
