/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to those who asked for them. No queue is kept: the socket is the queue, and a reader for whom it is full begins anew with what
 * exists then.
 */
#ifndef OUTCOMMITD_MONITOR_H
#define OUTCOMMITD_MONITOR_H

#include "registry.h"

struct client;
struct manager;

void monitor_start(struct client *client);
/* There is room again: go on with the snapshot. */
void monitor_continue(struct client *client);
/* The registry's on_event. */
void monitor_event(void *manager, enum registry_event event, const struct domain *domain, const struct vif *vif,
		   const char *cause);

#endif
