/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary's side of the relay: save.h's machine, between the daemon and the backup's frames,
 * and what it tells the administrator of it.
 */
#ifndef XEN_HELPER_PRIMARY_H
#define XEN_HELPER_PRIMARY_H

#include <stdbool.h>

#include "driver.h"
#include "frame.h"
#include "relay.h"
#include "save.h"

struct primary {
	const struct settings *settings;
	int back_fd; /* -1 once nothing more comes */
	struct save save;
	struct driver driver;
	struct frame_reader reader;
	bool told; /* of the failure */
	bool told_blind;
	int64_t progress_ns; /* when it was written last */
};

extern const struct relay_side primary_side;

void primary_init(struct primary *primary, const struct settings *settings, int back_fd);

/* It is over: leave the last word in the status file. */
void primary_end(struct primary *primary);

#endif
