// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-memory.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DAEMON (1U << SCOPE_DAEMON)
#define DOMAIN (1U << SCOPE_DOMAIN)
#define VIF (1U << SCOPE_VIF)

#define COUNTER(k, l, n, h) { .key = k, .levels = l, .type = METRIC_COUNTER, .name = n, .help = h }
#define GAUGE(k, l, n, h) { .key = k, .levels = l, .type = METRIC_GAUGE, .name = n, .help = h }
#define FLAG(k, l, n, y, h) \
	{ .key = k, .levels = l, .type = METRIC_GAUGE, .name = n, .yes = y, .help = h }
#define BYTES(k, t, n, h) \
	{ .key = k, .levels = VIF, .type = t, .name = n "_bytes", .unit = "bytes", .help = h }
#define AGE(k, l, n, h) \
	{ .key = k "_NS", .levels = l, .type = METRIC_GAUGE, .name = n "_seconds", \
	  .unit = "seconds", .help = h }
#define TIME(k, t, n, h) \
	{ .key = k, .levels = DAEMON | DOMAIN, .type = METRIC_HISTOGRAM, .name = n "_seconds", \
	  .unit = "seconds", .time = t, .help = h }
#define REFUSED(e) \
	{ .key = "REFUSED_" e, .levels = DAEMON | DOMAIN, .type = METRIC_COUNTER, \
	  .name = "requests_refused", .error = e, .help = "Requests refused, by error" }

const struct metric sample_metrics[SAMPLE_METRICS] = {
	AGE("UPTIME", DAEMON, "uptime",
		"Since the daemon started: every counter of its own began at 0"),
	GAUGE("DOMAINS", DAEMON, "domains", "Domains that exist"),
	GAUGE("VIFS", DAEMON, "vifs", "Vifs that are attached"),
	GAUGE("CLIENTS", DAEMON, "clients", "Connections to the control socket"),
	FLAG("STATE", DOMAIN, "holding", "holding", "1 if the domain holds, 0 if it passes"),
	FLAG("WHOLE", DOMAIN, "whole", "1", "1 if the barrier is whole: every vif is ok"),
	FLAG("LEASE", DOMAIN, "driven", "held", "1 if a connection holds the domain's lease"),
	GAUGE("OPEN", DOMAIN, "open_epoch", "Number of the open epoch"),
	GAUGE("COMMITTED", DOMAIN, "committed_epoch", "Number of the newest committed epoch"),
	GAUGE("OUTSTANDING", DOMAIN, "outstanding_epochs", "Closed epochs that wait for a commit"),
	AGE("OLDEST_HOLD", DOMAIN, "oldest_hold", "Age of the oldest frame or epoch that is held"),
	COUNTER("EPOCHS_CLOSED", DAEMON | DOMAIN, "epochs_closed",
		"Epochs closed by a postsuspend"),
	COUNTER("EPOCHS_COMMITTED", DAEMON | DOMAIN, "epochs_committed",
		"Epochs released by a commit"),
	COUNTER("COMMITS", DAEMON | DOMAIN, "commits", "Commits that released something"),
	COUNTER("ABORTS", DAEMON | DOMAIN, "aborts", "Epochs aborted"),
	COUNTER("DISCARDS", DAEMON | DOMAIN, "discards",
		"Discards: what was not committed was dropped"),
	COUNTER("RELEASES", DAEMON | DOMAIN, "releases", "Ends of protection by a release"),
	COUNTER("VIFS_BROKEN", DAEMON | DOMAIN, "vifs_broken",
		"Vifs whose barrier somebody else broke"),
	COUNTER("VIFS_GONE", DAEMON | DOMAIN, "vifs_gone", "Vifs whose interface disappeared"),
	COUNTER("DRIVERS_LOST", DAEMON | DOMAIN, "drivers_lost",
		"Times that the connection with the lease was lost"),
	COUNTER("HOLD_WARNINGS", DAEMON | DOMAIN, "hold_warnings",
		"Times that nothing was committed for policy.hold_warning"),
	COUNTER("HOLD_LIMITS", DAEMON | DOMAIN, "hold_limits",
		"Times that nothing was committed for policy.hold_limit"),
	REFUSED("EINVAL"), REFUSED("EMSGSIZE"), REFUSED("E2BIG"), REFUSED("EBADMSG"),
	REFUSED("EACCES"), REFUSED("ENOENT"), REFUSED("ENODEV"), REFUSED("EEXIST"),
	REFUSED("EBUSY"), REFUSED("EPROTO"), REFUSED("ECANCELED"), REFUSED("ENOSPC"),
	REFUSED("EIO"), REFUSED("EOPNOTSUPP"), REFUSED("OTHER"),
	TIME("BARRIER", TIME_BARRIER, "barrier",
	     "A postsuspend that closed an epoch, from request to reply: part of the guest's pause"),
	TIME("PRERESUME", TIME_PRERESUME, "preresume",
	     "A preresume that was granted, from request to reply: part of the guest's pause"),
	TIME("COMMIT", TIME_COMMIT, "commit",
		"A commit that released something, from request to reply"),
	TIME("HOLD", TIME_HOLD, "hold", "How long an epoch waited, from its close to its commit"),
	COUNTER("REQUESTS", DAEMON, "requests", "Requests of any kind"),
	COUNTER("CONNECTIONS", DAEMON, "connections", "Connections accepted"),
	COUNTER("CONNECTIONS_REFUSED", DAEMON, "connections_refused", "Connections over the limit"),
	COUNTER("MONITOR_LAGS", DAEMON, "monitor_lags",
		"Times that a monitor was too slow for its events"),
	COUNTER("WATCH_OVERFLOWS", DAEMON, "watch_overflows",
		"Times that the kernel's notifications came too fast, and every buffer was looked at"),
	COUNTER("NETLINK_MESSAGES", DAEMON, "netlink_messages", "Messages to the kernel"),
	COUNTER("NETLINK_ERRORS", DAEMON, "netlink_errors", "Messages that the kernel refused"),
	COUNTER("NETLINK_LOST", DAEMON, "netlink_answers_lost",
		"Messages whose outcome is not known"),
	COUNTER("NETLINK_RETRIES", DAEMON, "netlink_retries",
		"Operations on plugs that were tried again"),
	FLAG("VIF_STATE", VIF, "ok", "ok", "1 if redirect, IFB and plug are as they should be"),
	BYTES("LIMIT", METRIC_GAUGE, "limit", "How much the vif may hold"),
	GAUGE("VIF_HELD_FRAMES", VIF, "held_frames", "Frames held now"),
	BYTES("VIF_HELD_BYTES", METRIC_GAUGE, "held", "Bytes held now"),
	COUNTER("VIF_DROPS", VIF, "dropped_frames", "Frames dropped: over the limit, or discarded"),
	COUNTER("SENT_FRAMES", VIF, "sent_frames", "Frames that left the buffer"),
	BYTES("SENT_BYTES", METRIC_COUNTER, "sent", "Bytes that left the buffer"),
};

