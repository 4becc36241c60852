// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whatever the kernel answers: packets of any content are taken for the answers to everything that a daemon asks when it starts, adopts,
 * looks at its buffers and closes an epoch. Input: packets, each a big-endian length of 16 bits and that many bytes; an empty one ends the
 * answers to one request. Sequence and port numbers are put right where they are zero, or nothing would get past the first check: of several
 * requests in one go, each acknowledgement is the next one's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>


#include "rig.h"

#define REQUESTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags, struct timespec *timeout);

static struct {
	const uint8_t *data;
	size_t size;
	struct nlmsghdr request; /* the last one, or the first of several */
	uint32_t more; /* of them are not acknowledged yet */
} input;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t sent = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		sent += (ssize_t)msg->msg_iov[i].iov_len;
	memcpy(&input.request, msg->msg_iov[0].iov_base, sizeof(input.request));
	input.more = (uint32_t)msg->msg_iovlen - 1;
	return sent;
}

static void put_right(char *packet, size_t len)
{
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= len;) {
		struct nlmsghdr nlh;

		memcpy(&nlh, packet + at, sizeof(nlh));
		if (!nlh.nlmsg_pid)
			nlh.nlmsg_pid = input.request.nlmsg_pid;
		if (!nlh.nlmsg_seq) {
			nlh.nlmsg_seq = input.request.nlmsg_seq;
			if (nlh.nlmsg_type == NLMSG_ERROR && input.more) {
				input.request.nlmsg_seq++;
				input.more--;
			}
		}
		memcpy(packet + at, &nlh, sizeof(nlh));
		if (nlh.nlmsg_len < sizeof(nlh) || nlh.nlmsg_len > len - at)
			return;
		at += NLMSG_ALIGN(nlh.nlmsg_len);
	}
}

int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags, struct timespec *timeout)
{
	struct iovec *iov = msgs[0].msg_hdr.msg_iov;
	size_t len = 0;

	if (input.size >= 2 && !rig_listens(fd)) {
		len = (size_t)input.data[0] << 8 | input.data[1];
		input.data += 2;
		input.size -= 2;
		len = len < input.size ? len : input.size;
	}
	if (!len) {
		errno = EAGAIN;
		return -1;
	}
	msgs[0].msg_hdr.msg_flags = 0;
	msgs[0].msg_len = (unsigned int)(len < iov->iov_len ? len : iov->iov_len);
	memcpy(iov->iov_base, input.data, msgs[0].msg_len);
	memset(msgs[0].msg_hdr.msg_name, 0, msgs[0].msg_hdr.msg_namelen);
	put_right(iov->iov_base, msgs[0].msg_len);
	input.data += len;
	input.size -= len;
	return 1;
}

static void ask(struct rig *rig, const char *text)
{
	rig_request(rig, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const requests[] = {
		"attach\nDOMAIN=a\nVIF=vif1.0", "postsuspend\nDOMAIN=a\nEPOCH=1", "status\nDOMAIN=a", "commit\nDOMAIN=a\nEPOCH=1",
		"discard\nDOMAIN=a", "release\nDOMAIN=a", "check", "list",
	};
	static struct rig rig;

	input.data = data;
	input.size = size;
	rig_start(&rig);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		ask(&rig, requests[i]);
	for (size_t i = 0; i < rig.mgr.registry.domain_count; i++)
		for (size_t n = 0; n < rig.mgr.registry.domains[i]->count; n++)
			buffer_inspect(&rig.mgr.registry.plug, rig.mgr.registry.domains[i]->vifs[n]->buffer);
	rig_stop(&rig);
	return 0;
}
