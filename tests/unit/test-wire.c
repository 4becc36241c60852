// SPDX-License-Identifier: GPL-2.0-or-later
/* The wire format of docs/protocol.md: what is taken, what is refused and how, what is built. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(s) (s), sizeof(s) - 1
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define X1024 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64

/* On the heap, exactly as large as the contract asks for: a sanitizer sees one byte too many. */
struct parsed {
	char *buf;
	struct wire_field fields[4];
	struct wire_msg msg;
};

static int parse(struct parsed *p, const char *text, size_t len, size_t max)
{
	*p = (struct parsed){ .buf = malloc(len + 1) };
	assert_non_null(p->buf);
	memcpy(p->buf, text, len);
	p->msg = (struct wire_msg){ .fields = p->fields, .room = ARRAY_SIZE(p->fields) };
	return wire_parse(&p->msg, p->buf, len, max);
}

static void test_a_message_is_taken_apart(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, TEXT("postsuspend\nDOMAIN=web1\nEPOCH=17\n"), 4096), 0);
	assert_string_equal(p.msg.head, "postsuspend");
	assert_int_equal(p.msg.count, 2);
	assert_string_equal(p.fields[0].key, "DOMAIN");
	assert_string_equal(p.fields[0].value, "web1");
	assert_string_equal(p.fields[1].key, "EPOCH");
	assert_string_equal(p.fields[1].value, "17");
	free(p.buf);
}

/* Each with what taking it apart gives */
static const struct {
	const char *text;
	size_t len;
	int ret;
} texts[] = {
	{ TEXT("list"), 0 },
	{ TEXT("list\n"), 0 },
	{ TEXT("-71\nMESSAGE=no"), 0 },
	{ TEXT("v\nA="), 0 },
	{ TEXT("v\nA=b=c"), 0 },
	{ TEXT("v\nA_9=\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), 0 },
	{ TEXT("v\nA=\xc2\xa0"), 0 },
	{ TEXT("v\nABCDEFGHIJKLMNOPQRSTUVWXYZ012345=x"), 0 },
	{ TEXT("v\nA=" X1024), 0 },
	{ TEXT("v\nA=1\nB=2\nC=3\nD=4\n"), 0 },
	{ TEXT("v\nA=1\nB=2\nC=3\nD=4\nE=5"), -E2BIG },
	{ TEXT(""), -EBADMSG },
	{ TEXT("\n"), -EBADMSG },
	{ TEXT("\nA=b"), -EBADMSG },
	{ TEXT("v\n\n"), -EBADMSG },
	{ TEXT("v\n\nA=b"), -EBADMSG },
	{ TEXT("v\nA"), -EBADMSG },
	{ TEXT("v\n=b"), -EBADMSG },
	{ TEXT("v\na=b"), -EBADMSG },
	{ TEXT("v\n9A=b"), -EBADMSG },
	{ TEXT("v\n_A=b"), -EBADMSG },
	{ TEXT("v\nA-B=b"), -EBADMSG },
	{ TEXT("v\nA =b"), -EBADMSG },
	{ TEXT("v\nABCDEFGHIJKLMNOPQRSTUVWXYZ0123456=x"), -EBADMSG },
	{ TEXT("v\nA=" X1024 "x"), -EBADMSG },
	{ TEXT("v\nA=\0"), -EBADMSG },
	{ TEXT("v\0"), -EBADMSG },
	{ TEXT("\0v"), -EBADMSG },
	{ TEXT("v\r\nA=b"), -EBADMSG },
	{ TEXT("v\nA=b\r\n"), -EBADMSG },
	{ TEXT("v\nA=\t"), -EBADMSG },
	{ TEXT("v\nA=\x1b[2J"), -EBADMSG },
	{ TEXT("v\nA=\x7f"), -EBADMSG },
	{ TEXT("v\nA=\xc2\x9b" "2J"), -EBADMSG }, /* C1: CSI in one character */
	{ TEXT("v\nA=\x80"), -EBADMSG },
	{ TEXT("v\nA=\xc3"), -EBADMSG },
	{ TEXT("v\nA=\xe2\x82"), -EBADMSG },
	{ TEXT("v\nA=\xf0\x9f\x98"), -EBADMSG },
	{ TEXT("v\nA=\xc0\xaf"), -EBADMSG }, /* over-long forms */
	{ TEXT("v\nA=\xe0\x80\xaf"), -EBADMSG },
	{ TEXT("v\nA=\xf0\x80\x80\xaf"), -EBADMSG },
	{ TEXT("v\nA=\xed\xa0\x80"), -EBADMSG }, /* a surrogate */
	{ TEXT("v\nA=\xf4\x90\x80\x80"), -EBADMSG }, /* beyond U+10FFFF */
	{ TEXT("v\nA=\xff"), -EBADMSG },
	{ TEXT("\x1b\nA=b"), -EBADMSG },
};

static void test_what_is_text_of_the_form_is_taken_and_all_else_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct parsed p;
		int ret = parse(&p, texts[i].text, texts[i].len, 4096);

		if (ret != texts[i].ret)
			fail_msg("\"%s\" gives %d, not %d", texts[i].text, ret, texts[i].ret);
		if (ret) {
			assert_int_equal(p.msg.count, 0);
			assert_string_equal(p.msg.head, "");
		}
		free(p.buf);
	}
}

