// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verbs as functions. Each is one request; what is more than that is said where it is done. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A number as a field's value; 0 stands for a field that is left out. */
struct number {
	char text[21];
};

static const char *number_or_null(struct number *number, uint64_t value)
{
	if (!value)
		return NULL;
	snprintf(number->text, sizeof(number->text), "%" PRIu64, value);
	return number->text;
}

static const char *number(struct number *number, uint64_t value)
{
	return number_or_null(number, value) ?: "0";
}

/* A text that has no room is cut, but no character of it. */
static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!size)
		return;
	if (len >= size)
		for (len = size - 1; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	if (len)
		memcpy(out, text, len);
	out[len] = '\0';
}

static const char *own_message(int code)
{
	static const struct {
		int code;
		const char *text;
	} messages[] = {
		{ -ECONNRESET, "the connection was lost before the reply came: whether the request "
			       "was carried out is not known" },
		{ -ETIMEDOUT, "no reply in time: whether the request was carried out is not "
			      "known" },
		{ -EINVAL, "an argument has characters or a length that cannot be sent" },
		{ -EBADMSG, "the reply is not of the protocol" },
		{ -EBUSY, "this connection monitors or has replies outstanding" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].code == code)
			return messages[i].text;
	return strerrordesc_np(-code);
}

static void fill_unreachable(struct outcommit *c, struct outcommit_error *err)
{
	int refusal;

	pthread_mutex_lock(&c->lock);
	refusal = c->refusal;
	pthread_mutex_unlock(&c->lock);
	snprintf(err->message, sizeof(err->message), "cannot reach outcommitd at %s: %s",
		 c->address.sun_path,
		 refusal ? strerrordesc_np(-refusal) : "the connection was lost");
}

static int fail_here(struct outcommit *c, struct outcommit_error *err, int code)
{
	if (!err)
		return code;
	*err = (struct outcommit_error){ .code = code };
	if (code == -ENOTCONN)
		fill_unreachable(c, err);
	else
		copy_text(err->message, sizeof(err->message), own_message(code));
	return code;
}

static int fail_there(const struct outcommit_reply *reply, struct outcommit_error *err)
{
	const char *message = outcommit_reply_message(reply);

	if (!err)
		return reply->status;
	*err = (struct outcommit_error){ .code = reply->status, .from_daemon = true };
	outcommit_reply_get_u64(reply, "EXPECTED", &err->expected);
	copy_text(err->vif, sizeof(err->vif), outcommit_reply_get(reply, "VIF"));
	copy_text(err->field, sizeof(err->field), outcommit_reply_get(reply, "FIELD"));
	copy_text(err->value, sizeof(err->value), outcommit_reply_get(reply, "VALUE"));
	copy_text(err->message, sizeof(err->message),
		  *message ? message : strerrordesc_np(-reply->status) ?: "unknown error");
	return reply->status;
}

int outcommit_request(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		      size_t count, struct outcommit_reply **out, struct outcommit_error *err)
{
	struct outcommit_reply *reply;
	int ret = request_sync(c, verb, fields, count, &reply);

	if (ret)
		return fail_here(c, err, ret);
	if (reply->status)
		ret = fail_there(reply, err);
	if (ret || !out)
		outcommit_reply_free(reply);
	else
		*out = reply;
	return ret;
}

/* The same for a verb whose reply is an epoch. */
static int request_epoch(struct outcommit *c, const char *verb,
			 const struct outcommit_field *fields, size_t count, uint64_t *epoch,
			 struct outcommit_error *err)
{
	struct outcommit_reply *reply;
	uint64_t value;
	int ret = outcommit_request(c, verb, fields, count, &reply, err);

	if (ret)
		return ret;
	ret = outcommit_reply_get_u64(reply, "EPOCH", &value);
	outcommit_reply_free(reply);
	if (ret)
		return fail_here(c, err, -EBADMSG);
	if (epoch)
		*epoch = value;
	return 0;
}

