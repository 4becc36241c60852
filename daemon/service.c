// SPDX-License-Identifier: GPL-2.0-or-later
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "manager.h"

#define ASK_USEC 1000000

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

/* The type of the job that systemd carries out on this very service, "" if there is none. */
static int read_job(sd_bus *bus, char *type, size_t size)
{
	static const char manager[] = "org.freedesktop.systemd1", self[] = "/org/freedesktop/systemd1/unit/self";
	sd_bus_message *reply = NULL;
	const char *path;
	char *text = NULL;
	uint32_t id;
	int ret = sd_bus_get_property(bus, manager, self, "org.freedesktop.systemd1.Unit", "Job", NULL, &reply, "(uo)");

	if (ret >= 0)
		ret = sd_bus_message_read(reply, "(uo)", &id, &path);
	if (ret >= 0 && id)
		ret = sd_bus_get_property_string(bus, manager, path, "org.freedesktop.systemd1.Job", "JobType", NULL, &text);
	if (ret >= 0 && text)
		snprintf(type, size, "%s", text);
	free(text);
	sd_bus_message_unref(reply);
	return ret;
}

static bool is_systemds_child(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");

	return pid && strtol(pid, NULL, 10) == getpid();
}

bool service_is_for_good(const struct log *log)
{
	char type[32] = "";
	sd_bus *bus = NULL;
	int ret;

	if (!is_systemds_child())
		return true;
	ret = sd_bus_open_system(&bus);
	if (ret >= 0)
		ret = sd_bus_set_method_call_timeout(bus, ASK_USEC);
	if (ret >= 0)
		ret = read_job(bus, type, sizeof(type));
	sd_bus_flush_close_unref(bus);
	if (ret < 0)
		log_warning(log, NULL, "policy.on_stop: cannot ask systemd whether it is a stop: %s", strerror(-ret));
	return !strcmp(type, "stop");
}

void service_stopping(struct service *service)
{
	sd_notify(0, "STOPPING=1\nSTATUS=Stopped; what is held stays held");
}
