// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 12

static void read_back(int fd, char *text, size_t size)
{
	ssize_t len = pread(fd, text, size - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	close(fd);
}

struct outcome ctl_run_words(const char *const *argv)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
	struct outcome outcome;
	pid_t pid = fork();

	if (!pid) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execv(argv[0], (char *const *)argv);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	outcome.code = WEXITSTATUS(status);
	read_back(out, outcome.out, sizeof(outcome.out));
	read_back(err, outcome.err, sizeof(outcome.err));
	return outcome;
}

struct outcome ctl_run_copy(const char *program, const char *path, const char *args)
{
	const char *argv[ARGS_MAX + 4] = { program, "--socket", path };
	char words[512];
	int argc = 3;

	strcpy(words, args);
	for (char *word = strtok(words, " "); word && argc < ARGS_MAX + 3; word = strtok(NULL, " "))
		argv[argc++] = word;
	return ctl_run_words(argv);
}

struct outcome ctl_run(const char *path, const char *args)
{
	return ctl_run_copy(OUTCOMMITCTL, path, args);
}

void ctl_expect(const struct fake_step *steps, const char *args, int code, const char *out,
		const char *err)
{
	struct fake_server *server = fake_start(steps);
	struct outcome outcome = ctl_run(fake_path(server), args);
	const char *problem = fake_stop(server);

	if (problem)
		fail_msg("%s: %s", args, problem);
	if (outcome.code != code)
		fail_msg("%s: exit code %d, not %d: %s", args, outcome.code, code, outcome.err);
	assert_string_equal(outcome.out, out);
	assert_string_equal(outcome.err, err);
}
