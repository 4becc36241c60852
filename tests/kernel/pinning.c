// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much senders get into an epoch that is held, before they have to wait for it. Three senders:
 * a TCP stream out of a network namespace, by way of the redirect to an IFB that a guest's frames
 * take; a UDP socket; and a packet socket whose frames are the pages of a ring that it shares
 * with the kernel (zero copy). Prints "NAME FRAMES BYTES"; "not ok ..." if a held frame was
 * changed by its sender.
 *
 * usage: pinning [ring | failing]    ring: that sender only
 *                                    failing: ditto; copies fail (the kernel must be told to)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "lib/rig.h"

#define WARM_UP_BYTES (24 << 20)
#define ENOUGH_BYTES (32 << 20) /* more than this nobody needs */
#define IDLE_MS 1000
#define PORT 7777
#define RING_FRAMES 64
#define RING_FRAME_BYTES 2048
#define RING_ROUNDS 512

static int into_namespace(const char *name)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

/* guest0 in namespace guest <-> vif0 -> (redirect) hold0, plug -> vif0's receive path */
static int make_guest(void)
{
	return rig_sh("set -e; ip netns add guest; ip link add vif0 type veth peer name guest0;"
		      "ip link set guest0 netns guest; ip addr add 192.0.2.1/24 dev vif0;"
		      "ip link set vif0 up; ip -n guest addr add 192.0.2.2/24 dev guest0;"
		      "ip -n guest link set guest0 up; ip link add hold0 type ifb;"
		      "ip link set hold0 up; tc qdisc add dev vif0 clsact;"
		      "tc filter add dev vif0 ingress matchall action mirred egress redirect dev hold0;"
		      "sysctl -qw net.ipv4.tcp_rmem='4096 16000000 64000000';"
		      "sysctl -qw net.core.rmem_max=64000000 net.core.netdev_max_backlog=100000;"
		      /* no loss, and a congestion window that luck has no part in */
		      "ip -n guest route replace 192.0.2.0/24 dev guest0 proto kernel scope link "
		      "src 192.0.2.2 initcwnd 2000;"
		      "ip route replace 192.0.2.0/24 dev vif0 proto kernel scope link "
		      "src 192.0.2.1 initrwnd 2000;"
		      "ip netns exec guest sysctl -qw net.ipv4.tcp_wmem='4096 16000000 64000000'");
}

static void unmake_guest(void)
{
	rig_sh("ip netns del guest; ip link del vif0 2>/dev/null; ip link del hold0");
}

static void *receive(void *arg)
{
	static char buffer[1 << 18];
	int fd = accept(*(int *)arg, NULL, NULL);

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
	return NULL;
}

/* Write until @bytes are written or nothing moves for IDLE_MS. */
static void pour(int fd, size_t bytes)
{
	static char buffer[1 << 16];
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (bytes && poll(&pfd, 1, IDLE_MS) > 0) {
		n = write(fd, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer));
		if (n < 0 && errno != EAGAIN)
			break;
		bytes -= n > 0 ? n : 0;
	}
}

static int connect_from_guest(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(PORT),
				  .sin_addr.s_addr = htonl(0xc0000201) };
	int fd, home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (into_namespace("guest"))
		return -EIO;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setns(home, CLONE_NEWNET);
	close(home);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : fd;
}

static int listen_here(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	static const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 1))
		return -errno;
	return fd;
}

static void show(const char *name, struct rig *rig)
{
	struct qdisc_view view;

	if (rig_view(rig, &view))
		return;
	printf("%s %u %u\n", name, view.qlen, view.backlog_bytes);
	if (view.xstats.copied)
		printf("# %s: %llu frames copied\n", name, (unsigned long long)view.xstats.copied);
}

static int tcp_sender(void)
{
	struct rig rig = { .parent = TC_H_ROOT, .handle = TC_H_MAKE(1 << 16, 0) };
	pthread_t receiver;
	int listener, fd;

	if (make_guest() || rtnl_open(&rig.nl))
		return 1;
	rig.ifindex = if_nametoindex("hold0");
	listener = listen_here();
	if (rig_add(&rig, TCQ_PLUG_BUFFER, 256 << 20, RIG_UNTAGGED) ||
	    rig_change(&rig, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED) ||
	    pthread_create(&receiver, NULL, receive, &listener))
		return 1;
	fd = connect_from_guest();
	pour(fd, WARM_UP_BYTES);
	if (fd < 0 || rig_change(&rig, TCQ_PLUG_BUFFER, 0, RIG_UNTAGGED))
		return 1;
	pour(fd, ENOUGH_BYTES);
	show("tcp", &rig);
	close(fd);
	rig_change(&rig, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED);
	pthread_join(receiver, NULL);
	close(listener);
	unmake_guest();
	rtnl_close(&rig.nl);
	return 0;
}

