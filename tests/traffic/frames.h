/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames that a test guest sends, one kind of traffic each: what a hold-back that looks at IPv4 only, or at the
 * frames it knows, or at single segments, would let through.
 */
#ifndef TRAFFIC_FRAMES_H
#define TRAFFIC_FRAMES_H

#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <stddef.h>
#include <stdint.h>

#include "tag.h"

enum frame_kind {
	FRAME_IPV4,
	FRAME_IPV6,
	FRAME_ARP,
	FRAME_VLAN,
	FRAME_UNKNOWN, /* an ethertype that nobody has a handler for */
	FRAME_IPV4_FULL, /* as long as the MTU allows */
	FRAME_GSO, /* TCP, 64 KB in one frame that the network card would have to segment */
	FRAME_KINDS,
};

#define FRAME_MAX (66U * 1024U)

/* As a packet socket with PACKET_VNET_HDR takes it. */
struct frame {
	struct virtio_net_hdr offload;
	uint8_t bytes[FRAME_MAX];
	size_t len; /* of @bytes */
	uint16_t segments;
};

/* Fill in @frame, all but its tags. */
void frame_build(struct frame *frame, enum frame_kind kind, const uint8_t source[ETH_ALEN],
		 const uint8_t destination[ETH_ALEN]);

/* Write @tag, in host byte order, into each segment; its lengths and segment numbers are filled in here. */
void frame_tag(struct frame *frame, const struct tag *tag);

/* "ipv4", "ipv6", ...; NULL behind the last. */
const char *frame_kind_name(enum frame_kind kind);

#endif
