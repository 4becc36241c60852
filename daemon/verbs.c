// SPDX-License-Identifier: GPL-2.0-or-later
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manager.h"
#include "metrics-reply.h"
#include "monitor.h"
#include "request.h"
#include "status.h"

#define LIST_MAX 256
#define LATER 1 /* the reply comes when the work is done */

static int do_attach(struct request *req)
{
	const struct attach asked = {
		.domain = req->domain_name,
		.vif = req->vif,
		.limit_bytes = req->limit_bytes,
		.owner = peer_owner(&req->client->peer, &req->mgr->config),
	};
	struct vif *vif;
	int ret;

	watch_drain(&req->mgr->watch);
	ret = registry_attach(&req->mgr->registry, &asked, &vif, &req->fault);
	if (!ret)
		wire_add(&req->reply, "IFB", vif->buffer->ifb);
	return ret;
}

static int fail_busy(struct request *req, int error)
{
	const struct lease *lease = req->lease;
	char message[160];

	if (!lease)
		return error;
	snprintf(message, sizeof(message), lease->state == LEASE_HELD ?
		 "%s is driven by pid %d, uid %u" : "%s waits for its driver to come back, pid %d, uid %u: drive it first",
		 req->domain_name, (int)lease->pid, (unsigned int)lease->uid);
	return request_fail(req, error, message);
}

static int do_drive(struct request *req)
{
	const struct domain *domain = req->domain;
	int ret = lease_take(&req->mgr->registry, req->domain, &req->client->driver, &req->terms, &req->lease);

	if (ret)
		return fail_busy(req, ret);
	status_add_domain_stand(&req->reply, domain);
	wire_add(&req->reply, "ON_DRIVER_LOST", config_policy_name(lease_policy(domain->lease)));
	wire_add_u64(&req->reply, "DRIVER_GRACE_NS", lease_grace_ns(domain->lease));
	return 0;
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

	if (!ret)
		req->domain = NULL; /* it may have gone with its last vif */
	if (ret || !client->job)
		return ret;
	client->waiting = true;
	return LATER;
}

static void notify(struct request *req, const char *verb)
{
	registry_notify(&req->mgr->registry, REGISTRY_CHANGE, req->domain, NULL, verb);
}

/* The domain, if one is named, after all that the kernel has told by now: that may be its end. */
static int find_anew(struct request *req, int error, const char *message)
{
	watch_drain(&req->mgr->watch);
	req->domain = req->domain_name ? registry_find(&req->mgr->registry, req->domain_name) : NULL;
	return req->domain_name && !req->domain ? request_fail(req, error, message) : 0;
}

static int find_to_drive(struct request *req)
{
	return find_anew(req, -ENODEV, "the domain has no vif left");
}

static int find_to_look(struct request *req)
{
	return find_anew(req, -ENOENT, "no such domain");
}

static int do_postsuspend(struct request *req)
{
	uint64_t before;
	int ret = find_to_drive(req);

	if (ret)
		return ret;
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
	int ret = find_to_drive(req);

	if (ret)
		return ret;
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
	/* mainline's counts are wrong after a reset: a release must not come before the news of it */
	int ret = find_to_drive(req);
	uint64_t before;

	if (ret)
		return ret;
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
	int ret = domain_discard(req->domain, req->epoch, manager_now_ns(), &req->fault);

	if (ret)
		return ret;
	wire_add_u64(&req->reply, "EPOCH", req->domain->open);
	notify(req, "discard");
	return 0;
}

static int do_release(struct request *req)
{
	int ret = domain_release(req->domain, req->epoch, &req->fault);

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
	int ret = find_to_look(req);

	if (ret)
		return ret;
	if (req->domain)
		status_add_domain(&req->reply, req->mgr, req->domain);
	else
		status_add_daemon(&req->reply, req->mgr);
	return 0;
}

static int do_metrics(struct request *req)
{
	int ret = find_to_look(req);

	if (ret)
		return ret;
	if (req->domain)
		metrics_add_domain(&req->reply, req->mgr, req->domain);
	else
		metrics_add_page(&req->reply, req->mgr, req->after);
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

	return ret ? request_fail(req, -EINVAL, error.text) : 0;
}

static int do_version(struct request *req)
{
	wire_add(&req->reply, "VERSION", OUTCOMMIT_VERSION);
	wire_add_u64(&req->reply, "PROTOCOL", WIRE_PROTOCOL);
	return 0;
}

enum need {
	NEEDS_DOMAIN = 1 << 0, /* which is there */
	NEEDS_LEASE = 1 << 1, /* if another connection may have it */
	SETTLES = 1 << 2, /* what is held, and so what a lost driver left open */
};

