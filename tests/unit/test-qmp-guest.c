// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU guest as outcommit-qmp's epochs see it, with a monitor that plays a script: what is asked
 * of QEMU in which order, and what is made of what it says.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/clock.h"
#include "scratch.h"
#include "vm.h"

#define PATIENCE_MS 20000
#define QUIET_MS 50
#define SCRIPT(...) ((const struct step[]){ __VA_ARGS__, { NULL, NULL } })
#define ASK(name, ...) { name, __VA_ARGS__ }
#define LATER(...) { "", __VA_ARGS__ }
#define DONE "{\"return\": {}, \"id\": @}\n"
#define EVENT(name, data) "{\"event\": \"" name "\", \"data\": " data "}\n"
#define JOB(id, status)                                                                            \
	EVENT("JOB_STATUS_CHANGE", "{\"id\": \"" id "\", \"status\": \"" status "\"}")
#define MIGRATION(status) EVENT("MIGRATION", "{\"status\": \"" status "\"}")
#define RETURN(value) "{\"return\": " value ", \"id\": @}\n"
#define STATUS(status) RETURN("{\"status\": \"" status "\"}")

/* A command and what is said to it, @ for its number; "": unasked, and nothing is asked before. */
struct step {
	const char *command;
	const char *says;
};

struct rig {
	struct vm vm;
	struct background background;
	struct epochs loop;
	char directory[SCRATCH_BYTES];
	struct sockaddr_un address;
	int listener;
	pthread_t thread;
	const struct step *steps;
	char problem[256];
};

static bool asks(int fd, int patience_ms)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, patience_ms) > 0;
}

static void note(struct rig *rig, const char *expected, const char *got)
{
	if (!*rig->problem)
		snprintf(rig->problem, sizeof(rig->problem), "expected %s, got %.180s", expected,
			 got);
}

static void take_command(struct rig *rig, int fd, const char *command, char *id, size_t size)
{
	char text[512], wanted[64];
	const char *at;
	ssize_t len = 0;

	if (asks(fd, PATIENCE_MS))
		len = recv(fd, text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	snprintf(wanted, sizeof(wanted), "{\"execute\":\"%s\",", command);
	if (strncmp(text, wanted, strlen(wanted)))
		note(rig, command, text);
	at = strstr(text, "\"id\":");
	snprintf(id, size, "%.*s", at ? (int)strspn(at + 5, "0123456789") : 0, at ? at + 5 : "");
}

static void play(struct rig *rig, int fd, const struct step *step)
{
	char id[16] = "";

	if (*step->command)
		take_command(rig, fd, step->command, id, sizeof(id));
	else if (asks(fd, QUIET_MS))
		note(rig, "nothing", "a command");
	for (const char *c = step->says; *c; c++) {
		const char *text = *c == '@' ? id : c;

		send(fd, text, *c == '@' ? strlen(id) : 1, MSG_NOSIGNAL);
	}
}

static void *be_monitor(void *arg)
{
	static const struct step beginning[] = {
		ASK("qmp_capabilities", "{\"QMP\": {}}\n" DONE),
		ASK("migrate-set-capabilities", DONE),
		ASK("migrate-set-parameters", DONE),
	};
	struct rig *rig = arg;
	char byte;
	int fd = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; i < sizeof(beginning) / sizeof(beginning[0]); i++)
		play(rig, fd, &beginning[i]);
	for (const struct step *step = rig->steps; step->command; step++)
		play(rig, fd, step);
	if (recv(fd, &byte, 1, 0) > 0)
		note(rig, "no more commands", "one");
	close(fd);
	return NULL;
}

/* @node: where snapshots go; NULL for files */
static void begin(struct rig *rig, const char *node, const struct step *steps)
{
	*rig = (struct rig){
		.vm = {
			.qmp = { .fd = -1, .timeout_ns = PATIENCE_MS * NS_PER_MS },
			.timeout_ns = PATIENCE_MS * NS_PER_MS,
			.node = node,
		},
		.background = { .signal_fd = -1 },
		.loop = { .domain = "web" },
		.address = { .sun_family = AF_UNIX },
		.steps = steps,
	};
	rig->background.loop = &rig->loop;
	rig->vm.background = &rig->background;
	scratch_dir(rig->directory, "test-qmp-guest");
	rig->vm.store = (struct store){ .directory = rig->directory, .domain = "web" };
	snprintf(rig->address.sun_path, sizeof(rig->address.sun_path), "%s/qmp", rig->directory);
	rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig->listener, (struct sockaddr *)&rig->address,
			      sizeof(rig->address)), 0);
	assert_int_equal(listen(rig->listener, 1), 0);
	assert_int_equal(pthread_create(&rig->thread, NULL, be_monitor, rig), 0);
	assert_int_equal(vm_open(&rig->vm, rig->address.sun_path), 0);
}

static void finish(struct rig *rig)
{
	vm_close(&rig->vm);
	pthread_join(rig->thread, NULL);
	close(rig->listener);
	scratch_remove(rig->directory);
	if (*rig->problem)
		fail_msg("%s", rig->problem);
}