static struct scope *new_scope(struct sample *sample, enum scope_level level)
{
	struct scope *scopes = not_null(reallocarray(sample->scopes, sample->count + 1,
						     sizeof(*scopes)));

	sample->scopes = scopes;
	scopes[sample->count] = (struct scope){ .level = level };
	return &scopes[sample->count++];
}

static const struct metric *find_metric(const char *key, enum scope_level level)
{
	for (size_t i = 0; i < SAMPLE_METRICS; i++)
		if (sample_metrics[i].levels & 1U << level && !strcmp(sample_metrics[i].key, key))
			return &sample_metrics[i];
	return NULL;
}

/* Numbers with a blank between them, as many as there is room for. */
static size_t take_numbers(const char *text, uint64_t *numbers, size_t room)
{
	size_t count = 0;

	while (count < room && *text >= '0' && *text <= '9') {
		char *end;

		numbers[count++] = strtoull(text, &end, 10);
		text = *end == ' ' ? end + 1 : end;
	}
	return count;
}

static void take_buckets(struct sample_histogram *time, const char *value)
{
	size_t count = take_numbers(value, time->buckets, SAMPLE_BUCKETS);

	time->count = 0;
	for (size_t i = 0; i < count; i++)
		time->count += time->buckets[i];
}

/* A histogram's two fields. False if @field is none of them. */
static bool take_time(struct scope *scope, const struct outcommit_field *field)
{
	for (size_t i = 0; i < SAMPLE_METRICS; i++) {
		const struct metric *metric = &sample_metrics[i];
		size_t len = strlen(metric->key);

		if (metric->type != METRIC_HISTOGRAM || !(metric->levels & 1U << scope->level) ||
		    strncmp(field->key, metric->key, len))
			continue;
		if (!strcmp(field->key + len, "_SUM_NS")) {
			wire_parse_u64(field->value, &scope->times[metric->time].sum_ns);
			return true;
		}
		if (!strcmp(field->key + len, "_BUCKETS")) {
			take_buckets(&scope->times[metric->time], field->value);
			scope->present[i] = true;
			return true;
		}
	}
	return false;
}

