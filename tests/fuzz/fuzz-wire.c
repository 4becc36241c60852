// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages taken apart and put together again: what wire_add() builds, wire_parse() accepts, and says the same. */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct wire_msg *a, const struct wire_msg *b)
{
	if (strcmp(a->head, b->head) || a->count != b->count)
		abort();
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->fields[i].key, b->fields[i].key) || strcmp(a->fields[i].value, b->fields[i].value))
			abort();
}

static void check_values(const char *value)
{
	uint64_t number = 0;

	if (!wire_check_domain(value) && strlen(value) > WIRE_DOMAIN_MAX)
		abort();
	if (!wire_check_vif(value) && strlen(value) > WIRE_VIF_MAX)
		abort();
	if (!wire_parse_epoch(value, &number) && (!number || number > WIRE_EPOCH_MAX))
		abort();
	wire_parse_size(value, &number);
}

static void rebuild(const struct wire_msg *msg)
{
	static char data[2 * WIRE_REPLY_MAX];
	static struct wire_field fields[WIRE_REPLY_FIELDS];
	struct wire_buf buf = { .data = data, .size = sizeof(data) - 1 };
	struct wire_msg again = { .room = WIRE_REPLY_FIELDS, .fields = fields };

	/* a first line may be longer than what wire_begin() builds */
	if (strlen(msg->head) > WIRE_VALUE_MAX)
		return;
	wire_begin(&buf, msg->head);
	for (size_t i = 0; i < msg->count; i++)
		wire_add(&buf, msg->fields[i].key, msg->fields[i].value);
	if (buf.full || wire_parse(&again, data, buf.len, sizeof(data)))
		abort();
	check_same(msg, &again);
}

/* Anything may be given as a value: what comes out can be sent. */
static void build(const char *text)
{
	static char data[4 * WIRE_VALUE_MAX];
	struct wire_field field[2];
	struct wire_buf buf = { .data = data, .size = sizeof(data) - 1 };
	struct wire_msg msg = { .room = 2, .fields = field };

	wire_begin(&buf, "head");
	wire_add(&buf, "KEY", text);
	wire_addf(&buf, "KEY", "%s", text);
	if (wire_parse(&msg, data, buf.len, sizeof(data)) || msg.count != 2 || strcmp(field[0].value, field[1].value))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_field fields[WIRE_REPLY_FIELDS];
	struct wire_msg msg = { .room = WIRE_REPLY_FIELDS, .fields = fields };
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	build(copy);
	check_values(copy);
	if (!wire_parse(&msg, copy, size, WIRE_REPLY_MAX)) {
		for (size_t i = 0; i < msg.count; i++)
			check_values(msg.fields[i].value);
		rebuild(&msg);
	}
	free(copy);
	return 0;
}
