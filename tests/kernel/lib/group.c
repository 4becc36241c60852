// SPDX-License-Identifier: GPL-2.0-or-later
/* See group.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

#include "group.h"

/* Attributes of generic netlink look as those of rtnetlink do; the macros for them are there. */
struct message {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	char room[PLUG_GROUP_MAX * (sizeof(struct tc_plug_info) + sizeof(int32_t)) + 8192];
};

static void put(struct message *msg, const struct group_attr *from)
{
	struct rtattr *attr = (struct rtattr *)((char *)msg + NLMSG_ALIGN(msg->nlh.nlmsg_len));

	attr->rta_type = from->type;
	attr->rta_len = RTA_LENGTH(from->claimed_bytes ? from->claimed_bytes : from->bytes);
	if (from->bytes)
		memcpy(RTA_DATA(attr), from->data, from->bytes);
	msg->nlh.nlmsg_len = NLMSG_ALIGN(msg->nlh.nlmsg_len) + RTA_SPACE(from->bytes);
}

static void read_error(struct group *group, const struct nlmsghdr *nlh)
{
	size_t head = NLMSG_ALIGN(sizeof(struct nlmsgerr));
	struct rtattr *attr = (struct rtattr *)((char *)NLMSG_DATA(nlh) + head);
	int left = nlh->nlmsg_len - NLMSG_LENGTH(head);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == NLMSGERR_ATTR_MSG)
			strncpy(group->text, RTA_DATA(attr), sizeof(group->text) - 1);
}

/* An array of at most @room elements of @size bytes, or -EBADMSG. */
static int read_array(struct rtattr *attr, void *out, size_t size, size_t room, size_t *n)
{
	if (RTA_PAYLOAD(attr) % size || RTA_PAYLOAD(attr) > size * room)
		return -EBADMSG;
	memcpy(out, RTA_DATA(attr), RTA_PAYLOAD(attr));
	*n = RTA_PAYLOAD(attr) / size;
	return 0;
}

static int read_answer(struct group *group, struct message *msg, int cmd)
{
	struct rtattr *attr = (struct rtattr *)msg->room;
	int left = msg->nlh.nlmsg_len - NLMSG_LENGTH(sizeof(msg->genl)), err = 0;

	if (msg->genl.cmd != cmd)
		return -EBADMSG;
	for (; !err && RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == PLUG_A_RESULT)
			err = read_array(attr, group->results, sizeof(group->results[0]),
					 PLUG_GROUP_MAX, &group->n_results);
		else if (attr->rta_type == PLUG_A_INFO)
			err = read_array(attr, group->infos, sizeof(group->infos[0]),
					 PLUG_GROUP_MAX, &group->n_infos);
		else
			err = -EBADMSG;
	}
	return err ? err : left ? -EBADMSG : 0;
}

/* Receive the answer to the last request: its message, or the error that it came to. */
static int receive(struct group *group, struct message *msg)
{
	for (;;) {
		ssize_t n = recv(group->fd, msg, sizeof(*msg), MSG_TRUNC);

		if (n < 0)
			return -errno;
		if ((size_t)n > sizeof(*msg))
			return -EMSGSIZE;
		if (msg->nlh.nlmsg_seq != group->seq)
			continue;
		if (msg->nlh.nlmsg_type != NLMSG_ERROR)
			return 0;
		read_error(group, &msg->nlh);
		return ((struct nlmsgerr *)NLMSG_DATA(&msg->nlh))->error ?: -EBADMSG;
	}
}

static int ask(struct group *group, struct message *msg, int family,
	       const struct group_request *req)
{
	size_t i;

	memset(msg, 0, sizeof(*msg));
	msg->nlh.nlmsg_len = NLMSG_LENGTH(sizeof(msg->genl));
	msg->nlh.nlmsg_type = family;
	msg->nlh.nlmsg_flags = NLM_F_REQUEST | req->flags;
	msg->nlh.nlmsg_seq = ++group->seq;
	msg->genl.cmd = req->cmd;
	msg->genl.reserved = req->reserved;
	msg->genl.version = PLUG_GENL_VERSION;
	for (i = 0; i < sizeof(req->attrs) / sizeof(req->attrs[0]); i++)
		if (req->attrs[i].type)
			put(msg, &req->attrs[i]);
	if (req->message_bytes)
		msg->nlh.nlmsg_len = req->message_bytes;
	if (send(group->fd, msg, msg->nlh.nlmsg_len, 0) < 0)
		return -errno;
	return receive(group, msg);
}

static int find_family(struct group *group)
{
	struct group_request req = {
		.cmd = CTRL_CMD_GETFAMILY,
		.attrs = { { CTRL_ATTR_FAMILY_NAME, PLUG_GENL_NAME, sizeof(PLUG_GENL_NAME), 0 } },
	};
	struct message msg;
	struct rtattr *attr = (struct rtattr *)msg.room;
	int left, err = ask(group, &msg, GENL_ID_CTRL, &req);

	if (err)
		return err;
	left = msg.nlh.nlmsg_len - NLMSG_LENGTH(sizeof(msg.genl));
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == CTRL_ATTR_FAMILY_ID)
			memcpy(&group->family, RTA_DATA(attr), sizeof(group->family));
	return group->family ? 0 : -ENOENT;
}

int group_open(struct group *group)
{
	static const struct timeval patience = { .tv_sec = 20 };
	static const int on = 1;

	memset(group, 0, sizeof(*group));
	group->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (group->fd < 0)
		return -errno;
	if (setsockopt(group->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(group->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(group->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)))
		return -errno;
	return find_family(group);
}

void group_close(struct group *group)
{
	close(group->fd);
}

int group_send(struct group *group, const struct group_request *req)
{
	struct message msg;
	int err;

	memset(group->text, 0, sizeof(group->text));
	group->n_results = group->n_infos = 0;
	err = ask(group, &msg, group->family, req);
	return err ? err : read_answer(group, &msg, req->cmd);
}

int group_ask(struct group *group, int cmd, uint64_t epoch, const int32_t *ifindex, size_t n)
{
	struct group_request req = {
		.cmd = cmd,
		.attrs = { { PLUG_A_IFINDEX, ifindex, n * sizeof(*ifindex), 0 } },
	};
	int err;

	if (epoch != GROUP_NO_EPOCH)
		req.attrs[1] = (struct group_attr){ PLUG_A_EPOCH, &epoch, sizeof(epoch), 0 };
	err = group_send(group, &req);
	if (err)
		return err;
	return group->n_results == n && group->n_infos == (cmd == PLUG_CMD_GET ? n : 0) ? 0 :
											   -EBADMSG;
}
