// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-memory.h"
#include "ctl-text.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Fields that are not text. What a future daemon may add stays text unless its name ends in a
 * unit: a name that looks like a number must not turn into one.
 */
static const char *const number_keys[] = {
	"CLIENTS", "COMMITTED", "DOMAINS", "DROPS", "EPOCH", "IFB_IFINDEX", "IFINDEX", "LEASE_PID",
	"LEASE_UID", "LIMIT", "OPEN", "OUTSTANDING", "OWNER", "PID", "PROTOCOL", "VIFS", "VIF_DROPS", "VIF_OPEN",
};
static const char *const number_endings[] = { "_BYTES", "_FRAMES", "_NS" };
static const char *const flag_keys[] = { "EPOCH_ABORTED", "WHOLE" };

static bool is_among(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static bool is_number_key(const char *key)
{
	const char *ending = strrchr(key, '_');

	return is_among(key, number_keys, ARRAY_SIZE(number_keys)) ||
	       (ending && is_among(ending, number_endings, ARRAY_SIZE(number_endings)));
}

static json_t *value_json(const char *key, const char *value)
{
	uint64_t number;

	if (is_among(key, flag_keys, ARRAY_SIZE(flag_keys)))
		return json_boolean(!strcmp(value, "1"));
	if (is_number_key(key) && !wire_parse_u64(value, &number) && number <= INT64_MAX)
		return json_integer((json_int_t)number);
	return json_string(value);
}

/* jansson hands a failed allocation on as NULL, and setting NULL fails. */
static void must(bool done)
{
	if (!done)
		not_null(NULL);
}

json_t *json_top(void)
{
	json_t *top = json_pack("{s:i}", "schema_version", JSON_SCHEMA_VERSION);

	must(top);
	return top;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
	must(!json_object_set_new(object, key, json_string(text)));
}

void json_set_number(json_t *object, const char *key, uint64_t number)
{
	must(!json_object_set_new(object, key, json_integer((json_int_t)number)));
}

void json_set_flag(json_t *object, const char *key, bool flag)
{
	must(!json_object_set_new(object, key, json_boolean(flag)));
}

void json_append_number(json_t *array, uint64_t number)
{
	must(!json_array_append_new(array, json_integer((json_int_t)number)));
}

void json_lower(char *name, const char *key)
{
	size_t i;

	for (i = 0; key[i] && i < WIRE_KEY_MAX; i++)
		name[i] = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] - 'A' + 'a') : key[i];
	name[i] = '\0';
}

static void add_field(json_t *object, const struct outcommit_field *field)
{
	char key[WIRE_KEY_MAX + 1];

	json_lower(key, field->key);
	must(!json_object_set_new(object, key, value_json(field->key, field->value)));
}

void json_add_block(json_t *object, const struct outcommit_block *block)
{
	for (size_t i = 0; i < block->count; i++) {
		struct outcommit_field field;

		if (!outcommit_reply_field(block->reply, block->first + i, &field))
			add_field(object, &field);
	}
}

void json_add_reply(json_t *object, const struct outcommit_reply *reply)
{
	const struct outcommit_block all = {
		.reply = reply,
		.count = outcommit_reply_count(reply),
	};

	json_add_block(object, &all);
}

json_t *json_append_object(json_t *array)
{
	json_t *object = json_object();

	must(object && !json_array_append_new(array, object));
	return object;
}

static json_t *blocks_json(const struct outcommit_reply *status, const char *key)
{
	struct outcommit_block block = outcommit_reply_block(status);
	json_t *array = json_array();

	must(array);
	while (outcommit_block_next(&block, key))
		json_add_block(json_append_object(array), &block);
	return array;
}

void json_add_domain(json_t *object, const struct outcommit_reply *status)
{
	struct outcommit_block own = outcommit_reply_block(status);

	json_add_block(object, &own);
	/* replaces the number of vifs, which is the array's length */
	must(!json_object_set_new(object, "epochs", blocks_json(status, "EPOCH")));
	must(!json_object_set_new(object, "vifs", blocks_json(status, "VIF")));
}

void json_append_domain(json_t *array, const struct outcommit_reply *status)
{
	json_add_domain(json_append_object(array), status);
}

json_t *json_add_object(json_t *object, const char *key)
{
	json_t *inner = json_object();

	must(inner && !json_object_set_new(object, key, inner));
	return inner;
}

json_t *json_add_array(json_t *object, const char *key)
{
	json_t *array = json_array();

	must(array && !json_object_set_new(object, key, array));
	return array;
}

void json_print(json_t *top)
{
	json_dumpf(top, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(top);
}
