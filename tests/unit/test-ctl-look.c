// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics, top and trace of outcommitctl: what they make of a daemon's words, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl-rig.h"
#include "scratch.h"

/* Two pages; the second vif's name is one that a label has to quote. */
static const char first_page[] =
	"0\nVERSION=1.2\nMODULE=outcommit\nUPTIME_NS=1500000000\nDOMAINS=2\nBOUNDS_NS=10000 2000000000\n"
	"COMMITS=7\nREFUSED_EINVAL=1\nREFUSED_EPROTO=2\nHOLD_SUM_NS=43000001\nHOLD_BUCKETS=2 4 1\n"
	"DOMAIN=a\nSTATE=holding\nWHOLE=1\nOPEN=3\nNEW_IN_2050=1\nOLDEST_HOLD_NS=5\nCOMMITS=7\n"
	"VIF=vif1.0\nVIF_STATE=ok\nLIMIT=1024\nVIF_HELD_FRAMES=2\nVIF_HELD_BYTES=128\nVIF_DROPS=9\n"
	"VIF=\"\\\nVIF_STATE=broken\nVIF_HELD_BYTES=512\nMORE=1\n";
static const char second_page[] = "0\nDOMAIN=b\nSTATE=passing\nWHOLE=0\n";

#define PAGES ANSWER("metrics\n", first_page), ANSWER("metrics\nAFTER=a\n", second_page)

static const char openmetrics[] =
	"# HELP outcommit_build The daemon's version, and whose sch_plug it runs on\n"
	"# TYPE outcommit_build info\n"
	"outcommit_build_info{version=\"1.2\",module=\"outcommit\"} 1\n"
	"# HELP outcommit_uptime_seconds Since the daemon started: every counter of its own began at 0\n"
	"# TYPE outcommit_uptime_seconds gauge\n"
	"# UNIT outcommit_uptime_seconds seconds\n"
	"outcommit_uptime_seconds 1.500000000\n"
	"# HELP outcommit_domains Domains that exist\n"
	"# TYPE outcommit_domains gauge\n"
	"outcommit_domains 2\n"
	"# HELP outcommit_commits Commits that released something\n"
	"# TYPE outcommit_commits counter\n"
	"outcommit_commits_total 7\n"
	"# HELP outcommit_requests_refused Requests refused, by error\n"
	"# TYPE outcommit_requests_refused counter\n"
	"outcommit_requests_refused_total{errno=\"EINVAL\"} 1\n"
	"outcommit_requests_refused_total{errno=\"EPROTO\"} 2\n"
	"# HELP outcommit_hold_seconds How long an epoch waited, from its close to its commit\n"
	"# TYPE outcommit_hold_seconds histogram\n"
	"# UNIT outcommit_hold_seconds seconds\n"
	"outcommit_hold_seconds_bucket{le=\"1e-05\"} 2\n"
	"outcommit_hold_seconds_bucket{le=\"2.0\"} 6\n"
	"outcommit_hold_seconds_bucket{le=\"+Inf\"} 7\n"
	"outcommit_hold_seconds_sum 0.043000001\n"
	"outcommit_hold_seconds_count 7\n"
	"# HELP outcommit_domain_holding 1 if the domain holds, 0 if it passes\n"
	"# TYPE outcommit_domain_holding gauge\n"
	"outcommit_domain_holding{domain=\"a\"} 1\n"
	"outcommit_domain_holding{domain=\"b\"} 0\n"
	"# HELP outcommit_domain_whole 1 if the barrier is whole: every vif is ok\n"
	"# TYPE outcommit_domain_whole gauge\n"
	"outcommit_domain_whole{domain=\"a\"} 1\n"
	"outcommit_domain_whole{domain=\"b\"} 0\n"
	"# HELP outcommit_domain_open_epoch Number of the open epoch\n"
	"# TYPE outcommit_domain_open_epoch gauge\n"
	"outcommit_domain_open_epoch{domain=\"a\"} 3\n"
	"# HELP outcommit_domain_oldest_hold_seconds Age of the oldest frame or epoch that is held\n"
	"# TYPE outcommit_domain_oldest_hold_seconds gauge\n"
	"# UNIT outcommit_domain_oldest_hold_seconds seconds\n"
	"outcommit_domain_oldest_hold_seconds{domain=\"a\"} 0.000000005\n"
	"# HELP outcommit_domain_commits Commits that released something\n"
	"# TYPE outcommit_domain_commits counter\n"
	"outcommit_domain_commits_total{domain=\"a\"} 7\n"
	"# HELP outcommit_vif_ok 1 if redirect, IFB and plug are as they should be\n"
	"# TYPE outcommit_vif_ok gauge\n"
	"outcommit_vif_ok{domain=\"a\",vif=\"vif1.0\"} 1\n"
	"outcommit_vif_ok{domain=\"a\",vif=\"\\\"\\\\\"} 0\n"
	"# HELP outcommit_vif_limit_bytes How much the vif may hold\n"
	"# TYPE outcommit_vif_limit_bytes gauge\n"
	"# UNIT outcommit_vif_limit_bytes bytes\n"
	"outcommit_vif_limit_bytes{domain=\"a\",vif=\"vif1.0\"} 1024\n"
	"# HELP outcommit_vif_held_frames Frames held now\n"
	"# TYPE outcommit_vif_held_frames gauge\n"
	"outcommit_vif_held_frames{domain=\"a\",vif=\"vif1.0\"} 2\n"
	"# HELP outcommit_vif_held_bytes Bytes held now\n"
	"# TYPE outcommit_vif_held_bytes gauge\n"
	"# UNIT outcommit_vif_held_bytes bytes\n"
	"outcommit_vif_held_bytes{domain=\"a\",vif=\"vif1.0\"} 128\n"
	"outcommit_vif_held_bytes{domain=\"a\",vif=\"\\\"\\\\\"} 512\n"
	"# HELP outcommit_vif_dropped_frames Frames dropped: over the limit, or discarded\n"
	"# TYPE outcommit_vif_dropped_frames counter\n"
	"outcommit_vif_dropped_frames_total{domain=\"a\",vif=\"vif1.0\"} 9\n"
	"# EOF\n";