static void test_the_size_is_checked_first(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, TEXT("v\nA=12"), 7), 0);
	free(p.buf);
	assert_int_equal(parse(&p, TEXT("v\nA=12\n"), 6), -EMSGSIZE);
	free(p.buf);
	assert_int_equal(parse(&p, TEXT("\0\0\0\0\0\0\0"), 6), -EMSGSIZE);
	free(p.buf);
}

static void test_a_value_is_found_once(void **state)
{
	const char *value = "untouched";
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, TEXT("v\nA=1\nB=2\nA=3\nAA=4"), 4096), 0);
	assert_int_equal(wire_get(&p.msg, "C", &value), -ENODATA);
	assert_string_equal(value, "untouched");
	assert_int_equal(wire_get(&p.msg, "B", &value), 0);
	assert_string_equal(value, "2");
	assert_int_equal(wire_get(&p.msg, "AA", &value), 0);
	assert_string_equal(value, "4");
	assert_int_equal(wire_get(&p.msg, "A", &value), -ENOTUNIQ);
	assert_string_equal(value, "3");
	free(p.buf);
}

static void check_strings(int (*check)(const char *), const char *const *strings, int ret)
{
	for (; *strings; strings++)
		if (check(*strings) != ret)
			fail_msg("\"%s\" gives %d, not %d", *strings, check(*strings), ret);
}

static void test_domain_names(void **state)
{
	static const char *const good[] = { "w", "web1", "Web-1.a_b:c+d@e", "0", "_x", X64, NULL };
	static const char *const bad[] = { "", "-web", ".web", "a b", "a/b", "a=b", "a\n", "a\x7f",
					   "\xc3\xa9", X64 "x", NULL };

	(void)state;
	check_strings(wire_check_domain, good, 0);
	check_strings(wire_check_domain, bad, -EINVAL);
}

static void test_vif_names(void **state)
{
	static const char *const good[] = { "v", "vif1.0", "vif1.0-emu", "...", "-x", "\xc3\xa9",
					    "123456789012345", NULL };
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\tb", "a\n", "a\x1b",
					   "\xff", "1234567890123456", NULL };

	(void)state;
	check_strings(wire_check_vif, good, 0);
	check_strings(wire_check_vif, bad, -EINVAL);
}

struct number_case {
	const char *text;
	int ret;
	uint64_t number;
};

static void check_numbers(int (*parse_number)(const char *, uint64_t *),
			  const struct number_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = 12345;
		int ret = parse_number(cases[i].text, &number);

		if (ret != cases[i].ret || number != (ret ? 12345 : cases[i].number))
			fail_msg("\"%s\" gives %d, %ju", cases[i].text, ret, (uintmax_t)number);
	}
}

static void test_numbers(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1K", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(wire_parse_u64, cases, ARRAY_SIZE(cases));
}

