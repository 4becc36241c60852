/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the consistency proof: counts in its memory, and sends every count to an observer
 * over every one of its interfaces. What the observer has seen must never be more than what the
 * guest knows, and after a failover that is what it knew when it was restored. The first counts
 * after that are lost, because its network has to connect anew; so every packet also says what the
 * count was when that happened.
 *
 *   counter PORT MICROSECONDS {INTERFACE ADDRESS}...
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
#include <unistd.h>

/* As much as an ordinary small packet. */
#define PACKET_BYTES 200
#define WAYS_MAX 4

union packet {
	struct {
		uint64_t count;
		uint64_t known; /* when the network was lost last */
	};
	uint8_t bytes[PACKET_BYTES];
};

/* One interface, and a socket whose packets leave through it. */
struct way {
	int fd;
	int downs_fd; /* how often its carrier was lost */
	char downs[16];
};

/*
 * A restored guest's driver takes the carrier down before any process runs again; one that was
 * merely stopped for a checkpoint keeps it. That it comes back later does not count.
 */
static bool was_lost(struct way *way)
{
	char now[sizeof(way->downs)] = "";
	bool changed;

	if (pread(way->downs_fd, now, sizeof(now) - 1, 0) < 0)
		err(1, "carrier_down_count");
	changed = strcmp(now, way->downs) != 0;
	memcpy(way->downs, now, sizeof(now));
	return changed;
}

static void way_open(struct way *way, const char *interface, const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	char path[64];

	way->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!inet_aton(address, &to.sin_addr) || way->fd < 0 ||
	    connect(way->fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s:%s", address, port);
	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier_down_count", interface);
	way->downs_fd = open(path, O_RDONLY);
	was_lost(way);
}

static void count_for_ever(struct way ways[], int used, useconds_t pause_us)
{
	union packet packet = {.count = 0};
	bool lost;

	for (;;) {
		lost = false;
		for (int i = 0; i < used; i++)
			lost |= was_lost(&ways[i]);
		if (lost)
			packet.known = packet.count;
		packet.count++;
		for (int i = 0; i < used; i++)
			while (send(ways[i].fd, &packet, sizeof(packet), 0) < 0)
				usleep(pause_us);
		usleep(pause_us);
	}
}

int main(int argc, char *argv[])
{
	struct way ways[WAYS_MAX];
	int used = (argc - 3) / 2;

	if (argc < 5 || argc % 2 == 0 || used > WAYS_MAX)
		errx(2, "usage: counter PORT MICROSECONDS {INTERFACE ADDRESS}...");
	for (int i = 0; i < used; i++)
		way_open(&ways[i], argv[3 + 2 * i], argv[4 + 2 * i], argv[1]);
	count_for_ever(ways, used, (useconds_t)atoi(argv[2]));
}
