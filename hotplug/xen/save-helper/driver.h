/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon, as save.h wants it: struct save_ops over liboutcommit. Requests are repeated over a
 * restart of the daemon by the library; what fails here has failed for good, and is logged here.
 */
#ifndef XEN_HELPER_DRIVER_H
#define XEN_HELPER_DRIVER_H

#include "save.h"
#include "settings.h"

struct outcommit;

struct driver {
	const struct settings *settings;
	struct outcommit *connection; /* made by open */
};

extern const struct save_ops driver_ops;

void driver_close(struct driver *driver);

#endif
