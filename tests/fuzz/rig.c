// SPDX-License-Identifier: GPL-2.0-or-later
#include "rig.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "verbs.h"

#define TIMERS_MAX 64
#define TICKS_MAX 8192
#define STARTS_MAX 3

/* Time: timers fire when they are asked to, and nobody naps. */

static ev_timer *timers[TIMERS_MAX];

void __wrap_ev_timer_start(struct ev_loop *loop, ev_timer *timer);
void __wrap_ev_timer_stop(struct ev_loop *loop, ev_timer *timer);
int __wrap_nanosleep(const struct timespec *request, struct timespec *rest);

void __wrap_ev_timer_start(struct ev_loop *loop, ev_timer *timer)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i])
			continue;
		timers[i] = timer;
		return;
	}
	abort();
}

void __wrap_ev_timer_stop(struct ev_loop *loop, ev_timer *timer)
{
	for (size_t i = 0; i < TIMERS_MAX; i++)
		if (timers[i] == timer)
			timers[i] = NULL;
}

int __wrap_nanosleep(const struct timespec *request, struct timespec *rest)
{
	return 0;
}

static void tick(struct ev_loop *loop)
{
	for (size_t i = 0; i < TIMERS_MAX; i++)
		if (timers[i])
			timers[i]->cb(loop, timers[i], EV_TIMER);
}

/* Messages are formatted, and nobody reads them. */
void __wrap_log_write(const struct log *log, int priority, const struct log_about *about, const char *format, ...);

void __wrap_log_write(const struct log *log, int priority, const struct log_about *about, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
}

static void stop_registry(struct rig *rig)
{
	rig->mgr.registry.on_event = NULL;
	lease_end_all(&rig->mgr.registry);
	hold_fini(&rig->mgr.hold);
	watch_fini(&rig->mgr.watch);
	registry_fini(&rig->mgr.registry);
}

/* One that cannot read the kernel is started again, as a service is. */
static void start_registry(struct rig *rig)
{
	struct manager *mgr = &rig->mgr;

	for (int i = 0; i < STARTS_MAX; i++) {
		if (i)
			stop_registry(rig);
		if (registry_init(&mgr->registry, mgr->loop, &mgr->config, &mgr->log) ||
		    watch_init(&mgr->watch, &mgr->registry))
			abort();
		if (!registry_adopt(&mgr->registry))
			break;
	}
	manager_listen(mgr);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	/* replies are read at once: the socket is never full for long */
}

static void start_client(struct rig *rig)
{
	struct client *client = &rig->client;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds))
		abort();
	*client = (struct client){ .mgr = &rig->mgr, .fd = fds[0], .link = &rig->mgr.server.clients };
	client->driver.fd = fds[0];
	rig->peer = fds[1];
	rig->mgr.server.clients = client;
	rig->mgr.server.client_count = 1;
	ev_io_init(&client->io, on_client, client->fd, EV_READ);
}

bool rig_listens(int fd)
{
	uint32_t groups[8] = { 0 };
	socklen_t len = sizeof(groups);

	getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i])
			return true;
	return false;
}

void rig_start(struct rig *rig)
{
	static const struct config_overrides none;
	struct manager *mgr = &rig->mgr;
	struct config_error error;

	memset(rig, 0, sizeof(*rig));
	mgr->config_path = "/dev/null";
	if (config_load(&mgr->config, mgr->config_path, 1, &none, &error))
		abort();
	mgr->log.level = LOG_DEBUG;
	mgr->loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
	mgr->server.request = malloc(WIRE_REQUEST_MAX + 1);
	mgr->server.reply = malloc(WIRE_REPLY_MAX);
	if (!mgr->loop || !mgr->server.request || !mgr->server.reply)
		abort();
	mgr->service.mgr = mgr;
	start_registry(rig);
	start_client(rig);
}

void rig_stop(struct rig *rig)
{
	struct manager *mgr = &rig->mgr;

	mgr->server.clients = NULL;
	ev_io_stop(mgr->loop, &rig->client.io);
	stop_registry(rig);
	close(rig->client.fd);
	close(rig->peer);
	free(rig->client.unsent);
	free(mgr->server.request);
	free(mgr->server.reply);
	ev_loop_destroy(mgr->loop);
	memset(timers, 0, sizeof(timers));
}

void rig_hang_up(struct rig *rig)
{
	lease_driver_lost(&rig->client.driver);
}

void rig_pass_time(struct rig *rig)
{
	tick(rig->mgr.loop);
}

void rig_restart(struct rig *rig)
{
	stop_registry(rig);
	start_registry(rig);
}

/* Is it a whole message, and a reply rather than an event? */
static int is_reply(char *packet, size_t len)
{
	static struct wire_field fields[WIRE_REPLY_FIELDS];
	struct wire_msg msg = { .room = WIRE_REPLY_FIELDS, .fields = fields };
	const char *message;

	if (wire_parse(&msg, packet, len, WIRE_REPLY_MAX))
		abort();
	if (*msg.head >= 'a' && *msg.head <= 'z')
		return 0;
	if (strcmp(msg.head, "0") && (*msg.head != '-' || wire_get(&msg, "MESSAGE", &message)))
		abort();
	return 1;
}

static int take_replies(struct rig *rig)
{
	static char packet[WIRE_REPLY_MAX + 1];
	int replies = 0;
	ssize_t len;

	while ((len = recv(rig->peer, packet, WIRE_REPLY_MAX, 0)) > 0)
		replies += is_reply(packet, (size_t)len);
	return replies;
}

static int take_unsent(struct rig *rig)
{
	struct client *client = &rig->client;
	int replies;

	if (!client->unsent)
		return 0;
	replies = is_reply(client->unsent, client->unsent_bytes);
	free(client->unsent);
	client->unsent = NULL;
	return replies;
}

void rig_request(struct rig *rig, const void *data, size_t len)
{
	int replies;

	memcpy(rig->mgr.server.request, data, len < WIRE_REQUEST_MAX ? len : WIRE_REQUEST_MAX);
	verbs_handle(&rig->client, rig->mgr.server.request, len);
	for (int i = 0; rig->client.waiting && i < TICKS_MAX; i++)
		tick(rig->mgr.loop);
	replies = take_replies(rig) + take_unsent(rig);
	if (rig->client.monitoring && (rig->client.snapshot || rig->client.lagging))
		monitor_continue(&rig->client);
	if (replies != 1)
		abort();
	take_replies(rig);
}
