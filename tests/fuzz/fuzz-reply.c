// SPDX-License-Identifier: GPL-2.0-or-later
/* A packet from the daemon, or from whoever sits on its socket, as the library takes it apart; and through all of its accessors. */
#include <stdlib.h>
#include <string.h>

#include "lib.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	if (text && strlen(text) > WIRE_VALUE_MAX)
		abort();
}

static void walk_blocks(const struct outcommit_reply *reply, const char *key)
{
	struct outcommit_block block = outcommit_reply_block(reply);
	size_t blocks = 0;
	uint64_t number;

	while (outcommit_block_next(&block, key)) {
		check_text(outcommit_block_get(&block, key));
		check_text(outcommit_block_get(&block, "VIF_STATE"));
		outcommit_block_get_u64(&block, "LIMIT", &number);
		if (++blocks > outcommit_reply_count(reply))
			abort();
	}
}

static void walk(const struct outcommit_reply *reply)
{
	struct outcommit_field field;
	uint64_t number;

	if (outcommit_reply_status(reply) > 0)
		abort();
	check_text(outcommit_reply_event(reply));
	check_text(outcommit_reply_message(reply));
	for (size_t i = 0; i < outcommit_reply_count(reply); i++) {
		if (outcommit_reply_field(reply, i, &field))
			abort();
		check_text(outcommit_reply_get(reply, field.key));
		outcommit_reply_get_u64(reply, field.key, &number);
	}
	if (!outcommit_reply_field(reply, outcommit_reply_count(reply), &field))
		abort();
	walk_blocks(reply, "EPOCH");
	walk_blocks(reply, "VIF");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcommit_reply *reply;

	if (reply_new((const char *)data, size, &reply))
		return 0;
	walk(reply);
	outcommit_reply_free(reply);
	return 0;
}
