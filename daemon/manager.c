// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Start: configuration, then the watch (so that nothing is missed), then adoption, then the socket, so that the first
 * request finds everything there. Stop: the other way round, and nothing in the kernel is touched.
 */
#include "manager.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "monitor.h"
#include "policy.h"

#define ONE_DAEMON "\0outcommitd" /* an abstract address is the network namespace's own, and dies with its owner */
#define ONE_DAEMON_TRIES 50
#define ONE_DAEMON_NAP_NS 20000000

uint64_t manager_now_ns(void)
{
	return clock_now_ns();
}

int manager_reload(struct manager *mgr, struct config_error *error)
{
	struct config fresh;
	const char *kept;
	int ret;

	service_reloading(&mgr->service);
	ret = config_load(&fresh, mgr->config_path, mgr->config_must_exist, &mgr->overrides, error);
	if (ret) {
		log_error(&mgr->log, NULL, "the configuration stays as it was: %s", error->text);
	} else {
		kept = config_apply(&mgr->config, &fresh);
		mgr->log.level = (int)mgr->config.log_level;
		log_notice(&mgr->log, NULL, "the configuration was read anew");
		if (kept)
			log_warning(&mgr->log, NULL, "%s takes effect at the next start only", kept);
		hold_look(&mgr->hold);
	}
	service_ready(&mgr->service);
	return ret;
}

static void on_hangup(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct config_error error;

	manager_reload(signal->data, &error);
}

/* The word of whoever stops the service for good, where that is configured to be one. */
static void release_all(struct manager *mgr)
{
	struct registry *reg = &mgr->registry;

	log_notice(&mgr->log, NULL, "stopping: policy.on_stop releases what is held");
	for (size_t i = 0; i < reg->domain_count; i++) {
		if (reg->domains[i]->state == DOMAIN_PASSING)
			continue;
		policy_carry_out(reg, reg->domains[i], CONFIG_POLICY_RELEASE, "on_stop");
		registry_notify(reg, REGISTRY_CHANGE, reg->domains[i], NULL, "stop");
	}
}

static void on_stop(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct manager *mgr = signal->data;

	service_stopping(&mgr->service);
	if (mgr->config.on_stop == CONFIG_POLICY_RELEASE && service_is_for_good(&mgr->log))
		release_all(mgr);
	else
		log_notice(&mgr->log, NULL, "stopping: what is held stays held");
	ev_break(loop, EVBREAK_ALL);
}

void manager_expect_more(struct manager *mgr)
{
	if (!mgr->config.busy_poll_us)
		return;
	mgr->spin_until_ns = manager_now_ns() + mgr->config.busy_poll_us * 1000;
	ev_idle_start(mgr->loop, &mgr->spin);
}

static void on_spin(struct ev_loop *loop, ev_idle *idle, int events)
{
	struct manager *mgr = idle->data;

	if (manager_now_ns() >= mgr->spin_until_ns)
		ev_idle_stop(loop, idle);
}

static void lock_memory(struct manager *mgr)
{
	if (mgr->config.lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE))
		log_warning(&mgr->log, NULL, "realtime.lock_memory: %s: is LimitMEMLOCK= set?", strerror(errno));
}

static void start_signal(struct manager *mgr, ev_signal *watcher, int number,
			 void (*handler)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(watcher, handler, number);
	watcher->data = mgr;
	ev_signal_start(mgr->loop, watcher);
}

/* Two daemons on the same interfaces would undo each other's work. A killed one's address may live a moment longer. */
static int be_the_only_one(struct manager *mgr)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof(ONE_DAEMON) - 1;

	memcpy(addr.sun_path, ONE_DAEMON, sizeof(ONE_DAEMON) - 1);
	mgr->lock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (mgr->lock < 0)
		return -errno;
	for (int i = 0; i < ONE_DAEMON_TRIES; i++) {
		if (!bind(mgr->lock, (struct sockaddr *)&addr, len))
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
		nanosleep(&(struct timespec){ .tv_nsec = ONE_DAEMON_NAP_NS }, NULL);
	}
	log_error(&mgr->log, NULL, "another outcommitd runs in this network namespace");
	return -EADDRINUSE;
}

/* Whoever must hear of a change of a domain or vif. */
static void on_event(void *manager, enum registry_event event, const struct domain *domain, const struct vif *vif,
		     const char *cause)
{
	struct manager *mgr = manager;

	if (event == REGISTRY_DESTROY && !vif)
		lease_end(domain);
	else if (!vif)
		hold_expect(&mgr->hold, domain);
	monitor_event(mgr, event, domain, vif, cause);
}

void manager_listen(struct manager *mgr)
{
	hold_init(&mgr->hold, &mgr->registry);
	mgr->registry.on_event = on_event;
	mgr->registry.on_event_ctx = mgr;
	hold_look(&mgr->hold);
}

static int start_registry(struct manager *mgr)
{
	int ret = registry_init(&mgr->registry, mgr->loop, &mgr->config, &mgr->log);

	if (!ret)
		ret = watch_init(&mgr->watch, &mgr->registry);
	if (!ret)
		ret = registry_adopt(&mgr->registry);
	if (ret) {
		log_error(&mgr->log, NULL, "the kernel's interfaces cannot be read: %s", strerror(-ret));
		return ret;
	}
	manager_listen(mgr);
	watch_start(&mgr->watch);
	return 0;
}

int manager_init(struct manager *mgr)
{
	int fd = service_socket();
	int ret;

	mgr->started_ns = manager_now_ns();
	mgr->server.fd = -1;
	mgr->lock = -1;
	mgr->log.level = (int)mgr->config.log_level;
	if (fd < -1) {
		log_error(&mgr->log, NULL, "the socket handed over is not one SOCK_SEQPACKET listener");
		return fd;
	}
	mgr->loop = ev_default_loop(0);
	if (!mgr->loop)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN);
	start_signal(mgr, &mgr->term, SIGTERM, on_stop);
	start_signal(mgr, &mgr->interrupt, SIGINT, on_stop);
	start_signal(mgr, &mgr->hangup, SIGHUP, on_hangup);
	ev_idle_init(&mgr->spin, on_spin);
	mgr->spin.data = mgr;
	lock_memory(mgr);
	service_init(&mgr->service, mgr);
	ret = be_the_only_one(mgr);
	if (!ret)
		ret = start_registry(mgr);
	if (!ret)
		ret = server_init(&mgr->server, mgr, fd);
	return ret;
}

void manager_run(struct manager *mgr)
{
	log_info(&mgr->log, NULL, "version %s, %zu domains with %zu vifs adopted", OUTCOMMIT_VERSION,
		 mgr->registry.domain_count, mgr->registry.vif_count);
	service_ready(&mgr->service);
	ev_run(mgr->loop, 0);
}

void manager_fini(struct manager *mgr)
{
	if (!mgr->loop)
		return;
	mgr->registry.on_event = NULL;
	lease_end_all(&mgr->registry);
	server_fini(&mgr->server);
	hold_fini(&mgr->hold);
	watch_fini(&mgr->watch);
	registry_fini(&mgr->registry);
	service_fini(&mgr->service);
	ev_idle_stop(mgr->loop, &mgr->spin);
	ev_signal_stop(mgr->loop, &mgr->term);
	ev_signal_stop(mgr->loop, &mgr->interrupt);
	ev_signal_stop(mgr->loop, &mgr->hangup);
	if (mgr->lock >= 0)
		close(mgr->lock);
	ev_loop_destroy(mgr->loop);
}
