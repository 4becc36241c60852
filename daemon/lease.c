// SPDX-License-Identifier: GPL-2.0-or-later
#include "lease.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "policy.h"

enum lease_state lease_state(const struct domain *domain)
{
	return domain->lease ? domain->lease->state : LEASE_NONE;
}

enum config_policy lease_policy(const struct lease *lease)
{
	return lease->terms.has_policy ? lease->terms.policy :
					 (enum config_policy)lease->reg->config->on_driver_lost;
}

uint64_t lease_grace_ns(const struct lease *lease)
{
	return lease->terms.has_grace ? lease->terms.grace_ns : lease->reg->config->driver_grace_ns;
}

static void leave_driver(struct lease *lease)
{
	if (!lease->driver)
		return;
	*lease->link = lease->next;
	if (lease->next)
		lease->next->link = lease->link;
	lease->driver = NULL;
}

static void join_driver(struct lease *lease, struct driver *driver)
{
	lease->driver = driver;
	lease->next = driver->leases;
	lease->link = &driver->leases;
	if (lease->next)
		lease->next->link = &lease->next;
	driver->leases = lease;
}

void lease_end(const struct domain *domain)
{
	struct lease *lease = domain->lease;

	if (!lease)
		return;
	ev_timer_stop(lease->reg->loop, &lease->timer);
	leave_driver(lease);
	lease->domain->lease = NULL;
	free(lease);
}

void lease_end_all(struct registry *reg)
{
	for (size_t i = 0; i < reg->domain_count; i++)
		lease_end(reg->domains[i]);
}

static void log_lease(const struct lease *lease, const char *what)
{
	log_notice(lease->reg->log, (&(struct log_about){ .domain = lease->domain->name }), "%s, pid %d, uid %u", what,
		   (int)lease->pid, (unsigned int)lease->uid);
}

/* What is passing needs no driver. Without one, nothing but a driver's or an administrator's word ends what holds. */
static void give_up(struct lease *lease)
{
	struct registry *reg = lease->reg;
	struct domain *domain = lease->domain;

	ev_timer_stop(reg->loop, &lease->timer);
	lease->state = LEASE_LOST;
	policy_carry_out(reg, domain, lease_policy(lease), "on_driver_lost");
	if (domain->state == DOMAIN_PASSING)
		lease_end(domain);
	registry_notify(reg, REGISTRY_CHANGE, domain, NULL, "on_driver_lost");
}

static void on_grace_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	give_up(timer->data);
}

static void lose(struct lease *lease)
{
	uint64_t grace_ns = lease_grace_ns(lease);

	leave_driver(lease);
	lease->state = LEASE_GRACE;
	lease->grace_ends_ns = clock_now_ns() + grace_ns;
	log_lease(lease, "the driver is gone");
	metrics_count(&lease->domain->metrics, METRIC_DRIVERS_LOST);
	registry_notify(lease->reg, REGISTRY_CHANGE, lease->domain, NULL, "driver_lost");
	if (!grace_ns) {
		give_up(lease);
		return;
	}
	ev_now_update(lease->reg->loop);
	ev_timer_set(&lease->timer, (double)grace_ns / 1e9, 0);
	ev_timer_start(lease->reg->loop, &lease->timer);
}

void lease_driver_lost(struct driver *driver)
{
	while (driver->leases)
		lose(driver->leases);
}

/* A connection that is closed, though its last requests were not read yet. */
static bool is_closed(const struct driver *driver)
{
	struct pollfd poll_fd = { .fd = driver->fd };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP;
}

static struct lease *lease_new(struct registry *reg, struct domain *domain)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return NULL;
	lease->reg = reg;
	lease->domain = domain;
	ev_timer_init(&lease->timer, on_grace_over, 0, 0);
	lease->timer.data = lease;
	domain->lease = lease;
	return lease;
}

/* Its driver is taken away: the one who had it, and is gone, or nobody. */
static void hand_over(struct lease *lease, struct driver *driver)
{
	ev_timer_stop(lease->reg->loop, &lease->timer);
	leave_driver(lease);
	join_driver(lease, driver);
	lease->state = LEASE_HELD;
	lease->pid = driver->pid;
	lease->uid = driver->uid;
	log_lease(lease, "driven");
	registry_notify(lease->reg, REGISTRY_CHANGE, lease->domain, NULL, "drive");
}

int lease_take(struct registry *reg, struct domain *domain, struct driver *driver, const struct lease_terms *terms,
	       const struct lease **holder)
{
	struct lease *lease = domain->lease;

	if (lease && lease->state == LEASE_HELD && lease->driver != driver && !is_closed(lease->driver)) {
		*holder = lease;
		return -EBUSY;
	}
	if (!lease)
		lease = lease_new(reg, domain);
	if (!lease)
		return -ENOMEM;
	lease->terms = *terms;
	if (lease->driver != driver)
		hand_over(lease, driver);
	return 0;
}

int lease_check(struct domain *domain, const struct driver *driver, bool settles, const struct lease **holder)
{
	struct lease *lease = domain->lease;
	bool refused = false;

	/* who asks may have seen its end before this daemon did */
	if (lease && lease->state == LEASE_HELD && lease->driver != driver && is_closed(lease->driver))
		lose(lease);
	switch (lease_state(domain)) {
	case LEASE_HELD:
		refused = lease->driver != driver;
		break;
	case LEASE_GRACE:
		refused = !settles;
		break;
	case LEASE_NONE:
	case LEASE_LOST:
		break;
	}
	if (refused)
		*holder = domain->lease;
	return refused ? -EBUSY : 0;
}

void lease_settle(struct domain *domain)
{
	if (domain->lease && domain->lease->state != LEASE_HELD)
		lease_end(domain);
}
