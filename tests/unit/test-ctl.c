// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommitctl against a daemon that plays a script: for each command line, what is sent, what is
 * printed where, and the exit code. OUTCOMMITCTL is the program to test.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl-rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void test_commands_send_what_was_said_and_print_what_was_asked_for(void **state)
{
	static const struct {
		const char *args, *request, *reply, *out;
	} cases[] = {
		{ "attach web vif1.0", "attach\nDOMAIN=web\nVIF=vif1.0\n",
		  "0\nIFB=oc7\n", "oc7\n" },
		{ "attach web vif1.0 --limit 64M", "attach\nLIMIT=64M\nDOMAIN=web\nVIF=vif1.0\n",
		  "0\nIFB=oc7\n", "oc7\n" },
		{ "--limit=1K --limit 2K attach web v", "attach\nLIMIT=2K\nDOMAIN=web\nVIF=v\n",
		  "0\nIFB=oc7\n", "oc7\n" },
		{ "attach web -- -x", "attach\nDOMAIN=web\nVIF=-x\n", "0\nIFB=oc7\n", "oc7\n" },
		{ "detach web", "detach\nDOMAIN=web\n", "0\n", "" },
		{ "detach web v --pending release", "detach\nPENDING=release\nDOMAIN=web\nVIF=v\n",
		  "0\n", "" },
		{ "detach --pending discard web", "detach\nPENDING=discard\nDOMAIN=web\n",
		  "0\n", "" },
		{ "postsuspend web", "postsuspend\nDOMAIN=web\n", "0\nEPOCH=5\n", "5\n" },
		{ "postsuspend web 17", "postsuspend\nDOMAIN=web\nEPOCH=17\n",
		  "0\nEPOCH=17\n", "17\n" },
		{ "preresume web 17", "preresume\nDOMAIN=web\nEPOCH=17\n", "0\n", "" },
		{ "commit web 17", "commit\nDOMAIN=web\nEPOCH=17\n", "0\nEPOCH=17\n", "" },
		{ "abort web 9223372036854775807", "abort\nDOMAIN=web\nEPOCH=9223372036854775807\n",
		  "0\n", "" },
		{ "discard web", "discard\nDOMAIN=web\n", "0\nEPOCH=18\n", "" },
		{ "release web", "release\nDOMAIN=web\n", "0\n", "" },
		{ "limit web 1G", "limit\nDOMAIN=web\nLIMIT=1G\n", "0\n", "" },
		{ "reload", "reload\n", "0\n", "" },
		{ "version", "version\n", "0\nVERSION=9.8\nPROTOCOL=1\n",
		  "outcommitctl " OUTCOMMIT_VERSION ", protocol 1\noutcommitd 9.8, protocol 1\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ctl_expect(SCRIPT(ANSWER(cases[i].request, cases[i].reply)), cases[i].args, 0,
		       cases[i].out, "");
}

static void stdin_has(const char *text)
{
	int fd = memfd_create("in", 0);

	assert_true(fd >= 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	dup2(fd, STDIN_FILENO);
	close(fd);
}

static void test_drive_does_line_by_line_what_stdin_says_over_one_connection(void **state)
{
	static const char lines[] = "postsuspend 4\n\n  preresume   4  \ncommit 9\nstatus\nfly\n"
				    "detach vif1.0 --pending discard\nrelease 5";

	stdin_has(lines);
	ctl_expect(SCRIPT(ANSWER("drive\nON_DRIVER_LOST=release\nDRIVER_GRACE_NS=1500000000\nDOMAIN=web\n",
				 "0\nSTATE=passing\nOPEN=4\n"),
			  ANSWER("postsuspend\nDOMAIN=web\nEPOCH=4\n", "0\nEPOCH=4\n"),
			  ANSWER("preresume\nDOMAIN=web\nEPOCH=4\n", "0\n"),
			  ANSWER("commit\nDOMAIN=web\nEPOCH=9\n", "-71\nMESSAGE=why\n"),
			  ANSWER("detach\nPENDING=discard\nDOMAIN=web\nVIF=vif1.0\n", "0\n"),
			  ANSWER("release\nDOMAIN=web\nEPOCH=5\n", "0\n")),
		   "drive web --on-driver-lost release --driver-grace 1.5", 0,
		   "4\n4\nok\nfailed 5\nfailed 2\nfailed 2\nok\nok\n",
		   "outcommitctl: commit web: why\n"
		   "outcommitctl: drive: status cannot be asked for here\n"
		   "outcommitctl: there is no command 'fly'\nTry 'outcommitctl --help'.\n");
	stdin_has("");
	ctl_expect(SCRIPT(ANSWER("drive\nDOMAIN=web\n", "-16\nMESSAGE=driven\n")), "drive web", 1, "",
		   "outcommitctl: drive web: driven\n");
}

static void test_a_domain_shows_its_driver_and_what_waits_too_long(void **state)
{
	static const struct {
		const char *lease, *line;
	} cases[] = {
		{ "LEASE=held\n", "     Driver: pid 7, uid 0; if it is lost: discard\n" },
		{ "LEASE=grace\nGRACE_LEFT_NS=2000000000\n", "     Driver: lost, pid 7, uid 0; discard in 2 s\n" },
		{ "LEASE=lost\n", "     Driver: lost, pid 7, uid 0\n" },
		{ "OWNER=1000\n", "      Owner: uid 1000\n" },
		{ "HOLD=limit\nHOLD_NS=61000000000\n",
		  "    Waiting: nothing was committed for 1 min 1 s: over the limit\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char reply[256];
		struct fake_server *server;
		struct outcome outcome;

		snprintf(reply, sizeof(reply), "0\nDOMAIN=web\nWHOLE=1\n%sLEASE_PID=7\nLEASE_UID=0\nON_DRIVER_LOST=discard\n",
			 cases[i].lease);
		server = fake_start(SCRIPT(ANSWER("status\nDOMAIN=web\n", reply)));
		outcome = ctl_run(fake_path(server), "status web");
		assert_null(fake_stop(server));
		if (!strstr(outcome.out, cases[i].line))
			fail_msg("no '%s' in:\n%s", cases[i].line, outcome.out);
	}
}

static void test_json_is_for_each_command(void **state)
{
	static const struct {
		const char *args, *request, *reply, *out;
	} cases[] = {
		{ "--json attach web v", "attach\nDOMAIN=web\nVIF=v\n", "0\nIFB=oc7\n",
		  "{\"schema_version\":1,\"ifb\":\"oc7\"}\n" },
		{ "commit web 17 --json", "commit\nDOMAIN=web\nEPOCH=17\n", "0\nEPOCH=17\n",
		  "{\"schema_version\":1,\"epoch\":17}\n" },
		{ "release web --json", "release\nDOMAIN=web\n", "0\n",
		  "{\"schema_version\":1}\n" },
		{ "version --json", "version\n", "0\nVERSION=9.8\nPROTOCOL=1\n",
		  "{\"schema_version\":1,\"version\":\"9.8\",\"protocol\":1,\"client_version\":\""
		  OUTCOMMIT_VERSION "\",\"client_protocol\":1}\n" },
		{ "status --json", "status\n", "0\nVERSION=1\nPID=7\nMODULE=none\n",
		  "{\"schema_version\":1,\"version\":\"1\",\"pid\":7,\"module\":\"none\"}\n" },
		/* names stay text, flags become booleans, what is no number stays what it is */
		{ "status 12 --json", "status\nDOMAIN=12\n",
		  "0\nDOMAIN=12\nSTATE=holding\nOPEN=3\nWHOLE=0\nLEASE_PID=8\nVIFS=1\nDROPS=many\n"
		  "EPOCH=2\nEPOCH_AGE_NS=5\nEPOCH_ABORTED=1\nVIF=7\nLIMIT=9\nNEW_NS=4\nNEW=4\n",
		  "{\"schema_version\":1,\"domain\":\"12\",\"state\":\"holding\",\"open\":3,"
		  "\"whole\":false,\"lease_pid\":8,\"vifs\":[{\"vif\":\"7\",\"limit\":9,\"new_ns\":4,"
		  "\"new\":\"4\"}],\"drops\":\"many\","
		  "\"epochs\":[{\"epoch\":2,\"epoch_age_ns\":5,\"epoch_aborted\":true}]}\n" },
		{ "list --json", "list\n", "0\n", "{\"schema_version\":1,\"domains\":[]}\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ctl_expect(SCRIPT(ANSWER(cases[i].request, cases[i].reply)), cases[i].args, 0,
		       cases[i].out, "");
}

static void test_a_refusal_has_its_exit_code_and_says_why(void **state)
{
	static const struct {
		const char *reply;
		int code;
	} cases[] = {
		{ "-2\nMESSAGE=why\n", 4 },
		{ "-19\nMESSAGE=why\n", 4 },
		{ "-71\nMESSAGE=why\nEXPECTED=18\n", 5 },
		{ "-5\nMESSAGE=why\n", 1 },
		{ "-22\nMESSAGE=why\n", 1 },
		{ "-13\nMESSAGE=why\n", 1 },
		/* the library's own numbers, but not from the library */
		{ "-107\nMESSAGE=why\n", 1 },
		{ "-110\nMESSAGE=why\n", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ctl_expect(SCRIPT(ANSWER("commit\nDOMAIN=web\nEPOCH=19\n", cases[i].reply)),
		       "commit web 19", cases[i].code, "", "outcommitctl: commit web: why\n");
	ctl_expect(SCRIPT(ANSWER("commit\nDOMAIN=web\nEPOCH=19\n",
			     "-71\nMESSAGE=why\nFIELD=EPOCH\nVALUE=19\nEXPECTED=18\nVIF=v\n")),
	       "--json commit web 19", 5,
	       "{\"schema_version\":1,\"error\":{\"message\":\"why\",\"errno\":\"EPROTO\","
	       "\"from_daemon\":true,\"field\":\"EPOCH\",\"value\":\"19\",\"vif\":\"v\","
	       "\"expected\":18}}\n",
	       "outcommitctl: commit web: why\n");
}

static void test_a_daemon_that_is_not_there_is_exit_code_3(void **state)
{
	struct outcome outcome = ctl_run("/nonexistent/socket", "release web");

	assert_int_equal(outcome.code, 3);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err, "outcommitctl: release web: cannot reach outcommitd at "
					 "/nonexistent/socket: No such file or directory\n");
}

static void test_a_daemon_that_does_not_answer_is_exit_code_3(void **state)
{
	static const struct fake_step steps[] = {
		{ .act = FAKE_IGNORE, .request = "reload\n" },
		{ .act = FAKE_LEAVE },
	};
	struct fake_server *server = fake_start(steps);
	struct outcome outcome = ctl_run(fake_path(server), "--timeout 0.05 reload");

	fake_stop(server);
	assert_int_equal(outcome.code, 3);
	assert_non_null(strstr(outcome.err, "no reply in time"));
}

static const char web_status[] =
	"0\nDOMAIN=web\nSTATE=holding\nOPEN=19\nCOMMITTED=17\nOUTSTANDING=1\nWHOLE=0\n"
	"VIFS=2\nHELD_FRAMES=12\nHELD_BYTES=18637\nDROPS=1\nOLDEST_HOLD_NS=43200000\n"
	"EPOCH=18\nEPOCH_AGE_NS=21000000\nEPOCH_FRAMES=10\nEPOCH_BYTES=15360\n"
	"EPOCH_HOLD_NS=43200000\nEPOCH_ABORTED=1\nEPOCH=19\nEPOCH_AGE_NS=5000000\n"
	"VIF=vif1.0\nIFB=oc.vif1.0\nVIF_STATE=ok\nVIF_HELD_FRAMES=12\nVIF_HELD_BYTES=18637\n"
	"LIMIT=67108864\nVIF_DROPS=3\nSENT_FRAMES=1234\nSENT_BYTES=1200000\n"
	"VIF=vif1.1\nIFB=oc.vif1.1\nVIF_STATE=broken\nVIF_STATE_REASON=no plug\n"
	"LIMIT=1000\n";

static const char daemon_status[] =
	"0\nVERSION=1.2\nPROTOCOL=1\nPID=7\nUPTIME_NS=90061000000000\nMODULE=mainline\n"
	"CONFIG=/etc/x\nDOMAINS=2\nVIFS=5\nCLIENTS=1\nNOTE=one epoch\n";

static void test_status_is_readable(void **state)
{
	ctl_expect(SCRIPT(ANSWER("status\nDOMAIN=web\n", web_status)), "status web", 0,
	       "* web - holding\n"
	       "    Barrier: broken, see the vifs\n"
	       "     Epochs: 19 open, 17 committed, 1 outstanding\n"
	       "       Held: 12 frames, 18 KiB, oldest for 43 ms\n"
	       "    Dropped: 1 frame\n"
	       "\n"
	       "  EPOCH     CLOSED  FRAMES    HELD  OLDEST\n"
	       "     18  21 ms ago      10  15 KiB   43 ms  aborted\n"
	       "     19   5 ms ago       -       -       -\n"
	       "\n"
	       "  VIF     BUFFER     STATE   FRAMES    HELD   LIMIT  DROPS  SENT    BYTES\n"
	       "  vif1.0  oc.vif1.0  ok          12  18 KiB  64 MiB      3  1234  1.1 MiB\n"
	       "  vif1.1  oc.vif1.1  broken       0     0 B  1000 B      0     0      0 B  no plug\n",
	       "");
	ctl_expect(SCRIPT(ANSWER("status\n", daemon_status)), "status", 0,
	       "* outcommitd - 1.2\n"
	       "   Protocol: 1\n"
	       "        PID: 7\n"
	       "     Uptime: 1 d 1 h\n"
	       "   sch_plug: mainline\n"
	       "       Note: one epoch\n"
	       "     Config: /etc/x\n"
	       "    Domains: 2, with 5 vifs\n"
	       "    Clients: 1\n",
	       "");
}

static void test_list_is_a_table_and_skips_what_has_gone(void **state)
{
	const struct fake_step steps[] = {
		ANSWER("list\n", "0\nDOMAIN=a\nDOMAIN=web\nMORE=1\n"),
		ANSWER("status\nDOMAIN=a\n", "-2\nMESSAGE=no such domain\n"),
		ANSWER("status\nDOMAIN=web\n", web_status),
		ANSWER("list\nAFTER=web\n", "0\nDOMAIN=zz\n"),
		ANSWER("status\nDOMAIN=zz\n", "0\nDOMAIN=zz\nSTATE=passing\nOPEN=1\nCOMMITTED=0\n"
					      "OUTSTANDING=0\nWHOLE=1\nVIFS=1\nHELD_FRAMES=0\n"),
		{ .act = FAKE_END },
	};

	ctl_expect(steps, "list", 0,
	       "DOMAIN  STATE    BARRIER  OPEN  COMMITTED  OUTSTANDING  FRAMES    HELD  VIFS\n"
	       "web     holding  broken     19         17            1      12  18 KiB     2\n"
	       "zz      passing  whole       1          0            0       0     0 B     1\n",
	       "");
	ctl_expect(steps, "list --no-legend", 0,
	       "web  holding  broken  19  17  1  12  18 KiB  2\n"
	       "zz   passing  whole    1   0  0   0     0 B  1\n",
	       "");
}

static void test_a_list_that_breaks_off_is_a_failure(void **state)
{
	const struct fake_step steps[] = {
		ANSWER("list\n", "0\nDOMAIN=a\n"),
		ANSWER("status\nDOMAIN=a\n", "-13\nMESSAGE=not allowed\n"),
		{ .act = FAKE_END },
	};

	ctl_expect(steps, "list", 1, "", "outcommitctl: list: not allowed\n");
}

static const struct fake_step events[] = {
	ANSWER("monitor\n", "0\n"),
	SAY("exists\nOBJECT=domain\nDOMAIN=web\nSTATE=passing\nWHOLE=1\n"),
	SAY("end\n"),
	SAY("change\nOBJECT=vif\nVIF=v\nVIF_STATE=broken\nVIF_STATE_REASON=set \"down\"\n"),
	{ .act = FAKE_RESTART },
	ANSWER("monitor\n", "0\n"),
	SAY("end\n"),
	{ .act = FAKE_CLOSE },
	ANSWER("monitor\n", "-13\nMESSAGE=no\n"),
	{ .act = FAKE_END },
};

static void test_monitor_prints_a_line_per_event(void **state)
{
	static const char err[] = "outcommitctl: monitor: no more events: Permission denied\n";

	ctl_expect(events, "monitor", 1,
	       "exists domain domain:web state:passing whole:1\n"
	       "end\n"
	       "change vif vif:v vif_state:broken vif_state_reason:\"set \\\"down\\\"\"\n"
	       "resync\n"
	       "end\n",
	       err);
	ctl_expect(events, "monitor --json", 1,
	       "{\"schema_version\":1,\"event\":\"exists\",\"object\":\"domain\","
	       "\"domain\":\"web\",\"state\":\"passing\",\"whole\":true}\n"
	       "{\"schema_version\":1,\"event\":\"end\"}\n"
	       "{\"schema_version\":1,\"event\":\"change\",\"object\":\"vif\",\"vif\":\"v\","
	       "\"vif_state\":\"broken\",\"vif_state_reason\":\"set \\\"down\\\"\"}\n"
	       "{\"schema_version\":1,\"event\":\"resync\"}\n"
	       "{\"schema_version\":1,\"event\":\"end\"}\n"
	       "{\"schema_version\":1,\"error\":{\"message\":\"no more events: Permission denied\","
	       "\"errno\":\"EACCES\",\"from_daemon\":false}}\n",
	       err);
}

/* Right-to-left override and a letter outside of the C locale: neither is for this terminal. */
static void test_what_a_terminal_would_obey_is_spelled_out(void **state)
{
	static const char reply[] = "-5\nMESSAGE=a\xe2\x80\xae" "b\xc3\xa9\n";

	ctl_expect(SCRIPT(ANSWER("reload\n", reply)), "reload", 1, "",
	       "outcommitctl: reload: a\\xe2\\x80\\xaeb\\xc3\\xa9\n");
	setenv("LC_ALL", "C.UTF-8", 1);
	ctl_expect(SCRIPT(ANSWER("reload\n", reply)), "reload", 1, "",
	       "outcommitctl: reload: a\\xe2\\x80\\xaeb\xc3\xa9\n");
	setenv("LC_ALL", "C", 1);
}

/* A disk that is full is not success. */
static void test_output_that_cannot_be_written_is_a_failure(void **state)
{
	struct fake_server *server =
		fake_start(SCRIPT(ANSWER("postsuspend\nDOMAIN=web\n", "0\nEPOCH=5\n")));
	char command[512];
	int status;

	snprintf(command, sizeof(command), "%s --socket %s postsuspend web >/dev/full 2>/dev/null",
		 OUTCOMMITCTL, fake_path(server));
	status = system(command);
	assert_null(fake_stop(server));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_send_what_was_said_and_print_what_was_asked_for),
		cmocka_unit_test(test_drive_does_line_by_line_what_stdin_says_over_one_connection),
		cmocka_unit_test(test_a_domain_shows_its_driver_and_what_waits_too_long),
		cmocka_unit_test(test_json_is_for_each_command),
		cmocka_unit_test(test_a_refusal_has_its_exit_code_and_says_why),
		cmocka_unit_test(test_a_daemon_that_is_not_there_is_exit_code_3),
		cmocka_unit_test(test_a_daemon_that_does_not_answer_is_exit_code_3),
		cmocka_unit_test(test_status_is_readable),
		cmocka_unit_test(test_list_is_a_table_and_skips_what_has_gone),
		cmocka_unit_test(test_a_list_that_breaks_off_is_a_failure),
		cmocka_unit_test(test_monitor_prints_a_line_per_event),
		cmocka_unit_test(test_what_a_terminal_would_obey_is_spelled_out),
		cmocka_unit_test(test_output_that_cannot_be_written_is_a_failure),
	};

	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
