/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket and its clients. A client that does not take its reply is not read from, and who asks for what can wait takes turns
 * with the others, so nobody can keep another one waiting. What a request means is verbs.c's concern.
 */
#ifndef OUTCOMMITD_SERVER_H
#define OUTCOMMITD_SERVER_H

#include <ev.h>
#include <stdbool.h>

#include "lease.h"
#include "peer.h"
#include "turns.h"
#include "wire.h"

struct manager;
struct detach;

struct client {
	struct manager *mgr;
	struct client *next, **link;
	int fd;
	ev_io io;
	struct peer peer;
	struct turn turn;
	struct driver driver; /* what it drives */
	char *unsent; /* a reply that the socket had no room for */
	size_t unsent_bytes;
	struct detach *job; /* what the reply waits for */
	bool waiting;
	/* of a monitor: see monitor.h */
	bool monitoring;
	bool lagging; /* events were lost: begin anew */
	bool snapshot; /* not everything that exists was sent yet */
	char snapshot_after[WIRE_DOMAIN_MAX + 1];
};

struct server {
	struct manager *mgr;
	int fd;
	bool own_path; /* we made the socket's path, and remove it */
	ev_io io;
	ev_timer pause; /* when there are no file descriptors left */
	struct turns turns;
	struct client *clients;
	size_t client_count;
	char *request; /* WIRE_REQUEST_MAX + 1 bytes */
	char *reply; /* WIRE_REPLY_MAX bytes */
};

/* Listen on @fd if that is not negative, else on the configured path. */
int server_init(struct server *server, struct manager *mgr, int fd);
void server_fini(struct server *server);

/* The reply to the request under way. */
void client_reply(struct client *client, const struct wire_buf *reply);
/* One packet, now or not at all: false if there is no room. */
bool client_try_send(struct client *client, const struct wire_buf *packet);
/* Call monitor_continue() when there is room again. */
void client_want_write(struct client *client);

#endif
