// SPDX-License-Identifier: GPL-2.0-or-later
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include <systemd/sd-daemon.h>

#include "manager.h"

int service_socket(void)
{
	int count = sd_listen_fds(1);

	if (count <= 0)
		return count ? count : -1;
	if (count > 1)
		return -E2BIG;
	if (sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_SEQPACKET, 1) <= 0)
		return -EPROTOTYPE;
	return SD_LISTEN_FDS_START;
}

static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
	sd_notify(0, "WATCHDOG=1");
}

void service_init(struct service *service, struct manager *mgr)
{
	uint64_t usec;

	service->mgr = mgr;
	ev_timer_init(&service->watchdog, on_watchdog, 0, 0);
	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	ev_timer_set(&service->watchdog, 0, (double)usec / 3e6);
	ev_timer_start(mgr->loop, &service->watchdog);
}

void service_fini(struct service *service)
{
	if (service->mgr)
		ev_timer_stop(service->mgr->loop, &service->watchdog);
	service->mgr = NULL;
}

void service_status(struct service *service)
{
	const struct registry *reg = &service->mgr->registry;

	sd_notifyf(0, "STATUS=%zu domains, %zu vifs, sch_plug: %s", reg->domain_count, reg->vif_count,
		   plug_kind_name(reg->plug.kind));
}

void service_ready(struct service *service)
{
	sd_notify(0, "READY=1");
	service_status(service);
}

void service_reloading(struct service *service)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, manager_now_ns() / 1000);
}

void service_stopping(struct service *service)
{
	sd_notify(0, "STOPPING=1\nSTATUS=Stopped; what is held stays held");
}
