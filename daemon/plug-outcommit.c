// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our sch_plug: every request carries its epoch, so repeating one is harmless, and the module keeps the numbers. One message of its own
 * family reaches all vifs of a domain; without the family, rtnetlink does.
 */
#include "plug-private.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <stddef.h>

#include <netlink/msg.h>

#include "plug-group.h"
#include "sch_plug.h"
#include "sch_plug_group.h"

static int outcommit_close(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	int ret = plug_group_run(ctx, vifs, count, PLUG_CMD_BUFFER, &epoch);

	if (ret != -EOPNOTSUPP)
		return ret;
	for (size_t i = 0; i < count; i++)
		plug_set_epoch(&vifs[i]->buffer->buffer, epoch);
	return plug_send(ctx, vifs, count, PLUG_BUFFER, NULL);
}

static int outcommit_release(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	int ret = plug_group_run(ctx, vifs, count, PLUG_CMD_RELEASE, &epoch);

	if (ret != -EOPNOTSUPP)
		return ret;
	for (size_t i = 0; i < count; i++)
		plug_set_epoch(&vifs[i]->buffer->release, epoch);
	return plug_send(ctx, vifs, count, PLUG_RELEASE, NULL);
}

static int outcommit_pass(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	int ret = plug_group_run(ctx, vifs, count, PLUG_CMD_PASS, NULL);

	return ret == -EOPNOTSUPP ? plug_send(ctx, vifs, count, PLUG_PASS, NULL) : ret;
}

static int discard_one(struct plug_ctx *ctx, const struct buffer *buffer)
{
	struct tc_plug_xopt options = {
		.base = { .action = TC_PLUG_DISCARD }, .magic = TC_PLUG_MAGIC, .version = TC_PLUG_VERSION
	};
	struct nl_msg *msg = rtmsg_plug(buffer->ifb_ifindex, buffer->handle, 0, &options, sizeof(options));
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = nltx_one(ctx->tx, nlmsg_hdr(msg), NULL, NULL);
	nlmsg_free(msg);
	return ret;
}

static int outcommit_discard(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	int ret = plug_group_run(ctx, vifs, count, PLUG_CMD_DISCARD, NULL);

	if (ret != -EOPNOTSUPP)
		return ret;
	ret = 0;
	for (size_t i = 0; i < count; i++) {
		vifs[i]->error = discard_one(ctx, vifs[i]->buffer);
		if (!ret)
			ret = vifs[i]->error;
	}
	return ret;
}

const struct buffer_ops plug_outcommit_ops = {
	.outstanding_max = TC_PLUG_MAX_EPOCHS,
	.can_abort = true,
	.close = outcommit_close,
	.release = outcommit_release,
	.discard = outcommit_discard,
	.pass = outcommit_pass,
};
