// SPDX-License-Identifier: GPL-2.0-or-later
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manager.h"
#include "metrics-reply.h"
#include "monitor.h"
#include "status.h"

#define LIST_MAX 256
#define SHOWN_MAX 64 /* bytes of a bad value in a reply */

enum field {
	FIELD_DOMAIN = 1 << 0,
	FIELD_VIF = 1 << 1,
	FIELD_EPOCH = 1 << 2,
	FIELD_LIMIT = 1 << 3,
	FIELD_PENDING = 1 << 4,
	FIELD_AFTER = 1 << 5,
};

struct request {
	struct manager *mgr;
	struct client *client;
	struct wire_buf reply; /* a handler that returns 0 has added the fields */
	struct domain *domain; /* found, if the verb takes one that exists */
	const char *domain_name;
	const char *vif; /* NULL if not given */
	const char *after;
	uint64_t epoch; /* 0 if not given */
	uint64_t limit_bytes; /* 0 if not given */
	enum detach_pending pending;
	struct domain_fault fault;
	const char *field, *value; /* at fault */
	enum metric_time timed; /* by which its time counts, if it did something */
};

#define LATER 1 /* the reply comes when the work is done */

static int fail(struct request *req, int error, const char *message)
{
	snprintf(req->fault.message, sizeof(req->fault.message), "%.*s", (int)sizeof(req->fault.message) - 1,
		 message);
	return error;
}

static int do_attach(struct request *req)
{
	struct vif *vif;
	int ret;

	watch_drain(&req->mgr->watch);
	ret = registry_attach(&req->mgr->registry, req->domain_name, req->vif, req->limit_bytes, &vif, &req->fault);
	if (!ret)
		wire_add(&req->reply, "IFB", vif->buffer->ifb);
	return ret;
}

static void on_detached(void *ctx, int ret)
{
	struct client *client = ctx;
	struct wire_buf reply = { .data = client->mgr->server.reply, .size = WIRE_REPLY_MAX };

	if (!client->waiting) /* done at once: the dispatcher replies */
		return;
	wire_begin_reply(&reply, ret);
	client_reply(client, &reply);
}

static int do_detach(struct request *req)
{
	struct client *client = req->client;
	int ret = registry_detach(&req->mgr->registry, req->domain, req->vif, req->pending, on_detached, client,
				  &client->job, &req->fault);

	if (ret || !client->job)
		return ret;
	client->waiting = true;
	return LATER;
}

static void notify(struct request *req, const char *verb)
{
	registry_notify(&req->mgr->registry, REGISTRY_CHANGE, req->domain, NULL, verb);
}

static int do_postsuspend(struct request *req)
{
	uint64_t before;
	int ret;

	watch_drain(&req->mgr->watch);
	req->domain = registry_find(&req->mgr->registry, req->domain_name);
	if (!req->domain)
		return fail(req, -ENODEV, "the domain has no vif left");
	before = req->domain->open;
	ret = domain_postsuspend(req->domain, &req->epoch, req->mgr->config.outstanding, manager_now_ns(), &req->fault);
	if (ret)
		return ret;
	wire_add_u64(&req->reply, "EPOCH", req->epoch);
	if (req->domain->open != before) {
		req->timed = METRIC_TIME_BARRIER;
		notify(req, "postsuspend");
	}
	return 0;
}

static int do_preresume(struct request *req)
{
	int ret;

	watch_drain(&req->mgr->watch);
	req->domain = registry_find(&req->mgr->registry, req->domain_name);
	if (!req->domain)
		return fail(req, -ENODEV, "the domain has no vif left");
	ret = domain_preresume(req->domain, req->epoch, &req->fault);
	if (!ret)
		req->timed = METRIC_TIME_PRERESUME;
	return ret;
}

/* How long each of the epochs that were just committed had been held. */
static void count_holds(struct domain *domain, uint64_t before)
{
	uint64_t now_ns = manager_now_ns();

	for (uint64_t epoch = before + 1; epoch <= domain->committed; epoch++)
		metrics_time(&domain->metrics, METRIC_TIME_HOLD, now_ns - domain_epoch(domain, epoch)->closed_ns);
}

