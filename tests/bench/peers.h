/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who might ask for a barrier over all vifs of a domain:
 *
 *   libxl    one rtnl_qdisc_plug_*() and rtnl_qdisc_add() per vif, in process, as libxl_netbuffer.c does
 *   floor    prepared messages of all vifs in one sendmsg over rtnetlink, in process
 *   echo     nothing but the way to another process and back, over a socket as the daemon's, with epoll as it has: no daemon can be faster
 *   daemon   outcommitd, through liboutcommit
 *
 * libxl and floor work on IFBs named PREFIX0, PREFIX1, ..., the daemon on a domain that is attached.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIFS_MAX 64
#define MESSAGE_BYTES 128

enum operation { POSTSUSPEND, COMMIT, OPERATIONS };

struct outcommit;
struct nl_sock;
struct rtnl_qdisc;

struct bench {
	const char *domain;
	struct outcommit *daemon;
	struct nl_sock *sock;
	size_t vifs;
	int ifindex[VIFS_MAX];
	struct rtnl_qdisc *qdisc[VIFS_MAX];
	char message[OPERATIONS][VIFS_MAX][MESSAGE_BYTES];
	struct iovec iov[OPERATIONS][VIFS_MAX];
	uint64_t epoch;
	int echo; /* a socket; its other end is in a child */
};

struct peer {
	const char *name;
	void (*run)(struct bench *b, enum operation operation);
};

enum { PEER_LIBXL, PEER_FLOOR, PEER_ECHO, PEER_DAEMON, PEERS };

extern const struct peer peers[PEERS];
extern const char *const operation_names[OPERATIONS];

/*
 * Ends the program if anything is not as it should be. @socket "-": there is no daemon, for the peers that work in process: it listens to what
 * they announce, and its waking up would be counted as theirs.
 */
void bench_init(struct bench *b, const char *socket, const char *domain, const char *prefix, size_t vifs);
void bench_fini(struct bench *b);

void die(const char *what, int error) __attribute__((noreturn));
uint64_t now_ns(void);
/* One JSON object; sorts @ns. */
void print(const struct bench *b, const char *peer, const char *operation, uint64_t *ns, size_t count);

#endif