static const char *policy_or_null(enum outcommit_policy policy)
{
	static const char *const words[] = {
		[OUTCOMMIT_POLICY_CONFIGURED] = NULL,
		[OUTCOMMIT_POLICY_HOLD] = "hold",
		[OUTCOMMIT_POLICY_RELEASE] = "release",
		[OUTCOMMIT_POLICY_DISCARD] = "discard",
	};

	return (size_t)policy < ARRAY_SIZE(words) ? words[policy] : "unknown";
}

int outcommit_drive(struct outcommit *c, const char *domain, const struct outcommit_terms *terms,
		    struct outcommit_reply **reply, struct outcommit_error *err)
{
	static const struct outcommit_terms configured;
	const struct outcommit_terms *given = terms ? terms : &configured;
	struct number grace;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "ON_DRIVER_LOST", policy_or_null(given->on_driver_lost) },
		{ "DRIVER_GRACE_NS", given->has_grace ? number(&grace, given->grace_ns) : NULL },
	};

	return outcommit_request(c, "drive", fields, ARRAY_SIZE(fields), reply, err);
}

int outcommit_attach(struct outcommit *c, const char *domain, const char *vif, uint64_t limit_bytes,
		     char *ifb, size_t ifb_size, struct outcommit_error *err)
{
	struct number limit;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "VIF", vif },
		{ "LIMIT", number_or_null(&limit, limit_bytes) },
	};
	struct outcommit_reply *reply;
	const char *name;
	int ret;

	if (ifb && ifb_size < OUTCOMMIT_IFNAME_SIZE)
		return fail_here(c, err, -EINVAL);
	ret = outcommit_request(c, "attach", fields, ARRAY_SIZE(fields), &reply, err);
	if (ret)
		return ret;
	name = outcommit_reply_get(reply, "IFB");
	if (!name || strlen(name) >= OUTCOMMIT_IFNAME_SIZE)
		ret = fail_here(c, err, -EBADMSG);
	else if (ifb)
		strcpy(ifb, name);
	outcommit_reply_free(reply);
	return ret;
}

int outcommit_detach(struct outcommit *c, const char *domain, const char *vif,
		     enum outcommit_pending pending, struct outcommit_error *err)
{
	static const char *const words[] = {
		[OUTCOMMIT_PENDING_REFUSE] = NULL,
		[OUTCOMMIT_PENDING_RELEASE] = "release",
		[OUTCOMMIT_PENDING_DISCARD] = "discard",
	};
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "VIF", vif },
		{ "PENDING", (size_t)pending < ARRAY_SIZE(words) ? words[pending] : "unknown" },
	};

	return outcommit_request(c, "detach", fields, ARRAY_SIZE(fields), NULL, err);
}

int outcommit_postsuspend(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *closed,
			  struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number_or_null(&text, epoch) },
	};

	return request_epoch(c, "postsuspend", fields, ARRAY_SIZE(fields), closed, err);
}

int outcommit_preresume(struct outcommit *c, const char *domain, uint64_t epoch,
			struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number(&text, epoch) },
	};

	return outcommit_request(c, "preresume", fields, ARRAY_SIZE(fields), NULL, err);
}

int outcommit_commit(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *committed,
		     struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number(&text, epoch) },
	};

	return request_epoch(c, "commit", fields, ARRAY_SIZE(fields), committed, err);
}

int outcommit_abort(struct outcommit *c, const char *domain, uint64_t epoch,
		    struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number(&text, epoch) },
	};

	return outcommit_request(c, "abort", fields, ARRAY_SIZE(fields), NULL, err);
}

int outcommit_discard_epoch(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *open,
			    struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number_or_null(&text, epoch) },
	};

	return request_epoch(c, "discard", fields, ARRAY_SIZE(fields), open, err);
}

int outcommit_discard(struct outcommit *c, const char *domain, uint64_t *open,
		      struct outcommit_error *err)
{
	return outcommit_discard_epoch(c, domain, 0, open, err);
}

int outcommit_release_epoch(struct outcommit *c, const char *domain, uint64_t epoch,
			    struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "EPOCH", number_or_null(&text, epoch) },
	};

	return outcommit_request(c, "release", fields, ARRAY_SIZE(fields), NULL, err);
}

