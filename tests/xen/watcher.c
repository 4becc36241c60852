/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The observer of the consistency proof: writes each count that arrives, as it arrives, to a log of
 * lines "FROM COUNT KNOWN MILLISECONDS": FROM is the address, and so the guest's interface; see
 * counter.c for the rest.
 *
 *   watcher PORT LOG
 */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static int open_socket(const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "port %s", port);
	return fd;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct timespec now;
	uint64_t packet[2]; /* count, known */
	FILE *log;
	int fd;

	if (argc != 3)
		errx(2, "usage: watcher PORT LOG");
	fd = open_socket(argv[1]);
	log = fopen(argv[2], "ae");
	if (!log)
		err(1, "%s", argv[2]);
	setlinebuf(log);
	while (recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len) >=
	       (ssize_t)sizeof(packet)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		fprintf(log, "%s %" PRIu64 " %" PRIu64 " %lld\n", inet_ntoa(from.sin_addr),
			packet[0], packet[1],
			(long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	}
	err(1, "recv");
}
