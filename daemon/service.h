/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What systemd wants to know, and gives: readiness, status, watchdog, sockets. All of it is silent without systemd. */
#ifndef OUTCOMMITD_SERVICE_H
#define OUTCOMMITD_SERVICE_H

#include <ev.h>
#include <stdbool.h>

#include "log.h"

struct manager;

struct service {
	struct manager *mgr;
	ev_timer watchdog;
};

/* The listening socket that was handed over, -1 if there is none, or a negative errno below -1. */
int service_socket(void);

void service_init(struct service *service, struct manager *mgr);
void service_fini(struct service *service);
void service_ready(struct service *service);
void service_reloading(struct service *service);
/*
 * Is the service being stopped, and not only to be started again? Who was not started by systemd is. Where systemd cannot be asked, the
 * answer is no.
 */
bool service_is_for_good(const struct log *log);
void service_stopping(struct service *service);
void service_status(struct service *service);

#endif
