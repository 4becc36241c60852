// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each verb of liboutcommit against a daemon that plays a script: what it sends, what it gives
 * back, and what it makes of a refusal.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client-rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static int do_attach(struct pair *p)
{
	char ifb[OUTCOMMIT_IFNAME_SIZE] = "";
	int ret = outcommit_attach(p->c, "web", "vif1.0", 65536, ifb, sizeof(ifb), &p->err);

	assert_string_equal(ifb, ret ? "" : "oc7");
	return ret;
}

static int do_drive_as_configured(struct pair *p)
{
	return outcommit_drive(p->c, "web", NULL, NULL, &p->err);
}

static int do_drive_at_once(struct pair *p)
{
	static const struct outcommit_terms terms = { .has_grace = true };

	return outcommit_drive(p->c, "web", &terms, NULL, &p->err);
}

static int do_attach_default(struct pair *p)
{
	return outcommit_attach(p->c, "web", "vif1.0", 0, NULL, 0, NULL);
}

static int do_detach_vif(struct pair *p)
{
	return outcommit_detach(p->c, "web", "v", OUTCOMMIT_PENDING_RELEASE, NULL);
}

static int do_detach_discard(struct pair *p)
{
	return outcommit_detach(p->c, "web", "v", OUTCOMMIT_PENDING_DISCARD, NULL);
}

static int do_postsuspend_open(struct pair *p)
{
	return outcommit_postsuspend(p->c, "web", 0, NULL, NULL);
}

static int do_preresume(struct pair *p)
{
	return outcommit_preresume(p->c, "web", 17, &p->err);
}

static int do_preresume_nothing(struct pair *p)
{
	return outcommit_preresume(p->c, "web", 0, &p->err);
}

static int do_abort(struct pair *p)
{
	return outcommit_abort(p->c, "web", 17, &p->err);
}

static int do_discard(struct pair *p)
{
	uint64_t open = 0;
	int ret = outcommit_discard(p->c, "web", &open, &p->err);

	assert_int_equal(open, ret ? 0 : 19);
	return ret;
}

static int do_discard_epoch(struct pair *p)
{
	return outcommit_discard_epoch(p->c, "web", 19, NULL, &p->err);
}

static int do_release_epoch(struct pair *p)
{
	return outcommit_release_epoch(p->c, "web", 19, &p->err);
}

static int do_limit(struct pair *p)
{
	return outcommit_limit(p->c, "web", 1 << 20, &p->err);
}

static int do_status(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_status(p->c, "web", &reply, &p->err);

	assert_true(!ret == !!reply);
	outcommit_reply_free(reply);
	return ret;
}

static int do_status_daemon(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_status(p->c, NULL, &reply, NULL);

	outcommit_reply_free(reply);
	return ret;
}

static int do_check(struct pair *p)
{
	struct outcommit_reply *reply = NULL;
	int ret = outcommit_check(p->c, &reply, &p->err);

	outcommit_reply_free(reply);
	return ret;
}

static int do_reload(struct pair *p)
{
	return outcommit_reload(p->c, &p->err);
}

static int do_version(struct pair *p)
{
	char version[4] = "";
	unsigned int protocol = 0;
	int ret = outcommit_version(p->c, version, sizeof(version), &protocol, &p->err);

	assert_string_equal(version, ret ? "" : "0.1");
	assert_int_equal(protocol, ret ? 0 : 1);
	return ret;
}

static int do_monitor(struct pair *p)
{
	return outcommit_monitor(p->c, &p->err);
}

/*
 * What each function sends, and an answer that it takes; @bad is one that it must not take for
 * success.
 */
