/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The observer of the consistency proof: writes each count that arrives, as it arrives, to a log of
 * lines
 * "COUNT KNOWN MILLISECONDS", see counter.c.
 *
 *   watcher ADDRESS PORT LOG
 */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static int open_socket(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 1 << 20;

	if (!inet_aton(address, &at.sin_addr) || fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s:%s", address, port);
	return fd;
}

int main(int argc, char *argv[])
{
	struct timespec now;
	uint64_t packet[2]; /* count, known */
	FILE *log;
	int fd;

	if (argc != 4)
		errx(2, "usage: watcher ADDRESS PORT LOG");
	fd = open_socket(argv[1], argv[2]);
	log = fopen(argv[3], "we");
	if (!log)
		err(1, "%s", argv[3]);
	setlinebuf(log);
	while (recv(fd, packet, sizeof(packet), 0) >= (ssize_t)sizeof(packet)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		fprintf(log, "%" PRIu64 " %" PRIu64 " %lld\n", packet[0], packet[1],
			(long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	}
	err(1, "recv");
}
