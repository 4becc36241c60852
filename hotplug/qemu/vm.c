// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "wire.h"

#define FD_NAME "outcommit"
#define JOB "outcommit"
#define SETTLE_NS (10 * NS_PER_S)
#define BANDWIDTH_MAX INT64_C(0x1000000000000)	/* bytes per second: no limit of QEMU's own */

static void say(const struct vm *vm)
{
	epochs_say(vm->background->loop, "%s", vm->qmp.error);
}

static void copy(char *out, size_t size, const json_t *text)
{
	wire_clean(out, size, json_string_value(text) ?: "");
}

/* Others may have jobs too. */
static bool is_our_job(const json_t *job)
{
	return !strcmp(json_string_value(json_object_get(job, "id")) ?: "", JOB);
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	struct vm *vm = arg;

	if (!strcmp(name, "MIGRATION"))
		copy(vm->migration, sizeof(vm->migration), json_object_get(data, "status"));
	else if (!strcmp(name, "JOB_STATUS_CHANGE") && is_our_job(data))
		copy(vm->job, sizeof(vm->job), json_object_get(data, "status"));
	else if (!strcmp(name, "SHUTDOWN"))
		vm->shut_down = true;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words))
		words++;
	return *words;
}

/* Until @status, which events set, is one of @words. */
static int await(struct vm *vm, const char *status, const char *const *words, int64_t limit_ns)
{
	const int64_t until_ns = clock_ns() + limit_ns;
	int ret = 0;

	while (!ret && !is_one_of(status, words)) {
		if (clock_ns() >= until_ns)
			ret = -ETIMEDOUT;
		else
			ret = qmp_pump(&vm->qmp, until_ns);
	}
	return ret;
}

static bool has_status(struct vm *vm, const char *wanted)
{
	json_t *result = NULL;
	bool has;

	if (qmp_execute(&vm->qmp, "query-status", NULL, -1, &result))
		return false;
	has = !strcmp(json_string_value(json_object_get(result, "status")) ?: "", wanted);
	json_decref(result);
	return has;
}

int vm_open(struct vm *vm, const char *path)
{
	json_t *events = json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "events",
				   "state", 1);
	json_t *limits = json_pack("{s:I}", "max-bandwidth", (json_int_t)BANDWIDTH_MAX);
	int ret;

	vm->qmp.background = vm->background;
	vm->qmp.event = on_event;
	vm->qmp.arg = vm;
	ret = qmp_open(&vm->qmp, path);
	if (!ret)
		ret = qmp_execute(&vm->qmp, "migrate-set-capabilities", json_incref(events), -1,
				  NULL);
	if (!ret)
		ret = qmp_execute(&vm->qmp, "migrate-set-parameters", json_incref(limits), -1,
				  NULL);
	json_decref(events);
	json_decref(limits);
	if (ret)
		say(vm);
	return ret;
}

void vm_close(struct vm *vm)
{
	qmp_close(&vm->qmp);
}

int vm_suspend(struct vm *vm, uint64_t epoch)
{
	int ret = qmp_execute(&vm->qmp, "stop", NULL, -1, NULL);

	if (ret)
		say(vm);
	return ret;
}

/*
 * "completed" is said a moment before QEMU has left the migration behind: a guest that is resumed
 * in between would be stopped again, or worse.
 */
static int settle(struct vm *vm)
{
	const int64_t until_ns = clock_ns() + SETTLE_NS;

	while (!has_status(vm, "postmigrate")) {
		if (clock_ns() >= until_ns)
			return -ETIMEDOUT;
		if (qmp_pump(&vm->qmp, clock_ns() + NS_PER_MS) == -ESRCH)
			return -ESRCH;
	}
	return 0;
}

/* One that still runs would make the next one impossible. */
static void cancel_migration(struct vm *vm)
{
	static const char *const over[] = { "completed", "failed", "cancelled", NULL };

	vm->background->uncut = true;
	if (!is_one_of(vm->migration, over) &&
	    !qmp_execute(&vm->qmp, "migrate_cancel", NULL, -1, NULL))
		await(vm, vm->migration, over, SETTLE_NS);
	vm->background->uncut = false;
}

