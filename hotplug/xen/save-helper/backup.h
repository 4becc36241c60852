/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup's side of the relay: greets the primary, acknowledges what is complete here, and lets
 * the restored guest start only through the fence.
 */
#ifndef XEN_HELPER_BACKUP_H
#define XEN_HELPER_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "fence.h"
#include "relay.h"
#include "restore.h"

struct backup {
	const struct settings *settings;
	int io_fd; /* the stream, which the helper and libxl read by turns */
	int back_fd;
	bool awaiting;	 /* the rest of a checkpoint, which is libxl's to read */
	uint64_t to_ack; /* checkpoint, 0 for none */
	struct restore restore;
	struct fence fence;
};

extern const struct relay_side backup_side;

void backup_init(struct backup *backup, const struct settings *settings, int io_fd, int back_fd);
void backup_end(struct backup *backup);

#endif
