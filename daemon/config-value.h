/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One value of the configuration: its type, its text, and where it goes in struct config. For config.c. */
#ifndef OUTCOMMITD_CONFIG_VALUE_H
#define OUTCOMMITD_CONFIG_VALUE_H

#include "config.h"

#include <stdbool.h>

enum config_type {
	CONFIG_PATH, /* char[108] */
	CONFIG_MODE, /* uint64_t, octal */
	CONFIG_LEVEL, /* uint64_t, syslog level by name */
	CONFIG_SIZE, /* uint64_t, bytes with K, M, G */
	CONFIG_NUMBER, /* uint64_t */
	CONFIG_BOOL, /* uint64_t, yes or no */
	CONFIG_TIME, /* uint64_t, nanoseconds, with a unit */
	CONFIG_POLICY, /* uint64_t, enum config_policy by name */
	CONFIG_USERS, /* struct config_ids */
	CONFIG_GROUPS, /* struct config_ids */
};

struct config_key {
	const char *section;
	const char *name;
	enum config_type type;
	size_t offset; /* in struct config */
	uint64_t min, max;
	bool reload; /* takes effect on reload */
	const char *preset;
	const char *what;
};

/* 0, or -EINVAL with a few words in @why; *@config is then untouched. */
int config_value_parse(const struct config_key *key, const char *value, struct config *config, char *why,
		       size_t why_size);

size_t config_value_size(enum config_type type);

#endif
