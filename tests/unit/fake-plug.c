// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake-plug.h"

#include <errno.h>
#include <string.h>

struct fake_plug *fake_of(const struct vif *vif)
{
	return (struct fake_plug *)vif->buffer;
}

static void leave(struct fake_world *world, struct fake_plug *plug)
{
	const struct fake_frame *frame = &plug->queue[0];

	world->premature += frame->epoch > world->allowed;
	world->reordered += frame->number != plug->left;
	plug->left = frame->number + 1;
	memmove(&plug->queue[0], &plug->queue[1], --plug->count * sizeof(plug->queue[0]));
}

/* What the device takes as soon as it may. */
static void dequeue(struct fake_world *world, struct fake_plug *plug)
{
	while (plug->count) {
		if (plug->holding && world->mainline && !plug->releasable)
			return;
		if (plug->holding && !world->mainline && plug->queue[0].label > plug->committed)
			return;
		if (plug->holding && world->mainline)
			plug->releasable--;
		leave(world, plug);
	}
}

void fake_send(struct fake_world *world, struct fake_plug *plug, uint64_t epoch)
{
	if (plug->count == FAKE_FRAMES)
		return;
	plug->queue[plug->count++] =
		(struct fake_frame){ .epoch = epoch, .label = plug->open, .number = plug->sent++ };
	plug->current += plug->holding;
	dequeue(world, plug);
}

unsigned int fake_held(const struct fake_plug *plug, uint64_t epoch)
{
	unsigned int held = 0;

	for (size_t i = 0; i < plug->count; i++)
		held += plug->queue[i].epoch <= epoch;
	return held;
}

static void buffer_one(struct fake_world *world, struct fake_plug *plug, uint64_t epoch)
{
	/* as our module does: done before means done */
	if (!world->mainline && plug->holding && plug->open == epoch + 1)
		return;
	if (!plug->holding)
		plug->committed = epoch - 1;
	plug->last = plug->current;
	plug->current = 0;
	plug->holding = true;
	plug->open = epoch + 1;
}

static void release_one(struct fake_world *world, struct fake_plug *plug, uint64_t epoch)
{
	plug->releasable += plug->last;
	plug->last = 0;
	if (epoch > plug->committed)
		plug->committed = epoch;
	dequeue(world, plug);
}

static void discard_one(struct fake_world *world, struct fake_plug *plug, uint64_t open)
{
	plug->left += (unsigned int)plug->count;
	plug->count = plug->current = plug->last = plug->releasable = 0;
	plug->committed = plug->open - 1;
}

static void pass_one(struct fake_world *world, struct fake_plug *plug, uint64_t open)
{
	plug->holding = false;
	plug->open = open;
	plug->committed = open - 1;
	plug->current = plug->last = plug->releasable = 0;
	dequeue(world, plug);
}

static int each(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch,
		void (*one)(struct fake_world *, struct fake_plug *, uint64_t))
{
	struct fake_world *world = ctx;
	int ret = 0;

	for (size_t i = 0; i < count; i++) {
		struct fake_plug *plug = fake_of(vifs[i]);

		vifs[i]->error = plug->fail_before || plug->fail_after ? -EIO : 0;
		if (!plug->fail_before)
			one(world, plug, epoch);
		plug->fail_before = plug->fail_after = false;
		if (!ret)
			ret = vifs[i]->error;
		world->operations++;
	}
	return ret;
}

static int fake_close(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return each(ctx, vifs, count, epoch, buffer_one);
}

static int fake_release(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return each(ctx, vifs, count, epoch, release_one);
}

static int fake_discard(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	return each(ctx, vifs, count, open, discard_one);
}

static int fake_pass(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	return each(ctx, vifs, count, open, pass_one);
}

const struct buffer_ops fake_mainline_ops = {
	.outstanding_max = 1, .outstanding_why = "one at a time",
	.close = fake_close, .release = fake_release, .discard = fake_discard, .pass = fake_pass,
};

const struct buffer_ops fake_outcommit_ops = {
	.outstanding_max = DOMAIN_OUTSTANDING_MAX, .can_abort = true,
	.close = fake_close, .release = fake_release, .discard = fake_discard, .pass = fake_pass,
};
