/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libxl does with a vif's network buffer, call by call: it runs the script with its
 * environment, takes the buffer's name from xenstore, finds the root qdisc of that interface
 * through libnl, insists on plug, and sends it BUFFER and RELEASE_ONE. Here the calls are made for
 * a test, in the same order and with the same arguments.
 */
#ifndef LIBXL_NETBUF_H
#define LIBXL_NETBUF_H

#include <stdbool.h>

struct nl_sock;
struct nl_cache;
struct rtnl_qdisc;

struct netbuf {
	struct nl_sock *socket;
	struct nl_cache *qdiscs;
	struct rtnl_qdisc *qdisc;
	const char *script;
	const char *vif;
	char path[64]; /* in xenstore */
	char ifb[32];
};

/* 0, or a negative number that is printed with the reason. */
int netbuf_open(struct netbuf *netbuf, const char *script, const char *vif, int domid, int devid);
int netbuf_setup(struct netbuf *netbuf);
int netbuf_buffer(struct netbuf *netbuf);
int netbuf_release_one(struct netbuf *netbuf);
int netbuf_teardown(struct netbuf *netbuf);
void netbuf_close(struct netbuf *netbuf);

/* A key below the vif's path in xenstore, "" if it is not there. */
void netbuf_key(const struct netbuf *netbuf, const char *key, char *value, int size);

#endif