static int migrate(struct vm *vm, int fd)
{
	static const char *const over[] = { "completed", "failed", "cancelled", NULL };
	int ret = qmp_execute(&vm->qmp, "getfd", json_pack("{s:s}", "fdname", FD_NAME), fd, NULL);

	strcpy(vm->migration, "none");
	if (!ret)
		ret = qmp_execute(&vm->qmp, "migrate", json_pack("{s:s}", "uri", "fd:" FD_NAME), -1,
				  NULL);
	if (ret) {
		say(vm);
		return ret;
	}
	ret = await(vm, vm->migration, over, vm->timeout_ns);
	if (!ret && !strcmp(vm->migration, "completed"))
		return settle(vm);
	epochs_say(vm->background->loop, "checkpoint: migration %s: %s", vm->migration,
		   strerror(ret ? -ret : EIO));
	cancel_migration(vm);
	return ret ? ret : -EIO;
}

static int checkpoint_file(struct vm *vm, uint64_t epoch)
{
	int fd = store_begin(&vm->store, epoch), ret;

	if (fd < 0) {
		epochs_say(vm->background->loop, "%s: %s", vm->store.directory, strerror(-fd));
		return fd;
	}
	ret = migrate(vm, fd);
	if (ret) {
		store_drop(&vm->store, epoch, fd);
		return ret;
	}
	ret = store_finish(&vm->store, epoch, fd);
	if (ret)
		epochs_say(vm->background->loop, "%s: %s", vm->store.directory, strerror(-ret));
	return ret;
}

/* What the concluded job says of itself; it goes with that. */
static int job_result(struct vm *vm)
{
	json_t *jobs = NULL, *job;
	const char *error = NULL;
	size_t i;
	int ret = qmp_execute(&vm->qmp, "query-jobs", NULL, -1, &jobs);

	if (ret)
		return ret;
	json_array_foreach(jobs, i, job)
		if (is_our_job(job))
			error = json_string_value(json_object_get(job, "error"));
	ret = qmp_execute(&vm->qmp, "job-dismiss", json_pack("{s:s}", "id", JOB), -1, NULL);
	if (error)
		ret = qmp_refused(&vm->qmp, "snapshot", error);
	json_decref(jobs);
	return ret;
}

static json_t *snapshot_arguments(const struct vm *vm, uint64_t epoch, bool save)
{
	char tag[128];
	json_t *arguments;

	snprintf(tag, sizeof(tag), "%s.%" PRIu64, vm->store.domain, epoch);
	arguments = json_pack("{s:s, s:s, s:[s]}", "job-id", JOB, "tag", tag, "devices", vm->node);
	if (save)
		json_object_set_new(arguments, "vmstate", json_string(vm->node));
	return arguments;
}

static int snapshot_job(struct vm *vm, const char *command, uint64_t epoch, bool save)
{
	static const char *const over[] = { "concluded", NULL };
	int ret;

	*vm->job = '\0';
	ret = qmp_execute(&vm->qmp, command, snapshot_arguments(vm, epoch, save), -1, NULL);
	if (!ret)
		ret = await(vm, vm->job, over, vm->timeout_ns);
	if (ret == -ETIMEDOUT)
		return qmp_fail(&vm->qmp, ret, command);
	return ret ? ret : job_result(vm);
}

static int checkpoint_snapshot(struct vm *vm, uint64_t epoch)
{
	int ret = snapshot_job(vm, "snapshot-save", epoch, true);

	if (ret)
		say(vm);
	return ret;
}

int vm_checkpoint(struct vm *vm, uint64_t epoch)
{
	return vm->node ? checkpoint_snapshot(vm, epoch) : checkpoint_file(vm, epoch);
}

/* Nobody needs one that is older than the newest committed. */
static void tidy(struct vm *vm)
{
	const struct epochs *loop = vm->background->loop;

	if (!loop->committed)
		return;
	if (!vm->node) {
		store_tidy(&vm->store, loop->committed, loop->closed);
		return;
	}
	if (!vm->tidied)
		vm->tidied = loop->committed;
	for (; vm->tidied < loop->committed; vm->tidied++)
		snapshot_job(vm, "snapshot-delete", vm->tidied, false);
}

int vm_resume(struct vm *vm, uint64_t epoch)
{
	int ret;

	vm->background->uncut = true;
	ret = qmp_execute(&vm->qmp, "cont", NULL, -1, NULL);
	vm->background->uncut = false;
	if (ret)
		say(vm);
	else
		tidy(vm);
	return ret;
}

int vm_wait(struct vm *vm, int64_t until_ns)
{
	int ret = qmp_pump(&vm->qmp, until_ns);

	if (ret && ret != -EINTR)
		say(vm);
	if (ret || !vm->shut_down)
		return ret;
	epochs_say(vm->background->loop, "the guest has shut down");
	return -ESHUTDOWN;
}
