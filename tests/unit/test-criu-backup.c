// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The backup of outcommit-criu: only what is whole and on stable storage is acknowledged and
 * counts, whatever the stream says or wherever it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "receive.h"
#include "scratch.h"

#define DOMAIN "web1"
#define LIFE "00112233445566778899aabbccddeeff"
#define HELLO "outcommit-criu 1 " LIFE "\n"

struct rig {
	char dir[SCRATCH_BYTES];
	int fd; /* the primary's end */
	pid_t pid;
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	scratch_dir(rig->dir, "test-criu-backup");
	rig->fd = -1;
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	scratch_remove(rig->dir);
	free(rig);
	return 0;
}

static void receive(const struct rig *rig, int fd)
{
	int dir_fd, null = open("/dev/null", O_WRONLY);

	dup2(null, STDERR_FILENO);
	dir_fd = backup_open(rig->dir, DOMAIN, 0);
	_exit(dir_fd < 0 || receive_run(dir_fd, fd, fd) ? 1 : 0);
}

static void begin(struct rig *rig)
{
	/* to fail, and not to hang, when something is taken that should have been refused */
	const struct timeval patience = {.tv_sec = 10};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	rig->pid = fork();
	if (!rig->pid) {
		close(pair[0]);
		receive(rig, pair[1]);
	}
	close(pair[1]);
	rig->fd = pair[0];
}

