// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * liboutcommit against a daemon that plays a script: what is taken for a reply, what is too much or
 * not of the protocol, in either direction.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client-rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void test_a_request_gets_its_reply(void **state)
{
	const struct outcommit_field fields[] = { { "A", "1" }, { "B", NULL }, { "C", "x=y" } };
	struct pair p = begin(SCRIPT(ANSWER("verb\nA=1\nC=x=y\n", "0\nA=no\nN=7\nN=x\n")));
	struct outcommit_reply *reply;
	struct outcommit_field field;
	uint64_t n;

	assert_int_equal(outcommit_request(p.c, "verb", fields, ARRAY_SIZE(fields), &reply, NULL),
			 0);
	assert_int_equal(outcommit_reply_status(reply), 0);
	assert_null(outcommit_reply_event(reply));
	assert_string_equal(outcommit_reply_get(reply, "A"), "no");
	assert_string_equal(outcommit_reply_message(reply), "");
	assert_int_equal(outcommit_reply_count(reply), 3);
	assert_int_equal(outcommit_reply_field(reply, 2, &field), 0);
	assert_string_equal(field.key, "N");
	assert_string_equal(field.value, "x");
	assert_int_equal(outcommit_reply_field(reply, 3, &field), -ENODATA);
	assert_int_equal(outcommit_reply_get_u64(reply, "N", &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(outcommit_reply_get_u64(reply, "A", &n), -EINVAL);
	assert_int_equal(outcommit_reply_get_u64(reply, "Z", &n), -ENODATA);
	assert_null(outcommit_reply_get(reply, "Z"));
	outcommit_reply_free(reply);
	finish(&p);
}

static void test_a_reply_that_is_not_of_the_protocol_is_refused(void **state)
{
	static const char *const replies[] = {
		"+0\n", "00\n", "-0\n", "-\n", "-4096\n", "1\n", "0 \n", "\n", "0\nx\n", "0\n\n",
		"0\nA=\x1b[2J\n", "change\nOBJECT=vif\n", "Hello\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct pair p = begin(SCRIPT(ANSWER("reload\n", replies[i])));

		if (outcommit_reload(p.c, &p.err) != -EBADMSG)
			fail_msg("\"%s\" is taken", replies[i]);
		assert_false(p.err.from_daemon);
		finish(&p);
	}
}

static void test_the_largest_reply_is_taken_and_a_larger_one_refused(void **state)
{
	static char text[65536 + 2];

	for (size_t len = 65536; len <= 65537; len++) {
		struct outcommit_reply *reply = NULL;
		struct pair p;
		size_t at = 2;

		strcpy(text, "0\n");
		while (at < len) {
			size_t line = len - at < 1026 ? len - at : len - at < 1030 ? 1000 : 1026;

			memcpy(text + at, "A=" X1024, line - 1);
			text[at + line - 1] = '\n';
			at += line;
		}
		text[at] = '\0';
		p = begin(SCRIPT(ANSWER("status\n", text)));
		assert_int_equal(outcommit_status(p.c, NULL, &reply, &p.err),
				 len == 65536 ? 0 : -EBADMSG);
		if (reply)
			assert_true(outcommit_reply_count(reply) > 60);
		outcommit_reply_free(reply);
		finish(&p);
	}
}

static void test_what_cannot_be_sent_as_it_is_is_not_sent(void **state)
{
	static const struct {
		const char *verb;
		struct outcommit_field field;
	} cases[] = {
		{ "", { "A", "b" } },
		{ NULL, { "A", "b" } },
		{ "v\nX=y", { "A", "b" } },
		{ "v\x1b", { "A", "b" } },
		{ "v", { "A", "b\nC=d" } },
		{ "v", { "A", "b\x1b" } },
		{ "v", { "A", "\xff" } },
		{ "v", { "A", X1024 "x" } },
		{ "v", { "a", "b" } },
		{ "v", { "A=b", "c" } },
		{ "v", { "", "c" } },
		{ "v", { NULL, "c" } },
	};
	struct pair p = begin(SCRIPT(ANSWER("ok\n", "0\n")));

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (outcommit_request(p.c, cases[i].verb, &cases[i].field, 1, NULL,
				      NULL) != -EINVAL ||
		    outcommit_send(p.c, cases[i].verb, &cases[i].field, 1) != -EINVAL)
			fail_msg("case %zu is sent", i);
	assert_int_equal(outcommit_attach(p.c, "web\nX=y", "v", 0, NULL, 0, &p.err), -EINVAL);
	assert_false(p.err.from_daemon);
	assert_int_equal(outcommit_request(p.c, "ok", NULL, 0, NULL, NULL), 0);
	finish(&p);
}

static void test_a_request_over_the_limits_is_not_sent(void **state)
{
	struct outcommit_field fields[33];
	struct pair p = begin(SCRIPT(ANSWER("ok\n", "0\n")));

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = (struct outcommit_field){ "A", "b" };
	assert_int_equal(outcommit_request(p.c, "v", fields, 33, NULL, NULL), -E2BIG);
	for (size_t i = 0; i < 4; i++)
		fields[i].value = X1024;
	assert_int_equal(outcommit_request(p.c, "v", fields, 4, NULL, NULL), -EMSGSIZE);
	assert_int_equal(outcommit_request(p.c, "ok", NULL, 0, NULL, NULL), 0);
	finish(&p);
}

/* Names as they come, and when to stop. */
struct names {
	char text[64];
	const char *stop_at;
};

static int add_name(const char *domain, void *arg)
{
	struct names *names = arg;

	strcat(names->text, domain);
	strcat(names->text, " ");
	return names->stop_at && !strcmp(names->stop_at, domain) ? 42 : 0;
}

static void test_a_list_is_read_page_by_page(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\nAFTER=b\n", "0\nDOMAIN=c\n"),
				     ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\n", "0\n")));
	struct names names = { .text = "" };

	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 0);
	assert_string_equal(names.text, "a b c ");
	names = (struct names){ .stop_at = "a" };
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 42);
	assert_string_equal(names.text, "a ");
	names = (struct names){ .text = "" };
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), 0);
	assert_string_equal(names.text, "");
	finish(&p);
}

