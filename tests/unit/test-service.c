// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is a SIGTERM the end of the service, or is it only being restarted? Asked of a systemd that says what it is told to, on a bus with nobody
 * else on it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <systemd/sd-bus.h>

#include "manager.h"
#include "scratch.h"

#define JOB "/org/freedesktop/systemd1/job/7"

/* One connection's worth of systemd. */
struct fake_systemd {
	char directory[SCRATCH_BYTES];
	char address[128];
	int listener;
	const char *job; /* type of the job under way, NULL: none */
	pthread_t thread;
};

static int on_hello(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	return sd_bus_reply_method_return(message, "s", ":1.1");
}

static int get_job(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		   void *ctx, sd_bus_error *error)
{
	const struct fake_systemd *systemd = ctx;

	return sd_bus_message_append(reply, "(uo)", systemd->job ? 7 : 0, systemd->job ? JOB : "/");
}

static int get_type(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		    void *ctx, sd_bus_error *error)
{
	const struct fake_systemd *systemd = ctx;

	return sd_bus_message_append(reply, "s", systemd->job);
}

static const sd_bus_vtable bus_methods[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Hello", "", "s", on_hello, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_properties[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Job", "(uo)", get_job, 0, 0),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable job_properties[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("JobType", "s", get_type, 0, 0),
	SD_BUS_VTABLE_END,
};

static void *serve(void *ctx)
{
	struct fake_systemd *systemd = ctx;
	int fd = accept(systemd->listener, NULL, NULL), ret;
	sd_id128_t id = { .bytes = { 1 } };
	sd_bus *bus = NULL;

	sd_bus_new(&bus);
	sd_bus_set_fd(bus, fd, fd);
	sd_bus_set_server(bus, 1, id);
	sd_bus_set_anonymous(bus, 1);
	sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus", bus_methods, systemd);
	sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1/unit/self", "org.freedesktop.systemd1.Unit",
				 unit_properties, systemd);
	sd_bus_add_object_vtable(bus, NULL, JOB, "org.freedesktop.systemd1.Job", job_properties, systemd);
	ret = sd_bus_start(bus);
	while (ret >= 0) {
		ret = sd_bus_process(bus, NULL);
		if (!ret)
			ret = sd_bus_wait(bus, UINT64_MAX);
	}
	sd_bus_unref(bus);
	return NULL;
}

static void start_systemd(struct fake_systemd *systemd, const char *job)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	*systemd = (struct fake_systemd){ .job = job };
	scratch_dir(systemd->directory, "test-service");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/bus", systemd->directory);
	snprintf(systemd->address, sizeof(systemd->address), "unix:path=%s", addr.sun_path);
	systemd->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(systemd->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(systemd->listener, 1), 0);
	assert_int_equal(pthread_create(&systemd->thread, NULL, serve, systemd), 0);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", systemd->address, 1);
}

static void end_systemd(struct fake_systemd *systemd)
{
	pthread_join(systemd->thread, NULL);
	close(systemd->listener);
	unlink(systemd->address + strlen("unix:path="));
	rmdir(systemd->directory);
}

static void be_systemds_child(bool child)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", child ? (int)getpid() : 1);
	setenv("SYSTEMD_EXEC_PID", pid, 1);
}

static const struct log quiet = { .level = LOG_EMERG };

static void only_a_stop_is_for_good(void **state)
{
	static const struct {
		const char *job;
		bool for_good;
	} cases[] = {
		{ "stop", true }, { "restart", false }, { "try-restart", false }, { "start", false }, { NULL, false },
	};

	be_systemds_child(true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_systemd systemd;

		start_systemd(&systemd, cases[i].job);
		assert_int_equal(service_is_for_good(&quiet), cases[i].for_good);
		end_systemd(&systemd);
	}
}

static void without_an_answer_nothing_is_for_good(void **state)
{
	be_systemds_child(true);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	assert_false(service_is_for_good(&quiet));
}

static void who_is_not_systemds_child_asks_nobody(void **state)
{
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	be_systemds_child(false);
	assert_true(service_is_for_good(&quiet));
	unsetenv("SYSTEMD_EXEC_PID");
	assert_true(service_is_for_good(&quiet));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_stop_is_for_good),
		cmocka_unit_test(without_an_answer_nothing_is_for_good),
		cmocka_unit_test(who_is_not_systemds_child_asks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