/* The primary is gone; the exit status of the receiver. */
static int end(struct rig *rig)
{
	int status;

	close(rig->fd);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void say(const struct rig *rig, const char *text)
{
	/* a receiver that refused may be gone */
	(void)!send(rig->fd, text, strlen(text), MSG_NOSIGNAL);
}

/* One line, "" at the end of the stream. */
static const char *hear(const struct rig *rig)
{
	static char line[128];
	size_t used = 0;

	while (used < sizeof(line) - 1 && read(rig->fd, line + used, 1) == 1) {
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return line;
}

static void greet(struct rig *rig, const char *have)
{
	begin(rig);
	say(rig, HELLO);
	assert_string_equal(hear(rig), have);
}

static bool is_there(const struct rig *rig, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/" DOMAIN "/%s", rig->dir, name);
	return !access(path, F_OK);
}

static void a_whole_checkpoint_is_acknowledged(void **state)
{
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 1\nfile core-1.img 5\nhe\nlofile pages-1.img 0\ndone\n");
	assert_string_equal(hear(rig), "ack 1");
	assert_true(is_there(rig, "1/core-1.img"));
	assert_true(is_there(rig, "1/pages-1.img"));
	assert_int_equal(end(rig), 0);
	greet(rig, "have 1");
	end(rig);
}

static void one_that_was_cut_does_not_count(void **state)
{
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 1\nfile a 1\nxdone\n");
	assert_string_equal(hear(rig), "ack 1");
	say(rig, "image 2\nfile a 100\nxyz");
	end(rig);
	greet(rig, "have 1");
	assert_false(is_there(rig, "2"));
	assert_false(is_there(rig, "2.part"));
	end(rig);
}

static void one_without_what_it_builds_on_does_not_count(void **state)
{
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 7\nfile a 1\nxlink parent ../6\ndone\n");
	assert_string_equal(hear(rig), "");
	assert_int_equal(end(rig), 1);
	greet(rig, "have 0");
	end(rig);
}

static void only_what_the_newest_needs_is_kept(void **state)
{
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 1.pre\ndone\nimage 1\nlink parent ../1.pre\ndone\n");
	assert_string_equal(hear(rig), "ack 1");
	say(rig, "image 2\nlink parent ../1\ndone\n");
	assert_string_equal(hear(rig), "ack 2");
	say(rig, "image 3.pre\ndone\nimage 3\nlink parent ../3.pre\ndone\nimage 4\nlink parent ../3\ndone\n");
	assert_string_equal(hear(rig), "ack 3");
	assert_string_equal(hear(rig), "ack 4");
	assert_int_equal(end(rig), 0);
	assert_true(is_there(rig, "3.pre"));
	assert_true(is_there(rig, "3"));
	assert_false(is_there(rig, "1.pre"));
	assert_false(is_there(rig, "1"));
	assert_false(is_there(rig, "2"));
}

static void nothing_leads_out_of_the_directory(void **state)
{
	static const char *const bad[] = {
		"image ../1\n",
		"image .1\n",
		"image 1\nfile ../../a 1\nx",
		"image 1\nfile .. 1\nx",
		"image 1\nlink parent /etc\n",
		"image 1\nlink parent ../../etc\n",
		"image 1\nlink core-1.img ../1\n",
		"image 1\nlink parent ../0\nfile parent 1\nx",
		"image 1\nimage 2\n",
		"file a 1\nx",
		"done\n",
		"nothing\n",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		greet(rig, "have 0");
		say(rig, bad[i]);
		assert_string_equal(hear(rig), "");
		assert_int_equal(end(rig), 1);
	}
}

static void refuses(struct rig *rig, const char *hello)
{
	begin(rig);
	say(rig, hello);
	assert_string_equal(hear(rig), "");
	assert_int_equal(end(rig), 1);
}

static void a_stranger_is_refused(void **state)
{
	refuses(*state, "outcommit-criu 2 " LIFE "\n");
	refuses(*state, "outcommit-criu 1\n");
	refuses(*state, "outcommit-criu 1 abc\n");
}

/* Above all the old one, when the backup has taken over: it would be let speak. */
static void another_life_is_refused(void **state)
{
	static const char other[] = "outcommit-criu 1 ffeeddccbbaa99887766554433221100\n";
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 1\ndone\n");
	assert_string_equal(hear(rig), "ack 1");
	end(rig);
	refuses(rig, other);
	greet(rig, "have 1");
	say(rig, "stand-down\n");
	assert_string_equal(hear(rig), "stood-down");
	end(rig);
	begin(rig);
	say(rig, other);
	assert_string_equal(hear(rig), "have 1");
	end(rig);
}

static void a_line_without_end_is_refused(void **state)
{
	struct rig *rig = *state;
	char line[600];

	greet(rig, "have 0");
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	say(rig, line);
	assert_string_equal(hear(rig), "");
	assert_int_equal(end(rig), 1);
}

/* While it receives, nobody restores; who restores, has nothing more acknowledged. */
static void only_one_has_it(void **state)
{
	struct rig *rig = *state, second = *rig;
	int fd;

	greet(rig, "have 0");
	assert_int_equal(backup_open(rig->dir, DOMAIN, 0), -EBUSY);
	assert_int_equal(backup_open(rig->dir, DOMAIN, 1), -EBUSY);
	end(rig);
	fd = backup_open(rig->dir, DOMAIN, 0);
	assert_true(fd >= 0);
	begin(&second);
	say(&second, HELLO);
	assert_string_equal(hear(&second), "");
	assert_int_equal(end(&second), 1);
}

static void an_end_is_remembered_until_the_next_beginning(void **state)
{
	struct rig *rig = *state;

	greet(rig, "have 0");
	say(rig, "image 1\ndone\nstand-down\n");
	assert_string_equal(hear(rig), "ack 1");
	assert_string_equal(hear(rig), "stood-down");
	end(rig);
	assert_true(is_there(rig, "stood-down"));
	greet(rig, "have 1");
	say(rig, "image 2\ndone\n");
	assert_string_equal(hear(rig), "ack 2");
	end(rig);
	assert_false(is_there(rig, "stood-down"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_checkpoint_is_acknowledged),
		TEST(one_that_was_cut_does_not_count),
		TEST(one_without_what_it_builds_on_does_not_count),
		TEST(only_what_the_newest_needs_is_kept),
		TEST(nothing_leads_out_of_the_directory),
		TEST(a_stranger_is_refused),
		TEST(another_life_is_refused),
		TEST(a_line_without_end_is_refused),
		TEST(only_one_has_it),
		TEST(an_end_is_remembered_until_the_next_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
