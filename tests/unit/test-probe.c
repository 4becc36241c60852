// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What check asks of the system: of programs that hang, flood, die or are not there, and of a
 * modprobe that is a script here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl-probe.h"
#include "ctl-spawn.h"
#include "scratch.h"

#define PATIENCE_MS 20000
#define SHELL(script) ((const char *const[]){ "/bin/sh", "-c", (script), NULL })

/* The status; of what came, @text has up to @size bytes and a '\0'. */
static int shell(const char *script, int timeout_ms, char *text, size_t size)
{
	struct spawn spawn = { .argv = SHELL(script), .timeout_ms = timeout_ms };
	int ret = spawn_run(&spawn, text, size);

	assert_true(spawn.len <= size);
	text[spawn.len] = '\0';
	return ret;
}

static void what_a_program_says_comes_with_its_status(void **state)
{
	char text[64];

	assert_int_equal(shell("echo one; echo two >&2; exit 3", PATIENCE_MS, text, sizeof(text) - 1), 3);
	assert_string_equal(text, "one\ntwo\n");
}

static void what_there_is_no_room_for_is_read_and_thrown_away(void **state)
{
	char text[5] = "----";

	assert_int_equal(shell("echo begin; head -c 200000 /dev/zero && exit 4", PATIENCE_MS, text, 3), 4);
	assert_string_equal(text, "beg");
	assert_int_equal(text[4], '\0');
}

static void a_program_that_hangs_is_killed_in_time(void **state)
{
	char text[16];

	assert_int_equal(shell("exec sleep 1000", 50, text, sizeof(text) - 1), -ETIMEDOUT);
}

static void a_program_that_is_killed_has_no_status(void **state)
{
	char text[16];

	assert_int_equal(shell("kill -KILL $$", PATIENCE_MS, text, sizeof(text) - 1), -EINTR);
}

static void a_program_that_is_not_there_is_no_other_failure(void **state)
{
	const char *argv[] = { "no-such-program-anywhere", NULL };
	struct spawn spawn = { .argv = argv, .timeout_ms = PATIENCE_MS };

	assert_int_equal(spawn_run(&spawn, NULL, 0), 127);
}

static int change_and_say(void *arg)
{
	int *number = arg;

	(*number)++;
	return write(STDOUT_FILENO, number, sizeof(*number)) == sizeof(*number) ? 7 : 1;
}

static void a_function_is_run_in_a_process_of_its_own(void **state)
{
	int ours = 41, theirs = 0;
	struct spawn spawn = { .function = change_and_say, .arg = &ours, .timeout_ms = PATIENCE_MS };

	assert_int_equal(spawn_run(&spawn, &theirs, sizeof(theirs)), 7);
	assert_int_equal(spawn.len, sizeof(theirs));
	assert_int_equal(theirs, 42);
	assert_int_equal(ours, 41);
}

static void a_module_is_there_if_modprobe_finds_it(void **state)
{
	char directory[SCRATCH_BYTES], path[SCRATCH_BYTES + 16];
	char *before = strdup(getenv("PATH"));
	FILE *script;

	scratch_dir(directory, "test-probe");
	snprintf(path, sizeof(path), "%s/modprobe", directory);
	script = fopen(path, "we");
	assert_non_null(script);
	fputs("#!/bin/sh\n[ \"$*\" = '--dry-run --quiet good_module' ]\n", script);
	fclose(script);
	chmod(path, 0755);
	setenv("PATH", directory, 1);
	assert_int_equal(probe_loadable("good_module", PATIENCE_MS), 0);
	assert_int_equal(probe_loadable("no_such_module", PATIENCE_MS), -ENODEV);
	setenv("PATH", before, 1);
	unlink(path);
	rmdir(directory);
	free(before);
}

static void what_is_not_there_is_said_not_to_be(void **state)
{
	char version[16] = "";

	assert_false(probe_loaded("no_such_module"));
	assert_false(probe_version("no_such_module", version, sizeof(version)));
	assert_false(probe_modules("0.0.0-no-such-kernel"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_program_says_comes_with_its_status),
		cmocka_unit_test(what_there_is_no_room_for_is_read_and_thrown_away),
		cmocka_unit_test(a_program_that_hangs_is_killed_in_time),
		cmocka_unit_test(a_program_that_is_killed_has_no_status),
		cmocka_unit_test(a_program_that_is_not_there_is_no_other_failure),
		cmocka_unit_test(a_function_is_run_in_a_process_of_its_own),
		cmocka_unit_test(a_module_is_there_if_modprobe_finds_it),
		cmocka_unit_test(what_is_not_there_is_said_not_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
