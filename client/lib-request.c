// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests and their replies. What it promises: a reply is never taken for another request's, and
 * a request is only sent twice if its effect is the same as once.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lib.h"

/* A round trip: what is asked for, how far it may go, and what became of it. */
struct exchange {
	int64_t deadline;
	bool repeatable;
	const char *domain; /* that the request is about, or NULL */
	int attempts;	/* how often the request went out */
	struct outcommit_reply *reply;
};

/*
 * Is the message what was asked for? A value that cannot be sent as it is was changed by
 * wire_add().
 */
static int check_built(const struct outcommit *c, const char *verb,
		       const struct outcommit_field *fields, size_t count)
{
	struct wire_field parsed[WIRE_REQUEST_FIELDS];
	struct wire_msg msg = { .fields = parsed, .room = WIRE_REQUEST_FIELDS };
	char copy[WIRE_REQUEST_MAX + 1];
	size_t at = 0;
	int ret;

	memcpy(copy, c->request.data, c->request.len);
	ret = wire_parse(&msg, copy, c->request.len, WIRE_REQUEST_MAX);
	if (ret)
		return ret == -EBADMSG ? -EINVAL : ret;
	if (strcmp(msg.head, verb))
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!fields[i].value)
			continue;
		if (at == msg.count || strcmp(fields[i].key, parsed[at].key) ||
		    strcmp(fields[i].value, parsed[at].value))
			return -EINVAL;
		at++;
	}
	return at == msg.count ? 0 : -EINVAL;
}

static int build(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		 size_t count)
{
	if (!verb)
		return -EINVAL;
	wire_begin(&c->request, verb);
	for (size_t i = 0; i < count; i++) {
		if (!fields[i].key)
			return -EINVAL;
		if (fields[i].value)
			wire_add(&c->request, fields[i].key, fields[i].value);
	}
	if (c->request.full)
		return -EMSGSIZE;
	return check_built(c, verb, fields, count);
}

static const char *find_field(const struct outcommit_field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].key && fields[i].value && !strcmp(fields[i].key, key))
			return fields[i].value;
	return NULL;
}

/*
 * Which epoch a postsuspend without one closes depends on how often it arrives; all else may
 * arrive again.
 */
static bool is_repeatable(const char *verb, const struct outcommit_field *fields, size_t count)
{
	return strcmp(verb, "postsuspend") || find_field(fields, count, "EPOCH");
}

/*
 * One attempt. On a connection that is fresh or idle, the next packet is the reply, or an event
 * before it.
 */
static int attempt(struct outcommit *c, struct exchange *x)
{
	int ret = conn_send(c, &c->request, x->deadline);

	if (ret)
		return ret;
	x->attempts++;
	ret = conn_recv(c, x->deadline, &x->reply);
	if (!ret && x->reply->is_event) {
		outcommit_reply_free(x->reply);
		ret = -EBADMSG;
	}
	return ret;
}

/*
 * Is it only that the daemon is not back yet? A socket that is being made may not have its group
 * yet.
 */
static bool is_absence(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -EACCES;
}

/*
 * Connect again, waiting longer from time to time for a daemon that is not back, or hangs up on
 * us each time.
 */
static int come_back(struct outcommit *c, int64_t deadline, int *pause_ms)
{
	int ret;

	do {
		ret = *pause_ms ? conn_pause(*pause_ms, deadline) : 0;
		if (!ret)
			ret = conn_open(c, deadline);
		*pause_ms = *pause_ms ? (*pause_ms < 32 ? *pause_ms * 2 : 50) : 1;
	} while (is_absence(ret));
	return ret ? -ENOTCONN : 0;
}

static int exchange(struct outcommit *c, struct exchange *x)
{
	int pause_ms = 0;

	for (;;) {
		bool anew = c->fd < 0;
		int sent = x->attempts, ret = 0;

		if (anew)
			ret = c->retry ? come_back(c, x->deadline, &pause_ms) : -ENOTCONN;
		if (ret)
			return ret;
		if (anew)
			ret = lease_renew(c, x->deadline, x->domain, &x->reply);
		if (x->reply)
			x->attempts++;
		else if (!ret)
			ret = attempt(c, x);
		if (!ret)
			return 0;
		/* whatever is still to come must not be taken for the next request's reply */
		conn_drop(c);
		if (!conn_is_lost(ret))
			return ret;
		if (!c->retry || (x->attempts > sent && !x->repeatable))
			return -ECONNRESET;
	}
}

