// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommit-qmp: protects a QEMU guest that has its network on taps. Over QMP it stops the guest,
 * has QEMU write its state out, and lets it run again, for as long as it is to be protected; the
 * guest's output is held in outcommitd until each state is safe.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "background.h"
#include "clock.h"
#include "options.h"
#include "progress.h"
#include "vm.h"

#define DAEMON_TIMEOUT_MS 10000

enum exit_status { DONE = 0, FAILED = 1, HELD = 6, STANDS_STILL = 7 };

struct program {
	struct options options;
	struct epochs loop;
	struct background background;
	struct progress progress;
	struct vm vm;
};

static int op_suspend(void *data, uint64_t epoch)
{
	return vm_suspend(&((struct program *)data)->vm, epoch);
}

static int op_checkpoint(void *data, uint64_t epoch)
{
	return vm_checkpoint(&((struct program *)data)->vm, epoch);
}

static int op_resume(void *data, uint64_t epoch)
{
	return vm_resume(&((struct program *)data)->vm, epoch);
}

static int op_replicate(void *data, uint64_t epoch)
{
	struct program *program = data;
	const struct store_path path = store_path(&program->vm.store, epoch);

	if (program->options.replicate)
		return background_replicate(&program->background, epoch,
					    program->vm.node ? NULL : path.text);
	epochs_safe(&program->loop, epoch);
	return 0;
}

static int op_wait(void *data, int64_t until_ns)
{
	return vm_wait(&((struct program *)data)->vm, until_ns);
}

static void op_progress(void *data)
{
	struct program *program = data;

	progress_show(&program->progress, &program->loop);
}

static const struct epochs_ops ops = {
	.suspend = op_suspend,
	.checkpoint = op_checkpoint,
	.resume = op_resume,
	.replicate = op_replicate,
	.wait = op_wait,
	.progress = op_progress,
};

static void init(struct program *program)
{
	const struct options *options = &program->options;

	program->loop = (struct epochs){
		.ops = &ops,
		.guest = program,
		.domain = options->domain,
		.limits = {
			.interval_ns = (int64_t)options->interval_ms * NS_PER_MS,
			.outstanding = (unsigned int)options->outstanding,
			.failures = (unsigned int)options->retries,
			.epochs = options->epochs,
		},
	};
	program->background = (struct background){
		.loop = &program->loop,
		.replicate = options->replicate,
		.timeout_ns = (int64_t)options->timeout_s * NS_PER_S,
		.retries = (unsigned int)options->retries,
		.signal_fd = -1,
	};
	program->vm = (struct vm){
		.qmp = { .fd = -1, .timeout_ns = (int64_t)options->timeout_s * NS_PER_S },
		.background = &program->background,
		.timeout_ns = (int64_t)options->timeout_s * NS_PER_S,
		.store = { .directory = options->directory, .domain = options->domain },
		.node = options->snapshot,
	};
}

/* Whoever listens at the other end is QEMU, unless somebody stands in between: then be told. */
static int find_vifs(struct program *program)
{
	struct taps *vifs = &program->options.vifs;
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (vifs->count)
		return 0;
	if (!getsockopt(program->vm.qmp.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		taps_find(vifs, peer.pid);
	if (vifs->count)
		return 0;
	epochs_say(&program->loop, "process %d has no tap open that could be found: give --vif",
		   (int)peer.pid);
	return -ENODEV;
}

static int attach(const struct program *program)
{
	struct outcommit_error err;

	for (size_t i = 0; i < program->options.vifs.count; i++) {
		const char *vif = program->options.vifs.names[i];
		char ifb[OUTCOMMIT_IFNAME_SIZE];
		int ret = outcommit_attach(program->loop.connection, program->loop.domain, vif, 0,
					   ifb, sizeof(ifb), &err);

		epochs_say(&program->loop, "%s %s %s", vif,
			   ret ? "is not attached:" : "goes through", ret ? err.message : ifb);
		if (ret)
			return ret;
	}
	return 0;
}

static int begin(struct program *program)
{
	const char *socket = program->options.socket;
	int ret = background_init(&program->background);

	if (!ret)
		ret = outcommit_connect(socket, DAEMON_TIMEOUT_MS, &program->loop.connection);
	if (ret) {
		epochs_say(&program->loop, "cannot reach outcommitd at %s: %s",
			   socket ? socket : OUTCOMMIT_SOCKET, strerror(-ret));
		return ret;
	}
	ret = vm_open(&program->vm, program->options.qmp);
	if (!ret)
		ret = find_vifs(program);
	return ret ? ret : attach(program);
}

static int release(const struct program *program)
{
	struct outcommit_error err;
	int ret = outcommit_release(program->loop.connection, program->loop.domain, &err);

	if (!ret)
		ret = outcommit_detach(program->loop.connection, program->loop.domain, NULL,
				       OUTCOMMIT_PENDING_REFUSE, &err);
	epochs_say(&program->loop, "%s",
		   ret ? err.message : "ended as asked; everything is released");
	return ret;
}

static enum exit_status end_as(const struct program *program)
{
	switch (program->loop.end) {
	case EPOCHS_ASKED:
		if (program->options.release)
			return release(program) ? FAILED : DONE;
		epochs_say(&program->loop, "ended as asked; the domain goes on holding");
		return DONE;
	case EPOCHS_NEVER_BEGAN:
		epochs_say(&program->loop, "not protected: no epoch was closed");
		return FAILED;
	case EPOCHS_HELD:
		epochs_say(&program->loop, "protection ended by itself; its output STAYS HELD, "
					   "until release, discard or another run");
		return HELD;
	case EPOCHS_GOING:
	case EPOCHS_STANDS_STILL:
		break;
	}
	return STANDS_STILL;
}

int main(int argc, char **argv)
{
	static struct program program;
	int status;

	if (!options_parse(&program.options, argc, argv, &status))
		return status;
	init(&program);
	status = FAILED;
	if (!begin(&program)) {
		epochs_run(&program.loop);
		progress_end(&program.progress, &program.loop);
		status = (int)end_as(&program);
	}
	background_fini(&program.background);
	vm_close(&program.vm);
	outcommit_close(program.loop.connection);
	return status;
}