static void test_metrics_are_openmetrics_of_all_pages(void **state)
{
	ctl_expect(SCRIPT(PAGES), "metrics", 0, openmetrics, "");
}

/* The same but for what the older format has otherwise: counters by their full name, and no more. */
static void test_the_older_format_names_counters_in_full(void **state)
{
	struct fake_server *server = fake_start(SCRIPT(PAGES));
	struct outcome outcome = ctl_run(fake_path(server), "metrics --format prometheus");

	assert_null(fake_stop(server));
	assert_int_equal(outcome.code, 0);
	assert_non_null(strstr(outcome.out, "\n# TYPE outcommit_commits_total counter\noutcommit_commits_total 7\n"));
	assert_non_null(strstr(outcome.out, "\n# TYPE outcommit_build_info gauge\noutcommit_build_info{"));
	assert_null(strstr(outcome.out, "# UNIT"));
	assert_null(strstr(outcome.out, "# EOF"));
}

static void test_metrics_as_json(void **state)
{
	ctl_expect(SCRIPT(PAGES), "--json metrics", 0,
		   "{\"schema_version\":1,\"version\":\"1.2\",\"module\":\"outcommit\","
		   "\"bounds_ns\":[10000,2000000000],\"uptime_ns\":1500000000,\"domains\":["
		   "{\"domain\":\"a\",\"vifs\":[{\"vif\":\"vif1.0\",\"ok\":true,\"limit\":1024,"
		   "\"vif_held_frames\":2,\"vif_held_bytes\":128,\"vif_drops\":9},"
		   "{\"vif\":\"\\\"\\\\\",\"ok\":false,\"vif_held_bytes\":512}],"
		   "\"holding\":true,\"whole\":true,\"open\":3,\"oldest_hold_ns\":5,\"commits\":7},"
		   "{\"domain\":\"b\",\"vifs\":[],\"holding\":false,\"whole\":false}],"
		   "\"commits\":7,\"refused_einval\":1,\"refused_eproto\":2,"
		   "\"hold\":{\"count\":7,\"sum_ns\":43000001,\"buckets\":[2,4,1]}}\n",
		   "");
}

/* What a directory of the test's own holds, for a file that is written. */
static char directory[SCRATCH_BYTES];

static const char *in_directory(const char *name)
{
	static char path[SCRATCH_BYTES + 16];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	fclose(file);
}