static int do_commit(struct request *req)
{
	uint64_t before;
	int ret;

	/* mainline's counts are wrong after a reset: a release must not come before the news of it */
	watch_drain(&req->mgr->watch);
	req->domain = registry_find(&req->mgr->registry, req->domain_name);
	if (!req->domain)
		return fail(req, -ENODEV, "the domain has no vif left");
	before = req->domain->committed;
	ret = domain_commit(req->domain, req->epoch, &req->fault);
	if (ret)
		return ret;
	wire_add_u64(&req->reply, "EPOCH", req->domain->committed);
	if (req->domain->committed == before)
		return 0;
	req->timed = METRIC_TIME_COMMIT;
	count_holds(req->domain, before);
	notify(req, "commit");
	return 0;
}

static int do_abort(struct request *req)
{
	int ret = domain_abort(req->domain, req->epoch, &req->fault);

	if (!ret)
		notify(req, "abort");
	return ret;
}

static int do_discard(struct request *req)
{
	int ret = domain_discard(req->domain, &req->fault);

	if (ret)
		return ret;
	wire_add_u64(&req->reply, "EPOCH", req->domain->open);
	notify(req, "discard");
	return 0;
}

static int do_release(struct request *req)
{
	int ret = domain_release(req->domain, &req->fault);

	if (!ret)
		notify(req, "release");
	return ret;
}

static int do_limit(struct request *req)
{
	int ret = registry_limit(&req->mgr->registry, req->domain, req->limit_bytes, &req->fault);

	if (!ret)
		notify(req, "limit");
	return ret;
}

static int do_status(struct request *req)
{
	watch_drain(&req->mgr->watch);
	if (!req->domain_name) {
		status_add_daemon(&req->reply, req->mgr);
		return 0;
	}
	req->domain = registry_find(&req->mgr->registry, req->domain_name);
	if (!req->domain)
		return fail(req, -ENOENT, "no such domain");
	status_add_domain(&req->reply, req->mgr, req->domain);
	return 0;
}

static int do_metrics(struct request *req)
{
	watch_drain(&req->mgr->watch);
	if (!req->domain_name) {
		metrics_add_page(&req->reply, req->mgr, req->after);
		return 0;
	}
	req->domain = registry_find(&req->mgr->registry, req->domain_name);
	if (!req->domain)
		return fail(req, -ENOENT, "no such domain");
	metrics_add_domain(&req->reply, req->mgr, req->domain);
	return 0;
}

static int do_list(struct request *req)
{
	const struct registry *reg = &req->mgr->registry;
	size_t at = req->after ? registry_first_after(reg, req->after) : 0;

	for (size_t i = 0; i < LIST_MAX && at < reg->domain_count; i++, at++)
		wire_add(&req->reply, "DOMAIN", reg->domains[at]->name);
	if (at < reg->domain_count)
		wire_add_u64(&req->reply, "MORE", 1);
	return 0;
}

static int do_monitor(struct request *req)
{
	client_reply(req->client, &req->reply);
	monitor_start(req->client);
	return LATER;
}

static int do_check(struct request *req)
{
	if (!req->mgr->registry.plug.kind)
		plug_probe(&req->mgr->registry.plug);
	status_add_module(&req->reply, req->mgr);
	return 0;
}

static int do_reload(struct request *req)
{
	struct config_error error;
	int ret = manager_reload(req->mgr, &error);

	return ret ? fail(req, -EINVAL, error.text) : 0;
}

static int do_version(struct request *req)
{
	wire_add(&req->reply, "VERSION", OUTCOMMIT_VERSION);
	wire_add_u64(&req->reply, "PROTOCOL", WIRE_PROTOCOL);
	return 0;
}

