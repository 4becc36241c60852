/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write(2), when part of it is not enough. */
#ifndef HOTPLUG_WRITE_WHOLE_H
#define HOTPLUG_WRITE_WHOLE_H

#include <stddef.h>

/* Write all of it, however often that takes. 0 or a negative errno. */
int write_whole(int fd, const void *bytes, size_t len);

#endif
