/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire format of docs/protocol.md, in its one home: the daemon, the library and the fuzzers
 * all build and take apart messages through it. It knows text and limits, nothing of sockets or
 * verbs. Everything it is given to parse is untrusted; it never allocates.
 */
#ifndef OUTCOMMIT_WIRE_H
#define OUTCOMMIT_WIRE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PROTOCOL 1
#define WIRE_REQUEST_MAX 4096U	/* bytes */
#define WIRE_REQUEST_FIELDS 32U
#define WIRE_REPLY_MAX 65536U	/* bytes */
#define WIRE_REPLY_FIELDS 8192U
#define WIRE_KEY_MAX 32U	/* bytes */
#define WIRE_VALUE_MAX 1024U	/* bytes */
#define WIRE_DOMAIN_MAX 64U	/* bytes, without the NUL */
#define WIRE_VIF_MAX 15U	/* bytes, without the NUL */
#define WIRE_EPOCH_MAX INT64_MAX

struct wire_field {
	const char *key;
	const char *value;
};

/* A parsed message. Strings point into the buffer that was parsed. */
struct wire_msg {
	const char *head; /* first line: verb, status or event */
	size_t count;
	size_t room; /* set by the caller: how many fields there is room for */
	struct wire_field *fields; /* set by the caller */
};

/*
 * Take apart @len bytes at @buf, in place. @buf has room for one more byte, where a NUL is put.
 * 0, -EMSGSIZE over @max bytes, -E2BIG over msg->room fields, -EBADMSG not of the form (empty,
 * NUL byte, control character, no '=', bad key, over-long value). On error @msg has count 0.
 */
int wire_parse(struct wire_msg *msg, char *buf, size_t len, size_t max);

/*
 * The value of @key, once: 0, -ENODATA if it is not there, -ENOTUNIQ if it is there more than
 * once (*@value is then the second one). *@value is untouched on -ENODATA.
 */
int wire_get(const struct wire_msg *msg, const char *key, const char **value);

/* Checks and conversions of untrusted values. 0 or -EINVAL; outputs untouched on failure. */
int wire_check_domain(const char *value);
int wire_check_vif(const char *value);
/* 1 to WIRE_EPOCH_MAX, decimal digits only */
int wire_parse_epoch(const char *value, uint64_t *epoch);
/* decimal digits only */
int wire_parse_u64(const char *value, uint64_t *number);
/* digits, then K, M or G (powers of 1,024) or nothing */
int wire_parse_size(const char *value, uint64_t *bytes);

/*
 * @text for somebody's eyes: control characters and what is not UTF-8 become '?', and it is cut to
 * @size bytes with its NUL, at a character's edge.
 */
void wire_clean(char *out, size_t size, const char *text);

/*
 * A message under construction, in the caller's memory. Adding to a full one sets @full and
 * changes nothing else.
 */
struct wire_buf {
	char *data;
	size_t len;
	size_t size;
	bool full;
};

/* Begin anew with the first line @head. */
void wire_begin(struct wire_buf *buf, const char *head);
/* Begin a reply with the status @error: 0 or a negative errno. */
void wire_begin_reply(struct wire_buf *buf, int error);
/*
 * Add one field. Control characters in @value become '?', and it is cut to WIRE_VALUE_MAX bytes
 * at a character's edge.
 */
void wire_add(struct wire_buf *buf, const char *key, const char *value);
void wire_add_u64(struct wire_buf *buf, const char *key, uint64_t number);
void wire_addf(struct wire_buf *buf, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
