/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "restore.h"

enum gate restore_message(const struct restore *restore, const struct message *message)
{
	int status;

	switch (message_type(message)) {
	case MESSAGE_RESTORE_RESULTS:
		return GATE_KEEP;
	case MESSAGE_COMPLETE: /* of a guest that cannot be restored nothing will be started */
		return message_complete_status(message, &status) || status ? GATE_OPEN : GATE_FENCE;
	default:
		return GATE_OPEN;
	}
}

uint64_t restore_reply(struct restore *restore, unsigned int type, int value)
{
	if (type != MESSAGE_CHECKPOINT || value != CHECKPOINT_COMPLETE)
		return 0;
	return ++restore->complete;
}