int outcommit_release(struct outcommit *c, const char *domain, struct outcommit_error *err)
{
	return outcommit_release_epoch(c, domain, 0, err);
}

int outcommit_limit(struct outcommit *c, const char *domain, uint64_t limit_bytes,
		    struct outcommit_error *err)
{
	struct number text;
	const struct outcommit_field fields[] = {
		{ "DOMAIN", domain },
		{ "LIMIT", number(&text, limit_bytes) },
	};

	return outcommit_request(c, "limit", fields, ARRAY_SIZE(fields), NULL, err);
}

int outcommit_status(struct outcommit *c, const char *domain, struct outcommit_reply **reply,
		     struct outcommit_error *err)
{
	const struct outcommit_field fields[] = { { "DOMAIN", domain } };

	return outcommit_request(c, "status", fields, ARRAY_SIZE(fields), reply, err);
}

/* The names of one page, in order, the last of which goes to @after. */
struct page {
	char after[WIRE_DOMAIN_MAX + 1];
	bool more;
};

/* A name that does not come behind the last one would make the list go round for ever. */
static int turn_page(const struct outcommit_reply *reply, struct page *page)
{
	const char *last = NULL;

	for (size_t i = 0; i < reply->msg.count; i++)
		if (!strcmp(reply->fields[i].key, "DOMAIN"))
			last = reply->fields[i].value;
	page->more = outcommit_reply_get(reply, "MORE");
	if (!page->more)
		return 0;
	if (!last || strlen(last) >= sizeof(page->after) || strcmp(last, page->after) <= 0)
		return -EBADMSG;
	strcpy(page->after, last);
	return 0;
}

static int each_domain(const struct outcommit_reply *reply,
		       int (*each)(const char *domain, void *arg), void *arg)
{
	for (size_t i = 0; i < reply->msg.count; i++) {
		int ret;

		if (strcmp(reply->fields[i].key, "DOMAIN"))
			continue;
		ret = each(reply->fields[i].value, arg);
		if (ret)
			return ret;
	}
	return 0;
}

int outcommit_list(struct outcommit *c, int (*each)(const char *domain, void *arg), void *arg,
		   struct outcommit_error *err)
{
	struct page page = { .after = "" };

	do {
		const char *after = *page.after ? page.after : NULL;
		const struct outcommit_field fields[] = { { "AFTER", after } };
		struct outcommit_reply *reply;
		int ret = outcommit_request(c, "list", fields, ARRAY_SIZE(fields), &reply, err);

		if (ret)
			return ret;
		ret = turn_page(reply, &page) ? fail_here(c, err, -EBADMSG) :
						each_domain(reply, each, arg);
		outcommit_reply_free(reply);
		if (ret)
			return ret;
	} while (page.more);
	return 0;
}

int outcommit_check(struct outcommit *c, struct outcommit_reply **reply,
		    struct outcommit_error *err)
{
	return outcommit_request(c, "check", NULL, 0, reply, err);
}

int outcommit_reload(struct outcommit *c, struct outcommit_error *err)
{
	return outcommit_request(c, "reload", NULL, 0, NULL, err);
}

int outcommit_version(struct outcommit *c, char *version, size_t size, unsigned int *protocol,
		      struct outcommit_error *err)
{
	struct outcommit_reply *reply;
	uint64_t number;
	int ret = outcommit_request(c, "version", NULL, 0, &reply, err);

	if (ret)
		return ret;
	if (outcommit_reply_get_u64(reply, "PROTOCOL", &number) || number > UINT32_MAX) {
		ret = fail_here(c, err, -EBADMSG);
	} else {
		copy_text(version, size, outcommit_reply_get(reply, "VERSION"));
		if (protocol)
			*protocol = (unsigned int)number;
	}
	outcommit_reply_free(reply);
	return ret;
}

int outcommit_monitor(struct outcommit *c, struct outcommit_error *err)
{
	return outcommit_request(c, "monitor", NULL, 0, NULL, err);
}
