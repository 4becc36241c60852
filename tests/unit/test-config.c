// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration: command line over file over defaults, and every mistake named with file and line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "scratch.h"

static const struct config_overrides none;

struct file {
	char path[SCRATCH_BYTES];
};

static void write_file(struct file *file, const char *text, size_t len)
{
	int fd = scratch_file(file->path, "outcommit-config");

	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static int load(struct config *config, const char *text, const struct config_overrides *overrides,
		struct config_error *error)
{
	struct file file;
	int ret;

	write_file(&file, text, strlen(text));
	ret = config_load(config, file.path, 1, overrides, error);
	unlink(file.path);
	return ret;
}

static void without_a_file_there_are_defaults(void **state)
{
	struct config_error error;
	struct config config;

	assert_int_equal(config_load(&config, "/nowhere/outcommitd.conf", 0, &none, &error), 0);
	assert_string_equal(config.socket, "/run/outcommit/control.sock");
	assert_int_equal(config.socket_mode, 0660);
	assert_int_equal(config.log_level, LOG_INFO);
	assert_int_equal(config.limit_bytes, 64 << 20);
	assert_int_equal(config.driver_users.count, 1);
	assert_int_equal(config.driver_users.ids[0], 0);
	assert_false(config.driver_users.everyone);
	assert_true(config.observer_users.everyone);
}

static void a_file_that_was_asked_for_must_be_there(void **state)
{
	struct config_error error;
	struct config config;

	assert_int_equal(config_load(&config, "/nowhere/outcommitd.conf", 1, &none, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nowhere/outcommitd.conf"));
}

static void the_command_line_is_stronger_than_the_file(void **state)
{
	const char *const settings[] = { "buffer.limit=2M", "daemon.log_level=debug" };
	const struct config_overrides overrides = { 2, settings };
	struct config_error error;
	struct config config;

	assert_int_equal(load(&config, "[buffer]\nlimit = 1M\ntxqueuelen = 5\n", &overrides, &error), 0);
	assert_int_equal(config.limit_bytes, 2 << 20);
	assert_int_equal(config.txqueuelen_frames, 5);
	assert_int_equal(config.log_level, LOG_DEBUG);
}

/* text; then what the error must say */
static const char *const bad_files[][2] = {
	{ "[buffer]\nlimit = 1X\n", ":2: buffer.limit: '1X'" },
	{ "[buffer]\n\nlimit = 1\n", ":3: buffer.limit: '1'" },
	{ "[buffer]\nlimit = 5G\n", ":2: buffer.limit: '5G'" },
	{ "[buffer]\nlimit = 18446744073709551616\n", ":2: buffer.limit" },
	{ "[buffer]\nlimit =\n", ":2: buffer.limit" },
	{ "[buffer]\nlimit = 1M\nlimit = 1M\n", ":3: buffer.limit: given twice" },
	{ "[buffer]\nlimits = 1M\n", ":2: buffer.limits: no such key" },
	{ "[bufer]\nlimit = 1M\n", ":2: bufer.limit: no such key" },
	{ "limit = 1M\n", ":1: limit: no such key" },
	{ "[buffer]\nlimit\n", ":2: " },
	{ "[buffer\n", ":1: " },
	{ "[daemon]\nlog_level = loud\n", ":2: daemon.log_level: 'loud'" },
	{ "[daemon]\nsocket = relative\n", ":2: daemon.socket: 'relative'" },
	{ "[daemon]\nsocket_mode = 0999\n", ":2: daemon.socket_mode: '0999'" },
	{ "[daemon]\nsocket_mode = 7777\n", ":2: daemon.socket_mode: '7777'" },
	{ "[access]\ndriver_users = root no.such.user\n", ":2: access.driver_users: no user 'no.such.user'" },
	{ "[access]\ndriver_groups = no.such.group\n", ":2: access.driver_groups: no group" },
	{ "[limits]\nclients = 0\n", ":2: limits.clients: '0'" },
	{ "[limits]\nclients = -1\n", ":2: limits.clients: '-1'" },
	{ "[limits]\nclients = 1 2\n", ":2: limits.clients: '1 2'" },
	{ "[limits]\noutstanding = 1025\n", ":2: limits.outstanding" },
	{ "[buffer]\ngroup = maybe\n", ":2: buffer.group: 'maybe'" },
};

static void every_mistake_is_named_with_its_line(void **state)
{
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct config config = { .clients = 4711 };
		struct config_error error = { "" };

		assert_int_equal(load(&config, bad_files[i][0], &none, &error), -EINVAL);
		if (!strstr(error.text, bad_files[i][1]))
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, error.text, bad_files[i][1]);
		assert_int_equal(config.clients, 4711);
	}
}

static void mistakes_on_the_command_line_are_named(void **state)
{
	static const char *const bad[] = {
		"", "x", "buffer.limit", "limit=1M", "buffer.none=1", ".=", "buffer.limit=0", "=.",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.limit=1M",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct config_overrides overrides = { 1, &bad[i] };
		struct config_error error = { "" };
		struct config config;

		assert_int_equal(load(&config, "", &overrides, &error), -EINVAL);
		assert_non_null(strstr(error.text, "--set"));
	}
}

static void an_over_long_line_and_a_nul_byte_are_refused(void **state)
{
	struct config_error error = { "" };
	struct config config;
	struct file file;
	char text[400];

	memset(text, 'x', sizeof(text));
	memcpy(text, "[daemon]\n# ", 11);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(load(&config, text, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, ":2: "));

	write_file(&file, "[daemon]\nlog_level = err\0or\n", 28);
	assert_int_equal(config_load(&config, file.path, 1, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, ":2: "));
	unlink(file.path);
}

static void the_printed_keys_are_a_good_file(void **state)
{
	struct config_error error = { "" };
	struct config printed, defaults;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_dump_keys(out);
	fclose(out);
	if (load(&printed, text, &none, &error))
		fail_msg("%s", error.text);
	assert_int_equal(config_load(&defaults, "/nowhere", 0, &none, &error), 0);
	assert_memory_equal(&printed, &defaults, sizeof(printed));
	free(text);
}

static void reload_keeps_what_cannot_change(void **state)
{
	struct config config, fresh;
	struct config_error error;

	assert_int_equal(load(&config, "", &none, &error), 0);
	assert_int_equal(load(&fresh, "[daemon]\nsocket = /tmp/x\n[limits]\nclients = 3\n", &none, &error), 0);
	assert_string_equal(config_apply(&config, &fresh), "socket");
	assert_string_equal(config.socket, "/run/outcommit/control.sock");
	assert_int_equal(config.clients, 3);
	assert_int_equal(load(&fresh, "", &none, &error), 0);
	assert_null(config_apply(&config, &fresh));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_defaults),
		cmocka_unit_test(a_file_that_was_asked_for_must_be_there),
		cmocka_unit_test(the_command_line_is_stronger_than_the_file),
		cmocka_unit_test(every_mistake_is_named_with_its_line),
		cmocka_unit_test(mistakes_on_the_command_line_are_named),
		cmocka_unit_test(an_over_long_line_and_a_nul_byte_are_refused),
		cmocka_unit_test(the_printed_keys_are_a_good_file),
		cmocka_unit_test(reload_keeps_what_cannot_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
