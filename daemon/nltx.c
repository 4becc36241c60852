// SPDX-License-Identifier: GPL-2.0-or-later
#include "nltx.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#define RX_BYTES (64U << 10) /* more than the kernel puts into one dump packet */
#define ACK_BYTES 1024U
#define ACKS_AT_ONCE (RX_BYTES / ACK_BYTES)
#define RCVBUF_BYTES (4 << 20) /* acknowledgements of the largest batch fit many times */
#define PENDING 1
#define ERRNO_MAX 4095

int nltx_errno(int nlerr)
{
	static const struct {
		int nl, error;
	} map[] = {
		{ NLE_NOMEM, ENOMEM },	    { NLE_EXIST, EEXIST },   { NLE_OBJ_NOTFOUND, ENOENT },
		{ NLE_NODEV, ENODEV },	    { NLE_BUSY, EBUSY },     { NLE_PERM, EPERM },
		{ NLE_NOACCESS, EACCES },   { NLE_INVAL, EINVAL },   { NLE_MSGSIZE, EMSGSIZE },
		{ NLE_OPNOTSUPP, EOPNOTSUPP }, { NLE_AGAIN, EAGAIN }, { NLE_INTR, EINTR },
		{ NLE_RANGE, ERANGE },	    { NLE_AF_NOSUPPORT, EAFNOSUPPORT },
	};

	if (nlerr >= 0)
		return 0;
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].nl == -nlerr)
			return -map[i].error;
	return -EIO;
}

int nltx_kernel_error(int error)
{
	/* here that one means an answer that was lost, and the kernel's own is known not to be done */
	if (error == -ENOBUFS)
		return -ENOMEM;
	return error <= 0 && error >= -ERRNO_MAX ? error : -EBADMSG;
}

static int set_options(int fd)
{
	int on = 1, size = RCVBUF_BYTES;

	/* both make answers small and telling; neither is needed */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) ? -errno : 0;
}

int nltx_init(struct nltx *tx, int protocol)
{
	int ret;

	*tx = (struct nltx){ .fd = -1 };
	tx->rx = malloc(RX_BYTES);
	tx->sock = nl_socket_alloc();
	if (!tx->rx || !tx->sock) {
		ret = -ENOMEM;
		goto fini;
	}
	ret = nltx_errno(nl_connect(tx->sock, protocol));
	if (ret)
		goto fini;
	tx->fd = nl_socket_get_fd(tx->sock);
	tx->portid = nl_socket_get_local_port(tx->sock);
	ret = set_options(tx->fd);
	if (!ret)
		return 0;
fini:
	nltx_fini(tx);
	return ret;
}

void nltx_fini(struct nltx *tx)
{
	if (tx->sock)
		nl_socket_free(tx->sock);
	free(tx->rx);
	*tx = (struct nltx){ .fd = -1 };
}

/* What the kernel said of an error: an attribute behind struct nlmsgerr, and behind the request if that is there. */
static void keep_extack(struct nltx *tx, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	size_t skip = sizeof(*err);
	struct nlattr *attr;

	tx->extack[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && err->msg.nlmsg_len >= sizeof(err->msg))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	if (nlh->nlmsg_len < NLMSG_HDRLEN + skip)
		return;
	attr = nla_find((struct nlattr *)((char *)NLMSG_DATA(nlh) + skip),
			(int)(nlh->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	if (attr)
		snprintf(tx->extack, sizeof(tx->extack), "%.*s", nla_len(attr), (char *)nla_data(attr));
}

struct batch {
	uint32_t first_seq;
	size_t count;
	size_t pending;
	int *errors;
	bool answer_ends; /* no acknowledgement follows it */
	nltx_answer answer;
	void *ctx;
};

static void finish(struct batch *batch, size_t index, int error)
{
	if (batch->errors[index] != PENDING)
		return;
	batch->errors[index] = error;
	batch->pending--;
}

static void handle(struct nltx *tx, struct batch *batch, const struct nlmsghdr *nlh)
{
	size_t index = nlh->nlmsg_seq - batch->first_seq;
	const struct nlmsgerr *err = NLMSG_DATA(nlh);

	if (index >= batch->count || nlh->nlmsg_pid != tx->portid)
		return;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*err)))
			return;
		if (err->error)
			keep_extack(tx, nlh);
		finish(batch, index, nltx_kernel_error(err->error));
		break;
	case NLMSG_DONE:
		finish(batch, index, 0);
		break;
	case NLMSG_NOOP:
		break;
	default:
		if (batch->answer)
			batch->answer(batch->ctx, index, nlh);
		if (batch->answer_ends)
			finish(batch, index, 0);
	}
}