static void test_epochs_are_1_to_2_to_the_63_less_1(void **state)
{
	static const struct number_case cases[] = {
		{ "1", 0, 1 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "0", -EINVAL, 0 },
		{ "9223372036854775808", -EINVAL, 0 },
		{ "x", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(wire_parse_epoch, cases, ARRAY_SIZE(cases));
}

static void test_sizes_take_a_unit(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0 },
		{ "1514", 0, 1514 },
		{ "1K", 0, 1024 },
		{ "64M", 0, 64 << 20 },
		{ "2G", 0, UINT64_C(2) << 30 },
		{ "17179869183G", 0, UINT64_MAX - (1 << 30) + 1 },
		{ "17179869184G", -EINVAL, 0 },
		{ "1T", -EINVAL, 0 },
		{ "1k", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(wire_parse_size, cases, ARRAY_SIZE(cases));
}

static void test_a_message_is_built(void **state)
{
	static const char expected[] = "-5\nVIF=vif1.0\nA=0\nB=18446744073709551615\nC=7 of x\n";
	char data[sizeof(expected) - 1];
	struct wire_buf buf = { .data = data, .size = sizeof(data) };

	(void)state;
	wire_begin_reply(&buf, -EIO);
	wire_add(&buf, "VIF", "vif1.0");
	wire_add_u64(&buf, "A", 0);
	wire_add_u64(&buf, "B", UINT64_MAX);
	wire_addf(&buf, "C", "%d of %s", 7, "x");
	assert_false(buf.full);
	assert_int_equal(buf.len, sizeof(data));
	assert_memory_equal(data, expected, buf.len);
}

static void test_a_full_message_is_left_as_it_is(void **state)
{
	char data[16] = "";
	struct wire_buf buf = { .data = data, .size = sizeof(data) };

	(void)state;
	wire_begin(&buf, "list");
	wire_add(&buf, "DOMAIN", "12345"); /* one byte too many */
	assert_true(buf.full);
	assert_int_equal(buf.len, 5);
	wire_add(&buf, "A", "1"); /* would fit, but then a field would be missing in the middle */
	assert_int_equal(buf.len, 5);
	assert_true(buf.full);

	wire_begin(&buf, "list");
	assert_false(buf.full);
	wire_add(&buf, "DOMAIN", "123");
	assert_false(buf.full);
	assert_int_equal(buf.len, sizeof(data));
}

static void test_control_characters_are_replaced(void **state)
{
	static const char expected[] = "v?x\nA=a?b?[2J??c\xc3\xa9?\n";
	char data[64];
	struct wire_buf buf = { .data = data, .size = sizeof(data) };

	(void)state;
	wire_begin(&buf, "v\nx");
	wire_add(&buf, "A", "a\nb\x1b[2J\xc2\x9b" "c\xc3\xa9\xff");
	assert_int_equal(buf.len, sizeof(expected) - 1);
	assert_memory_equal(data, expected, buf.len);
}

static void test_a_long_value_is_cut_at_a_characters_edge(void **state)
{
	static char data[2 * WIRE_VALUE_MAX];
	struct wire_buf buf = { .data = data, .size = sizeof(data) };
	char value[WIRE_VALUE_MAX + 16] = X1024;

	(void)state;
	strcpy(value + WIRE_VALUE_MAX - 2, "\xe2\x82\xac!"); /* would need 1,025 bytes */
	for (int formatted = 0; formatted < 2; formatted++) {
		wire_begin(&buf, "v");
		if (formatted)
			wire_addf(&buf, "A", "%s", value);
		else
			wire_add(&buf, "A", value);
		assert_int_equal(buf.len, strlen("v\nA=\n") + WIRE_VALUE_MAX - 2);
		assert_memory_equal(data + buf.len - 2, "x\n", 2);
	}
}

static void test_text_for_the_eye_is_clean_and_fits(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *clean;
	} cases[] = {
		{ "", 1, "" },
		{ "abc", 4, "abc" },
		{ "abc", 3, "ab" },
		{ "abc", 1, "" },
		{ "a\n\x1b[2J\x7f", 16, "a??[2J?" },
		{ "\xc2\x9b" "2J", 16, "??2J" },
		{ "\xc3\xa9\xff\xc3", 16, "\xc3\xa9??" },
		{ "x\xe2\x82\xac", 4, "x" }, /* no half of a character */
		{ "x\xe2\x82\xac", 5, "x\xe2\x82\xac" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		wire_clean(text, cases[i].size, cases[i].text);
		assert_string_equal(text, cases[i].clean);
	}
}

static void test_whatever_is_built_is_taken(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char value[32] = "", data[64];
		struct wire_buf buf = { .data = data, .size = sizeof(data) };
		struct parsed p;
		int len = rand_r(&seed) % (int)sizeof(value);

		for (int i = 0; i < len; i++)
			value[i] = (char)(rand_r(&seed) >> 7);
		wire_begin(&buf, "v");
		wire_add(&buf, "A", value);
		assert_int_equal(parse(&p, data, buf.len, sizeof(data)), 0);
		assert_int_equal(strlen(p.fields[0].value), strlen(value));
		free(p.buf);
	}
}

static void test_whatever_comes_in_is_parsed_within_its_bounds(void **state)
{
	static const char letters[] = "vA=b\n\n==\0\x1b\xc3\xa9\xe2\x82\xac\xff";
	unsigned int seed = 2;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		char text[24];
		size_t len = (size_t)rand_r(&seed) % (sizeof(text) + 1);
		struct parsed p;

		for (size_t i = 0; i < len; i++)
			text[i] = letters[(size_t)rand_r(&seed) % sizeof(letters)];
		if (!parse(&p, text, len, sizeof(text)))
			assert_true(p.msg.count <= ARRAY_SIZE(p.fields));
		free(p.buf);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_message_is_taken_apart),
		cmocka_unit_test(test_what_is_text_of_the_form_is_taken_and_all_else_refused),
		cmocka_unit_test(test_the_size_is_checked_first),
		cmocka_unit_test(test_a_value_is_found_once),
		cmocka_unit_test(test_domain_names),
		cmocka_unit_test(test_vif_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_epochs_are_1_to_2_to_the_63_less_1),
		cmocka_unit_test(test_sizes_take_a_unit),
		cmocka_unit_test(test_a_message_is_built),
		cmocka_unit_test(test_a_full_message_is_left_as_it_is),
		cmocka_unit_test(test_control_characters_are_replaced),
		cmocka_unit_test(test_a_long_value_is_cut_at_a_characters_edge),
		cmocka_unit_test(test_text_for_the_eye_is_clean_and_fits),
		cmocka_unit_test(test_whatever_is_built_is_taken),
		cmocka_unit_test(test_whatever_comes_in_is_parsed_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
