/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcommitctl run: its options, which ctl-options.c has in its table, and the command. */
#ifndef OUTCOMMIT_CTL_RUN_H
#define OUTCOMMIT_CTL_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct ctl;

/* What becomes of a checkpoint at each step: shell commands, NULL for none. */
struct run_settings {
	const char *suspend;
	const char *checkpoint;
	const char *resume;
	const char *replicate;
	uint64_t interval_ms;
	uint64_t command_timeout_s;
	uint64_t outstanding;
	uint64_t retries;
	uint64_t epochs;
	bool release;
};

void run_set_defaults(struct run_settings *settings);

/* An option's value into ctl->run: NULL, or what it must be. */
const char *run_take_suspend(struct ctl *ctl, const char *value);
const char *run_take_checkpoint(struct ctl *ctl, const char *value);
const char *run_take_resume(struct ctl *ctl, const char *value);
const char *run_take_replicate(struct ctl *ctl, const char *value);
const char *run_take_interval(struct ctl *ctl, const char *value);
const char *run_take_command_timeout(struct ctl *ctl, const char *value);
const char *run_take_outstanding(struct ctl *ctl, const char *value);
const char *run_take_retries(struct ctl *ctl, const char *value);
const char *run_take_epochs(struct ctl *ctl, const char *value);
const char *run_take_release(struct ctl *ctl, const char *value);

#endif
