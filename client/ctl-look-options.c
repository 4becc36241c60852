// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-look.h"

#include <string.h>

#include "ctl.h"

#define DELAY_NS UINT64_C(1000000000)
#define SECONDS_MIN 0.1

void look_set_defaults(struct look_settings *look)
{
	look->delay_ns = DELAY_NS;
}

static const char *take_text(const char **to, const char *value)
{
	*to = value;
	return *value ? NULL : "a path";
}

static const char *take_time(uint64_t *to_ns, const char *value)
{
	double seconds = ctl_parse_seconds(value);

	if (seconds < SECONDS_MIN)
		return "seconds, from 0.1 to 86400";
	*to_ns = (uint64_t)(seconds * 1e9);
	return NULL;
}

const char *look_take_output(struct ctl *ctl, const char *value)
{
	return take_text(&ctl->look.output, value);
}

const char *look_take_format(struct ctl *ctl, const char *value)
{
	if (!strcmp(value, "openmetrics"))
		ctl->look.format = FORMAT_OPENMETRICS;
	else if (!strcmp(value, "prometheus"))
		ctl->look.format = FORMAT_PROMETHEUS;
	else
		return "openmetrics or prometheus";
	return NULL;
}

const char *look_take_describe(struct ctl *ctl, const char *value)
{
	ctl->look.describe = true;
	return NULL;
}

const char *look_take_delay(struct ctl *ctl, const char *value)
{
	return take_time(&ctl->look.delay_ns, value);
}

const char *look_take_once(struct ctl *ctl, const char *value)
{
	ctl->look.once = true;
	return NULL;
}

const char *look_take_batch(struct ctl *ctl, const char *value)
{
	ctl->look.batch = true;
	return NULL;
}

const char *look_take_perfetto(struct ctl *ctl, const char *value)
{
	return take_text(&ctl->look.perfetto, value);
}

const char *look_take_seconds(struct ctl *ctl, const char *value)
{
	return take_time(&ctl->look.duration_ns, value);
}
