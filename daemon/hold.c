// SPDX-License-Identifier: GPL-2.0-or-later
#include "hold.h"

#include "clock.h"
#include "policy.h"

#define SOONEST_NS 1000000U
#define NEVER_NS UINT64_MAX

static const char *const names[] = { [HOLD_OK] = "ok", [HOLD_WARNING] = "warning", [HOLD_LIMIT] = "limit" };
static const char *const causes[] = { [HOLD_WARNING] = "hold_warning", [HOLD_LIMIT] = "hold_limit" };

const char *hold_mark_name(enum hold_mark mark)
{
	return names[mark];
}

uint64_t hold_age_ns(const struct domain *domain, uint64_t now_ns)
{
	return domain->state == DOMAIN_HOLDING && now_ns > domain->held_since_ns ? now_ns - domain->held_since_ns : 0;
}

static uint64_t age_of(const struct config *config, enum hold_mark mark)
{
	uint64_t age_ns = mark == HOLD_WARNING ? config->hold_warning_ns : config->hold_limit_ns;

	return age_ns ? age_ns : NEVER_NS;
}

enum hold_mark hold_mark(const struct config *config, uint64_t age_ns)
{
	if (age_ns >= age_of(config, HOLD_LIMIT))
		return HOLD_LIMIT;
	return age_ns >= age_of(config, HOLD_WARNING) ? HOLD_WARNING : HOLD_OK;
}

/* Until the next age that is worth a look, from @age_ns on. */
static uint64_t next_in_ns(const struct config *config, uint64_t age_ns)
{
	uint64_t soonest_ns = NEVER_NS;

	for (enum hold_mark mark = HOLD_WARNING; mark <= HOLD_LIMIT; mark++) {
		uint64_t at_ns = age_of(config, mark);

		if (at_ns > age_ns && at_ns != NEVER_NS && at_ns - age_ns < soonest_ns)
			soonest_ns = at_ns - age_ns;
	}
	return soonest_ns;
}

static void arm(struct hold *hold, uint64_t now_ns, uint64_t in_ns)
{
	if (in_ns == NEVER_NS || (hold->due_ns && hold->due_ns <= now_ns + in_ns))
		return;
	if (in_ns < SOONEST_NS)
		in_ns = SOONEST_NS;
	ev_timer_stop(hold->reg->loop, &hold->timer);
	ev_now_update(hold->reg->loop);
	ev_timer_set(&hold->timer, (double)in_ns / 1e9, 0);
	ev_timer_start(hold->reg->loop, &hold->timer);
	hold->due_ns = now_ns + in_ns;
}

void hold_expect(struct hold *hold, const struct domain *domain)
{
	uint64_t now_ns;

	if (domain->state != DOMAIN_HOLDING)
		return;
	now_ns = clock_now_ns();
	arm(hold, now_ns, next_in_ns(hold->reg->config, hold_age_ns(domain, now_ns)));
}

static void tell(struct hold *hold, struct domain *domain, enum hold_mark mark, uint64_t age_ns)
{
	struct registry *reg = hold->reg;

	domain->hold_told = mark;
	metrics_count(&domain->metrics, mark == HOLD_LIMIT ? METRIC_HOLD_LIMITS : METRIC_HOLD_WARNINGS);
	log_warning(reg->log, (&(struct log_about){ .domain = domain->name, .epoch = domain->committed + 1 }),
		    "%s: nothing was committed for %.1f s", causes[mark], (double)age_ns / 1e9);
	if (mark == HOLD_LIMIT)
		policy_carry_out(reg, domain, (enum config_policy)reg->config->on_hold_limit, "on_hold_limit");
	registry_notify(reg, REGISTRY_CHANGE, domain, NULL, causes[mark]);
}

/* Each mark is told once for each epoch that is the oldest. */
static void look_at(struct hold *hold, struct domain *domain, uint64_t now_ns)
{
	uint64_t age_ns = hold_age_ns(domain, now_ns);
	enum hold_mark mark = hold_mark(hold->reg->config, age_ns);

	if (domain->hold_told_since_ns != domain->held_since_ns) {
		domain->hold_told_since_ns = domain->held_since_ns;
		domain->hold_told = HOLD_OK;
	}
	/* a daemon that had no time to look is late with both */
	for (enum hold_mark next = domain->hold_told + 1; next <= mark; next++)
		if (age_of(hold->reg->config, next) != NEVER_NS)
			tell(hold, domain, next, age_ns);
}

void hold_look(struct hold *hold)
{
	uint64_t now_ns = clock_now_ns();

	ev_timer_stop(hold->reg->loop, &hold->timer);
	hold->due_ns = 0;
	for (size_t i = 0; i < hold->reg->domain_count; i++) {
		struct domain *domain = hold->reg->domains[i];

		if (domain->state != DOMAIN_HOLDING)
			continue;
		look_at(hold, domain, now_ns);
		hold_expect(hold, domain);
	}
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
	hold_look(timer->data);
}

void hold_init(struct hold *hold, struct registry *reg)
{
	*hold = (struct hold){ .reg = reg };
	ev_timer_init(&hold->timer, on_due, 0, 0);
	hold->timer.data = hold;
}

void hold_fini(struct hold *hold)
{
	if (hold->reg)
		ev_timer_stop(hold->reg->loop, &hold->timer);
	*hold = (struct hold){ 0 };
}