static const struct verb_case {
	int (*call)(struct pair *p);
	const char *request;
	const char *reply;
	const char *bad;
} verb_cases[] = {
	{ do_attach, "attach\nDOMAIN=web\nVIF=vif1.0\nLIMIT=65536\n", "0\nIFB=oc7\n", "0\n" },
	{ do_attach, "attach\nDOMAIN=web\nVIF=vif1.0\nLIMIT=65536\n", "0\nIFB=oc7\n",
	  "0\nIFB=1234567890123456\n" },
	{ do_drive, "drive\nDOMAIN=web\nON_DRIVER_LOST=release\nDRIVER_GRACE_NS=5\n", "0\nOPEN=1\n",
	  NULL },
	{ do_drive_as_configured, "drive\nDOMAIN=web\n", "0\n", NULL },
	{ do_drive_at_once, "drive\nDOMAIN=web\nDRIVER_GRACE_NS=0\n", "0\n", NULL },
	{ do_attach_default, "attach\nDOMAIN=web\nVIF=vif1.0\n", "0\nIFB=oc7\n", NULL },
	{ do_detach, "detach\nDOMAIN=web\n", "0\n", NULL },
	{ do_detach_vif, "detach\nDOMAIN=web\nVIF=v\nPENDING=release\n", "0\n", NULL },
	{ do_detach_discard, "detach\nDOMAIN=web\nVIF=v\nPENDING=discard\n", "0\n", NULL },
	{ do_postsuspend, "postsuspend\nDOMAIN=web\nEPOCH=17\n", "0\nEPOCH=17\n", "0\n" },
	{ do_postsuspend_open, "postsuspend\nDOMAIN=web\n", "0\nEPOCH=1\n", "0\nEPOCH=x\n" },
	{ do_preresume, "preresume\nDOMAIN=web\nEPOCH=17\n", "0\n", NULL },
	{ do_preresume_nothing, "preresume\nDOMAIN=web\nEPOCH=0\n", "0\n", NULL },
	{ do_commit, "commit\nDOMAIN=web\nEPOCH=18446744073709551615\n", "0\nEPOCH=18\n", "0\n" },
	{ do_abort, "abort\nDOMAIN=web\nEPOCH=17\n", "0\n", NULL },
	{ do_discard, "discard\nDOMAIN=web\n", "0\nEPOCH=19\n", "0\nEPOCH=-1\n" },
	{ do_discard_epoch, "discard\nDOMAIN=web\nEPOCH=19\n", "0\nEPOCH=19\n", "0\n" },
	{ do_release, "release\nDOMAIN=web\n", "0\n", NULL },
	{ do_release_epoch, "release\nDOMAIN=web\nEPOCH=19\n", "0\n", NULL },
	{ do_limit, "limit\nDOMAIN=web\nLIMIT=1048576\n", "0\n", NULL },
	{ do_status, "status\nDOMAIN=web\n", "0\nDOMAIN=web\n", NULL },
	{ do_status_daemon, "status\n", "0\nPID=1\n", NULL },
	{ do_check, "check\n", "0\nMODULE=none\n", NULL },
	{ do_reload, "reload\n", "0\n", NULL },
	{ do_version, "version\n", "0\nVERSION=0.1.2\nPROTOCOL=1\n", "0\nVERSION=0.1.2\n" },
	{ do_monitor, "monitor\n", "0\n", NULL },
};

static void test_each_verb_sends_its_request_and_takes_its_reply(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p = begin(SCRIPT(ANSWER(v->request, v->reply)));
		int ret = v->call(&p);

		if (ret)
			fail_msg("%s gives %d", v->request, ret);
		finish(&p);
	}
}

static void test_each_verb_hands_on_the_daemons_refusal(void **state)
{
	static const char refusal[] = "-71\nMESSAGE=epoch 19 is not the next one\nFIELD=EPOCH\n"
				      "VALUE=19\nEXPECTED=18\nVIF=vif1.0\n";

	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p = begin(SCRIPT(ANSWER(v->request, refusal)));

		assert_int_equal(v->call(&p), -EPROTO);
		if (p.err.code) { /* not all of them ask for it */
			assert_int_equal(p.err.code, -EPROTO);
			assert_true(p.err.from_daemon);
			assert_int_equal(p.err.expected, 18);
			assert_string_equal(p.err.field, "EPOCH");
			assert_string_equal(p.err.value, "19");
			assert_string_equal(p.err.vif, "vif1.0");
			assert_string_equal(p.err.message, "epoch 19 is not the next one");
		}
		finish(&p);
	}
}

static void test_a_reply_without_its_fields_is_no_success(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_cases); i++) {
		const struct verb_case *v = &verb_cases[i];
		struct pair p;

		if (!v->bad)
			continue;
		p = begin(SCRIPT(ANSWER(v->request, v->bad)));
		if (v->call(&p) != -EBADMSG)
			fail_msg("%s takes %s", v->request, v->bad);
		assert_false(p.err.from_daemon);
		finish(&p);
	}
}

static void test_an_error_without_a_message_still_has_one(void **state)
{
	struct pair p = begin(SCRIPT(ANSWER("reload\n", "-13\n")));

	assert_int_equal(outcommit_reload(p.c, &p.err), -EACCES);
	assert_string_equal(p.err.message, "Permission denied");
	finish(&p);
}

static void test_attach_wants_room_for_any_name(void **state)
{
	char ifb[OUTCOMMIT_IFNAME_SIZE];
	struct pair p = begin(SCRIPT(ANSWER("reload\n", "0\n")));

	assert_int_equal(outcommit_attach(p.c, "web", "v", 0, ifb, sizeof(ifb) - 1, NULL), -EINVAL);
	assert_int_equal(outcommit_reload(p.c, NULL), 0);
	finish(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_verb_sends_its_request_and_takes_its_reply),
		cmocka_unit_test(test_each_verb_hands_on_the_daemons_refusal),
		cmocka_unit_test(test_a_reply_without_its_fields_is_no_success),
		cmocka_unit_test(test_an_error_without_a_message_still_has_one),
		cmocka_unit_test(test_attach_wants_room_for_any_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
