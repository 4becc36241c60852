// SPDX-License-Identifier: GPL-2.0-or-later
/* What a plug does with its requests, as far as numbers go. */
#include "fake-link.h"

#include <errno.h>
#include <string.h>

#include "sch_plug_group.h"

void fake_queue_make(struct fake_queue *queue, const struct tc_plug_xopt *request)
{
	queue->limit = request->base.limit;
	queue->holding = !queue->ours || request->base.action != TCQ_PLUG_RELEASE_INDEFINITE;
	queue->open = queue->oldest = queue->ours ? request->epoch : 0;
}

static int close_epoch(struct fake_queue *queue, uint64_t epoch)
{
	if (!queue->ours) {
		queue->holding = true;
		return 0;
	}
	if (queue->holding ? epoch != queue->open && epoch + 1 != queue->open : epoch < queue->open)
		return -EPROTO;
	if (!queue->holding)
		queue->oldest = epoch + 1;
	queue->holding = true;
	queue->open = epoch + 1;
	return 0;
}

static int release_epoch(struct fake_queue *queue, uint64_t epoch)
{
	if (queue->ours && epoch >= queue->open)
		return -EPROTO;
	if (queue->ours && epoch >= queue->oldest)
		queue->oldest = epoch + 1;
	queue->held /= 2;
	return 0;
}

static int discard(struct fake_queue *queue)
{
	queue->drops += queue->held;
	queue->held = 0;
	queue->oldest = queue->open;
	return 0;
}

static int pass(struct fake_queue *queue)
{
	queue->held = 0;
	queue->holding = false;
	queue->oldest = queue->open;
	return 0;
}

int fake_queue_change(struct fake_queue *queue, const struct tc_plug_xopt *request)
{
	switch (request->base.action) {
	case TCQ_PLUG_BUFFER:
		return close_epoch(queue, request->epoch);
	case TCQ_PLUG_RELEASE_ONE:
		return release_epoch(queue, request->epoch);
	case TCQ_PLUG_RELEASE_INDEFINITE:
		return pass(queue);
	case TCQ_PLUG_LIMIT:
		queue->limit = request->base.limit;
		return 0;
	case TC_PLUG_DISCARD:
		return queue->ours ? discard(queue) : -EINVAL;
	default:
		return -EINVAL;
	}
}

int fake_queue_command(struct fake_queue *queue, uint8_t command, const void *epoch)
{
	uint64_t number = queue->open;

	if (epoch)
		memcpy(&number, epoch, sizeof(number));
	switch (command) {
	case PLUG_CMD_BUFFER:
		return close_epoch(queue, number);
	case PLUG_CMD_RELEASE:
		return release_epoch(queue, number);
	case PLUG_CMD_PASS:
		return pass(queue);
	case PLUG_CMD_DISCARD:
		return discard(queue);
	default:
		return -EOPNOTSUPP;
	}
}
