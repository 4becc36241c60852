/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be found out about where we run: the guest's name, and libxl's own save helper.
 */
#ifndef XEN_HELPER_IDENTITY_H
#define XEN_HELPER_IDENTITY_H

#include <stddef.h>

/*
 * The name that the hooks give the domain: the guest's in xenstore, without what xl adds to it
 * while it is received, or its uuid if the daemon could not take that. 0 or -ENOENT.
 */
int identity_domain(unsigned int domid, char *name, size_t size);

/* The helper that libxl would have run. 0 or -ENOENT. */
int identity_helper(char *path, size_t size);

#endif
