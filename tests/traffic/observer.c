/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks on from outside: writes a struct capture for each tagged frame that arrives on INTERFACE to LOG, as they arrive.
 *
 *   observer INTERFACE LOG
 *
 * It prints "ready" once it captures. On SIGTERM it takes what is still in the ring, prints "frames N", "drops N" and
 * "clock_shift_ns N", and ends: with 1 if it missed a frame or the clock was set, because then its log proves nothing.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tag.h"

#define BLOCK_BYTES (256U * 1024U)
#define BLOCKS 512U
#define RETIRE_MS 5U /* a block is handed over after this time, full or not */
#define SNAP_BYTES 128U
#define CLOCK_SHIFT_MAX_NS 2000000

struct observer {
	int fd;
	uint8_t *ring;
	unsigned int block;
	FILE *log;
	uint64_t frames;
	int64_t clock_offset_ns;
};

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	ending = 1;
}

static int64_t read_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Between two readings another process may have had its turn: the closest pair of many counts. */
static int64_t clock_offset_ns(void)
{
	int64_t offset = 0, closest = INT64_MAX;

	for (int i = 0; i < 50; i++) {
		int64_t before = read_clock_ns(CLOCK_MONOTONIC);
		int64_t wall = read_clock_ns(CLOCK_REALTIME);
		int64_t after = read_clock_ns(CLOCK_MONOTONIC);

		if (after - before >= closest)
			continue;
		closest = after - before;
		offset = wall - before;
	}
	return offset;
}

/* The ring gets the beginning of each frame only: a GSO frame is 64 KB. */
static void set_snap_length(int fd)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES) };
	struct sock_fprog program = { 1, code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		err(1, "filter");
}

/* Stamped by the kernel where the frame reaches the outside interface, however late this program looks. */
static void set_stamping(int fd)
{
	const int on = 1, source = SOF_TIMESTAMPING_SOFTWARE;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_TIMESTAMP, &source, sizeof(source)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)))
		err(1, "socket options");
}

static void set_ring(struct observer *observer)
{
	const int version = TPACKET_V3;
	const struct tpacket_req3 ring = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCK_BYTES / 2048 * BLOCKS,
		.tp_retire_blk_tov = RETIRE_MS,
	};

	if (setsockopt(observer->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(observer->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)))
		err(1, "ring");
	observer->ring = mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, observer->fd, 0);
	if (observer->ring == MAP_FAILED)
		err(1, "mmap");
}

static void open_capture(struct observer *observer, const char *interface)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface),
	};

	observer->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (observer->fd < 0)
		err(1, "packet socket");
	set_snap_length(observer->fd);
	set_stamping(observer->fd);
	set_ring(observer);
	if (bind(observer->fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", interface);
}

static bool find_tag(struct tag *tag, const uint8_t *bytes, size_t len, size_t offset)
{
	if (len < offset + sizeof(*tag))
		return false;
	memcpy(tag, bytes + offset, sizeof(*tag));
	return tag->magic == htonl(TAG_MAGIC);
}

static void note_frame(struct observer *observer, const struct tpacket3_hdr *head)
{
	const uint8_t *bytes = (const uint8_t *)head + head->tp_mac;
	struct capture capture;
	struct tag tag;
	size_t cut = 0;

	if (!find_tag(&tag, bytes, head->tp_snaplen, TAG_OFFSET)) {
		cut = TAG_VLAN_BYTES;
		if (!find_tag(&tag, bytes, head->tp_snaplen, TAG_OFFSET - cut))
			return;
	}
	capture = (struct capture){
		.time_ns = (uint64_t)head->tp_sec * 1000000000U + head->tp_nsec,
		.sent_ns = be64toh(tag.time_ns),
		.epoch = be64toh(tag.epoch),
		.sequence = be64toh(tag.sequence),
		.domain = ntohs(tag.domain),
		.vif = ntohs(tag.vif),
		.segments = ntohs(tag.segments),
		.segment = ntohs(tag.segment),
		.covered = head->tp_len + cut >= ntohl(tag.frame_bytes) ? ntohs(tag.segments) : 1,
		.ethertype = cut ? ETHERTYPE_VLAN : (uint16_t)(bytes[12] << 8 | bytes[13]),
		.bytes = head->tp_len,
	};
	if (fwrite(&capture, sizeof(capture), 1, observer->log) != 1)
		err(1, "log");
	observer->frames++;
}

/* Whether there was a block to take. */
static bool take_block(struct observer *observer)
{
	struct tpacket_block_desc *block =
		(void *)(observer->ring + (size_t)observer->block * BLOCK_BYTES);
	struct tpacket3_hdr *head;

	if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return false;
	head = (void *)((uint8_t *)block + block->hdr.bh1.offset_to_first_pkt);
	for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
		note_frame(observer, head);
		head = (void *)((uint8_t *)head + head->tp_next_offset);
	}
	__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	observer->block = (observer->block + 1) % BLOCKS;
	return true;
}

static void watch(struct observer *observer)
{
	struct pollfd capture = { .fd = observer->fd, .events = POLLIN };
	bool last = false;

	while (!last) {
		/* one more turn after the signal, past the time in which a block is handed over */
		last = ending;
		if (poll(&capture, 1, last ? (int)RETIRE_MS * 10 : 200) < 0 && errno != EINTR)
			err(1, "poll");
		while (take_block(observer))
			;
		if (fflush(observer->log))
			err(1, "log");
	}
}

static int report(struct observer *observer)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t len = sizeof(stats);
	int64_t shift = clock_offset_ns() - observer->clock_offset_ns;

	if (getsockopt(observer->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		err(1, "statistics");
	printf("frames %" PRIu64 "\ndrops %u\nclock_shift_ns %" PRId64 "\n", observer->frames,
	       stats.tp_drops, shift);
	return stats.tp_drops || llabs(shift) > CLOCK_SHIFT_MAX_NS;
}

int main(int argc, char **argv)
{
	struct observer observer = { .clock_offset_ns = clock_offset_ns() };
	struct sigaction term = { .sa_handler = on_term };

	if (argc != 3)
		errx(2, "usage: observer INTERFACE LOG");
	observer.log = fopen(argv[2], "we");
	if (!observer.log)
		err(1, "%s", argv[2]);
	sigaction(SIGTERM, &term, NULL);
	open_capture(&observer, argv[1]);
	puts("ready");
	fflush(stdout);
	watch(&observer);
	return report(&observer);
}
