/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See frames.h. Addresses are from the documentation ranges: nobody answers, so that what is captured is what was sent.
 */
#include "frames.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define ETHERTYPE_UNKNOWN 0x88b5 /* for local experiments */
#define GSO_SEGMENT_BYTES 1448U
#define GSO_SEGMENTS 45U
#define SMALL_BYTES 128U
#define FULL_BYTES (ETH_HLEN + ETH_DATA_LEN)
#define TCP_HEADERS (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))

static_assert(TAG_OFFSET >= ETH_HLEN + sizeof(struct ip6_hdr) + sizeof(struct udphdr), "tag behind IPv6");
static_assert(TAG_OFFSET >= TCP_HEADERS, "tag behind TCP");
static_assert(TCP_HEADERS + GSO_SEGMENTS * GSO_SEGMENT_BYTES <= FRAME_MAX, "room for GSO");

static uint16_t checksum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)sum);
}

static void set_ethertype(struct frame *frame, uint16_t ethertype)
{
	ethertype = htons(ethertype);
	memcpy(frame->bytes + 2 * ETH_ALEN, &ethertype, sizeof(ethertype));
}

static void put_ipv4(struct frame *frame, size_t at, uint8_t protocol)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = protocol,
		.tot_len = htons((uint16_t)(frame->len - at)),
		.saddr = htonl(0xc0000201), /* 192.0.2.1 */
		.daddr = htonl(0xc6336401), /* 198.51.100.1 */
	};

	ip.check = ~checksum(&ip, sizeof(ip), 0);
	memcpy(frame->bytes + at, &ip, sizeof(ip));
}

static void put_udp(struct frame *frame, size_t at)
{
	struct udphdr udp = {
		.source = htons(9),
		.dest = htons(9),
		.len = htons((uint16_t)(frame->len - at)),
	};

	memcpy(frame->bytes + at, &udp, sizeof(udp));
}

static void build_ipv4(struct frame *frame)
{
	set_ethertype(frame, ETHERTYPE_IP);
	put_ipv4(frame, ETH_HLEN, IPPROTO_UDP);
	put_udp(frame, ETH_HLEN + sizeof(struct iphdr));
}

static void build_ipv6(struct frame *frame)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6U << 28),
		.ip6_plen = htons((uint16_t)(frame->len - ETH_HLEN - sizeof(ip))),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = 64,
		.ip6_src.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
		.ip6_dst.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 },
	};

	set_ethertype(frame, ETHERTYPE_IPV6);
	memcpy(frame->bytes + ETH_HLEN, &ip, sizeof(ip));
	put_udp(frame, ETH_HLEN + sizeof(ip));
}

static void build_arp(struct frame *frame)
{
	struct arphdr arp = {
		.ar_hrd = htons(ARPHRD_ETHER),
		.ar_pro = htons(ETHERTYPE_IP),
		.ar_hln = ETH_ALEN,
		.ar_pln = 4,
		.ar_op = htons(ARPOP_REPLY),
	};

	set_ethertype(frame, ETHERTYPE_ARP);
	memcpy(frame->bytes + ETH_HLEN, &arp, sizeof(arp));
}

static void build_vlan(struct frame *frame)
{
	const uint16_t vlan[] = { htons(7), htons(ETHERTYPE_IP) };

	set_ethertype(frame, ETHERTYPE_VLAN);
	memcpy(frame->bytes + ETH_HLEN, vlan, sizeof(vlan));
	put_ipv4(frame, ETH_HLEN + sizeof(vlan), IPPROTO_UDP);
	put_udp(frame, ETH_HLEN + sizeof(vlan) + sizeof(struct iphdr));
}

static void build_unknown(struct frame *frame)
{
	set_ethertype(frame, ETHERTYPE_UNKNOWN);
}

static void build_gso(struct frame *frame)
{
	const size_t tcp_at = ETH_HLEN + sizeof(struct iphdr);
	struct tcphdr tcp = {
		.source = htons(9),
		.dest = htons(9),
		.doff = sizeof(tcp) / 4,
		.ack = 1,
		.psh = 1, /* so that nobody joins it to the next one */
		.window = htons(1024),
	};

	set_ethertype(frame, ETHERTYPE_IP);
	put_ipv4(frame, ETH_HLEN, IPPROTO_TCP);
	/* the pseudo header's share: whoever segments does the rest */
	tcp.check = checksum(frame->bytes + ETH_HLEN + offsetof(struct iphdr, saddr), 8,
			     (uint32_t)(IPPROTO_TCP + frame->len - tcp_at));
	memcpy(frame->bytes + tcp_at, &tcp, sizeof(tcp));
	frame->segments = GSO_SEGMENTS;
	frame->offload = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = TCP_HEADERS,
		.gso_size = GSO_SEGMENT_BYTES,
		.csum_start = (uint16_t)tcp_at,
		.csum_offset = offsetof(struct tcphdr, check),
	};
}

static const struct {
	const char *name;
	size_t len;
	void (*build)(struct frame *frame);
} kinds[] = {
	[FRAME_IPV4] = { "ipv4", SMALL_BYTES, build_ipv4 },
	[FRAME_IPV6] = { "ipv6", SMALL_BYTES, build_ipv6 },
	[FRAME_ARP] = { "arp", SMALL_BYTES, build_arp },
	[FRAME_VLAN] = { "vlan", SMALL_BYTES, build_vlan },
	[FRAME_UNKNOWN] = { "unknown", SMALL_BYTES, build_unknown },
	[FRAME_IPV4_FULL] = { "ipv4-full", FULL_BYTES, build_ipv4 },
	[FRAME_GSO] = { "gso", TCP_HEADERS + GSO_SEGMENTS * GSO_SEGMENT_BYTES, build_gso },
};

void frame_build(struct frame *frame, enum frame_kind kind, const uint8_t source[ETH_ALEN],
		 const uint8_t destination[ETH_ALEN])
{
	memset(frame, 0, sizeof(*frame));
	frame->len = kinds[kind].len;
	frame->segments = 1;
	memcpy(frame->bytes, destination, ETH_ALEN);
	memcpy(frame->bytes + ETH_ALEN, source, ETH_ALEN);
	kinds[kind].build(frame);
}

void frame_tag(struct frame *frame, const struct tag *tag)
{
	struct tag wire = {
		.magic = htonl(TAG_MAGIC),
		.frame_bytes = htonl((uint32_t)frame->len),
		.epoch = htobe64(tag->epoch),
		.sequence = htobe64(tag->sequence),
		.time_ns = htobe64(tag->time_ns),
		.domain = htons(tag->domain),
		.vif = htons(tag->vif),
		.segments = htons(frame->segments),
	};

	for (uint16_t i = 0; i < frame->segments; i++) {
		wire.segment = htons(i);
		memcpy(frame->bytes + TAG_OFFSET + i * GSO_SEGMENT_BYTES, &wire, sizeof(wire));
	}
}

const char *frame_kind_name(enum frame_kind kind)
{
	return kind < FRAME_KINDS ? kinds[kind].name : NULL;
}
