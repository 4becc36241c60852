/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the consistency proof: counts in its memory, and sends every count to an observer.
 * What the observer has seen is then never more than what the guest knows; and if a restored guest
 * ever sends a count that was seen before, the world knew something that this guest does not.
 *
 *   counter ADDRESS PORT MICROSECONDS
 */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* As much as an ordinary small packet. */
#define PACKET_BYTES 200

union packet {
	uint64_t count;
	uint8_t bytes[PACKET_BYTES];
};

int main(int argc, char *argv[])
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	union packet packet = {.count = 0};
	useconds_t pause_us;
	int fd;

	if (argc != 4 || !inet_aton(argv[1], &to.sin_addr))
		errx(2, "usage: counter ADDRESS PORT MICROSECONDS");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	pause_us = (useconds_t)atoi(argv[3]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "socket");
	for (;;) {
		packet.count++;
		while (send(fd, &packet, sizeof(packet), 0) < 0)
			usleep(pause_us);
		usleep(pause_us);
	}
}