static void take_value(struct scope *scope, const struct outcommit_field *field)
{
	const struct metric *metric = find_metric(field->key, scope->level);
	size_t i = (size_t)(metric - sample_metrics);

	if (!metric)
		return;
	if (metric->yes) {
		scope->values[i] = !strcmp(field->value, metric->yes);
		scope->present[i] = true;
	} else {
		scope->present[i] = !wire_parse_u64(field->value, &scope->values[i]);
	}
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* What is about the sample as a whole. False if @field is not. */
static bool take_head(struct sample *sample, const struct outcommit_field *field)
{
	if (!strcmp(field->key, "VERSION"))
		copy(sample->version, sizeof(sample->version), field->value);
	else if (!strcmp(field->key, "MODULE"))
		copy(sample->module, sizeof(sample->module), field->value);
	else if (!strcmp(field->key, "BOUNDS_NS"))
		sample->bounds = take_numbers(field->value, sample->bounds_ns, SAMPLE_BUCKETS - 1);
	else
		return false;
	return true;
}

/* The scope that begins with @field, or the one that it belongs to. */
static struct scope *scope_of(struct sample *sample, const struct outcommit_field *field)
{
	struct scope *scope, *last = &sample->scopes[sample->count - 1];
	char domain[sizeof(last->domain)];

	if (!strcmp(field->key, "DOMAIN")) {
		scope = new_scope(sample, SCOPE_DOMAIN);
		copy(scope->domain, sizeof(scope->domain), field->value);
		return scope;
	}
	if (strcmp(field->key, "VIF"))
		return last;
	copy(domain, sizeof(domain), last->domain);
	scope = new_scope(sample, SCOPE_VIF);
	copy(scope->domain, sizeof(scope->domain), domain);
	copy(scope->vif, sizeof(scope->vif), field->value);
	return scope;
}

static void take_reply(struct sample *sample, const struct outcommit_reply *reply)
{
	struct outcommit_field field;

	for (size_t i = 0; !outcommit_reply_field(reply, i, &field); i++) {
		struct scope *scope = scope_of(sample, &field);

		if (scope->level == SCOPE_DAEMON && take_head(sample, &field))
			continue;
		if (!take_time(scope, &field))
			take_value(scope, &field);
	}
}

/* The last domain of the page, or NULL if there is no other page: pages go forward, or they end. */
static const char *next_page(const struct sample *sample, const struct outcommit_reply *reply,
			     const char *after)
{
	const char *last = sample->scopes[sample->count - 1].domain;

	return outcommit_reply_get(reply, "MORE") && strcmp(last, after) > 0 ? last : NULL;
}

int sample_fetch(struct outcommit *c, struct sample *sample, struct outcommit_error *err)
{
	char after[sizeof(((struct scope *)0)->domain)] = "";
	const char *next;

	*sample = (struct sample){ 0 };
	new_scope(sample, SCOPE_DAEMON);
	do {
		const struct outcommit_field fields[] = { { "AFTER", *after ? after : NULL } };
		struct outcommit_reply *reply;
		int ret = outcommit_request(c, "metrics", fields, ARRAY_SIZE(fields), &reply, err);

		if (ret)
			return ret;
		take_reply(sample, reply);
		next = next_page(sample, reply, after);
		if (next)
			copy(after, sizeof(after), next);
		outcommit_reply_free(reply);
	} while (next);
	return 0;
}

void sample_free(struct sample *sample)
{
	free(sample->scopes);
	*sample = (struct sample){ 0 };
}

uint64_t scope_value(const struct scope *scope, const char *key)
{
	const struct metric *metric = find_metric(key, scope->level);

	return metric ? scope->values[metric - sample_metrics] : 0;
}

const struct scope *sample_domain(const struct sample *sample, const char *domain)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->scopes[i].level == SCOPE_DOMAIN &&
		    !strcmp(sample->scopes[i].domain, domain))
			return &sample->scopes[i];
	return NULL;
}
