/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the administrator wants done with a domain when nobody is there to say: hold on, or let go of it one way or the other. */
#ifndef OUTCOMMITD_POLICY_H
#define OUTCOMMITD_POLICY_H

#include "registry.h"

/*
 * Once: what fails is logged, and stays held. @why is the key that says so, and the event's cause. Nothing is done with a domain that
 * passes.
 */
void policy_carry_out(struct registry *reg, struct domain *domain, enum config_policy policy, const char *why);

#endif
