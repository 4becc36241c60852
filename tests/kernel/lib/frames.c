// SPDX-License-Identifier: GPL-2.0-or-later
/* See frames.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "frames.h"

#define FRAME_TYPE 0x88b5 /* IEEE: for local experiments */
#define FRAME_PATTERN_AT (ETH_HLEN + sizeof(struct frame_mark))
#define SOCKET_BYTES (64 << 20)

static int open_bound(int ifindex, int protocol)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = ifindex,
	};
	static const int bytes = SOCKET_BYTES;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    bind(fd, (struct sockaddr *)&ll, sizeof(ll))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int frames_tx_open(int ifindex)
{
	return open_bound(ifindex, 0);
}

int frames_rx_open(int ifindex)
{
	return open_bound(ifindex, FRAME_TYPE);
}

static unsigned char pattern_of(uint64_t seq)
{
	return seq * 31 + 7;
}

void frames_build(void *frame, uint64_t seq, uint64_t note, size_t bytes)
{
	struct frame_mark mark = { .seq = seq, .note = note, .bytes = bytes };
	struct ethhdr *eth = frame;

	memset(eth->h_dest, 0xff, ETH_ALEN);
	memset(eth->h_source, 0x02, ETH_ALEN);
	eth->h_proto = htons(FRAME_TYPE);
	memcpy((char *)frame + ETH_HLEN, &mark, sizeof(mark));
	memset((char *)frame + FRAME_PATTERN_AT, pattern_of(seq), bytes - FRAME_PATTERN_AT);
}

int frames_send(int fd, uint64_t seq, uint64_t note, size_t bytes)
{
	unsigned char frame[FRAME_MAX_BYTES];

	frames_build(frame, seq, note, bytes);
	return send(fd, frame, bytes, 0) < 0 ? -errno : 0;
}

int frames_recv(int fd, int timeout_ms, struct frame_mark *mark)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	unsigned char frame[FRAME_MAX_BYTES + 1];
	ssize_t n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);
	size_t i;

	if (n < 0 && timeout_ms > 0 && poll(&pfd, 1, timeout_ms) > 0)
		n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);
	if (n < 0)
		return 0;
	if ((size_t)n < FRAME_MIN_BYTES)
		return -EBADMSG;
	memcpy(mark, frame + ETH_HLEN, sizeof(*mark));
	if (mark->bytes != (size_t)n)
		return -EBADMSG;
	for (i = FRAME_PATTERN_AT; i < (size_t)n; i++)
		if (frame[i] != pattern_of(mark->seq))
			return -EBADMSG;
	return 1;
}
