// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replies and events as values: one allocation each, taken apart once, never changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* A reply begins with 0 or a negative errno, an event with a word. */
static int parse_head(struct outcommit_reply *reply)
{
	const char *head = reply->msg.head;
	uint64_t number;

	if (*head >= 'a' && *head <= 'z') {
		reply->is_event = true;
		return 0;
	}
	if (!strcmp(head, "0"))
		return 0;
	if (*head != '-' || wire_parse_u64(head + 1, &number) || !number || number > 4095)
		return -EBADMSG;
	reply->status = -(int)number;
	return 0;
}

/* Make a reply of @len bytes at @text: 0, -EBADMSG or -ENOMEM. */
int reply_new(const char *text, size_t len, struct outcommit_reply **out)
{
	struct outcommit_reply *reply;
	size_t room;
	char *copy;

	if (len > WIRE_REPLY_MAX)
		return -EBADMSG;
	room = count_lines(text, len);
	reply = calloc(1, sizeof(*reply) + room * sizeof(reply->fields[0]) + len + 1);
	if (!reply)
		return -ENOMEM;
	reply->msg.room = room;
	reply->msg.fields = reply->fields;
	copy = (char *)&reply->fields[room];
	memcpy(copy, text, len);
	if (wire_parse(&reply->msg, copy, len, WIRE_REPLY_MAX) || parse_head(reply)) {
		free(reply);
		return -EBADMSG;
	}
	*out = reply;
	return 0;
}

void outcommit_reply_free(struct outcommit_reply *reply)
{
	free(reply);
}

int outcommit_reply_status(const struct outcommit_reply *reply)
{
	return reply->status;
}

const char *outcommit_reply_event(const struct outcommit_reply *reply)
{
	return reply->is_event ? reply->msg.head : NULL;
}

const char *outcommit_reply_message(const struct outcommit_reply *reply)
{
	const char *message = outcommit_reply_get(reply, "MESSAGE");

	return message ? message : "";
}

size_t outcommit_reply_count(const struct outcommit_reply *reply)
{
	return reply->msg.count;
}

int outcommit_reply_field(const struct outcommit_reply *reply, size_t index,
			  struct outcommit_field *field)
{
	if (index >= reply->msg.count)
		return -ENODATA;
	field->key = reply->fields[index].key;
	field->value = reply->fields[index].value;
	return 0;
}

static struct outcommit_block whole(const struct outcommit_reply *reply)
{
	return (struct outcommit_block){ .reply = reply, .count = reply->msg.count };
}

const char *outcommit_reply_get(const struct outcommit_reply *reply, const char *key)
{
	struct outcommit_block block = whole(reply);

	return outcommit_block_get(&block, key);
}

int outcommit_reply_get_u64(const struct outcommit_reply *reply, const char *key, uint64_t *number)
{
	struct outcommit_block block = whole(reply);

	return outcommit_block_get_u64(&block, key, number);
}

static bool begins_block(const struct outcommit_reply *reply, size_t index)
{
	const char *key = reply->fields[index].key;

	return !strcmp(key, "EPOCH") || !strcmp(key, "VIF");
}

/* The block whose first field is at @first. */
static struct outcommit_block block_at(const struct outcommit_reply *reply, size_t first)
{
	size_t end = first;

	while (end < reply->msg.count && (end == first || !begins_block(reply, end)))
		end++;
	return (struct outcommit_block){ .reply = reply, .first = first, .count = end - first };
}

struct outcommit_block outcommit_reply_block(const struct outcommit_reply *reply)
{
	if (reply->msg.count && begins_block(reply, 0))
		return (struct outcommit_block){ .reply = reply };
	return block_at(reply, 0);
}

bool outcommit_block_next(struct outcommit_block *block, const char *key)
{
	const struct outcommit_reply *reply = block->reply;

	for (size_t i = block->first + block->count; i < reply->msg.count; i++) {
		if (!begins_block(reply, i) || strcmp(reply->fields[i].key, key))
			continue;
		*block = block_at(reply, i);
		return true;
	}
	return false;
}

const char *outcommit_block_get(const struct outcommit_block *block, const char *key)
{
	const struct wire_field *field = block->reply->fields + block->first;

	for (const struct wire_field *end = field + block->count; field < end; field++)
		if (!strcmp(field->key, key))
			return field->value;
	return NULL;
}

int outcommit_block_get_u64(const struct outcommit_block *block, const char *key, uint64_t *number)
{
	const char *value = outcommit_block_get(block, key);

	return value ? wire_parse_u64(value, number) : -ENODATA;
}
