// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "manager.h"
#include "monitor.h"
#include "verbs.h"

#define BACKLOG 128
#define PAUSE_SECONDS 0.2
#define SNDBUF_BYTES (1 << 20)

static void on_client(struct ev_loop *loop, ev_io *io, int events);

static void client_events(struct client *client)
{
	bool write = client->unsent || (client->monitoring && (client->lagging || client->snapshot));
	bool read = !client->unsent && !client->waiting;
	int events = (write ? EV_WRITE : 0) | (read ? EV_READ : 0);

	if (events == (client->io.events & (EV_READ | EV_WRITE)) && ev_is_active(&client->io))
		return;
	ev_io_stop(client->mgr->loop, &client->io);
	ev_io_set(&client->io, client->fd, events);
	if (events)
		ev_io_start(client->mgr->loop, &client->io);
}

static void client_free(struct client *client)
{
	if (client->job)
		detach_forget(client->job);
	lease_driver_lost(&client->driver);
	turns_leave(&client->mgr->server.turns, &client->turn);
	ev_io_stop(client->mgr->loop, &client->io);
	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	client->mgr->server.client_count--;
	close(client->fd);
	free(client->unsent);
	free(client);
}

bool client_try_send(struct client *client, const struct wire_buf *packet)
{
	ssize_t sent;

	do {
		sent = send(client->fd, packet->data, packet->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	/* any other error is the end of the connection, which the next read finds */
	return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

void client_want_write(struct client *client)
{
	client_events(client);
}

void client_reply(struct client *client, const struct wire_buf *reply)
{
	client->waiting = false;
	client->job = NULL;
	if (!client_try_send(client, reply)) {
		client->unsent = malloc(reply->len);
		if (client->unsent) {
			memcpy(client->unsent, reply->data, reply->len);
			client->unsent_bytes = reply->len;
		} else {
			shutdown(client->fd, SHUT_RDWR);
		}
	}
	client_events(client);
}

static void on_writable(struct client *client)
{
	struct wire_buf packet = { .data = client->unsent, .len = client->unsent_bytes };

	if (client->unsent && client_try_send(client, &packet)) {
		free(client->unsent);
		client->unsent = NULL;
	}
	if (!client->unsent && client->monitoring)
		monitor_continue(client);
	client_events(client);
}

/* False at the end of the connection. */
static bool on_readable(struct client *client)
{
	struct server *server = &client->mgr->server;
	ssize_t got = recv(client->fd, server->request, WIRE_REQUEST_MAX, MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!got)
		return false;
	if (turns_wait(&server->turns, &client->turn, server->request, (size_t)got))
		return true;
	verbs_handle(client, server->request, (size_t)got);
	client_events(client);
	return true;
}

static void on_turn(struct turn *turn, char *request, size_t bytes)
{
	struct client *client = (struct client *)((char *)turn - offsetof(struct client, turn));

	verbs_handle(client, request, bytes);
	client_events(client);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct client *client = io->data;

	if (events & EV_WRITE)
		on_writable(client);
	if (events & EV_READ && !client->unsent && !client->waiting && !client->turn.request && !on_readable(client))
		client_free(client);
}

static void refuse(struct server *server, int fd, int error, const char *message)
{
	struct wire_buf reply = { .data = server->reply, .size = WIRE_REPLY_MAX };

	wire_begin_reply(&reply, error);
	wire_add(&reply, "MESSAGE", message);
	send(fd, reply.data, reply.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	metrics_count(&server->mgr->registry.metrics, METRIC_CONNECTIONS_REFUSED);
}

/* So that one user cannot take all the connections there may be. */
static bool has_too_many(const struct server *server, const struct peer *peer)
{
	const struct config *config = &server->mgr->config;
	size_t count = 0;

	if (peer_is_admin(peer, config))
		return false;
	for (const struct client *client = server->clients; client; client = client->next)
		count += client->peer.uid == peer->uid;
	return count >= config->clients_per_user;
}

static void client_new(struct server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int size = SNDBUF_BYTES;

	if (!client || peer_read(&client->peer, fd)) {
		free(client);
		refuse(server, fd, -ENOMEM, "no memory for another client");
		return;
	}
	if (has_too_many(server, &client->peer)) {
		free(client);
		refuse(server, fd, -ENOSPC, "as many clients of one user as limits.clients_per_user allows");
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	client->mgr = server->mgr;
	client->fd = fd;
	client->driver = (struct driver){ .fd = fd, .pid = client->peer.pid, .uid = client->peer.uid };
	client->next = server->clients;
	client->link = &server->clients;
	if (client->next)
		client->next->link = &client->next;
	server->clients = client;
	server->client_count++;
	metrics_count(&server->mgr->registry.metrics, METRIC_CONNECTIONS);
	ev_io_init(&client->io, on_client, fd, EV_READ);
	client->io.data = client;
	ev_io_start(server->mgr->loop, &client->io);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *server = io->data;
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
			return;
		/* they stay in the backlog until somebody leaves */
		log_warning(&server->mgr->log, NULL, "accept: %s", strerror(errno));
		ev_io_stop(loop, &server->io);
		ev_timer_set(&server->pause, PAUSE_SECONDS, 0);
		ev_timer_start(loop, &server->pause);
		return;
	}
	if (server->client_count >= server->mgr->config.clients)
		refuse(server, fd, -ENOSPC, "as many clients as limits.clients allows");
	else
		client_new(server, fd);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *server = timer->data;

	ev_io_start(loop, &server->io);
}

/* A socket that nobody answers on is a dead daemon's. */
static int clear_path(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno == ECONNREFUSED && unlink(addr->sun_path) && errno != ENOENT)
		ret = -errno;
	close(fd);
	return ret;
}

/* /run is empty after a boot, and systemd makes the directory only for its own. What fails here, bind() says better. */
static void make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return;
	*slash = '\0';
	mkdir(directory, 0755);
}

static int listen_on(const char *path, mode_t mode)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, ret;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	make_directory(path);
	ret = clear_path(&addr);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0777 & ~mode);
	ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG) ? -errno : 0;
	umask(mask);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

int server_init(struct server *server, struct manager *mgr, int fd)
{
	*server = (struct server){ .mgr = mgr, .fd = fd };
	if (fd < 0) {
		server->fd = listen_on(mgr->config.socket, (mode_t)mgr->config.socket_mode);
		server->own_path = server->fd >= 0;
	}
	if (server->fd < 0) {
		log_error(&mgr->log, NULL, "%s: %s", mgr->config.socket, strerror(-server->fd));
		return server->fd;
	}
	server->request = malloc(WIRE_REQUEST_MAX + 1);
	server->reply = malloc(WIRE_REPLY_MAX);
	if (!server->request || !server->reply)
		return -ENOMEM;
	ev_io_init(&server->io, on_accept, server->fd, EV_READ);
	server->io.data = server;
	ev_timer_init(&server->pause, on_pause_over, PAUSE_SECONDS, 0);
	server->pause.data = server;
	turns_init(&server->turns, mgr->loop, on_turn);
	ev_io_start(mgr->loop, &server->io);
	return 0;
}

void server_fini(struct server *server)
{
	while (server->clients)
		client_free(server->clients);
	turns_fini(&server->turns);
	if (server->io.data) {
		ev_io_stop(server->mgr->loop, &server->io);
		ev_timer_stop(server->mgr->loop, &server->pause);
	}
	if (server->own_path)
		unlink(server->mgr->config.socket);
	if (server->fd >= 0 && server->mgr)
		close(server->fd);
	free(server->request);
	free(server->reply);
	*server = (struct server){ .fd = -1 };
}
