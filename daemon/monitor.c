// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor.h"

#include <stdio.h>
#include <string.h>

#include "manager.h"
#include "status.h"

#define EVENT_BYTES 1024

/* When it happened; of what a request did, also how long that took. */
static void add_times(struct wire_buf *packet, const struct manager *mgr, const char *cause)
{
	uint64_t now_ns = manager_now_ns();

	wire_add_u64(packet, "TIME_NS", now_ns);
	if (cause && mgr->request_ns && strcmp(cause, "watch"))
		wire_add_u64(packet, "TOOK_NS", now_ns - mgr->request_ns);
}

static void format(struct wire_buf *packet, const struct manager *mgr, const char *event, const struct domain *domain,
		   const struct vif *vif, const char *cause)
{
	wire_begin(packet, event);
	wire_add(packet, "OBJECT", vif ? "vif" : "domain");
	if (vif)
		status_add_vif_brief(packet, domain, vif);
	else
		status_add_domain_brief(packet, &mgr->config, domain);
	if (cause)
		wire_add(packet, "CAUSE", cause);
	add_times(packet, mgr, cause);
}

static bool send_bare(struct client *client, const char *event)
{
	char data[EVENT_BYTES];
	struct wire_buf packet = { .data = data, .size = sizeof(data) };

	wire_begin(&packet, event);
	add_times(&packet, client->mgr, NULL);
	return client_try_send(client, &packet);
}

static bool send_exists(struct client *client, const struct domain *domain, const struct vif *vif)
{
	char data[EVENT_BYTES];
	struct wire_buf packet = { .data = data, .size = sizeof(data) };

	format(&packet, client->mgr, "exists", domain, vif, NULL);
	return client_try_send(client, &packet);
}

/* A domain that did not fit as a whole is sent again as a whole: a reader takes the last word. */
static bool send_domain(struct client *client, const struct domain *domain)
{
	if (!send_exists(client, domain, NULL))
		return false;
	for (size_t i = 0; i < domain->count; i++)
		if (!send_exists(client, domain, domain->vifs[i]))
			return false;
	return true;
}

void monitor_continue(struct client *client)
{
	const struct registry *reg = &client->mgr->registry;

	if (client->lagging) {
		if (!send_bare(client, "resync"))
			return;
		client->lagging = false;
		client->snapshot = true;
		client->snapshot_after[0] = '\0';
	}
	while (client->snapshot) {
		size_t at = registry_first_after(reg, client->snapshot_after);

		if (at == reg->domain_count) {
			if (!send_bare(client, "end"))
				return;
			client->snapshot = false;
		} else if (send_domain(client, reg->domains[at])) {
			snprintf(client->snapshot_after, sizeof(client->snapshot_after), "%s",
				 reg->domains[at]->name);
		} else {
			return;
		}
	}
}

void monitor_start(struct client *client)
{
	client->monitoring = true;
	client->lagging = false;
	client->snapshot = true;
	client->snapshot_after[0] = '\0';
	monitor_continue(client);
	client_want_write(client);
}

/* What the snapshot has not reached yet, it will show as it is then. */
static bool is_due(const struct client *client, const struct domain *domain)
{
	if (!client->monitoring || client->lagging)
		return false;
	return !client->snapshot || strcmp(domain->name, client->snapshot_after) <= 0;
}

void monitor_event(void *manager, enum registry_event event, const struct domain *domain, const struct vif *vif,
		   const char *cause)
{
	static const char *const names[] = {
		[REGISTRY_CREATE] = "create", [REGISTRY_CHANGE] = "change", [REGISTRY_DESTROY] = "destroy"
	};
	struct manager *mgr = manager;
	char data[EVENT_BYTES];
	struct wire_buf packet = { .data = data, .size = sizeof(data) };

	if (event != REGISTRY_CHANGE)
		service_status(&mgr->service);
	for (struct client *client = mgr->server.clients; client; client = client->next) {
		if (!is_due(client, domain))
			continue;
		if (!packet.len)
			format(&packet, mgr, names[event], domain, vif, cause);
		if (!client->unsent && client_try_send(client, &packet))
			continue;
		client->lagging = true;
		metrics_count(&mgr->registry.metrics, METRIC_MONITOR_LAGS);
		client_want_write(client);
	}
}
