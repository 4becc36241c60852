// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Release: from the commit's request to the first held frame of every vif back at its vif, and to the last one of a backlog.
 *
 * Each vif V has a veth peer pV, whose frames go in; what the release lets out is seen by a packet socket on V, as the bridge would. The
 * daemon's vifs are named DOMAIN0, DOMAIN1, ...; those of libxl's IFBs PREFIX0, ... are named vPREFIX0, ...
 *
 * usage: release SOCKET DOMAIN PREFIX VIFS ROUNDS FRAMES
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers.h"

#define ETHERTYPE 0x88b5 /* for local experiments */
#define FRAME_BYTES 100
#define RCVBUF_BYTES (64 << 20)
#define WAIT_MS 10000

struct wire {
	int in; /* the guest's end */
	int out; /* what comes back */
};

static int packet_socket(const char *name)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE),
				    .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE)), size = RCVBUF_BYTES;

	if (!addr.sll_ifindex || fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(name, errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void open_wire(struct wire *wire, const char *prefix, size_t number)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "p%.8s%zu", prefix, number);
	wire->in = packet_socket(name);
	wire->out = packet_socket(name + 1);
}

static void send_frames(const struct wire *wire, size_t frames)
{
	unsigned char frame[FRAME_BYTES] = { [0] = 0x02, [6] = 0x02, [11] = 1, [12] = ETHERTYPE >> 8,
					     [13] = ETHERTYPE & 0xff };

	for (size_t i = 0; i < frames; i++)
		if (send(wire->in, frame, sizeof(frame), 0) < 0)
			die("send", errno);
}

/* A redirected frame never reaches a protocol's socket on its way in: what comes is what was released. */
static void take_frames(const struct wire *wire, size_t frames)
{
	struct pollfd poller = { .fd = wire->out, .events = POLLIN };
	char frame[FRAME_BYTES];

	while (frames) {
		if (recv(wire->out, frame, sizeof(frame), MSG_DONTWAIT) >= 0)
			frames--;
		else if (errno != EAGAIN || poll(&poller, 1, WAIT_MS) <= 0)
			die("a released frame", ETIMEDOUT);
	}
}

static void round_of(struct bench *b, const struct peer *peer, const struct wire *wires, size_t frames, uint64_t *first,
		     uint64_t *last)
{
	uint64_t start;

	for (size_t i = 0; i < b->vifs; i++)
		send_frames(&wires[i], frames);
	peer->run(b, POSTSUSPEND);
	start = now_ns();
	peer->run(b, COMMIT);
	for (size_t i = 0; i < b->vifs; i++)
		take_frames(&wires[i], 1);
	*first = now_ns() - start;
	for (size_t i = 0; i < b->vifs; i++)
		take_frames(&wires[i], frames - 1);
	*last = now_ns() - start;
}

static void measure(struct bench *b, const char *prefix, const struct peer *peer, size_t rounds, size_t frames)
{
	uint64_t *first = calloc(rounds, sizeof(*first)), *last = calloc(rounds, sizeof(*last));
	struct wire wires[VIFS_MAX];

	if (!first || !last)
		die("rounds", ENOMEM);
	for (size_t i = 0; i < b->vifs; i++)
		open_wire(&wires[i], prefix, i);
	peer->run(b, POSTSUSPEND);
	peer->run(b, COMMIT);
	for (size_t i = 0; i < rounds; i++)
		round_of(b, peer, wires, frames, &first[i], &last[i]);
	print(b, peer->name, "first", first, rounds);
	print(b, peer->name, "last", last, rounds);
	for (size_t i = 0; i < b->vifs; i++) {
		close(wires[i].in);
		close(wires[i].out);
	}
	free(first);
	free(last);
}

int main(int argc, char **argv)
{
	static struct bench b;
	size_t rounds, frames;
	char libxl[IFNAMSIZ];

	if (argc != 7) {
		fprintf(stderr, "usage: release SOCKET DOMAIN PREFIX VIFS ROUNDS FRAMES\n");
		return 2;
	}
	rounds = strtoul(argv[5], NULL, 10);
	frames = strtoul(argv[6], NULL, 10);
	if (!rounds || !frames)
		die("ROUNDS or FRAMES", ERANGE);
	bench_init(&b, argv[1], argv[2], argv[3], strtoul(argv[4], NULL, 10));
	snprintf(libxl, sizeof(libxl), "v%.8s", argv[3]);
	if (b.daemon)
		measure(&b, argv[2], &peers[PEER_DAEMON], rounds, frames);
	else
		measure(&b, libxl, &peers[PEER_LIBXL], rounds, frames);
	bench_fini(&b);
	return 0;
}
