// SPDX-License-Identifier: GPL-2.0-or-later
/* The record beside a redirect: what is packed comes back, and nothing else is taken for one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "record.h"

static void what_is_packed_comes_back(void **state)
{
	static const struct record records[] = {
		{ .open = 1 },
		{ .holding = true, .open = 2 },
		{ .holding = true, .outstanding = true, .open = 3 },
		{ .holding = true, .outstanding = true, .open = INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		uint8_t bytes[RECORD_BYTES];
		struct record back = { 0 };

		record_pack(&records[i], bytes);
		assert_int_equal(record_unpack(&back, bytes, sizeof(bytes)), 0);
		assert_int_equal(back.holding, records[i].holding);
		assert_int_equal(back.outstanding, records[i].outstanding);
		assert_true(back.open == records[i].open);
	}
}

static void every_flipped_bit_is_found(void **state)
{
	struct record record = { .holding = true, .open = 77 }, back = { .open = 5 };
	uint8_t bytes[RECORD_BYTES];

	for (size_t bit = 0; bit < 8 * RECORD_BYTES; bit++) {
		record_pack(&record, bytes);
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(record_unpack(&back, bytes, sizeof(bytes)), -EBADMSG);
		assert_true(back.open == 5);
	}
}

static void other_lengths_are_refused(void **state)
{
	struct record record = { .open = 77 }, back;
	uint8_t bytes[RECORD_BYTES + 1] = { 0 };

	record_pack(&record, bytes);
	for (size_t len = 0; len <= sizeof(bytes); len++)
		if (len != RECORD_BYTES)
			assert_int_equal(record_unpack(&back, bytes, len), -EBADMSG);
}

static void an_alias_comes_back(void **state)
{
	struct buffer_alias alias = { .domain = "web@1", .vif = "vif1.0", .vif_ifindex = 7, .limit_bytes = 4096,
				      .own_ingress = true, .owner = 1000, .ready = true }, back;
	char text[RTMSG_ALIAS_MAX];

	buffer_alias_format(&alias, text, sizeof(text));
	assert_int_equal(buffer_alias_parse(&back, text), 0);
	assert_string_equal(back.domain, alias.domain);
	assert_string_equal(back.vif, alias.vif);
	assert_int_equal(back.vif_ifindex, 7);
	assert_int_equal(back.limit_bytes, 4096);
	assert_true(back.own_ingress);
	assert_int_equal(back.owner, 1000);
	assert_true(back.ready);
}

static void an_older_alias_belongs_to_anybody_and_is_not_ready(void **state)
{
	struct buffer_alias back = { .owner = 7, .ready = true };

	assert_int_equal(buffer_alias_parse(&back, "outcommit domain=web vif=vif1.0 ifindex=7 limit=4096 ingress=own"), 0);
	assert_true(back.owner == DOMAIN_ANYBODYS);
	assert_false(back.ready);
}

static void the_longest_alias_fits(void **state)
{
	struct buffer_alias alias = { .vif_ifindex = INT32_MAX, .limit_bytes = UINT32_MAX, .owner = DOMAIN_ANYBODYS - 1,
				      .ready = true }, back;
	char text[RTMSG_ALIAS_MAX];

	memset(alias.domain, 'd', WIRE_DOMAIN_MAX);
	memset(alias.vif, 'v', WIRE_VIF_MAX);
	buffer_alias_format(&alias, text, sizeof(text));
	assert_int_equal(buffer_alias_parse(&back, text), 0);
	assert_string_equal(back.domain, alias.domain);
	assert_true(back.ready);
}

static void aliases_of_strangers_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"outcommit",
		"outcommit ",
		"outcommit domain=web",
		"outcommit domain=web vif=vif1.0",
		"outcommit domain=web vif=vif1.0 ifindex=0",
		"outcommit domain=web vif=vif1.0 ifindex=-1",
		"outcommit domain=web vif=vif1.0 ifindex=99999999999",
		"outcommit domain=we/b vif=vif1.0 ifindex=1",
		"outcommit domain=web vif=vif1.0vif1.0vif1.0 ifindex=1",
		"outcommit domain=web vif=vif1.0 ifindex=1 limit=99999999999",
		"outcommit domain=web vif=vif1.0 ifindex=1 limit",
		"outcommit domain=web vif=vif1.0 ifindex=1 owner=root",
		"outcommit domain=web vif=vif1.0 ifindex=1 owner=4294967295",
		"outcommit domain=web vif=vif1.0 ifindex=1 ready",
		"Outcommit domain=web vif=vif1.0 ifindex=1",
	};
	struct buffer_alias back;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(buffer_alias_parse(&back, bad[i]), -EBADMSG);
}

static void a_buffer_is_named_after_its_vif_if_that_fits(void **state)
{
	char name[IFNAMSIZ];

	buffer_ifb_name(name, "vif1.0-emu", 5);
	assert_string_equal(name, "oc.vif1.0-emu");
	buffer_ifb_name(name, "vif12345.0-em", 5);
	assert_string_equal(name, "oc-if5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_back),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(other_lengths_are_refused),
		cmocka_unit_test(an_alias_comes_back),
		cmocka_unit_test(an_older_alias_belongs_to_anybody_and_is_not_ready),
		cmocka_unit_test(the_longest_alias_fits),
		cmocka_unit_test(aliases_of_strangers_are_refused),
		cmocka_unit_test(a_buffer_is_named_after_its_vif_if_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
