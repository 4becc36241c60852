/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What check asks of the system without changing anything. */
#ifndef OUTCOMMIT_CTL_PROBE_H
#define OUTCOMMIT_CTL_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Does this process have CAP_NET_ADMIN? */
bool probe_net_admin(void);
/* Is this module there now? One that is built in and has no parameters does not show. */
bool probe_loaded(const char *module);
/* Would modprobe find it? 0, -ENODEV if not, -ENOENT if there is no modprobe. */
int probe_loadable(const char *module, int timeout_ms);
/* Are there modules for the kernel that runs? */
bool probe_modules(const char *release);
/* The version that the loaded module says it has. */
bool probe_version(const char *module, char *version, size_t size);
/*
 * Run outcommitd --check-config: 0, -ENOENT without an outcommitd, else it is bad, and @said has
 * the first line of why.
 */
int probe_config(int timeout_ms, char *said, size_t size);

#endif
