// SPDX-License-Identifier: GPL-2.0-or-later
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 64 /* bytes of a bad value in a reply */

int request_fail(struct request *req, int error, const char *message)
{
	snprintf(req->fault.message, sizeof(req->fault.message), "%.*s", (int)sizeof(req->fault.message) - 1,
		 message);
	return error;
}

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

static int take_on_driver_lost(struct request *req, const char *value)
{
	req->terms.has_policy = true;
	return config_policy_parse(value, &req->terms.policy);
}

static int take_driver_grace(struct request *req, const char *value)
{
	req->terms.has_grace = true;
	return wire_parse_u64(value, &req->terms.grace_ns) || req->terms.grace_ns > CONFIG_TIME_MAX_NS ? -EINVAL : 0;
}

static const struct {
	enum request_field field;
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
	{ FIELD_ON_DRIVER_LOST, "ON_DRIVER_LOST", "not hold, release or discard", take_on_driver_lost },
	{ FIELD_DRIVER_GRACE_NS, "DRIVER_GRACE_NS", "not a time from 0 to 86400 s in nanoseconds", take_driver_grace },
};

static int take_field(struct request *req, const struct wire_msg *msg, size_t i, bool required)
{
	const char *value = NULL;
	int ret = wire_get(msg, fields[i].key, &value);

	req->field = fields[i].key;
	if (ret == -ENODATA) {
		if (required)
			return request_fail(req, -EINVAL, "the field is missing");
		req->field = NULL;
		return 0;
	}
	req->value = value;
	if (ret)
		return request_fail(req, -EINVAL, "the field is there more than once");
	if (fields[i].take(req, value))
		return request_fail(req, -EINVAL, fields[i].what);
	req->field = req->value = NULL;
	return 0;
}

int request_take(struct request *req, unsigned int required, unsigned int optional, const struct wire_msg *msg)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int ret = 0;

		if ((required | optional) & fields[i].field)
			ret = take_field(req, msg, i, required & fields[i].field);
		if (ret)
			return ret;
	}
	return 0;
}

int request_fail_malformed(struct request *req, int error)
{
	switch (error) {
	case -EMSGSIZE:
		return request_fail(req, error, "the request is over 4096 bytes");
	case -E2BIG:
		return request_fail(req, error, "the request has over 32 fields");
	default:
		return request_fail(req, error, "the request is not a verb and lines of KEY=value");
	}
}

void request_reply_error(struct request *req, int error)
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
	if (req->lease) {
		wire_add_u64(&req->reply, "LEASE_PID", (uint64_t)req->lease->pid);
		wire_add_u64(&req->reply, "LEASE_UID", req->lease->uid);
	}
}
