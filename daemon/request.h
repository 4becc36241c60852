/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request on its way: what its fields say, checked before anybody acts on them, and the reply to it. For verbs.c, which knows what
 * each verb does.
 */
#ifndef OUTCOMMITD_REQUEST_H
#define OUTCOMMITD_REQUEST_H

#include "lease.h"
#include "metrics.h"
#include "wire.h"

struct manager;
struct client;

/* Bits of what a verb requires and takes. */
enum request_field {
	FIELD_DOMAIN = 1 << 0,
	FIELD_VIF = 1 << 1,
	FIELD_EPOCH = 1 << 2,
	FIELD_LIMIT = 1 << 3,
	FIELD_PENDING = 1 << 4,
	FIELD_AFTER = 1 << 5,
	FIELD_ON_DRIVER_LOST = 1 << 6,
	FIELD_DRIVER_GRACE_NS = 1 << 7,
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
	struct lease_terms terms;
	struct domain_fault fault;
	const char *field, *value; /* at fault */
	const struct lease *lease; /* in the way */
	enum metric_time timed; /* by which its time counts, if it did something */
};

/* Take the fields of these bits from @msg. 0, or -EINVAL with the fault set. */
int request_take(struct request *req, unsigned int required, unsigned int optional, const struct wire_msg *msg);

/* Returns @error, for the reply that says @message. */
int request_fail(struct request *req, int error, const char *message);
/* The same, with what was wrong with a packet that is no request. */
int request_fail_malformed(struct request *req, int error);

/* Fill the reply with the error and what is known of it. */
void request_reply_error(struct request *req, int error);

#endif