static void test_a_file_is_replaced_as_a_whole_or_not_at_all(void **state)
{
	char args[SCRATCH_BYTES + 64], text[16384];
	struct stat before, after;

	snprintf(args, sizeof(args), "metrics --output %s", in_directory("x.prom"));
	ctl_expect(SCRIPT(PAGES), args, 0, "", "");
	read_file(in_directory("x.prom"), text, sizeof(text));
	assert_string_equal(text, openmetrics);
	stat(in_directory("x.prom"), &before);
	assert_int_equal(before.st_mode & 0777, 0644);
	ctl_expect(SCRIPT(ANSWER("metrics\n", "-13\nMESSAGE=no\n")), args, 1, "",
		   "outcommitctl: metrics: no\n");
	stat(in_directory("x.prom"), &after);
	assert_int_equal(before.st_ino, after.st_ino);
	/* nothing else is left there: the directory can go */
	unlink(in_directory("x.prom"));
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
}

static void test_a_file_that_cannot_be_written_is_a_failure(void **state)
{
	ctl_expect(SCRIPT(PAGES), "metrics --output /nonexistent/x.prom", 1, "",
		   "outcommitctl: metrics: cannot write /nonexistent/x.prom: No such file or directory\n");
}

static void test_top_once_prints_the_second_look(void **state)
{
	const struct fake_step steps[] = { PAGES, PAGES, { .act = FAKE_END } };

	ctl_expect(steps, "top --once --delay 0.1", 0,
		   "outcommitd 1.2, up 1.5 s, sch_plug: outcommit, domains: 2, vifs: 0, clients: 0\n"
		   "0.0 epochs/s, 640 B held; since the start: 7 commits, 3 requests refused, 0 netlink errors\n"
		   "\n"
		   "DOMAIN  STATE    EPOCHS/S  PAUSE  OUT  FRAMES   HELD  HOLD P50  P99  DROPS  HELD BEFORE\n"
		   "a       holding       0.0      -    0       2  640 B         -    -      9  ##\n"
		   "b       BROKEN        0.0      -    0       0    0 B         -    -      0  __\n",
		   "");
	ctl_expect(steps, "top --once --delay 0.1 --no-legend", 0,
		   "a  holding  0.0  -  0  2  640 B  -  -  9  ##\n"
		   "b  BROKEN   0.0  -  0  0    0 B  -  -  0  __\n",
		   "");
}

static void test_top_without_a_daemon_that_answers_is_a_failure(void **state)
{
	ctl_expect(SCRIPT(ANSWER("metrics\n", "-22\nMESSAGE=no such verb\n")), "top --batch", 1, "",
		   "outcommitctl: top: no such verb\n");
}

#define DOMAIN(event, state, open, committed, more) \
	SAY(event "\nOBJECT=domain\nDOMAIN=web\nSTATE=" state "\nOPEN=" open "\nCOMMITTED=" committed "\n" more)
#define VIF(event, name, state, more) \
	SAY(event "\nOBJECT=vif\nDOMAIN=web\nVIF=" name "\nVIF_STATE=" state "\n" more)

/*
 * Two epochs outstanding at a time, requests that seem to overlap, a vif with a hostile name that
 * breaks, lost events, the end.
 */
static const struct fake_step life[] = {
	ANSWER("monitor\n", "0\n"),
	DOMAIN("exists", "passing", "1", "0", "TIME_NS=1000\n"),
	VIF("exists", "\"<v>", "ok", "TIME_NS=1500\n"),
	SAY("end\nTIME_NS=1600\n"),
	DOMAIN("change", "holding", "2", "0", "CAUSE=postsuspend\nTIME_NS=3000\nTOOK_NS=700\n"),
	DOMAIN("change", "holding", "3", "0", "CAUSE=postsuspend\nTIME_NS=4000\nTOOK_NS=5\n"),
	DOMAIN("change", "holding", "3", "1", "CAUSE=commit\nTIME_NS=5000\nTOOK_NS=2000\n"),
	DOMAIN("change", "holding", "4", "1", "CAUSE=postsuspend\nTIME_NS=6000\nTOOK_NS=10\n"),
	VIF("change", "\"<v>", "broken", "VIF_STATE_REASON=the plug was deleted\nCAUSE=watch\nTIME_NS=6500\n"),
	DOMAIN("change", "passing", "4", "3", "CAUSE=on_driver_lost\nTIME_NS=6700\n"),
	SAY("resync\nTIME_NS=7000\n"),
	DOMAIN("exists", "holding", "4", "2", "TIME_NS=7100\n"),
	DOMAIN("destroy", "holding", "4", "2", "TIME_NS=9001\n"),
	{ .act = FAKE_LEAVE },
};

#define X(tid, name, ts, dur, args) \
	"{\"ph\":\"X\",\"name\":\"" name "\",\"pid\":1,\"tid\":" tid ",\"ts\":" ts ",\"dur\":" dur ",\"args\":{" args "}}"