static const struct verb {
	const char *name;
	enum peer_role role;
	unsigned int required, optional; /* enum field */
	bool exists; /* the domain must */
	int (*run)(struct request *req);
} verbs[] = {
	{ "attach", PEER_DRIVER, FIELD_DOMAIN | FIELD_VIF, FIELD_LIMIT, false, do_attach },
	{ "detach", PEER_DRIVER, FIELD_DOMAIN, FIELD_VIF | FIELD_PENDING, true, do_detach },
	{ "postsuspend", PEER_DRIVER, FIELD_DOMAIN, FIELD_EPOCH, true, do_postsuspend },
	{ "preresume", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, true, do_preresume },
	{ "commit", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, true, do_commit },
	{ "abort", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, true, do_abort },
	{ "discard", PEER_DRIVER, FIELD_DOMAIN, 0, true, do_discard },
	{ "release", PEER_DRIVER, FIELD_DOMAIN, 0, true, do_release },
	{ "limit", PEER_DRIVER, FIELD_DOMAIN | FIELD_LIMIT, 0, true, do_limit },
	{ "status", PEER_OBSERVER, 0, FIELD_DOMAIN, false, do_status },
	{ "list", PEER_OBSERVER, 0, FIELD_AFTER, false, do_list },
	{ "monitor", PEER_OBSERVER, 0, 0, false, do_monitor },
	{ "metrics", PEER_OBSERVER, 0, FIELD_DOMAIN | FIELD_AFTER, false, do_metrics },
	{ "check", PEER_OBSERVER, 0, 0, false, do_check },
	{ "reload", PEER_DRIVER, 0, 0, false, do_reload },
	{ "version", PEER_OBSERVER, 0, 0, false, do_version },
};

static int take_domain(struct request *req, const char *value)
{
	req->domain_name = value;
	return wire_check_domain(value);
}

static int take_vif(struct request *req, const char *value)
{
	req->vif = value;
	return wire_check_vif(value);
}

static int take_epoch(struct request *req, const char *value)
{
	return wire_parse_epoch(value, &req->epoch);
}

static int take_limit(struct request *req, const char *value)
{
	int ret = wire_parse_size(value, &req->limit_bytes);

	return ret ? ret : req->limit_bytes && req->limit_bytes <= UINT32_MAX ? 0 : -EINVAL;
}

static int take_pending(struct request *req, const char *value)
{
	if (!strcmp(value, "release"))
		req->pending = DETACH_RELEASE;
	else if (!strcmp(value, "discard"))
		req->pending = DETACH_DISCARD;
	else
		return -EINVAL;
	return 0;
}

static int take_after(struct request *req, const char *value)
{
	req->after = value;
	return wire_check_domain(value);
}

static const struct {
	enum field field;
	const char *key;
	const char *what;
	int (*take)(struct request *req, const char *value);
} fields[] = {
	{ FIELD_DOMAIN, "DOMAIN", "not a domain's name", take_domain },
	{ FIELD_VIF, "VIF", "not an interface's name", take_vif },
	{ FIELD_EPOCH, "EPOCH", "not an epoch number", take_epoch },
	{ FIELD_LIMIT, "LIMIT", "not a size from 1 to 4294967295 bytes", take_limit },
	{ FIELD_PENDING, "PENDING", "neither release nor discard", take_pending },
	{ FIELD_AFTER, "AFTER", "not a domain's name", take_after },
};

static int take_field(struct request *req, const struct wire_msg *msg, size_t i, bool required)
{
	const char *value = NULL;
	int ret = wire_get(msg, fields[i].key, &value);

	req->field = fields[i].key;
	if (ret == -ENODATA) {
		if (required)
			return fail(req, -EINVAL, "the field is missing");
		req->field = NULL;
		return 0;
	}
	req->value = value;
	if (ret)
		return fail(req, -EINVAL, "the field is there more than once");
	if (fields[i].take(req, value))
		return fail(req, -EINVAL, fields[i].what);
	req->field = req->value = NULL;
	return 0;
}

