/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one context of the program. */
#ifndef OUTCOMMITD_MANAGER_H
#define OUTCOMMITD_MANAGER_H

#include <ev.h>

#include "config.h"
#include "hold.h"
#include "log.h"
#include "registry.h"
#include "server.h"
#include "service.h"
#include "watch.h"

struct manager {
	struct ev_loop *loop;
	struct log log;
	struct config config;
	struct config_overrides overrides;
	const char *config_path;
	bool config_must_exist;
	struct registry registry;
	struct watch watch;
	struct hold hold;
	struct server server;
	struct service service;
	ev_idle spin; /* while active, the loop does not sleep */
	uint64_t spin_until_ns;
	ev_signal term, interrupt, hangup;
	uint64_t started_ns;
	uint64_t request_ns; /* when the request under way was taken in; 0: there is none */
	int lock; /* held as long as this is the only daemon here */
};

/* Everything up to, and everything after, the loop. */
int manager_init(struct manager *mgr);
void manager_fini(struct manager *mgr);
void manager_run(struct manager *mgr);

/* Hear what happens in the registry from now on. */
void manager_listen(struct manager *mgr);

/* Read the configuration anew. On error the old one stays, and @error says why. */
int manager_reload(struct manager *mgr, struct config_error *error);

/* A request came: another one may follow soon. */
void manager_expect_more(struct manager *mgr);

uint64_t manager_now_ns(void);

#endif
