/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the consistency proof: counts in its memory, and sends every count to an observer.
 * What the observer has seen must never be more than what the guest knows, and after a failover
 * that is what it knew when it was restored. The first counts after that are lost, because its
 * network has to connect anew; so every packet also says what the count was when that happened.
 *
 *   counter ADDRESS PORT MICROSECONDS INTERFACE
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* As much as an ordinary small packet. */
#define PACKET_BYTES 200

union packet {
	struct {
		uint64_t count;
		uint64_t known; /* when its network last connected anew */
	};
	uint8_t bytes[PACKET_BYTES];
};

struct link {
	int fd; /* how often the carrier came and went */
	char changes[16];
};

/*
 * A restored guest's driver takes the carrier down before any process runs again; one that was
 * merely stopped for a checkpoint keeps it.
 */
static bool connects_anew(struct link *link)
{
	char now[sizeof(link->changes)] = "";
	bool changed;

	if (pread(link->fd, now, sizeof(now) - 1, 0) < 0)
		err(1, "carrier_changes");
	changed = strcmp(now, link->changes) != 0;
	memcpy(link->changes, now, sizeof(now));
	return changed;
}

static void open_link(struct link *link, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier_changes", name);
	link->fd = open(path, O_RDONLY);
	connects_anew(link);
}

static int open_socket(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (!inet_aton(address, &to.sin_addr) || fd < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s:%s", address, port);
	return fd;
}

int main(int argc, char *argv[])
{
	union packet packet = {.count = 0};
	useconds_t pause_us;
	struct link link;
	int fd;

	if (argc != 5)
		errx(2, "usage: counter ADDRESS PORT MICROSECONDS INTERFACE");
	fd = open_socket(argv[1], argv[2]);
	pause_us = (useconds_t)atoi(argv[3]);
	open_link(&link, argv[4]);
	for (;;) {
		if (connects_anew(&link))
			packet.known = packet.count;
		packet.count++;
		while (send(fd, &packet, sizeof(packet), 0) < 0)
			usleep(pause_us);
		usleep(pause_us);
	}
}