static int take_fields(struct request *req, const struct verb *verb, const struct wire_msg *msg)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		bool required = verb->required & fields[i].field;
		int ret = 0;

		if (required || verb->optional & fields[i].field)
			ret = take_field(req, msg, i, required);
		if (ret)
			return ret;
	}
	return 0;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int dispatch(struct request *req, const struct wire_msg *msg)
{
	const struct verb *verb = find_verb(msg->head);
	int ret;

	if (!verb) {
		req->field = "VERB";
		req->value = msg->head;
		return fail(req, -EINVAL, "no such verb");
	}
	if (!peer_may(&req->client->peer, verb->role, &req->mgr->config))
		return fail(req, -EACCES,
			    verb->role == PEER_DRIVER ? "the verb is for drivers" : "the verb is for observers");
	ret = take_fields(req, verb, msg);
	if (ret)
		return ret;
	if (verb->exists) {
		req->domain = registry_find(&req->mgr->registry, req->domain_name);
		if (!req->domain) {
			req->field = "DOMAIN";
			req->value = req->domain_name;
			return fail(req, -ENOENT, "no such domain");
		}
	}
	return verb->run(req);
}

static const char *malformed(int error)
{
	switch (error) {
	case -EMSGSIZE:
		return "the request is over 4096 bytes";
	case -E2BIG:
		return "the request has over 32 fields";
	default:
		return "the request is not a verb and lines of KEY=value";
	}
}

static void reply_error(struct request *req, int error)
{
	char shown[SHOWN_MAX + 1];

	wire_begin_reply(&req->reply, error);
	wire_add(&req->reply, "MESSAGE", *req->fault.message ? req->fault.message : strerror(-error));
	if (req->field)
		wire_add(&req->reply, "FIELD", req->field);
	if (req->value) {
		snprintf(shown, sizeof(shown), "%s", req->value);
		wire_add(&req->reply, "VALUE", shown);
	}
	if (req->fault.expected)
		wire_add_u64(&req->reply, "EXPECTED", req->fault.expected);
	if (req->fault.vif)
		wire_add(&req->reply, "VIF", req->fault.vif);
}

static void log_refusal(const struct request *req, const char *verb, int error)
{
	log_at(&req->mgr->log, error == -EIO ? LOG_ERR : LOG_INFO,
	       (&(struct log_about){ .domain = req->domain ? req->domain->name : NULL,
				     .vif = req->fault.vif,
				     .epoch = req->epoch }),
	       "%s refused: %s", verb, *req->fault.message ? req->fault.message : strerror(-error));
}

static void count_request(const struct request *req, int ret)
{
	struct manager *mgr = req->mgr;
	struct metrics *metrics = req->domain ? &req->domain->metrics : &mgr->registry.metrics;

	metrics_count(&mgr->registry.metrics, METRIC_REQUESTS);
	if (ret < 0)
		metrics_refused(metrics, ret);
	else if (req->timed != METRIC_TIME_NONE)
		metrics_time(metrics, req->timed, manager_now_ns() - mgr->request_ns);
	mgr->request_ns = 0;
}

/* A request that was carried out, or not: its reply. */
static void finish(struct request *req, const char *verb, int ret)
{
	if (ret) {
		log_refusal(req, verb, ret);
		reply_error(req, ret);
	} else if (req->reply.full) {
		fail(req, -EMSGSIZE, "the reply is too long");
		reply_error(req, -EMSGSIZE);
	}
	client_reply(req->client, &req->reply);
}

void verbs_handle(struct client *client, char *data, size_t len)
{
	struct wire_field room[WIRE_REQUEST_FIELDS];
	struct wire_msg msg = { .room = WIRE_REQUEST_FIELDS, .fields = room };
	struct request req = {
		.mgr = client->mgr,
		.client = client,
		.reply = { .data = client->mgr->server.reply, .size = WIRE_REPLY_MAX },
		.timed = METRIC_TIME_NONE,
	};
	int ret = wire_parse(&msg, data, len, WIRE_REQUEST_MAX);

	client->mgr->request_ns = manager_now_ns();
	manager_expect_more(client->mgr);
	wire_begin_reply(&req.reply, 0);
	if (ret)
		fail(&req, ret, malformed(ret));
	else
		ret = dispatch(&req, &msg);
	if (ret != LATER)
		finish(&req, msg.count || msg.head ? msg.head : "request", ret);
	count_request(&req, ret);
}
