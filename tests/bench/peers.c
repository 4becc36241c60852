// SPDX-License-Identifier: GPL-2.0-or-later
#include "peers.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/plug.h>
#include <netlink/route/tc.h>

#include "outcommit.h"

const char *const operation_names[OPERATIONS] = { [POSTSUSPEND] = "postsuspend", [COMMIT] = "commit" };

void die(const char *what, int error)
{
	fprintf(stderr, "control: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void set_operation(struct rtnl_qdisc *qdisc, enum operation operation)
{
	if (operation == POSTSUSPEND)
		rtnl_qdisc_plug_buffer(qdisc);
	else
		rtnl_qdisc_plug_release_one(qdisc);
}

static void run_libxl(struct bench *b, enum operation operation)
{
	for (size_t i = 0; i < b->vifs; i++) {
		int ret;

		set_operation(b->qdisc[i], operation);
		ret = rtnl_qdisc_add(b->sock, b->qdisc[i], NLM_F_REQUEST);
		if (ret)
			die(nl_geterror(ret), EIO);
	}
}

static void run_floor(struct bench *b, enum operation operation)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = { .msg_name = &kernel, .msg_namelen = sizeof(kernel),
			      .msg_iov = b->iov[operation], .msg_iovlen = b->vifs };
	int fd = nl_socket_get_fd(b->sock);
	char answer[1024];

	if (sendmsg(fd, &msg, 0) < 0)
		die("sendmsg", errno);
	for (size_t i = 0; i < b->vifs; i++) {
		const struct nlmsghdr *nlh = (const void *)answer;
		const struct nlmsgerr *err = NLMSG_DATA(nlh);

		if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(*err)))
			die("recv", errno);
		if (nlh->nlmsg_type != NLMSG_ERROR || err->error)
			die("plug", err->error);
	}
}

/* Until the other end is closed */
static void echo_back(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poll = epoll_create1(EPOLL_CLOEXEC);
	char packet[256];
	ssize_t len;

	if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
		die("epoll", errno);
	while (epoll_wait(poll, &event, 1, -1) == 1) {
		len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (len <= 0 || send(fd, packet, (size_t)len, MSG_NOSIGNAL) != len)
			break;
	}
	_exit(0);
}

static void start_echo(struct bench *b)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair", errno);
	switch (fork()) {
	case -1:
		die("fork", errno);
	case 0:
		close(pair[0]);
		echo_back(pair[1]);
	}
	close(pair[1]);
	b->echo = pair[0];
}

static void run_echo(struct bench *b, enum operation operation)
{
	char packet[256] = "postsuspend\nDOMAIN=bench\nEPOCH=1000\n";

	if (send(b->echo, packet, 40, 0) != 40 || recv(b->echo, packet, sizeof(packet), 0) != 40)
		die(operation_names[operation], EIO);
}

static void run_daemon(struct bench *b, enum operation operation)
{
	struct outcommit_error error;
	uint64_t closed;
	int ret;

	if (operation == POSTSUSPEND) {
		b->epoch++;
		ret = outcommit_postsuspend(b->daemon, b->domain, b->epoch, &closed, &error);
	} else {
		ret = outcommit_commit(b->daemon, b->domain, b->epoch, NULL, &error);
	}
	if (ret) {
		fprintf(stderr, "control: %s: %s\n", operation_names[operation], error.message);
		exit(1);
	}
}

const struct peer peers[PEERS] = {
	[PEER_LIBXL] = { "libxl", run_libxl },
	[PEER_FLOOR] = { "floor", run_floor },
	[PEER_ECHO] = { "echo", run_echo },
	[PEER_DAEMON] = { "daemon", run_daemon },
};

static void prepare_message(struct bench *b, size_t vif, enum operation operation)
{
	struct nl_msg *msg = NULL;
	struct nlmsghdr *nlh;

	set_operation(b->qdisc[vif], operation);
	if (rtnl_qdisc_build_add_request(b->qdisc[vif], NLM_F_REQUEST | NLM_F_ACK, &msg) < 0)
		die("message", ENOMEM);
	nlh = nlmsg_hdr(msg);
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_pid = nl_socket_get_local_port(b->sock);
	if (nlh->nlmsg_len > MESSAGE_BYTES)
		die("message", EMSGSIZE);
	memcpy(b->message[operation][vif], nlh, nlh->nlmsg_len);
	b->iov[operation][vif] =
		(struct iovec){ b->message[operation][vif], NLMSG_ALIGN(nlh->nlmsg_len) };
	nlmsg_free(msg);
}

static void prepare_vif(struct bench *b, size_t vif, const char *prefix)
{
	char name[IFNAMSIZ];
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	snprintf(name, sizeof(name), "%.8s%zu", prefix, vif);
	b->ifindex[vif] = (int)if_nametoindex(name);
	if (!b->ifindex[vif] || !qdisc)
		die(name, errno);
	rtnl_tc_set_ifindex(TC_CAST(qdisc), b->ifindex[vif]);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
	if (rtnl_tc_set_kind(TC_CAST(qdisc), "plug"))
		die("plug", ENOENT);
	b->qdisc[vif] = qdisc;
	for (enum operation operation = 0; operation < OPERATIONS; operation++)
		prepare_message(b, vif, operation);
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void print(const struct bench *b, const char *peer, const char *operation, uint64_t *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), compare);
	printf("{\"peer\":\"%s\",\"operation\":\"%s\",\"vifs\":%zu,\"rounds\":%zu,\"min_ns\":%" PRIu64
	       ",\"median_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64 "}\n",
	       peer, operation, b->vifs, count, ns[0], ns[count / 2], ns[count * 99 / 100],
	       ns[count - 1]);
}

void bench_init(struct bench *b, const char *socket, const char *domain, const char *prefix, size_t vifs)
{
	int ret;

	*b = (struct bench){ .domain = domain, .vifs = vifs };
	start_echo(b);
	if (vifs > VIFS_MAX)
		die("vifs", ERANGE);
	b->sock = nl_socket_alloc();
	if (!b->sock || nl_connect(b->sock, NETLINK_ROUTE))
		die("netlink", EIO);
	ret = strcmp(socket, "-") ? outcommit_connect(socket, 10000, &b->daemon) : 0;
	if (ret)
		die(socket, ret);
	for (size_t i = 0; i < vifs; i++)
		prepare_vif(b, i, prefix);
}

void bench_fini(struct bench *b)
{
	if (b->daemon)
		outcommit_close(b->daemon);
	close(b->echo);
	for (size_t i = 0; i < b->vifs; i++)
		rtnl_qdisc_put(b->qdisc[i]);
	nl_socket_free(b->sock);
}
