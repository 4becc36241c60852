/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every test frame carries: who sent it, in which epoch, and which one it is. The guest writes it, the observer
 * reads it back from captured frames. All fields are in network byte order.
 */
#ifndef TRAFFIC_TAG_H
#define TRAFFIC_TAG_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TAG_MAGIC 0x0c0a71f5U
/* From the frame's first byte, whatever its headers are: behind the longest of them, IPv6 and UDP. */
#define TAG_OFFSET 64U
#define TAG_VLAN_BYTES 4U /* a captured frame has lost its 802.1Q header to the kernel's metadata */

struct tag {
	uint32_t magic;
	uint32_t frame_bytes; /* of the frame as it was sent, all its segments together */
	uint64_t epoch;
	uint64_t sequence; /* per vif, from 0, without gaps */
	uint64_t time_ns; /* when it was sent */
	uint16_t domain;
	uint16_t vif;
	uint16_t segments; /* that a GSO frame falls into if someone segments it, else 1 */
	uint16_t segment;
} __attribute__((packed));

static_assert(sizeof(struct tag) == 40, "tag layout");

/* One captured frame, in the observer's log: host byte order, nothing but these. */
struct capture {
	uint64_t time_ns; /* CLOCK_REALTIME, when the frame reached the outside */
	uint64_t sent_ns;
	uint64_t epoch;
	uint64_t sequence;
	uint16_t domain;
	uint16_t vif;
	uint16_t segments;
	uint16_t covered; /* how many of them this frame is: all, or one */
	uint16_t segment; /* the first of them */
	uint16_t ethertype;
	uint32_t bytes;
};

static_assert(sizeof(struct capture) == 48, "capture layout");

/*
 * The one clock of guest, driver and observer. It is the one that the kernel stamps captured frames with; the observer
 * says if it was set meanwhile.
 */
static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif
