// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy.h"

#include "clock.h"

static int carry_out(struct domain *domain, enum config_policy policy, struct domain_fault *fault)
{
	switch (policy) {
	case CONFIG_POLICY_HOLD:
		return 0;
	case CONFIG_POLICY_RELEASE:
		return domain_release(domain, 0, fault);
	case CONFIG_POLICY_DISCARD:
		return domain_discard(domain, 0, clock_now_ns(), fault);
	}
	return 0;
}

void policy_carry_out(struct registry *reg, struct domain *domain, enum config_policy policy, const char *why)
{
	struct log_about about = { .domain = domain->name, .epoch = domain->open };
	struct domain_fault fault = { 0 };

	if (domain->state == DOMAIN_PASSING)
		return;
	if (carry_out(domain, policy, &fault))
		log_error(reg->log, &about, "%s = %s: %s", why, config_policy_name(policy), fault.message);
	else
		log_warning(reg->log, &about, "%s = %s: %s", why, config_policy_name(policy),
			    policy == CONFIG_POLICY_HOLD    ? "it holds on" :
			    policy == CONFIG_POLICY_RELEASE ? "everything held was released" :
							      "what was not committed was dropped");
}
