/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command as it comes in TCA_OPTIONS: mainline's layout, or ours, which is longer.
 *
 * Promises: what is taken is one of the two, whole, and says nothing that is not known here;
 * whatever is refused is refused with the reason why.
 */
#ifndef PLUG_OPTIONS_H
#define PLUG_OPTIONS_H

#include <linux/string.h>
#include <net/netlink.h>

#include "uapi/linux/sch_plug.h"

static bool plug_options_tagged(const struct tc_plug_xopt *opt)
{
	return opt->flags & TC_PLUG_F_EPOCH;
}

static int plug_options_check(const struct tc_plug_xopt *opt, struct netlink_ext_ack *extack)
{
	if (opt->magic != TC_PLUG_MAGIC) {
		NL_SET_ERR_MSG_MOD(extack, "long options without the magic number");
		return -EINVAL;
	}
	if (opt->version != TC_PLUG_VERSION) {
		NL_SET_ERR_MSG_MOD(extack, "options of a version that is not known here");
		return -EINVAL;
	}
	if (opt->flags & ~TC_PLUG_F_EPOCH) {
		NL_SET_ERR_MSG_MOD(extack, "unknown flags");
		return -EINVAL;
	}
	if (!plug_options_tagged(opt) && opt->epoch) {
		NL_SET_ERR_MSG_MOD(extack, "an epoch without the flag that says it counts");
		return -EINVAL;
	}
	return 0;
}

/* Copy @attr out: either of the two layouts, whole, or nothing. */
static int plug_options_parse(const struct nlattr *attr, struct tc_plug_xopt *opt,
			      struct netlink_ext_ack *extack)
{
	memset(opt, 0, sizeof(*opt));
	if (nla_len(attr) == sizeof(opt->base)) {
		memcpy(&opt->base, nla_data(attr), sizeof(opt->base));
		return 0;
	}
	if (nla_len(attr) == sizeof(*opt)) {
		memcpy(opt, nla_data(attr), sizeof(*opt));
		return plug_options_check(opt, extack);
	}
	NL_SET_ERR_MSG_ATTR(extack, attr, KBUILD_MODNAME ": options of neither known length");
	return -EINVAL;
}

#endif /* PLUG_OPTIONS_H */