static int udp_sender(struct rig *rig)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(PORT),
				  .sin_addr.s_addr = htonl(0xc6336402) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char datagram[1000] = "";
	int left = ENOUGH_BYTES / sizeof(datagram);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	if (rig_sh("ip addr add 198.51.100.1/24 dev plug0;"
		   "ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:01 dev plug0") ||
	    rig_add(rig, TCQ_PLUG_BUFFER, 256 << 20, RIG_UNTAGGED))
		return 1;
	while (left-- && poll(&pfd, 1, IDLE_MS) > 0)
		if (sendto(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		    errno != EAGAIN)
			break;
	show("udp", rig);
	close(fd);
	return rig_del(rig);
}

struct ring {
	int fd;
	char *slots;
};

static int ring_open(struct ring *ring, int ifindex)
{
	struct tpacket_req req = { .tp_block_size = RING_FRAMES * RING_FRAME_BYTES,
				   .tp_block_nr = 1,
				   .tp_frame_size = RING_FRAME_BYTES,
				   .tp_frame_nr = RING_FRAMES };
	static const int version = TPACKET_V2;

	ring->fd = frames_tx_open(ifindex);
	if (ring->fd < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)))
		return -errno;
	ring->slots = mmap(NULL, req.tp_block_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	return ring->slots == MAP_FAILED ? -errno : 0;
}

/* Send through the ring until a slot stays taken. Every free slot is scribbled over before reuse. */
static int ring_fill(struct ring *ring)
{
	int i;

	for (i = 0; i < RING_ROUNDS; i++) {
		char *slot = ring->slots + i % RING_FRAMES * RING_FRAME_BYTES;
		struct tpacket2_hdr *hdr = (struct tpacket2_hdr *)slot;
		char *data = slot + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);

		if (hdr->tp_status != TP_STATUS_AVAILABLE)
			break;
		memset(data, 0x5a, RING_FRAME_BYTES - TPACKET2_HDRLEN);
		frames_build(data, i + 1, 0, FRAME_MAX_BYTES);
		hdr->tp_len = FRAME_MAX_BYTES;
		hdr->tp_status = TP_STATUS_SEND_REQUEST;
		if (send(ring->fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	}
	return i;
}

/* What was held must leave as it was sent, whatever the ring holds by now. */
static int ring_check(struct rig *rig, struct ring *ring, int sent)
{
	struct frame_mark mark;
	int i, n;

	memset(ring->slots, 0x5a, RING_FRAMES * RING_FRAME_BYTES);
	rig_change(rig, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED);
	for (i = 0; i < sent; i++) {
		n = frames_recv(rig->rx, IDLE_MS, &mark);
		if (n == 1 && mark.seq == (uint64_t)i + 1)
			continue;
		printf("not ok frame %d was %s while it was held\n", i + 1, n ? "changed" : "lost");
		return 0;
	}
	printf("ok %d held frames left as they were sent\n", sent);
	return 0;
}

static int ring_sender(struct rig *rig, bool failing)
{
	struct qdisc_view view;
	struct ring ring;
	int sent;

	if (rig_add(rig, TCQ_PLUG_BUFFER, 256 << 20, RIG_UNTAGGED) ||
	    ring_open(&ring, rig->ifindex))
		return 1;
	sent = ring_fill(&ring);
	if (failing) {
		if (rig_view(rig, &view))
			return 1;
		printf("%s %llu of %d frames dropped for want of a copy, %llu held\n",
		       view.info.xstats.drop_copy == (uint64_t)sent && !view.qlen ? "ok" : "not ok",
		       (unsigned long long)view.info.xstats.drop_copy, sent,
		       (unsigned long long)view.info.held.frames);
		return 0;
	}
	show("ring", rig);
	return ring_check(rig, &ring, sent);
}

int main(int argc, char **argv)
{
	bool failing = argc > 1 && !strcmp(argv[1], "failing"), all = argc == 1;
	struct rig rig;
	int err = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (all)
		err = tcp_sender();
	if (err || rig_open(&rig, ""))
		return 1;
	if (all)
		err = udp_sender(&rig);
	err = err || ring_sender(&rig, failing);
	rig_close(&rig);
	return err;
}
