/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases: which connection drives a domain, and what happens when it is gone.
 *
 *   none --take--> held --driver lost--> grace --time over, policy--> lost, or none if the domain passes then
 *
 * A lease lives no longer than its domain and than the daemon: who cannot know what became of a driver carries out no policy.
 * It promises: a policy is carried out only after the whole grace time, and never on a domain that somebody has taken or settled
 * meanwhile.
 */
#ifndef OUTCOMMITD_LEASE_H
#define OUTCOMMITD_LEASE_H

#include "registry.h"

enum lease_state {
	LEASE_NONE, /* there is no struct lease */
	LEASE_HELD,
	LEASE_GRACE, /* the connection is closed, its driver may come back */
	LEASE_LOST, /* the policy was carried out, and the domain holds */
};

/* What a connection is to the domains that it drives; part of it. */
struct driver {
	int fd; /* to see whether it is still there */
	pid_t pid;
	uid_t uid;
	struct lease *leases;
};

/* What the driver asked for; the rest is as configured. */
struct lease_terms {
	bool has_policy, has_grace;
	enum config_policy policy;
	uint64_t grace_ns;
};

struct lease {
	struct registry *reg;
	struct domain *domain;
	enum lease_state state;
	struct driver *driver; /* NULL unless held */
	struct lease *next, **link; /* among the driver's */
	pid_t pid; /* whose it is or was */
	uid_t uid;
	struct lease_terms terms;
	ev_timer timer;
	uint64_t grace_ends_ns;
};

enum lease_state lease_state(const struct domain *domain);
enum config_policy lease_policy(const struct lease *lease);
uint64_t lease_grace_ns(const struct lease *lease);

/*
 * Give the domain to @driver, or its terms anew. -EBUSY if another connection that is still there has it: *@holder is then its lease.
 */
int lease_take(struct registry *reg, struct domain *domain, struct driver *driver, const struct lease_terms *terms,
	       const struct lease **holder);

/*
 * May this connection ask for what only who drives may? @settles: it says what becomes of what is held. 0, or -EBUSY as above. A driver that
 * has closed its connection is lost from here on.
 */
int lease_check(struct domain *domain, const struct driver *driver, bool settles, const struct lease **holder);
/* What was asked for was done: a domain without a driver needs no policy any more. */
void lease_settle(struct domain *domain);

/* The connection is closed. */
void lease_driver_lost(struct driver *driver);

/* Forget the domain's lease, if there is one. */
void lease_end(const struct domain *domain);
void lease_end_all(struct registry *reg);

#endif
