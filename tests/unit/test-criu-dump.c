// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump of criu, here a script, goes on until it has ended by itself, and until then nobody else
 * gets at the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "criu.h"
#include "lock.h"
#include "scratch.h"

#define PATIENCE_S 10

/* It is asked to end, says that it is there, and ends when it hears something. */
static const char script[] = "#!/bin/sh\n"
			     "kill -TERM $$\nkill -INT $$\nkill -HUP $$\n"
			     "cd \"${0%/*}\"\n"
			     "echo >began\n"
			     "read -r line <end\n";

struct rig {
	char dir[SCRATCH_BYTES], program[SCRATCH_BYTES + 8];
	int dir_fd, began_fd;
};

static void make_program(const struct rig *rig)
{
	int fd = open(rig->program, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	close(fd);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	scratch_dir(rig->dir, "test-criu-dump");
	snprintf(rig->program, sizeof(rig->program), "%s/criu", rig->dir);
	make_program(rig);
	rig->dir_fd = open(rig->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(rig->dir_fd >= 0);
	assert_int_equal(mkfifoat(rig->dir_fd, "began", 0600), 0);
	assert_int_equal(mkfifoat(rig->dir_fd, "end", 0600), 0);
	rig->began_fd = openat(rig->dir_fd, "began", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(rig->began_fd >= 0);
	*state = rig;
	return 0;
}

/* Also if a test has failed: whoever reads there is let go. */
static void let_all_end(const struct rig *rig)
{
	int fd = openat(rig->dir_fd, "end", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && write(fd, "\n", 1) == 1)
		close(fd);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	let_all_end(rig);
	close(rig->began_fd);
	close(rig->dir_fd);
	scratch_remove(rig->dir);
	free(rig);
	return 0;
}

static void drive(const struct rig *rig)
{
	const struct criu_tree tree = {.root = 1, .cgroup = "/nowhere"};
	struct criu criu = {.program = rig->program, .lock_fd = lock_take(rig->dir_fd, 0)};

	snprintf(criu.work_dir, sizeof(criu.work_dir), "%s", rig->dir);
	_exit(criu.lock_fd > 0 && !criu_dump(&criu, &tree, rig->dir, NULL) ? 0 : 1);
}

/* The driver, once its criu runs. */
static pid_t begin(const struct rig *rig)
{
	struct pollfd began = {.fd = rig->began_fd, .events = POLLIN};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		drive(rig);
	assert_int_equal(poll(&began, 1, PATIENCE_S * 1000), 1);
	return pid;
}

static void let_end(const struct rig *rig)
{
	int fd = openat(rig->dir_fd, "end", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
}

static void what_asks_programs_to_end_does_not_end_it(void **state)
{
	const struct rig *rig = *state;
	pid_t driver = begin(rig);
	int status;

	let_end(rig);
	assert_int_equal(waitpid(driver, &status, 0), driver);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_next_driver_waits_until_it_has_ended(void **state)
{
	const struct rig *rig = *state;
	pid_t driver = begin(rig);
	int fd;

	assert_int_equal(kill(driver, SIGKILL), 0);
	assert_int_equal(waitpid(driver, NULL, 0), driver);
	assert_int_equal(lock_take(rig->dir_fd, 0), -EBUSY);
	assert_int_equal(lock_take(rig->dir_fd, 1), -EBUSY);
	let_end(rig);
	fd = lock_take(rig->dir_fd, PATIENCE_S);
	assert_true(fd >= 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_asks_programs_to_end_does_not_end_it),
		TEST(the_next_driver_waits_until_it_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
