/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup's side, as a pure machine. It counts the checkpoints that are complete here, so that
 * they can be acknowledged, and it is the gate that xl lacks: what makes libxl start the restored
 * guest waits until fencing has said that the other one cannot run any more.
 */
#ifndef XEN_HELPER_RESTORE_H
#define XEN_HELPER_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

enum gate {
	GATE_OPEN,  /* hand it on */
	GATE_KEEP,  /* keep it until the helper's last word is known */
	GATE_FENCE, /* a good end, so a failover: keep it until fenced */
};

struct restore {
	uint64_t complete; /* checkpoints */
};

/* The helper said this to libxl. */
enum gate restore_message(const struct restore *restore, const struct message *message);

/* libxl replied @value to a message of @type: the checkpoint to acknowledge, or 0. */
uint64_t restore_reply(struct restore *restore, unsigned int type, int value);

#endif
