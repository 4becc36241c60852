// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run: the epoch loop with anyone's commands, for checkpointers that are programs: Firecracker's
 * or Cloud Hypervisor's API, a script. The loop itself is in loop/, and says what it promises.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "background.h"
#include "clock.h"
#include "ctl-json.h"
#include "ctl.h"
#include "epochs.h"
#include "progress.h"

struct run {
	const struct ctl *ctl;
	const struct run_settings *settings;
	struct epochs loop;
	struct background background;
	struct progress progress;
	uint64_t shown;		/* the newest epoch that was printed as committed */
};

static int op_suspend(void *data, uint64_t epoch)
{
	struct run *run = data;

	return background_run(&run->background, "suspend", run->settings->suspend, epoch);
}

static int op_checkpoint(void *data, uint64_t epoch)
{
	struct run *run = data;

	return background_run(&run->background, "checkpoint", run->settings->checkpoint, epoch);
}

static int op_resume(void *data, uint64_t epoch)
{
	struct run *run = data;
	int ret;

	run->background.uncut = true;
	ret = background_run(&run->background, "resume", run->settings->resume, epoch);
	run->background.uncut = false;
	return ret;
}

static int op_replicate(void *data, uint64_t epoch)
{
	return background_replicate(&((struct run *)data)->background, epoch, NULL);
}

static int op_wait(void *data, int64_t until_ns)
{
	return background_wait_any(&((struct run *)data)->background, -1, until_ns);
}

static void print_committed(struct run *run)
{
	json_t *top;

	if (run->shown == run->loop.committed)
		return;
	run->shown = run->loop.committed;
	top = json_top();
	json_object_set_new(top, "committed", json_integer((json_int_t)run->loop.committed));
	json_object_set_new(top, "outstanding", json_integer(run->loop.outstanding));
	json_object_set_new(top, "pause_ns", json_integer(run->loop.pause_ns));
	json_object_set_new(top, "commit_ns", json_integer(run->loop.commit_ns));
	json_object_set_new(top, "failures", json_integer((json_int_t)run->loop.failures));
	json_print(top);
	fflush(stdout);
}

static void op_progress(void *data)
{
	struct run *run = data;

	if (run->ctl->json)
		print_committed(run);
	else
		progress_show(&run->progress, &run->loop);
}

static const struct epochs_ops with_replicate = {
	.suspend = op_suspend,
	.checkpoint = op_checkpoint,
	.resume = op_resume,
	.replicate = op_replicate,
	.wait = op_wait,
	.progress = op_progress,
}, without_replicate = {
	.suspend = op_suspend,
	.checkpoint = op_checkpoint,
	.resume = op_resume,
	.wait = op_wait,
	.progress = op_progress,
};

static const char *missing_option(const struct run_settings *settings)
{
	return !settings->suspend      ? "--suspend"
	       : !settings->checkpoint ? "--checkpoint"
	       : !settings->resume     ? "--resume"
				       : NULL;
}

static void init(struct run *run, const struct ctl *ctl)
{
	const struct run_settings *settings = &ctl->run;

	*run = (struct run){
		.ctl = ctl,
		.settings = settings,
		.loop = {
			.ops = settings->replicate ? &with_replicate : &without_replicate,
			.guest = run,
			.connection = ctl->connection,
			.domain = ctl->domain,
			.limits = {
				.interval_ns = (int64_t)settings->interval_ms * NS_PER_MS,
				.outstanding = (unsigned int)settings->outstanding,
				.failures = (unsigned int)settings->retries,
				.epochs = settings->epochs,
			},
		},
		.background = {
			.loop = &run->loop,
			.replicate = settings->replicate,
			.timeout_ns = (int64_t)settings->command_timeout_s * NS_PER_S,
			.retries = (unsigned int)settings->retries,
		},
	};
}

static enum exit_code end_as_asked(struct run *run)
{
	struct outcommit_error err;

	if (!run->settings->release) {
		epochs_say(&run->loop, "ended as asked; the domain goes on holding");
		return EXIT_DONE;
	}
	if (outcommit_release(run->loop.connection, run->loop.domain, &err))
		return ctl_fail(run->ctl, &err);
	epochs_say(&run->loop, "ended as asked; everything is released");
	return EXIT_DONE;
}

static enum exit_code end_as(struct run *run, enum epochs_end end)
{
	switch (end) {
	case EPOCHS_ASKED:
		return end_as_asked(run);
	case EPOCHS_NEVER_BEGAN:
		epochs_say(&run->loop, "not protected: no epoch was closed");
		return EXIT_FAILED;
	case EPOCHS_HELD:
		epochs_say(&run->loop, "protection ended by itself; its output STAYS HELD, until "
				       "release, discard or another run");
		return EXIT_HELD;
	case EPOCHS_GOING:
	case EPOCHS_STANDS_STILL:
		break;
	}
	return EXIT_STANDS_STILL;
}

enum exit_code run_run(struct ctl *ctl)
{
	const char *missing = missing_option(&ctl->run);
	enum exit_code code;
	struct run run;
	int ret;

	if (missing)
		return ctl_usage("run: no %s given", missing);
	code = ctl_connect(ctl);
	if (code)
		return code;
	init(&run, ctl);
	ret = background_init(&run.background);
	if (ret) {
		epochs_say(&run.loop, "%s", strerror(-ret));
		return EXIT_FAILED;
	}
	epochs_run(&run.loop);
	background_fini(&run.background);
	if (!ctl->json)
		progress_end(&run.progress, &run.loop);
	return end_as(&run, run.loop.end);
}
