/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One stream of data for a while, and how much of it arrived: what being held costs a guest's
 * output. The receiver runs first, takes one sender, and prints what came in the time: bytes
 * and messages.
 *
 *   stream send udp|tcp ADDRESS PORT SECONDS BYTES      each message has so many bytes
 *   stream receive udp|tcp PORT WARMUP SECONDS          counted from WARMUP seconds behind the first
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM_BYTES 65536

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_socket(const char *kind)
{
	bool tcp = !strcmp(kind, "tcp");
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static struct sockaddr_in place(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (!inet_aton(address, &at.sin_addr))
		errx(2, "not an address: %s", address);
	return at;
}

static int send_for(const char *kind, struct sockaddr_in to, double seconds, size_t bytes)
{
	static char message[ROOM_BYTES];
	double end = now_s() + seconds;
	int fd = open_socket(kind);

	if (bytes > sizeof(message) || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	while (now_s() < end)
		if (send(fd, message, bytes, 0) < 0)
			usleep(1000);
	return 0;
}

/* The end of a stream is the end of the count; a UDP socket is asked often enough to see the time
 * go by. */
static int receive_for(const char *kind, struct sockaddr_in at, double warmup, double seconds)
{
	const struct timeval patience = {.tv_usec = 100000};
	static char message[ROOM_BYTES];
	unsigned long long total = 0, count = 0;
	int fd = open_socket(kind), room = 8 << 20;
	double began = 0;
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "bind");
	if (!strcmp(kind, "tcp") && (listen(fd, 1) || (fd = accept(fd, NULL, NULL)) < 0))
		err(1, "accept");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (!began || now_s() < began + seconds) {
		got = recv(fd, message, sizeof(message), 0);
		if (got == 0)
			break;
		if (got < 0)
			continue;
		if (!began)
			began = now_s() + warmup;
		if (now_s() < began)
			continue;
		total += (unsigned long long)got;
		count++;
	}
	printf("%llu %llu\n", total, count);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 7 && !strcmp(argv[1], "send"))
		return send_for(argv[2], place(argv[3], argv[4]), atof(argv[5]),
				(size_t)atoi(argv[6]));
	if (argc == 6 && !strcmp(argv[1], "receive"))
		return receive_for(argv[2], place("0.0.0.0", argv[3]), atof(argv[4]),
				   atof(argv[5]));
	errx(2, "usage: stream send KIND ADDRESS PORT SECONDS BYTES | "
		"receive KIND PORT WARMUP SECONDS");
}
