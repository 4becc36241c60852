// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommitctl check: what it makes of the daemon, of its configuration and of the programs
 * around it, all scripts here. What it makes of a kernel is for tests/integration.
 */
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

#define NOWHERE "/nonexistent/socket"
#define VERSION(protocol) ANSWER("version\n", "0\nVERSION=1.2\nPROTOCOL=" protocol "\n")
#define MODULE(name) ANSWER("check\n", "0\nMODULE=" name "\n")

static char directory[SCRATCH_BYTES];
static char program[SCRATCH_BYTES + 16];

static void in_directory(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", directory, name);
}

/* A program beside outcommitctl, and the first one in PATH. NULL: none */
static void put(const char *name, const char *script)
{
	char path[SCRATCH_BYTES + 16];
	FILE *file;

	in_directory(path, sizeof(path), name);
	unlink(path);
	if (!script)
		return;
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	chmod(path, 0755);
}

static void must_say(const struct outcome *outcome, const char *what)
{
	if (!strstr(outcome->out, what))
		fail_msg("'%s' is not in:\n%s%s", what, outcome->out, outcome->err);
}

/* With this daemon it says this, and if that is a failure, the exit status says so, too. */
static void expect(const struct fake_step *steps, const char *says)
{
	struct fake_server *server = fake_start(steps);
	struct outcome outcome = ctl_run_copy(program, fake_path(server), "check");
	const char *problem = fake_stop(server);

	if (problem)
		fail_msg("%s", problem);
	must_say(&outcome, says);
	if (!strncmp(says, "FAIL", 4))
		assert_int_equal(outcome.code, 1);
}

static void a_daemon_says_who_it_is_and_what_it_found(void **state)
{
	expect(SCRIPT(VERSION("1"), MODULE("outcommit")),
	       "ok    socket: outcommitd 1.2 answers, protocol 1, uses outcommit's sch_plug\n");
	expect(SCRIPT(VERSION("1"), MODULE("mainline")), "protocol 1, uses mainline's sch_plug\n");
	expect(SCRIPT(VERSION("1"), MODULE("none")),
	       "FAIL  socket: outcommitd runs, but finds no sch_plug\n      -> see the module sch_plug\n");
}

static void a_daemon_that_is_no_use_is_a_failure(void **state)
{
	expect(SCRIPT(VERSION("9")), "FAIL  socket: outcommitd 1.2 speaks protocol 9, this is 1\n"
				     "      -> bring command and daemon to the same version\n");
	expect(SCRIPT(ANSWER("version\n", "-13\nMESSAGE=not for you\n")),
	       "FAIL  socket: not for you\n      -> systemctl status outcommitd\n");
}

static struct outcome alone(const char *args)
{
	return ctl_run_copy(program, NOWHERE, args);
}

static void a_daemon_that_does_not_run_is_no_failure(void **state)
{
	struct outcome outcome = alone("check");

	must_say(&outcome, "warn  socket: outcommitd does not run: " NOWHERE ": No such file or directory\n"
			   "      -> systemctl enable --now outcommitd.socket\n");
}

static void the_daemon_judges_its_configuration(void **state)
{
	struct outcome outcome;

	put("outcommitd", "[ \"$*\" = --check-config ] && echo '/etc/x: good'");
	outcome = alone("check");
	must_say(&outcome, "ok    configuration: outcommitd accepts it\n");

	put("outcommitd", "echo 'x.conf:3: no such key: colour' >&2; echo more; exit 1");
	outcome = alone("check");
	must_say(&outcome, "FAIL  configuration: x.conf:3: no such key: colour\n      -> correct it");
	assert_int_equal(outcome.code, 1);

	put("outcommitd", "exit 1");
	outcome = alone("check");
	must_say(&outcome, "FAIL  configuration: outcommitd --check-config failed\n");

	put("outcommitd", NULL);
	outcome = alone("check");
	must_say(&outcome, "warn  configuration: not checked: outcommitd is neither beside this command");
}

static void only_process_trees_need_criu(void **state)
{
	struct outcome outcome = alone("check");

	must_say(&outcome, "ok    criu: not there; only outcommit-criu needs it\n");
	put("criu", "echo 'Version: 3.17.1'; echo 'GitID: x'");
	outcome = alone("check");
	must_say(&outcome, "ok    criu: Version: 3.17.1\n");
	put("criu", NULL);
}

/* Whatever the machine: a module that modprobe would find is no failure. */
static void a_module_that_can_be_loaded_is_good_enough(void **state)
{
	struct outcome outcome;

	put("modprobe", "exit 0");
	outcome = alone("check");
	assert_null(strstr(outcome.out, "FAIL  module"));
	for (const char *const *name = (const char *const[]){ "ifb", "sch_plug", "act_mirred", NULL }; *name; name++) {
		char text[64];

		snprintf(text, sizeof(text), "ok    module %s: ", *name);
		must_say(&outcome, text);
	}
	put("modprobe", NULL);
}

static void all_that_is_wrong_comes_with_what_to_do(void **state)
{
	struct outcome outcome = alone("check");
	char *rest = outcome.out, *line = strsep(&rest, "\n");

	while (line && rest) {
		char *next = strsep(&rest, "\n");

		if (!strncmp(line, "FAIL", 4) || !strncmp(line, "warn", 4))
			assert_memory_equal(next, "      -> ", 9);
		line = next;
	}
}

static void as_json_each_check_is_an_object(void **state)
{
	struct outcome outcome = alone("check --json");

	assert_memory_equal(outcome.out, "{\"schema_version\":1,\"checks\":[{\"check\":\"rights\",\"level\":\"", 57);
	must_say(&outcome, "{\"check\":\"socket\",\"level\":\"warn\",\"text\":\"outcommitd does not run: " NOWHERE
			   ": No such file or directory\",\"hint\":\"systemctl enable --now outcommitd.socket\"}]}\n");
	must_say(&outcome, "{\"check\":\"criu\",\"level\":\"ok\",");
}

static int in_a_directory_of_its_own(void **state)
{
	char command[1024];

	scratch_dir(directory, "test-ctl-check");
	in_directory(program, sizeof(program), "outcommitctl");
	snprintf(command, sizeof(command), "cp '%s' '%s'", OUTCOMMITCTL, program);
	if (system(command))
		return -1;
	return setenv("PATH", directory, 1);
}

static int without_the_directory(void **state)
{
	return unlink(program) || rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_daemon_says_who_it_is_and_what_it_found),
		cmocka_unit_test(a_daemon_that_is_no_use_is_a_failure),
		cmocka_unit_test(a_daemon_that_does_not_run_is_no_failure),
		cmocka_unit_test(the_daemon_judges_its_configuration),
		cmocka_unit_test(only_process_trees_need_criu),
		cmocka_unit_test(a_module_that_can_be_loaded_is_good_enough),
		cmocka_unit_test(all_that_is_wrong_comes_with_what_to_do),
		cmocka_unit_test(as_json_each_check_is_an_object),
	};

	return cmocka_run_group_tests(tests, in_a_directory_of_its_own, without_the_directory);
}
