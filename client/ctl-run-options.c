// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of outcommitctl run. */
#include "ctl.h"
#include "epochs.h"
#include "wire.h"

#define DEFAULT_INTERVAL_MS 200
#define DEFAULT_COMMAND_TIMEOUT_S 60
#define DEFAULT_RETRIES 3
#define STRING(x) #x
#define NUMBER(x) STRING(x)

void run_set_defaults(struct run_settings *settings)
{
	*settings = (struct run_settings){
		.interval_ms = DEFAULT_INTERVAL_MS,
		.command_timeout_s = DEFAULT_COMMAND_TIMEOUT_S,
		.outstanding = 1,
		.retries = DEFAULT_RETRIES,
	};
}

static const char *take_command(const char **command, const char *value)
{
	*command = value;
	return *value ? NULL : "a command for the shell";
}

const char *run_take_suspend(struct ctl *ctl, const char *value)
{
	return take_command(&ctl->run.suspend, value);
}

const char *run_take_checkpoint(struct ctl *ctl, const char *value)
{
	return take_command(&ctl->run.checkpoint, value);
}

const char *run_take_resume(struct ctl *ctl, const char *value)
{
	return take_command(&ctl->run.resume, value);
}

const char *run_take_replicate(struct ctl *ctl, const char *value)
{
	return take_command(&ctl->run.replicate, value);
}

static const char *take_number(uint64_t *number, const char *value, uint64_t min, uint64_t max,
			       const char *form)
{
	uint64_t parsed;

	if (wire_parse_u64(value, &parsed) || parsed < min || parsed > max)
		return form;
	*number = parsed;
	return NULL;
}

const char *run_take_interval(struct ctl *ctl, const char *value)
{
	return take_number(&ctl->run.interval_ms, value, 1, 86400000,
			   "milliseconds, 1 to 86400000");
}

const char *run_take_command_timeout(struct ctl *ctl, const char *value)
{
	return take_number(&ctl->run.command_timeout_s, value, 1, 86400, "seconds, 1 to 86400");
}

const char *run_take_outstanding(struct ctl *ctl, const char *value)
{
	return take_number(&ctl->run.outstanding, value, 1, EPOCHS_OUTSTANDING_MAX,
			   "1 to " NUMBER(EPOCHS_OUTSTANDING_MAX));
}

const char *run_take_retries(struct ctl *ctl, const char *value)
{
	return take_number(&ctl->run.retries, value, 0, 1000000, "0 to 1000000");
}

const char *run_take_epochs(struct ctl *ctl, const char *value)
{
	return take_number(&ctl->run.epochs, value, 1, INT64_MAX, "a number above 0");
}

const char *run_take_release(struct ctl *ctl, const char *value)
{
	ctl->run.release = true;
	return NULL;
}
