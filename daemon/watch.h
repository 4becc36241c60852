/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link watch: hears of every change to interfaces, qdiscs and filters, and tells the registry of those that touch a
 * buffer. Notifications are queued before the change's author has his answer, so a drained watch is up to date.
 */
#ifndef OUTCOMMITD_WATCH_H
#define OUTCOMMITD_WATCH_H

#include <ev.h>

#include "registry.h"

struct nl_sock;

struct watch {
	struct registry *reg;
	struct nl_sock *sock;
	int fd;
	char *rx;
	ev_io io;
};

/* Subscribe; events are queued from now on. watch_start() has the loop read them. */
int watch_init(struct watch *watch, struct registry *reg);
void watch_start(struct watch *watch);
void watch_fini(struct watch *watch);

/* Read and handle everything that is queued. */
void watch_drain(struct watch *watch);

#endif