static const struct verb {
	const char *name;
	enum peer_role role;
	unsigned int required, optional; /* enum request_field */
	unsigned int needs; /* enum need */
	int (*run)(struct request *req);
} verbs[] = {
	{ "attach", PEER_DRIVER, FIELD_DOMAIN | FIELD_VIF, FIELD_LIMIT, 0, do_attach },
	{ "drive", PEER_DRIVER, FIELD_DOMAIN, FIELD_ON_DRIVER_LOST | FIELD_DRIVER_GRACE_NS, NEEDS_DOMAIN, do_drive },
	{ "detach", PEER_DRIVER, FIELD_DOMAIN, FIELD_VIF | FIELD_PENDING, NEEDS_DOMAIN | NEEDS_LEASE | SETTLES, do_detach },
	{ "postsuspend", PEER_DRIVER, FIELD_DOMAIN, FIELD_EPOCH, NEEDS_DOMAIN | NEEDS_LEASE, do_postsuspend },
	{ "preresume", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, NEEDS_DOMAIN | NEEDS_LEASE, do_preresume },
	{ "commit", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, NEEDS_DOMAIN | NEEDS_LEASE, do_commit },
	{ "abort", PEER_DRIVER, FIELD_DOMAIN | FIELD_EPOCH, 0, NEEDS_DOMAIN | NEEDS_LEASE, do_abort },
	{ "discard", PEER_DRIVER, FIELD_DOMAIN, FIELD_EPOCH, NEEDS_DOMAIN | NEEDS_LEASE | SETTLES, do_discard },
	{ "release", PEER_DRIVER, FIELD_DOMAIN, FIELD_EPOCH, NEEDS_DOMAIN | NEEDS_LEASE | SETTLES, do_release },
	{ "limit", PEER_DRIVER, FIELD_DOMAIN | FIELD_LIMIT, 0, NEEDS_DOMAIN | NEEDS_LEASE, do_limit },
	{ "status", PEER_OBSERVER, 0, FIELD_DOMAIN, 0, do_status },
	{ "list", PEER_OBSERVER, 0, FIELD_AFTER, 0, do_list },
	{ "monitor", PEER_OBSERVER, 0, 0, 0, do_monitor },
	{ "metrics", PEER_OBSERVER, 0, FIELD_DOMAIN | FIELD_AFTER, 0, do_metrics },
	{ "check", PEER_OBSERVER, 0, 0, 0, do_check },
	{ "reload", PEER_DRIVER, 0, 0, 0, do_reload },
	{ "version", PEER_OBSERVER, 0, 0, 0, do_version },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* A vif that is gone has nothing left to be driven. */
static bool is_of_gone_vif(const struct request *req)
{
	const struct vif *vif = req->vif ? domain_find(req->domain, req->vif) : NULL;

	return vif && vif->state == VIF_GONE;
}

static int find_domain(struct request *req, const struct verb *verb)
{
	struct domain *domain = req->domain_name ? registry_find(&req->mgr->registry, req->domain_name) : NULL;
	int ret = 0;

	if (domain && verb->role == PEER_DRIVER && !peer_may_drive(&req->client->peer, domain->owner, &req->mgr->config))
		return request_fail(req, -EACCES, "the domain belongs to another user");
	if (!(verb->needs & NEEDS_DOMAIN))
		return 0;
	if (!domain) {
		req->field = "DOMAIN";
		req->value = req->domain_name;
		return request_fail(req, -ENOENT, "no such domain");
	}
	req->domain = domain;
	if (verb->needs & NEEDS_LEASE && !is_of_gone_vif(req))
		ret = lease_check(domain, &req->client->driver, verb->needs & SETTLES, &req->lease);
	return ret ? fail_busy(req, ret) : 0;
}

/* The domain may be gone by now. */
static void settle(const struct request *req)
{
	struct domain *domain = registry_find(&req->mgr->registry, req->domain_name);

	if (domain)
		lease_settle(domain);
}

static int dispatch(struct request *req, const struct wire_msg *msg)
{
	const struct verb *verb = find_verb(msg->head);
	int ret;

	if (!verb) {
		req->field = "VERB";
		req->value = msg->head;
		return request_fail(req, -EINVAL, "no such verb");
	}
	if (!peer_may(&req->client->peer, verb->role, &req->mgr->config))
		return request_fail(req, -EACCES,
			    verb->role == PEER_DRIVER ? "the verb is for drivers" : "the verb is for observers");
	ret = request_take(req, verb->required, verb->optional, msg);
	if (ret)
		return ret;
	ret = find_domain(req, verb);
	if (!ret)
		ret = verb->run(req);
	if (ret >= 0 && verb->needs & NEEDS_LEASE)
		settle(req);
	return ret;
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
		request_reply_error(req, ret);
	} else if (req->reply.full) {
		request_fail(req, -EMSGSIZE, "the reply is too long");
		request_reply_error(req, -EMSGSIZE);
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
		request_fail_malformed(&req, ret);
	else
		ret = dispatch(&req, &msg);
	if (ret != LATER)
		finish(&req, msg.count || msg.head ? msg.head : "request", ret);
	count_request(&req, ret);
}
