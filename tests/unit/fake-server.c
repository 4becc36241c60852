// SPDX-License-Identifier: GPL-2.0-or-later
/* See fake-server.h. */
#include "fake-server.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch.h"

#define PATIENCE_MS 20000 /* beyond any client's timeout: only a failing test waits so long */

struct fake_server {
	pthread_t thread;
	struct sockaddr_un address;
	char dir[SCRATCH_BYTES];
	int listener;
	int peer;
	const struct fake_step *steps;
	char packet[4097];
	char problem[8192];
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static void note_problem(struct fake_server *s, const char *expected, const char *got)
{
	if (!*s->problem)
		snprintf(s->problem, sizeof(s->problem), "expected \"%s\", got \"%s\"",
			 expected ? expected : "(anything)", got);
}

static void listen_on(struct fake_server *s)
{
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(s->listener >= 0, "socket");
	must(!bind(s->listener, (struct sockaddr *)&s->address, sizeof(s->address)), "bind");
	must(!listen(s->listener, 8), "listen");
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool is_ready(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, PATIENCE_MS) > 0;
}

static bool have_peer(struct fake_server *s)
{
	if (s->peer < 0 && is_ready(s->listener))
		s->peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	return s->peer >= 0;
}

/* The next packet's length; 0: the client went away, or there was none. */
static size_t take(struct fake_server *s)
{
	ssize_t len = 0;

	if (have_peer(s) && is_ready(s->peer))
		len = recv(s->peer, s->packet, sizeof(s->packet) - 1, 0);
	if (len < 0)
		len = 0;
	s->packet[len] = '\0';
	return (size_t)len;
}

static void expect(struct fake_server *s, const char *request)
{
	if (!take(s))
		note_problem(s, request, "nothing");
	else if (request && strcmp(request, s->packet))
		note_problem(s, request, s->packet);
}

static void expect_nothing(struct fake_server *s)
{
	if (take(s))
		note_problem(s, "nothing more", s->packet);
}

/* An empty packet would be an end of file to the client. */
static void say(struct fake_server *s, const char *text)
{
	if (!have_peer(s) || send(s->peer, text, strlen(text), MSG_NOSIGNAL) < 0)
		note_problem(s, "a client to talk to", "none");
}

static void leave(struct fake_server *s)
{
	close_fd(&s->listener);
	close_fd(&s->peer);
	unlink(s->address.sun_path);
}

static void play(struct fake_server *s, const struct fake_step *step)
{
	switch (step->act) {
	case FAKE_REPLY:
		expect(s, step->request);
		say(s, step->reply);
		return;
	case FAKE_SAY:
		say(s, step->reply);
		return;
	case FAKE_IGNORE:
		expect(s, step->request);
		expect_nothing(s);
		close_fd(&s->peer);
		return;
	case FAKE_HANG_UP:
		expect(s, step->request);
		close_fd(&s->peer);
		return;
	case FAKE_CLOSE:
		have_peer(s);
		close_fd(&s->peer);
		return;
	case FAKE_RESTART:
		have_peer(s);
		leave(s);
		/* the client is to find nobody for a while: an absence has no event to wait for */
		poll(NULL, 0, 30);
		listen_on(s);
		return;
	case FAKE_LEAVE:
		leave(s);
		return;
	case FAKE_END:
		expect_nothing(s);
		return;
	}
}

static void *play_all(void *arg)
{
	struct fake_server *s = arg;
	const struct fake_step *step = s->steps;

	for (;; step++) {
		play(s, step);
		if (step->act == FAKE_END || step->act == FAKE_LEAVE)
			return NULL;
	}
}

static void *echo_all(void *arg)
{
	struct fake_server *s = arg;
	char reply[4100];

	while (take(s)) {
		const char *fields = strchr(s->packet, '\n');

		snprintf(reply, sizeof(reply), "0%s", fields ? fields : "");
		say(s, reply);
	}
	return NULL;
}

struct fake_server *fake_start(const struct fake_step *steps)
{
	struct fake_server *s = calloc(1, sizeof(*s));

	must(s, "calloc");
	s->steps = steps;
	s->peer = -1;
	scratch_dir(s->dir, "fake-outcommitd");
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s/socket", s->dir);
	listen_on(s);
	must(!pthread_create(&s->thread, NULL, steps ? play_all : echo_all, s), "pthread_create");
	return s;
}

const char *fake_path(const struct fake_server *server)
{
	return server->address.sun_path;
}

const char *fake_stop(struct fake_server *server)
{
	static char problem[sizeof(server->problem)];

	pthread_join(server->thread, NULL);
	leave(server);
	rmdir(server->dir);
	strcpy(problem, server->problem);
	free(server);
	return *problem ? problem : NULL;
}
