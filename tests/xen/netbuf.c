/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remus-netbuf-setup under libxl's calls, with real frames: from guest0 through the vif and a
 * bridge to world, see netbuf-in-vm.
 *
 *   netbuf SCRIPT MODULE      prints results as test suites do
 *   netbuf SCRIPT MODULE off  the same without a daemon: what must then be said
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libxl-netbuf.h"

#define MAGIC "libxl-netbuf"
#define HELD_MS 200 /* long enough for a frame that is not held */
#define ARRIVES_MS 5000

static const uint16_t ethertypes[] = {ETHERTYPE_IP, ETHERTYPE_IPV6, ETHERTYPE_ARP, ETHERTYPE_VLAN,
				      0x88b5};

#define KINDS (sizeof(ethertypes) / sizeof(ethertypes[0]))

struct frame {
	struct ether_header header;
	uint8_t tag[4]; /* of a VLAN, which the kernel takes out of the frame */
	char magic[sizeof(MAGIC)];
	uint32_t number;
	uint8_t padding[64];
} __attribute__((packed));

struct wire {
	int guest, world;
	uint32_t sent; /* numbers of frames */
	uint32_t arrived;
};

static unsigned int passed, failures;
static const char *module;

static void result(bool good, const char *name)
{
	printf("%s: %s: %s\n", good ? "pass" : "FAIL", module, name);
	good ? passed++ : failures++;
}

static int open_link(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s", name);
	return fd;
}

/* One of each ethertype. */
static void send_round(struct wire *wire)
{
	struct frame frame = {
		.header.ether_dhost = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.header.ether_shost = {2, 0, 0, 0, 0, 1},
		.magic = MAGIC,
	};

	for (size_t i = 0; i < KINDS; i++) {
		frame.header.ether_type = htons(ethertypes[i]);
		frame.number = ++wire->sent;
		if (send(wire->guest, &frame, sizeof(frame), 0) != sizeof(frame))
			err(1, "send");
	}
}

/* The number of the next of our frames, 0 if none comes. A VLAN's tag has been taken out of the
 * frame by the kernel. */
static uint32_t next_frame(const struct wire *wire, int timeout_ms)
{
	struct pollfd ready = {.fd = wire->world, .events = POLLIN};
	uint8_t bytes[2048], *at;
	uint32_t number;

	while (poll(&ready, 1, timeout_ms) == 1) {
		ssize_t len = recv(wire->world, bytes, sizeof(bytes), 0);

		at = len > 0 ? memmem(bytes, (size_t)len, MAGIC, sizeof(MAGIC)) : NULL;
		if (!at)
			continue;
		memcpy(&number, at + sizeof(MAGIC), sizeof(number));
		return number;
	}
	return 0;
}

/* Exactly @count frames more come, in their order. */
static bool come(struct wire *wire, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (next_frame(wire, ARRIVES_MS) != ++wire->arrived)
			return false;
	return !next_frame(wire, HELD_MS);
}

static bool round_comes(struct wire *wire)
{
	send_round(wire);
	return come(wire, KINDS);
}

static bool round_is_held(struct wire *wire)
{
	send_round(wire);
	return come(wire, 0);
}

static bool key_is(const struct netbuf *netbuf, const char *key, const char *wanted)
{
	char value[256];

	netbuf_key(netbuf, key, value, sizeof(value));
	return !strcmp(value, wanted);
}

static void test_course(struct netbuf *netbuf, struct wire *wire)
{
	result(!netbuf_setup(netbuf), "libxl finds the buffer that setup made");
	result(key_is(netbuf, "hotplug-status", "connected"),
	       "setup reports success as Xen's scripts do");
	result(round_comes(wire), "what is sent before the first epoch passes");
	result(!netbuf_buffer(netbuf) && round_is_held(wire), "an epoch holds every ethertype");
	result(!netbuf_buffer(netbuf) && round_is_held(wire), "the next epoch is held apart");
	result(!netbuf_release_one(netbuf) && come(wire, KINDS),
	       "a commit releases its epoch, and no other");
	result(!netbuf_buffer(netbuf) && !netbuf_release_one(netbuf) && come(wire, KINDS),
	       "the next commit releases the next epoch");
	result(round_is_held(wire), "the open epoch is held");
}

static void test_end(struct netbuf *netbuf, struct wire *wire)
{
	result(!netbuf_teardown(netbuf) && come(wire, KINDS),
	       "teardown loses nothing of what is held");
	result(round_comes(wire), "after teardown the vif passes as before");
	result(!if_nametoindex(netbuf->ifb) && key_is(netbuf, "ifb", "") &&
		       key_is(netbuf, "hotplug-status", ""),
	       "teardown leaves nothing behind");
	result(!netbuf_teardown(netbuf), "teardown may be repeated");
	result(!netbuf_setup(netbuf) && !netbuf_setup(netbuf), "setup may be repeated");
	result(!netbuf_buffer(netbuf) && round_is_held(wire),
	       "a second protection holds as the first");
	result(!netbuf_teardown(netbuf) && come(wire, KINDS), "and ends as the first");
}

static void test_no_daemon(struct netbuf *netbuf, struct wire *wire)
{
	char error[256];

	result(netbuf_setup(netbuf) < 0, "setup fails without the daemon");
	netbuf_key(netbuf, "hotplug-error", error, sizeof(error));
	result(strstr(error, "outcommitd is not running") &&
		       key_is(netbuf, "hotplug-status", "error"),
	       "and says why where libxl looks");
	result(round_comes(wire), "and leaves the vif alone");
}

int main(int argc, char *argv[])
{
	struct netbuf netbuf;
	struct wire wire = {0};

	if (argc < 3)
		errx(2, "usage: netbuf SCRIPT MODULE [off]");
	module = argv[2];
	wire.guest = open_link("guest0");
	wire.world = open_link("world");
	if (netbuf_open(&netbuf, argv[1], "vif7.0", 7, 0))
		return 1;
	if (argc > 3) {
		test_no_daemon(&netbuf, &wire);
	} else {
		test_course(&netbuf, &wire);
		test_end(&netbuf, &wire);
	}
	netbuf_close(&netbuf);
	printf("%u passed, %u failed\n", passed, failures);
	return failures > 0;
}
