// SPDX-License-Identifier: GPL-2.0-or-later
#include "nftlock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#define TABLE "outcommit"
#define CHAIN "input"
#define CRIU_MARK 0xc114U /* what criu gives to segments of its own */
#define ANSWER_S 10
#define ANSWER_BYTES 8192
#define PARTS_MAX 8

/* Several messages that the kernel carries out together, or not at all. */
struct batch {
	struct nl_msg *parts[PARTS_MAX];
	size_t count;
	int err;
};

static struct nl_msg *add(struct batch *batch, int type, int flags, uint8_t family, uint16_t id)
{
	const struct nfgenmsg head = {
		.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(id)};
	struct nl_msg *msg = batch->err ? NULL : nlmsg_alloc();

	/* numbered from 1, the last one is acknowledged */
	if (!msg ||
	    !nlmsg_put(msg, 0, (uint32_t)batch->count + 1, type, 0, NLM_F_REQUEST | flags) ||
	    nlmsg_append(msg, (void *)&head, sizeof(head), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		batch->err = -ENOMEM;
		return NULL;
	}
	batch->parts[batch->count++] = msg;
	return msg;
}

static struct nl_msg *add_nft(struct batch *batch, int command, int flags)
{
	return add(batch, NFNL_SUBSYS_NFTABLES << 8 | command, flags, NFPROTO_INET, 0);
}

static void check(struct batch *batch, bool failed)
{
	if (failed)
		batch->err = -ENOMEM;
}

static void add_table(struct batch *batch, int command, int flags)
{
	struct nl_msg *msg = add_nft(batch, command, flags);

	if (msg)
		check(batch, nla_put_string(msg, NFTA_TABLE_NAME, TABLE));
}

static void add_chain(struct batch *batch)
{
	struct nl_msg *msg = add_nft(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	if (!msg)
		return;
	check(batch, nla_put_string(msg, NFTA_CHAIN_TABLE, TABLE) ||
			     nla_put_string(msg, NFTA_CHAIN_NAME, CHAIN) ||
			     nla_put_string(msg, NFTA_CHAIN_TYPE, "filter") ||
			     nla_put_u32(msg, NFTA_CHAIN_POLICY, htonl(NF_DROP)));
	hook = nla_nest_start(msg, NFTA_CHAIN_HOOK);
	check(batch, !hook || nla_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_IN)) ||
			     nla_put_u32(msg, NFTA_HOOK_PRIORITY, 0));
	if (hook)
		nla_nest_end(msg, hook);
}

/* One expression of a rule, which @fill describes. */
static void put_expression(struct batch *batch, struct nl_msg *msg, const char *name,
			   bool (*fill)(struct nl_msg *msg))
{
	struct nlattr *element = nla_nest_start(msg, NFTA_LIST_ELEM);
	struct nlattr *data = NULL;

	if (element && !nla_put_string(msg, NFTA_EXPR_NAME, name))
		data = nla_nest_start(msg, NFTA_EXPR_DATA);
	check(batch, !data || !fill(msg));
	if (data)
		nla_nest_end(msg, data);
	if (element)
		nla_nest_end(msg, element);
}

static bool load_mark(struct nl_msg *msg)
{
	return !nla_put_u32(msg, NFTA_META_KEY, htonl(NFT_META_MARK)) &&
	       !nla_put_u32(msg, NFTA_META_DREG, htonl(NFT_REG_1));
}

static bool is_criu(struct nl_msg *msg)
{
	struct nlattr *data;
	bool good = !nla_put_u32(msg, NFTA_CMP_SREG, htonl(NFT_REG_1)) &&
		    !nla_put_u32(msg, NFTA_CMP_OP, htonl(NFT_CMP_EQ));

	data = good ? nla_nest_start(msg, NFTA_CMP_DATA) : NULL;
	/* a mark is in the machine's own order */
	if (!data || nla_put_u32(msg, NFTA_DATA_VALUE, CRIU_MARK))
		return false;
	nla_nest_end(msg, data);
	return true;
}

