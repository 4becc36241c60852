/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of the commands that look: metrics, top, trace. ctl-look-options.c takes them. */
#ifndef OUTCOMMIT_CTL_LOOK_H
#define OUTCOMMIT_CTL_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl-openmetrics.h"

struct ctl;

struct look_settings {
	const char *output;		/* of metrics; NULL: stdout */
	enum text_format format;
	bool describe;
	uint64_t delay_ns;		/* of top, from one look to the next */
	bool once, batch;
	const char *perfetto;		/* of trace: where to */
	uint64_t duration_ns;		/* 0: until it is interrupted */
};

void look_set_defaults(struct look_settings *look);

/* NULL, or what the value must be, as ctl-options.c has it. */
const char *look_take_output(struct ctl *ctl, const char *value);
const char *look_take_format(struct ctl *ctl, const char *value);
const char *look_take_describe(struct ctl *ctl, const char *value);
const char *look_take_delay(struct ctl *ctl, const char *value);
const char *look_take_once(struct ctl *ctl, const char *value);
const char *look_take_batch(struct ctl *ctl, const char *value);
const char *look_take_perfetto(struct ctl *ctl, const char *value);
const char *look_take_seconds(struct ctl *ctl, const char *value);

#endif
