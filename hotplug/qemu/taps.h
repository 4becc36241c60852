/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces of this host a QEMU process has open as taps: they are its guest's vifs. */
#ifndef QEMU_TAPS_H
#define QEMU_TAPS_H

#include <net/if.h>
#include <stddef.h>
#include <sys/types.h>

#define TAPS_MAX 64

struct taps {
	char names[TAPS_MAX][IF_NAMESIZE];
	size_t count;
};

/* Add @name, unless it is there. -ENOSPC, -EINVAL: not an interface's name. */
int taps_add(struct taps *taps, const char *name);

/* Add all that process @pid has open. 0 or a negative errno. */
int taps_find(struct taps *taps, pid_t pid);

#endif