static bool accept_it(struct nl_msg *msg)
{
	bool good = !nla_put_u32(msg, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	struct nlattr *data = good ? nla_nest_start(msg, NFTA_IMMEDIATE_DATA) : NULL;
	struct nlattr *verdict = data ? nla_nest_start(msg, NFTA_DATA_VERDICT) : NULL;

	if (!verdict || nla_put_u32(msg, NFTA_VERDICT_CODE, htonl(NF_ACCEPT)))
		return false;
	nla_nest_end(msg, verdict);
	nla_nest_end(msg, data);
	return true;
}

static void add_rule(struct batch *batch, int flags)
{
	struct nl_msg *msg = add_nft(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags);
	struct nlattr *list;

	if (!msg)
		return;
	check(batch, nla_put_string(msg, NFTA_RULE_TABLE, TABLE) ||
			     nla_put_string(msg, NFTA_RULE_CHAIN, CHAIN));
	list = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	if (!list) {
		batch->err = -ENOMEM;
		return;
	}
	put_expression(batch, msg, "meta", load_mark);
	put_expression(batch, msg, "cmp", is_criu);
	put_expression(batch, msg, "immediate", accept_it);
	nla_nest_end(msg, list);
}

static int send_parts(int fd, const struct batch *batch)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov[PARTS_MAX];
	const struct msghdr message = {.msg_name = &kernel,
				       .msg_namelen = sizeof(kernel),
				       .msg_iov = iov,
				       .msg_iovlen = batch->count};

	for (size_t i = 0; i < batch->count; i++) {
		struct nlmsghdr *nlh = nlmsg_hdr(batch->parts[i]);

		iov[i] = (struct iovec){nlh, NLMSG_ALIGN(nlh->nlmsg_len)};
	}
	return sendmsg(fd, &message, 0) < 0 ? -errno : 0;
}

/* The first error, or 0 when message number @last is acknowledged, else 1. */
static int outcome(const char *packet, int size, uint32_t last)
{
	for (const struct nlmsghdr *nlh = (const void *)packet; nlmsg_ok(nlh, size);
	     nlh = NLMSG_NEXT(nlh, size)) {
		const struct nlmsgerr *err = NLMSG_DATA(nlh);

		if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*err)))
			continue;
		if (err->error)
			return err->error < 0 ? err->error : -EBADMSG;
		if (nlh->nlmsg_seq == last)
			return 0;
	}
	return 1;
}

static int wait_outcome(int fd, uint32_t last)
{
	char packet[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	int ret = 1;

	while (ret > 0) {
		ssize_t got = recv(fd, packet, sizeof(packet), 0);

		if (got < 0 && errno == EINTR)
			continue;
		ret = got < 0 ? -errno : outcome(packet, (int)got, last);
	}
	return ret;
}

static int run(struct batch *batch, uint32_t last)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	int fd, ret = batch->err;

	if (ret)
		return ret;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ret = send_parts(fd, batch);
	if (!ret)
		ret = wait_outcome(fd, last);
	close(fd);
	return ret;
}

static int finish(struct batch *batch)
{
	uint32_t last = (uint32_t)batch->count;
	int ret;

	add(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	ret = run(batch, last);
	for (size_t i = 0; i < batch->count; i++)
		nlmsg_free(batch->parts[i]);
	return ret;
}

/* Made first, so that it is there to be deleted. */
static void begin_without(struct batch *batch, int flags)
{
	add(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	add_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_table(batch, NFT_MSG_DELTABLE, flags);
}

int nftlock_make(void)
{
	struct batch batch = {.count = 0};

	begin_without(&batch, 0);
	add_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_chain(&batch);
	add_rule(&batch, NLM_F_ACK);
	return finish(&batch);
}

int nftlock_remove(void)
{
	struct batch batch = {.count = 0};

	begin_without(&batch, NLM_F_ACK);
	return finish(&batch);
}
