// SPDX-License-Identifier: GPL-2.0-or-later
/* The system calls that lead to the fake kernel. Notifications are for whoever joined a group, answers for the others. */
#include "fake-kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>


#include "rig.h"

#define PACKETS_MAX 4096

struct packet {
	char *data;
	size_t len;
};

struct queue {
	struct packet packets[PACKETS_MAX];
	size_t first, end;
};

static struct queue answers, notifications;

static void put(struct queue *queue, const void *data, size_t len)
{
	struct packet *packet = &queue->packets[queue->end];

	if (queue->end == PACKETS_MAX)
		return;
	packet->data = malloc(len);
	if (!packet->data)
		abort();
	memcpy(packet->data, data, len);
	packet->len = len;
	queue->end++;
}

static void empty(struct queue *queue)
{
	while (queue->first < queue->end)
		free(queue->packets[queue->first++].data);
	queue->first = queue->end = 0;
}

void fake_answer(const void *data, size_t len)
{
	put(&answers, data, len);
}

void fake_notify(const void *data, size_t len)
{
	put(&notifications, data, len);
}

void fake_forget_packets(void)
{
	empty(&answers);
	empty(&notifications);
}

static ssize_t take(struct queue *queue, struct msghdr *msg)
{
	struct packet *packet = &queue->packets[queue->first];
	size_t len;

	if (queue->first == queue->end) {
		errno = EAGAIN;
		return -1;
	}
	len = packet->len < msg->msg_iov->iov_len ? packet->len : msg->msg_iov->iov_len;
	memcpy(msg->msg_iov->iov_base, packet->data, len);
	msg->msg_flags = packet->len > len ? MSG_TRUNC : 0;
	memset(msg->msg_name, 0, msg->msg_namelen);
	free(packet->data);
	queue->first++;
	if (queue->first == queue->end)
		queue->first = queue->end = 0;
	return (ssize_t)len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags, struct timespec *timeout);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int protocol = NETLINK_ROUTE;
	socklen_t len = sizeof(protocol);
	ssize_t sent = 0;

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	empty(&answers);
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		fake_request(protocol, msg->msg_iov[i].iov_base);
		sent += (ssize_t)msg->msg_iov[i].iov_len;
	}
	return sent;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags, struct timespec *timeout)
{
	struct queue *queue = rig_listens(fd) ? &notifications : &answers;
	unsigned int got = 0;

	while (got < count) {
		ssize_t len = take(queue, &msgs[got].msg_hdr);

		if (len < 0)
			return got ? (int)got : -1;
		msgs[got++].msg_len = (unsigned int)len;
	}
	return (int)got;
}
