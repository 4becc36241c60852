// SPDX-License-Identifier: GPL-2.0-or-later
/* The IFBs of several buffers in one go: the kernel waits for what may still look at an interface once per request, not per interface. */
#include "buffer.h"

#include <errno.h>
#include <sys/random.h>

#include <netlink/msg.h>

/* Interfaces are removed by group: one that is drawn by lot has nobody else's in it. */
static uint32_t draw_group(void)
{
	uint32_t group = 0;

	return getrandom(&group, sizeof(group), GRND_NONBLOCK) == sizeof(group) ? group : 0;
}

static void remove_group(struct plug_ctx *ctx, struct buffer *const *buffers, size_t count)
{
	struct nl_msg *msgs[DOMAIN_VIFS_MAX + 1];
	struct iovec iov[DOMAIN_VIFS_MAX + 1];
	int errors[DOMAIN_VIFS_MAX + 1];
	uint32_t group = draw_group();
	bool whole = group;

	for (size_t i = 0; i <= count; i++) {
		msgs[i] = i < count ? rtmsg_link_group(buffers[i]->ifb_ifindex, group) : rtmsg_group_del(group);
		if (msgs[i])
			iov[i] = (struct iovec){ nlmsg_hdr(msgs[i]), NLMSG_ALIGN(nlmsg_hdr(msgs[i])->nlmsg_len) };
		else
			whole = false;
	}
	if (whole)
		nltx_run(ctx->tx, iov, count + 1, errors, NULL, NULL);
	for (size_t i = 0; i <= count; i++)
		nlmsg_free(msgs[i]);
}

void buffer_remove_ifbs(struct plug_ctx *ctx, struct buffer *const *buffers, size_t count, int *errors)
{
	if (count > 1)
		remove_group(ctx, buffers, count);
	/* whatever did not go with the group goes alone */
	for (size_t i = 0; i < count; i++)
		errors[i] = buffer_remove_ifb(ctx, buffers[i]);
}
