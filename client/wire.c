// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See wire.h. What this file promises: no byte outside of what it was given is read or written, and
 * whatever wire_add() builds, wire_parse() accepts.
 */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * How many bytes the character at the NUL-terminated @text has; 0 if it is a control character (C0,
 * DEL, C1) or not UTF-8. The smallest code of two bytes is 0xa0, which keeps out C1 along with the
 * over-long forms.
 */
static size_t char_len(const char *text)
{
	static const uint32_t smallest[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code = s[0];
	size_t len;

	if (code < 0x80)
		return code >= 0x20 && code != 0x7f;
	if (code < 0xc2 || code > 0xf4)
		return 0;
	len = code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
	code &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

static bool is_text(const char *text)
{
	while (*text) {
		size_t len = char_len(text);

		if (!len)
			return false;
		text += len;
	}
	return true;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_key(const char *key)
{
	size_t len = strlen(key);

	return len && len <= WIRE_KEY_MAX && key[0] >= 'A' && key[0] <= 'Z' &&
	       strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static int parse_field(struct wire_field *field, char *line)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return -EBADMSG;
	*equals = '\0';
	field->key = line;
	field->value = equals + 1;
	if (!is_key(field->key) || strlen(field->value) > WIRE_VALUE_MAX || !is_text(field->value))
		return -EBADMSG;
	return 0;
}

static int parse_fields(struct wire_msg *msg, char *rest)
{
	char *line;

	while ((line = strsep(&rest, "\n"))) {
		int ret = -E2BIG;

		if (msg->count < msg->room)
			ret = parse_field(&msg->fields[msg->count], line);
		if (ret)
			return ret;
		msg->count++;
	}
	return 0;
}

int wire_parse(struct wire_msg *msg, char *buf, size_t len, size_t max)
{
	char *rest = buf;
	const char *head;
	int ret;

	msg->head = "";
	msg->count = 0;
	if (len > max)
		return -EMSGSIZE;
	if (!len || memchr(buf, '\0', len))
		return -EBADMSG;
	if (buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';

	head = strsep(&rest, "\n");
	if (!*head || !is_text(head))
		return -EBADMSG;
	ret = parse_fields(msg, rest);
	if (ret) {
		msg->count = 0;
		return ret;
	}
	msg->head = head;
	return 0;
}

int wire_get(const struct wire_msg *msg, const char *key, const char **value)
{
	bool found = false;

	for (size_t i = 0; i < msg->count; i++) {
		if (strcmp(msg->fields[i].key, key))
			continue;
		*value = msg->fields[i].value;
		if (found)
			return -ENOTUNIQ;
		found = true;
	}
	return found ? 0 : -ENODATA;
}

int wire_check_domain(const char *value)
{
	size_t len = strlen(value);

	if (!len || len > WIRE_DOMAIN_MAX || value[0] == '-' || value[0] == '.')
		return -EINVAL;
	for (const char *c = value; *c; c++)
		if (!is_alnum(*c) && !strchr("._:+@-", *c))
			return -EINVAL;
	return 0;
}

int wire_check_vif(const char *value)
{
	size_t len = strlen(value);

	if (!len || len > WIRE_VIF_MAX || strpbrk(value, "/ ") || !is_text(value))
		return -EINVAL;
	return strcmp(value, ".") && strcmp(value, "..") ? 0 : -EINVAL;
}

/* The number at @text, with at least one digit; @end is what follows it. */
static int parse_digits(const char *text, uint64_t *number, const char **end)
{
	const char *c = text;
	uint64_t n = 0;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
			return -EINVAL;
	if (c == text)
		return -EINVAL;
	*number = n;
	*end = c;
	return 0;
}

int wire_parse_u64(const char *value, uint64_t *number)
{
	const char *end;
	uint64_t n;

	if (parse_digits(value, &n, &end) || *end)
		return -EINVAL;
	*number = n;
	return 0;
}

int wire_parse_epoch(const char *value, uint64_t *epoch)
{
	uint64_t n;

	if (wire_parse_u64(value, &n) || n < 1 || n > WIRE_EPOCH_MAX)
		return -EINVAL;
	*epoch = n;
	return 0;
}

int wire_parse_size(const char *value, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	uint64_t n;

	if (parse_digits(value, &n, &end))
		return -EINVAL;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1] ||
		    __builtin_mul_overflow(n, UINT64_C(1) << 10 * (unit - units + 1), &n))
			return -EINVAL;
	}
	*bytes = n;
	return 0;
}

/* Take @len bytes of @buf; or NULL, and full for good: a message has no holes. */
static char *take_room(struct wire_buf *buf, size_t len)
{
	char *room = buf->data + buf->len;

	if (buf->full || len > buf->size - buf->len) {
		buf->full = true;
		return NULL;
	}
	buf->len += len;
	return room;
}

/* The length of @text, at most @max, with no character cut in two. */
static size_t cut_len(const char *text, size_t max)
{
	size_t len = 0;

	while (text[len]) {
		size_t step = char_len(text + len);

		if (!step)
			step = 1;
		if (len + step > max)
			break;
		len += step;
	}
	return len;
}

static void copy_clean(char *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t step = char_len(text + i);

		if (step) {
			memcpy(out + i, text + i, step);
			i += step;
		} else {
			out[i++] = '?';
		}
	}
}

void wire_clean(char *out, size_t size, const char *text)
{
	size_t len = cut_len(text, size - 1);

	copy_clean(out, text, len);
	out[len] = '\0';
}

void wire_begin(struct wire_buf *buf, const char *head)
{
	size_t len = cut_len(head, WIRE_VALUE_MAX);
	char *out;

	buf->len = 0;
	buf->full = false;
	out = take_room(buf, len + 1);
	if (!out)
		return;
	copy_clean(out, head, len);
	out[len] = '\n';
}

void wire_begin_reply(struct wire_buf *buf, int error)
{
	char head[16] = "0";

	/* a barrier that is closed waits for no formatting */
	if (error)
		snprintf(head, sizeof(head), "%d", error);
	wire_begin(buf, head);
}

void wire_add(struct wire_buf *buf, const char *key, const char *value)
{
	size_t key_len = strlen(key), len = cut_len(value, WIRE_VALUE_MAX);
	char *out = take_room(buf, key_len + len + 2);

	if (!out)
		return;
	memcpy(out, key, key_len);
	out += key_len;
	*out++ = '=';
	copy_clean(out, value, len);
	out[len] = '\n';
}

void wire_add_u64(struct wire_buf *buf, const char *key, uint64_t number)
{
	char digits[21], *c = digits + sizeof(digits) - 1;

	*c = '\0';
	do {
		*--c = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	wire_add(buf, key, c);
}

void wire_addf(struct wire_buf *buf, const char *key, const char *format, ...)
{
	char value[WIRE_VALUE_MAX + 8]; /* a character more than is kept: the cut sees its edge */
	va_list args;

	va_start(args, format);
	if (vsnprintf(value, sizeof(value), format, args) < 0)
		value[0] = '\0';
	va_end(args);
	wire_add(buf, key, value);
}
