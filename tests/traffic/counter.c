/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of the consistency proof. It counts, a count each tick, and tells every count with the
 * moment at which it was made to each TCP connection and to everybody who sent it a datagram. It
 * remembers those moments, so that it knows whether a count that somebody saw was ever its own: a
 * client tells it over a connection what it saw, by whichever way, and what it does not know is
 * counted and told with each count. A datagram only says where to send to.
 *
 *   counter PORT TICK_MS
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 8U
/* As many counts as it remembers. */
#define MEMORY 65536U

struct told {
	uint64_t count;
	uint64_t made_ns; /* by the wall clock: no other life of this server has the same */
	uint64_t unknown; /* counts that clients saw and this server never made */
	uint64_t token;	  /* the last one that came without a count: all before it was heard */
};

struct seen {
	uint64_t count, made_ns;
};

struct server {
	uint64_t made_ns[MEMORY];
	struct told now;
	int listener, datagrams;
	int streams[CLIENTS];
	size_t stream_count;
	struct sockaddr_in peers[CLIENTS];
	size_t peer_count;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int open_socket(int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "port %u", port);
	if (type == SOCK_STREAM && listen(fd, (int)CLIENTS))
		err(1, "listen");
	return fd;
}

static void check(struct server *s, const struct seen *seen)
{
	if (!seen->count)
		s->now.token = seen->made_ns;
	else if (seen->count > s->now.count || s->now.count - seen->count >= MEMORY ||
		 s->made_ns[seen->count % MEMORY] != seen->made_ns)
		s->now.unknown++;
}

static void take_stream(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (s->stream_count == CLIENTS)
		close(fd);
	else
		s->streams[s->stream_count++] = fd;
}

static void drop_stream(struct server *s, size_t at)
{
	close(s->streams[at]);
	s->streams[at] = s->streams[--s->stream_count];
}

/* What a client sends is small, and never cut by a client that writes whole records. */
static void hear_stream(struct server *s, size_t at)
{
	struct seen seen;
	ssize_t size;

	for (;;) {
		size = recv(s->streams[at], &seen, sizeof(seen), MSG_PEEK);
		if (size < (ssize_t)sizeof(seen))
			break;
		recv(s->streams[at], &seen, sizeof(seen), 0);
		check(s, &seen);
	}
	if (size == 0 || (size < 0 && errno != EAGAIN))
		drop_stream(s, at);
}

static void remember_peer(struct server *s, const struct sockaddr_in *peer)
{
	for (size_t i = 0; i < s->peer_count; i++) {
		if (!memcmp(&s->peers[i], peer, sizeof(*peer)))
			return;
	}
	if (s->peer_count < CLIENTS)
		s->peers[s->peer_count++] = *peer;
}

static void hear_datagrams(struct server *s)
{
	struct sockaddr_in peer = {.sin_family = AF_INET};
	socklen_t size = sizeof(peer);
	struct seen seen;

	while (recvfrom(s->datagrams, &seen, sizeof(seen), 0, (struct sockaddr *)&peer, &size) ==
	       sizeof(seen)) {
		remember_peer(s, &peer);
		size = sizeof(peer);
	}
}

/* A stream that is full is left out for good: a gap would be taken for a loss. */
static void tell(struct server *s)
{
	const struct told *now = &s->now;

	s->now.count++;
	s->now.made_ns = clock_ns(CLOCK_REALTIME);
	s->made_ns[s->now.count % MEMORY] = s->now.made_ns;
	for (size_t i = s->stream_count; i-- > 0;) {
		if (send(s->streams[i], now, sizeof(*now), MSG_NOSIGNAL) != sizeof(*now))
			drop_stream(s, i);
	}
	for (size_t i = 0; i < s->peer_count; i++)
		sendto(s->datagrams, now, sizeof(*now), 0, (struct sockaddr *)&s->peers[i],
		       sizeof(s->peers[i]));
}

static void hear(struct server *s, int timeout_ms)
{
	struct pollfd wait[CLIENTS + 2] = {{.fd = s->listener, .events = POLLIN},
					   {.fd = s->datagrams, .events = POLLIN}};

	for (size_t i = 0; i < s->stream_count; i++)
		wait[i + 2] = (struct pollfd){.fd = s->streams[i], .events = POLLIN};
	if (poll(wait, s->stream_count + 2, timeout_ms) <= 0)
		return;
	for (size_t i = s->stream_count; i-- > 0;) {
		if (wait[i + 2].revents)
			hear_stream(s, i);
	}
	if (wait[0].revents)
		take_stream(s);
	if (wait[1].revents)
		hear_datagrams(s);
}

int main(int argc, char *argv[])
{
	static struct server s;
	uint64_t tick_ns, due_ns, now_ns;

	if (argc != 3)
		errx(2, "usage: counter PORT TICK_MS");
	s.listener = open_socket(SOCK_STREAM, (uint16_t)atoi(argv[1]));
	s.datagrams = open_socket(SOCK_DGRAM, (uint16_t)atoi(argv[1]));
	tick_ns = (uint64_t)atoi(argv[2]) * 1000000U;
	due_ns = clock_ns(CLOCK_MONOTONIC) + tick_ns;
	for (;;) {
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (now_ns >= due_ns) {
			tell(&s);
			due_ns = now_ns + tick_ns;
			continue;
		}
		hear(&s, (int)((due_ns - now_ns) / 1000000U) + 1);
	}
}
