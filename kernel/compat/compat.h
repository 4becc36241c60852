/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernels that the module builds for do differently, found by what their
 * headers define, never by their version.
 */
#ifndef PLUG_COMPAT_H
#define PLUG_COMPAT_H

#include <linux/netlink.h>

/* Formatted messages came with 6.2. Before, the number goes into the extack's cookie only. */
#ifdef NL_SET_ERR_MSG_FMT_MOD
#define plug_err_epoch(extack, text, epoch) \
	NL_SET_ERR_MSG_FMT_MOD(extack, text " (the open epoch is %llu)", (u64)(epoch))
#else
#define plug_err_epoch(extack, text, epoch) \
	NL_SET_ERR_MSG_MOD(extack, text " (the cookie holds the open epoch's number)")
#endif

#endif /* PLUG_COMPAT_H */