static bool is_there(const struct rig *rig, const char *name)
{
	char path[SCRATCH_BYTES + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", rig->directory, name);
	return !stat(path, &st);
}

static void test_a_snapshot_is_whole_when_its_own_job_is_concluded(void **state)
{
	struct rig rig;

	begin(&rig, "state",
	      SCRIPT(ASK("stop", DONE),
		     ASK("snapshot-save",
			 JOB("outcommit", "created") DONE JOB("backup", "concluded")),
		     LATER(JOB("outcommit", "concluded")),
		     ASK("query-jobs", RETURN("[{\"id\": \"outcommit\"},"
					      " {\"id\": \"backup\", \"error\": \"no\"}]")),
		     ASK("job-dismiss", DONE), ASK("cont", DONE)));
	assert_int_equal(vm_suspend(&rig.vm, 1), 0);
	assert_int_equal(vm_checkpoint(&rig.vm, 1), 0);
	assert_int_equal(vm_resume(&rig.vm, 1), 0);
	finish(&rig);
}

static void test_a_snapshot_that_fails_says_why_and_is_out_of_the_way(void **state)
{
	struct rig rig;

	begin(&rig, "state",
	      SCRIPT(ASK("snapshot-save", DONE JOB("outcommit", "concluded")),
		     ASK("query-jobs", RETURN("[{\"id\": \"outcommit\","
					      " \"error\": \"disk\\u001b[2J full\"}]")),
		     ASK("job-dismiss", DONE)));
	assert_int_equal(vm_checkpoint(&rig.vm, 1), -EIO);
	assert_string_equal(rig.vm.qmp.error, "snapshot: disk?[2J full");
	finish(&rig);
}

static void test_a_snapshot_that_takes_too_long_says_so(void **state)
{
	struct rig rig;

	begin(&rig, "state", SCRIPT(ASK("snapshot-save", DONE JOB("outcommit", "running"))));
	rig.vm.timeout_ns = QUIET_MS * NS_PER_MS;
	assert_int_equal(vm_checkpoint(&rig.vm, 1), -ETIMEDOUT);
	assert_string_equal(rig.vm.qmp.error, "snapshot-save: Connection timed out");
	finish(&rig);
}

static void test_a_file_is_whole_when_qemu_has_left_the_migration_behind(void **state)
{
	struct rig rig;

	begin(&rig, NULL,
	      SCRIPT(ASK("getfd", DONE), ASK("migrate", MIGRATION("setup") DONE),
		     LATER(MIGRATION("active")), LATER(MIGRATION("completed")),
		     ASK("query-status", STATUS("finish-migrate")),
		     ASK("query-status", STATUS("postmigrate"))));
	assert_int_equal(vm_checkpoint(&rig.vm, 7), 0);
	assert_true(is_there(&rig, "web.7.vm"));
	assert_true(is_there(&rig, "web.latest"));
	finish(&rig);
}

static void test_a_migration_that_fails_leaves_no_file(void **state)
{
	struct rig rig;

	begin(&rig, NULL,
	      SCRIPT(ASK("getfd", DONE), ASK("migrate", DONE MIGRATION("failed"))));
	assert_int_equal(vm_checkpoint(&rig.vm, 7), -EIO);
	assert_false(is_there(&rig, "web.7.vm"));
	assert_false(is_there(&rig, "web.7.part"));
	finish(&rig);
}

static void test_a_migration_that_takes_too_long_is_cancelled(void **state)
{
	struct rig rig;

	begin(&rig, NULL,
	      SCRIPT(ASK("getfd", DONE), ASK("migrate", DONE MIGRATION("active")),
		     ASK("migrate_cancel", DONE MIGRATION("cancelled"))));
	rig.vm.timeout_ns = QUIET_MS * NS_PER_MS;
	assert_int_equal(vm_checkpoint(&rig.vm, 7), -ETIMEDOUT);
	assert_false(is_there(&rig, "web.7.part"));
	finish(&rig);
}

/* A piece of a line has happened, too. */
static int wait_for_news(struct rig *rig)
{
	int ret;

	do {
		ret = vm_wait(&rig->vm, NEVER_NS);
	} while (!ret);
	return ret;
}

static void test_who_waits_learns_of_a_shutdown_and_of_noise(void **state)
{
	struct rig rig;

	begin(&rig, NULL, SCRIPT(LATER("noise\n"), LATER(EVENT("SHUTDOWN", "{\"guest\": true}"))));
	assert_int_equal(wait_for_news(&rig), -EBADMSG);
	assert_string_equal(rig.vm.qmp.error, "a line from the monitor: Bad message");
	assert_int_equal(wait_for_news(&rig), -ESHUTDOWN);
	finish(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_snapshot_is_whole_when_its_own_job_is_concluded),
		cmocka_unit_test(test_a_snapshot_that_fails_says_why_and_is_out_of_the_way),
		cmocka_unit_test(test_a_snapshot_that_takes_too_long_says_so),
		cmocka_unit_test(test_a_file_is_whole_when_qemu_has_left_the_migration_behind),
		cmocka_unit_test(test_a_migration_that_fails_leaves_no_file),
		cmocka_unit_test(test_a_migration_that_takes_too_long_is_cancelled),
		cmocka_unit_test(test_who_waits_learns_of_a_shutdown_and_of_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
