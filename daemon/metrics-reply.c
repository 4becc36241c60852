// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics-reply.h"

#include <inttypes.h>
#include <stdio.h>

#include "manager.h"
#include "status.h"

#define PAGE_VIFS 64 /* each is a question to the kernel, and meanwhile drivers wait */
#define MORE_BYTES 16 /* room for what says that there are more */

static const char *const count_keys[METRIC_COUNT] = {
	[METRIC_EPOCHS_CLOSED] = "EPOCHS_CLOSED",
	[METRIC_EPOCHS_COMMITTED] = "EPOCHS_COMMITTED",
	[METRIC_COMMITS] = "COMMITS",
	[METRIC_ABORTS] = "ABORTS",
	[METRIC_DISCARDS] = "DISCARDS",
	[METRIC_RELEASES] = "RELEASES",
	[METRIC_VIFS_BROKEN] = "VIFS_BROKEN",
	[METRIC_VIFS_GONE] = "VIFS_GONE",
	[METRIC_DRIVERS_LOST] = "DRIVERS_LOST",
	[METRIC_HOLD_WARNINGS] = "HOLD_WARNINGS",
	[METRIC_HOLD_LIMITS] = "HOLD_LIMITS",
	[METRIC_REQUESTS] = "REQUESTS",
	[METRIC_CONNECTIONS] = "CONNECTIONS",
	[METRIC_CONNECTIONS_REFUSED] = "CONNECTIONS_REFUSED",
	[METRIC_MONITOR_LAGS] = "MONITOR_LAGS",
	[METRIC_WATCH_OVERFLOWS] = "WATCH_OVERFLOWS",
};

static const char *const time_keys[METRIC_TIMES] = {
	[METRIC_TIME_BARRIER] = "BARRIER",
	[METRIC_TIME_PRERESUME] = "PRERESUME",
	[METRIC_TIME_COMMIT] = "COMMIT",
	[METRIC_TIME_HOLD] = "HOLD",
};

/* Numbers with a blank between them: a value has room for as many as there are buckets, whatever they are. */
static void add_numbers(struct wire_buf *reply, const char *key, const uint64_t *numbers, size_t count)
{
	char text[WIRE_VALUE_MAX];
	size_t len = 0;

	_Static_assert((METRICS_BOUNDS + 1) * 21 < sizeof(text), "20 digits each, and what separates them");
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%" PRIu64, i ? " " : "", numbers[i]);
	wire_add(reply, key, text);
}

static void add_time(struct wire_buf *reply, const char *name, const struct histogram *time)
{
	char key[WIRE_KEY_MAX + 1];

	snprintf(key, sizeof(key), "%s_SUM_NS", name);
	wire_add_u64(reply, key, time->sum_ns);
	snprintf(key, sizeof(key), "%s_BUCKETS", name);
	add_numbers(reply, key, time->buckets, METRICS_BOUNDS + 1);
}

static void add_metrics(struct wire_buf *reply, const struct metrics *metrics)
{
	int counts = metrics->whole ? METRIC_REQUESTS : METRIC_COUNT;
	char key[WIRE_KEY_MAX + 1];

	for (int i = 0; i < counts; i++)
		wire_add_u64(reply, count_keys[i], metrics->counts[i]);
	for (size_t i = 0; i < METRICS_ERRNOS; i++) {
		snprintf(key, sizeof(key), "REFUSED_%s", metrics_errno_name(i));
		wire_add_u64(reply, key, metrics->refused[i]);
	}
	for (size_t i = 0; i < METRIC_TIMES; i++)
		add_time(reply, time_keys[i], &metrics->times[i]);
}

static void add_netlink(struct wire_buf *reply, const struct registry *reg)
{
	const struct nltx_counts *route = &reg->tx.counts, *group = &reg->group.tx.counts;

	wire_add_u64(reply, "NETLINK_MESSAGES", route->messages + group->messages);
	wire_add_u64(reply, "NETLINK_ERRORS", route->errors + group->errors);
	wire_add_u64(reply, "NETLINK_LOST", route->lost + group->lost);
	wire_add_u64(reply, "NETLINK_RETRIES", route->retries + group->retries);
}

static void add_daemon(struct wire_buf *reply, const struct manager *mgr)
{
	wire_add(reply, "VERSION", OUTCOMMIT_VERSION);
	wire_add(reply, "MODULE", plug_kind_name(mgr->registry.plug.kind));
	wire_add_u64(reply, "UPTIME_NS", manager_now_ns() - mgr->started_ns);
	wire_add_u64(reply, "DOMAINS", mgr->registry.domain_count);
	wire_add_u64(reply, "VIFS", mgr->registry.vif_count);
	wire_add_u64(reply, "CLIENTS", mgr->server.client_count);
	add_numbers(reply, "BOUNDS_NS", metrics_bounds_ns, METRICS_BOUNDS);
	add_metrics(reply, &mgr->registry.metrics);
	add_netlink(reply, &mgr->registry);
}

void metrics_add_domain(struct wire_buf *reply, struct manager *mgr, const struct domain *domain)
{
	struct plug_status vifs[DOMAIN_VIFS_MAX];
	uint64_t oldest_ns = status_read_vifs(mgr, domain, vifs);

	status_add_domain_brief(reply, &mgr->config, domain);
	wire_add_u64(reply, "OLDEST_HOLD_NS", oldest_ns);
	add_metrics(reply, &domain->metrics);
	for (size_t i = 0; i < domain->count; i++)
		status_add_vif_counts(reply, domain->vifs[i], &vifs[i]);
}

/* False if there was no room for it: the reply is then what it was. */
static bool add_if_room(struct wire_buf *reply, struct manager *mgr, const struct domain *domain)
{
	size_t before = reply->len;

	metrics_add_domain(reply, mgr, domain);
	if (!reply->full && reply->size - reply->len >= MORE_BYTES)
		return true;
	reply->len = before;
	reply->full = false;
	return false;
}

void metrics_add_page(struct wire_buf *reply, struct manager *mgr, const char *after)
{
	const struct registry *reg = &mgr->registry;
	size_t at = after ? registry_first_after(reg, after) : 0, vifs = 0;

	if (!after)
		add_daemon(reply, mgr);
	for (; at < reg->domain_count && vifs < PAGE_VIFS; at++) {
		if (!add_if_room(reply, mgr, reg->domains[at]))
			break;
		vifs += reg->domains[at]->count;
	}
	if (at < reg->domain_count)
		wire_add_u64(reply, "MORE", 1);
}