#define NAME(tid, name) \
	"{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":" tid ",\"args\":{\"name\":\"" name "\"}},\n" \
	"{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":1,\"tid\":" tid ",\"args\":{\"sort_index\":" tid "}}"

static const char life_trace[] =
	"[\n"
	"{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"tid\":0,\"args\":{\"name\":\"web\"}},\n"
	NAME("1", "open epoch") ",\n" NAME("2", "requests") ",\n" NAME("11", "\\\"<v>") ",\n"
	X("2", "barrier", "2.300", "0.700", "\"epoch\":1") ",\n"
	X("1", "passing", "1.000", "2.000", "\"ended\":\"postsuspend\"") ",\n"
	X("11", "passing", "1.500", "1.500", "") ",\n"
	NAME("1011", "outstanding") ",\n"
	X("2", "barrier", "3.995", "0.005", "\"epoch\":2") ",\n"
	X("1", "epoch 2", "3.000", "1.000", "\"epoch\":2,\"ended\":\"postsuspend\"") ",\n"
	X("11", "epoch 2", "3.000", "1.000", "\"epoch\":2") ",\n"
	NAME("1012", "outstanding") ",\n"
	X("2", "commit", "4.000", "1.000", "\"epoch\":1") ",\n"
	X("1011", "epoch 1", "3.000", "2.000", "\"epoch\":1,\"ended\":\"commit\"") ",\n"
	X("2", "barrier", "5.990", "0.010", "\"epoch\":3") ",\n"
	X("1", "epoch 3", "4.000", "2.000", "\"epoch\":3,\"ended\":\"postsuspend\"") ",\n"
	X("11", "epoch 3", "4.000", "2.000", "\"epoch\":3") ",\n"
	X("11", "epoch 4", "6.000", "0.500", "\"epoch\":4,\"ended\":\"broken\"") ",\n"
	X("1", "epoch 4", "6.000", "0.700", "\"epoch\":4,\"ended\":\"on_driver_lost\"") ",\n"
	X("1011", "epoch 3", "6.000", "0.700", "\"epoch\":3,\"ended\":\"on_driver_lost\"") ",\n"
	X("1012", "epoch 2", "4.000", "2.700", "\"epoch\":2,\"ended\":\"on_driver_lost\"") ",\n"
	X("1", "passing", "6.700", "0.300", "\"ended\":\"events were lost\"") ",\n"
	X("11", "the plug was deleted", "6.500", "0.500", "\"ended\":\"events were lost\"") ",\n"
	"{\"ph\":\"i\",\"name\":\"events were lost\",\"s\":\"g\",\"pid\":0,\"tid\":0,\"ts\":7.000},\n"
	X("1", "epoch 4", "7.100", "1.901", "\"epoch\":4,\"ended\":\"destroy\"") ",\n"
	X("1011", "epoch 3", "7.100", "1.901", "\"epoch\":3,\"ended\":\"destroy\"") "\n"
	"]\n";

/* The daemon goes away for good: the command fails, and what it wrote is whole. */
static void test_a_trace_is_whole_whatever_ends_it(void **state)
{
	struct fake_server *server = fake_start(life);
	char args[SCRATCH_BYTES + 64], text[16384];
	struct outcome outcome;

	snprintf(args, sizeof(args), "--timeout 0.05 trace --perfetto %s", in_directory("t.json"));
	outcome = ctl_run(fake_path(server), args);
	fake_stop(server);
	assert_int_equal(outcome.code, 3);
	assert_non_null(strstr(outcome.err, "no more events"));
	read_file(in_directory("t.json"), text, sizeof(text));
	assert_string_equal(text, life_trace);
	unlink(in_directory("t.json"));
}

static int make_directory(void **state)
{
	setenv("LC_ALL", "C", 1);
	scratch_dir(directory, "outcommit-look");
	return 0;
}

static int remove_directory(void **state)
{
	return rmdir(directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_are_openmetrics_of_all_pages),
		cmocka_unit_test(test_the_older_format_names_counters_in_full),
		cmocka_unit_test(test_metrics_as_json),
		cmocka_unit_test(test_a_file_is_replaced_as_a_whole_or_not_at_all),
		cmocka_unit_test(test_a_file_that_cannot_be_written_is_a_failure),
		cmocka_unit_test(test_top_once_prints_the_second_look),
		cmocka_unit_test(test_top_without_a_daemon_that_answers_is_a_failure),
		cmocka_unit_test(test_a_trace_is_whole_whatever_ends_it),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