/* What an earlier try of ours has done, a later one finds done. */
static void settle(struct exchange *x, const char *verb)
{
	int status = x->reply->status;

	if (x->attempts > 1 && !strcmp(verb, "detach") && (status == -ENOENT || status == -ENODEV))
		x->reply->status = 0;
}

int request_sync(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		 size_t count, struct outcommit_reply **reply)
{
	struct exchange x = { .domain = find_field(fields, count, "DOMAIN") };
	struct lease *lease = NULL;
	int ret = -EBUSY;

	pthread_mutex_lock(&c->lock);
	if (!c->monitoring && !c->outstanding)
		ret = build(c, verb, fields, count);
	if (!ret && !strcmp(verb, "drive")) {
		lease = lease_new(c, x.domain);
		ret = lease ? 0 : -ENOMEM;
	}
	if (!ret) {
		x.deadline = conn_deadline(c->timeout_ms);
		x.repeatable = is_repeatable(verb, fields, count);
		ret = exchange(c, &x);
	}
	if (!ret && !x.reply->status && !strcmp(verb, "monitor"))
		c->monitoring = true;
	if (lease && !ret && !x.reply->status)
		lease_keep(c, lease);
	else
		lease_free(lease);
	pthread_mutex_unlock(&c->lock);

	if (ret)
		return ret;
	settle(&x, verb);
	*reply = x.reply;
	return 0;
}

int outcommit_send(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		   size_t count)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	ret = build(c, verb, fields, count);
	if (!ret)
		ret = c->fd < 0 ? -ENOTCONN : conn_send(c, &c->request, AT_ONCE);
	if (!ret) {
		c->outstanding++;
		c->monitoring |= !strcmp(verb, "monitor");
	} else if (conn_is_lost(ret)) {
		conn_drop(c);
		ret = -ENOTCONN;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Take what is there, and count it. */
static int take(struct outcommit *c, struct outcommit_reply **reply)
{
	int ret = c->fd < 0 ? -ENOTCONN : conn_recv(c, AT_ONCE, reply);

	if (conn_is_lost(ret)) {
		conn_drop(c);
		return -ENOTCONN;
	}
	if (!ret && !(*reply)->is_event && c->outstanding)
		c->outstanding--;
	return ret;
}

int outcommit_recv(struct outcommit *c, struct outcommit_reply **reply)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	ret = take(c, reply);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* The connection was lost: subscribe anew, and say that what was known is stale. */
static int resubscribe(struct outcommit *c, struct outcommit_reply **event)
{
	static const char resync[] = "resync\n";
	struct exchange x = { .deadline = conn_deadline(c->timeout_ms), .repeatable = true };
	int ret = build(c, "monitor", NULL, 0);

	if (!ret)
		ret = exchange(c, &x);
	if (ret)
		return ret;
	ret = x.reply->status;
	outcommit_reply_free(x.reply);
	if (ret)
		return ret;
	return reply_new(resync, sizeof(resync) - 1, event);
}

static int next_event(struct outcommit *c, struct outcommit_reply **event, int *fd)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	ret = c->monitoring ? take(c, event) : -EINVAL;
	if (ret == -ENOTCONN && c->retry)
		ret = resubscribe(c, event);
	*fd = c->fd;
	pthread_mutex_unlock(&c->lock);
	return ret;
}

int outcommit_next_event(struct outcommit *c, int timeout_ms, struct outcommit_reply **event)
{
	int64_t deadline = timeout_ms ? conn_deadline(timeout_ms) : AT_ONCE;
	int ret, fd;

	while ((ret = next_event(c, event, &fd)) == -EAGAIN) {
		ret = conn_wait(fd, POLLIN, deadline);
		if (ret)
			return ret == -ETIMEDOUT ? -EAGAIN : ret;
	}
	return ret;
}
