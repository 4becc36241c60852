/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink transactions: a batch of requests in one sendmsg, every one's outcome known.
 *
 * The kernel handles all messages of one sendmsg in the sender's context before the call returns, and a signal, SIGKILL included, does
 * not stop it half way: a batch is done or was never sent. It is not undone if one of its messages fails; each has its own error.
 */
#ifndef OUTCOMMITD_NLTX_H
#define OUTCOMMITD_NLTX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/netlink.h>

#define NLTX_BATCH_MAX 1024U /* messages */

struct nl_sock;

/* Since the start. */
struct nltx_counts {
	uint64_t messages;
	uint64_t errors; /* but for what answers a question: it is not there, it is there already */
	uint64_t lost; /* answers, so that the outcome is unknown */
	uint64_t retries; /* counted by those who try again */
};

struct nltx {
	struct nl_sock *sock;
	int fd;
	uint32_t portid;
	uint32_t seq;
	char *rx;
	char extack[128]; /* the kernel's words on the last error, or "" */
	struct nltx_counts counts;
};

/* Called for each answer to request @index of the batch that is not its acknowledgement. @nlh is whole: nlmsg_len bytes. */
typedef void (*nltx_answer)(void *ctx, size_t index, const struct nlmsghdr *nlh);

/* @protocol: NETLINK_ROUTE or NETLINK_GENERIC */
int nltx_init(struct nltx *tx, int protocol);
void nltx_fini(struct nltx *tx);

/*
 * Send the @count messages at @iov, each beginning with a struct nlmsghdr whose flags and sequence number are filled in here, and read all
 * answers. errors[i] is 0 or the negative errno of message i; -ENOBUFS if its answer was lost and the outcome is unknown.
 * Returns 0 if all are 0, else the first error. @answer may be NULL.
 */
int nltx_run(struct nltx *tx, struct iovec *iov, size_t count, int *errors, nltx_answer answer, void *ctx);

/* The same for one message. */
int nltx_one(struct nltx *tx, struct nlmsghdr *nlh, nltx_answer answer, void *ctx);

/* A request that the kernel answers with one message, or an error: nothing else is asked for. */
int nltx_ask(struct nltx *tx, struct nlmsghdr *nlh, nltx_answer answer, void *ctx);

/* What a message says is the outcome: 0 or a negative errno, never -ENOBUFS; -EBADMSG if it is neither. */
int nltx_kernel_error(int error);

/* The one place where libnl's error codes become errnos. */
int nltx_errno(int nlerr);

#endif
