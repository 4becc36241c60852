// SPDX-License-Identifier: GPL-2.0-or-later
#include "plug-group.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "sch_plug_group.h"

/* Built on the stack: nothing to allocate while a guest stands still. */
struct group_request {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	struct nlattr ifindex_attr;
	int32_t ifindex[DOMAIN_VIFS_MAX];
	char epoch_room[NLA_HDRLEN + sizeof(uint64_t)];
};

_Static_assert(offsetof(struct group_request, ifindex) == NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN, "no holes");
_Static_assert(DOMAIN_VIFS_MAX <= PLUG_GROUP_MAX, "a domain fits");

int plug_group_init(struct plug_group *group, const uint64_t *enabled)
{
	*group = (struct plug_group){ .enabled = enabled };
	return nltx_init(&group->tx, NETLINK_GENERIC);
}

void plug_group_fini(struct plug_group *group)
{
	nltx_fini(&group->tx);
	group->family = 0;
}

static void on_family(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	uint16_t *family = ctx;
	struct nlattr *attr;

	if (nlh->nlmsg_type != GENL_ID_CTRL || nlh->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return;
	attr = nlmsg_find_attr((struct nlmsghdr *)nlh, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);
	if (attr && nla_len(attr) == (int)sizeof(*family))
		*family = nla_get_u16(attr);
}

/*
 * The number is the module's for as long as it is loaded, and it stays loaded as long as there is a plug. Without an answer nothing is
 * known, and the next request asks again: libnl would wait for one.
 */
static uint16_t lookup(struct plug_group *group)
{
	struct nl_msg *msg;
	int ret = -ENOMEM;

	if (group->looked_up)
		return group->family;
	msg = nlmsg_alloc();
	group->family = 0;
	if (msg && genlmsg_put(msg, 0, 0, GENL_ID_CTRL, 0, 0, CTRL_CMD_GETFAMILY, 1) &&
	    !nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, PLUG_GENL_NAME))
		ret = nltx_ask(&group->tx, nlmsg_hdr(msg), on_family, &group->family);
	nlmsg_free(msg);
	group->looked_up = !ret || ret == -ENOENT;
	return group->family;
}

static void build(struct group_request *request, struct vif *const *vifs, size_t count, uint8_t command,
		  const uint64_t *epoch)
{
	struct nlattr *attr;
	size_t bytes = count * sizeof(request->ifindex[0]);

	request->nlh = (struct nlmsghdr){ 0 };
	request->genl = (struct genlmsghdr){ .cmd = command, .version = PLUG_GENL_VERSION };
	request->ifindex_attr = (struct nlattr){ .nla_len = (uint16_t)(NLA_HDRLEN + bytes), .nla_type = PLUG_A_IFINDEX };
	for (size_t i = 0; i < count; i++)
		request->ifindex[i] = vifs[i]->buffer->ifb_ifindex;
	request->nlh.nlmsg_len = (uint32_t)(offsetof(struct group_request, ifindex) + bytes);
	if (!epoch)
		return;
	attr = (struct nlattr *)((char *)request + request->nlh.nlmsg_len);
	*attr = (struct nlattr){ .nla_len = NLA_HDRLEN + sizeof(*epoch), .nla_type = PLUG_A_EPOCH };
	memcpy((char *)attr + NLA_HDRLEN, epoch, sizeof(*epoch));
	request->nlh.nlmsg_len += attr->nla_len;
}

struct group_answer {
	struct vif *const *vifs;
	size_t count;
	bool whole;
};

static void on_answer(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct group_answer *answer = ctx;
	struct nlattr *attr;
	int32_t results[DOMAIN_VIFS_MAX];

	if (nlh->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return;
	attr = nlmsg_find_attr((struct nlmsghdr *)nlh, GENL_HDRLEN, PLUG_A_RESULT);
	if (!attr || nla_len(attr) != (int)(answer->count * sizeof(results[0])))
		return;
	memcpy(results, nla_data(attr), (size_t)nla_len(attr));
	for (size_t i = 0; i < answer->count; i++)
		answer->vifs[i]->error = nltx_kernel_error(results[i]);
	answer->whole = true;
}

int plug_group_run(struct plug_ctx *ctx, struct vif *const *vifs, size_t count, uint8_t command, const uint64_t *epoch)
{
	struct plug_group *group = ctx->group;
	struct group_answer answer = { .vifs = vifs, .count = count };
	struct group_request request;
	int ret;

	if (!*group->enabled || !lookup(group))
		return -EOPNOTSUPP;
	build(&request, vifs, count, command, epoch);
	request.nlh.nlmsg_type = group->family;
	ret = nltx_ask(&group->tx, &request.nlh, on_answer, &answer);
	if (ret == -ENOENT) {
		/* the module was loaded anew: another number next time, rtnetlink this time */
		group->looked_up = false;
		group->tx.counts.retries++;
		return -EOPNOTSUPP;
	}
	if (!ret && !answer.whole)
		ret = -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		if (ret && !answer.whole)
			vifs[i]->error = ret;
		if (!ret)
			ret = vifs[i]->error;
	}
	return ret;
}
