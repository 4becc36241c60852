/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's files share and nobody else sees: lib-conn.c moves packets and keeps the
 * connection, lib-reply.c holds what came, lib-request.c pairs requests with replies, lib-lease.c
 * drives on over a new connection, lib-verbs.c is the typed face of it all.
 */
#ifndef OUTCOMMIT_LIB_H
#define OUTCOMMIT_LIB_H

#include <pthread.h>
#include <sys/un.h>

#include "outcommit.h"
#include "wire.h"

/* Points in time are nanoseconds of CLOCK_MONOTONIC. */
#define AT_ONCE INT64_MIN	/* do not wait: -EAGAIN */
#define NEVER INT64_MAX

struct outcommit {
	pthread_mutex_t lock;	/* for everything below but the address */
	struct sockaddr_un address;
	int fd;			/* -1: not connected */
	int refusal;		/* why the last attempt to connect failed */
	int timeout_ms;
	bool retry;
	bool monitoring;	/* subscribed, or would be were the connection not lost */
	struct lease *leases;	/* domains that this connection drives */
	unsigned int outstanding; /* replies that outcommit_recv() has yet to take */
	struct wire_buf request;
	char request_data[WIRE_REQUEST_MAX + 1];
	char packet[WIRE_REPLY_MAX + 1]; /* one more than may come: too much shows */
};

/* A reply's text lives behind its fields. */
struct outcommit_reply {
	int status;
	bool is_event;
	struct wire_msg msg;
	struct wire_field fields[];
};

/* lib-conn.c; the lock is held */
int64_t conn_deadline(int timeout_ms);
int conn_pause(int ms, int64_t deadline);
int conn_open(struct outcommit *c, int64_t deadline);
void conn_drop(struct outcommit *c);
bool conn_is_lost(int error);
int conn_wait(int fd, short events, int64_t deadline);
int conn_send(struct outcommit *c, const struct wire_buf *packet, int64_t deadline);
int conn_recv(struct outcommit *c, int64_t deadline, struct outcommit_reply **reply);

/* lib-reply.c */
int reply_new(const char *text, size_t len, struct outcommit_reply **reply);

/*
 * lib-lease.c; the lock is held. A lease is made of the drive request that was built, kept once it
 * is granted, and renewed on a connection that is made anew: *@refusal is the reply if that of
 * @domain is refused.
 */
struct lease *lease_new(const struct outcommit *c, const char *domain);
void lease_free(struct lease *lease);
void lease_keep(struct outcommit *c, struct lease *lease);
void lease_forget_all(struct outcommit *c);
int lease_renew(struct outcommit *c, int64_t deadline, const char *domain,
		struct outcommit_reply **refusal);

/* lib-request.c: one round trip; 0 if there is a reply, whatever its status */
int request_sync(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		 size_t count, struct outcommit_reply **reply);

#endif
