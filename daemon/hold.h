/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches for how long domains hold what nobody commits: an age that is reached is said once, in the log and as an event, and at the
 * limit the configured policy is carried out. One timer for all domains, which sleeps while nothing holds.
 */
#ifndef OUTCOMMITD_HOLD_H
#define OUTCOMMITD_HOLD_H

#include "registry.h"

struct hold {
	struct registry *reg;
	ev_timer timer;
	uint64_t due_ns; /* when it will fire, 0 if not */
};

void hold_init(struct hold *hold, struct registry *reg);
void hold_fini(struct hold *hold);

/* The domain holds, or has gone on: look at it in time. */
void hold_expect(struct hold *hold, const struct domain *domain);
/* Look at every domain now: what is configured may have changed. */
void hold_look(struct hold *hold);

/* For how long the oldest uncommitted epoch has been there, 0 while passing. */
uint64_t hold_age_ns(const struct domain *domain, uint64_t now_ns);
enum hold_mark hold_mark(const struct config *config, uint64_t age_ns);
const char *hold_mark_name(enum hold_mark mark);

#endif