static void handle_packet(struct nltx *tx, struct batch *batch, const char *packet, int len)
{
	for (const struct nlmsghdr *nlh = (const void *)packet; nlmsg_ok(nlh, len); nlh = NLMSG_NEXT(nlh, len))
		handle(tx, batch, nlh);
}

/*
 * Acknowledgements are small, and each is a packet of its own: many are taken at once. Other answers may be large and come
 * one by one.
 */
static int read_packets(struct nltx *tx, struct batch *batch)
{
	size_t room = batch->answer ? RX_BYTES : ACK_BYTES;
	unsigned int count = batch->answer ? 1 : ACKS_AT_ONCE;
	struct sockaddr_nl from[ACKS_AT_ONCE];
	struct mmsghdr msgs[ACKS_AT_ONCE];
	struct iovec iov[ACKS_AT_ONCE];
	int got;

	for (unsigned int i = 0; i < count; i++) {
		iov[i] = (struct iovec){ .iov_base = tx->rx + i * room, .iov_len = room };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
							 .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	got = recvmmsg(tx->fd, msgs, count, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		if (!from[i].nl_pid) /* only the kernel answers here */
			handle_packet(tx, batch, iov[i].iov_base, (int)msgs[i].msg_len);
	return got < 0 ? -errno : 0;
}

/*
 * Answers are queued before sendmsg returns, and a dump goes on as it is read: an empty queue means a lost answer. If the kernel says that
 * some were lost, it need not be the acknowledgement: a question that seems to have no answer may have had one.
 */
static void read_answers(struct nltx *tx, struct batch *batch)
{
	bool lost = false;

	while (batch->pending) {
		int ret = read_packets(tx, batch);

		if (ret == -ENOBUFS)
			lost = true;
		else if (ret && ret != -EINTR)
			break;
	}
	for (size_t i = 0; i < batch->count; i++) {
		finish(batch, i, -ENOBUFS);
		if (lost && batch->answer && !batch->errors[i])
			batch->errors[i] = -ENOBUFS;
	}
}

static void number(struct nltx *tx, struct iovec *iov, size_t count, uint16_t flags)
{
	for (size_t i = 0; i < count; i++) {
		struct nlmsghdr *nlh = iov[i].iov_base;

		nlh->nlmsg_flags |= flags;
		nlh->nlmsg_seq = ++tx->seq;
		nlh->nlmsg_pid = tx->portid;
	}
}

static ssize_t send_all(struct nltx *tx, struct iovec *iov, size_t count)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = iov, .msg_iovlen = count
	};
	ssize_t sent;

	do {
		sent = sendmsg(tx->fd, &msg, 0);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void tally(struct nltx *tx, const struct batch *batch)
{
	tx->counts.messages += batch->count;
	for (size_t i = 0; i < batch->count; i++) {
		int error = batch->errors[i];

		if (error == -ENOBUFS)
			tx->counts.lost++;
		else if (error && error != -ENOENT && error != -ENODEV && error != -EEXIST)
			tx->counts.errors++;
	}
}

static int run(struct nltx *tx, struct iovec *iov, struct batch *batch)
{
	ssize_t sent;

	batch->first_seq = tx->seq + 1;
	batch->pending = batch->count;
	tx->extack[0] = '\0';
	number(tx, iov, batch->count, NLM_F_REQUEST | (batch->answer_ends ? 0 : NLM_F_ACK));
	for (size_t i = 0; i < batch->count; i++)
		batch->errors[i] = PENDING;
	sent = send_all(tx, iov, batch->count);
	for (size_t i = 0; sent < 0 && i < batch->count; i++)
		finish(batch, i, (int)sent);
	read_answers(tx, batch);
	tally(tx, batch);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->errors[i])
			return batch->errors[i];
	return 0;
}

int nltx_run(struct nltx *tx, struct iovec *iov, size_t count, int *errors, nltx_answer answer, void *ctx)
{
	struct batch batch = { .count = count, .errors = errors, .answer = answer, .ctx = ctx };

	if (!count)
		return 0;
	return count > NLTX_BATCH_MAX ? -E2BIG : run(tx, iov, &batch);
}

int nltx_one(struct nltx *tx, struct nlmsghdr *nlh, nltx_answer answer, void *ctx)
{
	struct iovec iov = { .iov_base = nlh, .iov_len = nlh->nlmsg_len };
	int error;

	return nltx_run(tx, &iov, 1, &error, answer, ctx);
}

int nltx_ask(struct nltx *tx, struct nlmsghdr *nlh, nltx_answer answer, void *ctx)
{
	struct iovec iov = { .iov_base = nlh, .iov_len = nlh->nlmsg_len };
	int error;
	struct batch batch = {
		.count = 1, .errors = &error, .answer_ends = true, .answer = answer, .ctx = ctx
	};

	return run(tx, &iov, &batch);
}