static void test_a_list_that_goes_round_in_circles_ends(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\nAFTER=b\n", "0\nDOMAIN=a\nDOMAIN=b\nMORE=1\n"),
				     ANSWER("list\n", "0\nMORE=1\n")));
	struct names names = { .text = "" };

	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), -EBADMSG);
	assert_int_equal(outcommit_list(p.c, add_name, &names, &p.err), -EBADMSG);
	finish(&p);
}

static void test_a_status_is_read_block_by_block(void **state)
{
	static const char status[] = "0\nDOMAIN=web\nVIFS=2\n"
				     "EPOCH=3\nEPOCH_AGE_NS=30\nEPOCH=4\n"
				     "VIF=a\nVIF_STATE=ok\nVIF=b\nVIF_STATE=gone\nLIMIT=9\n";
	struct pair p = begin(SCRIPT(ANSWER("status\nDOMAIN=web\n", status)));
	struct outcommit_block head, epoch, vif;
	struct outcommit_reply *reply;
	uint64_t n;

	assert_int_equal(outcommit_status(p.c, "web", &reply, &p.err), 0);
	head = epoch = vif = outcommit_reply_block(reply);
	assert_string_equal(outcommit_block_get(&head, "VIFS"), "2");
	assert_null(outcommit_block_get(&head, "EPOCH"));
	assert_null(outcommit_block_get(&head, "VIF_STATE"));
	assert_true(outcommit_block_next(&epoch, "EPOCH"));
	assert_int_equal(outcommit_block_get_u64(&epoch, "EPOCH_AGE_NS", &n), 0);
	assert_int_equal(n, 30);
	assert_true(outcommit_block_next(&epoch, "EPOCH"));
	assert_string_equal(outcommit_block_get(&epoch, "EPOCH"), "4");
	assert_int_equal(outcommit_block_get_u64(&epoch, "EPOCH_AGE_NS", &n), -ENODATA);
	assert_null(outcommit_block_get(&epoch, "VIF"));
	assert_false(outcommit_block_next(&epoch, "EPOCH"));
	assert_true(outcommit_block_next(&vif, "VIF"));
	assert_string_equal(outcommit_block_get(&vif, "VIF_STATE"), "ok");
	assert_null(outcommit_block_get(&vif, "LIMIT"));
	assert_true(outcommit_block_next(&vif, "VIF"));
	assert_string_equal(outcommit_block_get(&vif, "VIF_STATE"), "gone");
	assert_string_equal(outcommit_block_get(&vif, "LIMIT"), "9");
	assert_false(outcommit_block_next(&vif, "VIF"));
	outcommit_reply_free(reply);
	finish(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_gets_its_reply),
		cmocka_unit_test(test_a_reply_that_is_not_of_the_protocol_is_refused),
		cmocka_unit_test(test_the_largest_reply_is_taken_and_a_larger_one_refused),
		cmocka_unit_test(test_what_cannot_be_sent_as_it_is_is_not_sent),
		cmocka_unit_test(test_a_request_over_the_limits_is_not_sent),
		cmocka_unit_test(test_a_list_is_read_page_by_page),
		cmocka_unit_test(test_a_list_that_goes_round_in_circles_ends),
		cmocka_unit_test(test_a_status_is_read_block_by_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
