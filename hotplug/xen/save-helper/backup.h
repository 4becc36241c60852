/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup's side of the relay: greets the primary, acknowledges what is complete here, and lets
 * the restored guest start only through the fence.
 */
#ifndef XEN_HELPER_BACKUP_H
#define XEN_HELPER_BACKUP_H

#include <stdint.h>

#include "fence.h"
#include "relay.h"
#include "restore.h"

struct backup {
	const struct settings *settings;
	int back_fd;
	uint64_t to_ack; /* checkpoint, 0 for none */
	struct restore restore;
	struct fence fence;
};

extern const struct relay_side backup_side;

void backup_init(struct backup *backup, const struct settings *settings, int back_fd);
void backup_end(struct backup *backup);

#endif
