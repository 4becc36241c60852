// SPDX-License-Identifier: GPL-2.0-or-later
#include "config-value.h"

#include "wire.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static const struct {
	const char *name;
	uint64_t level;
} levels[] = {
	{ "err", LOG_ERR },   { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
};

size_t config_value_size(enum config_type type)
{
	switch (type) {
	case CONFIG_PATH:
		return sizeof(((struct config *)0)->socket);
	case CONFIG_MODE:
	case CONFIG_LEVEL:
	case CONFIG_SIZE:
	case CONFIG_NUMBER:
	case CONFIG_BOOL:
	case CONFIG_TIME:
	case CONFIG_POLICY:
		return sizeof(uint64_t);
	case CONFIG_USERS:
	case CONFIG_GROUPS:
		return sizeof(struct config_ids);
	}
	return 0;
}

static int parse_level(const char *value, uint64_t *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcmp(value, levels[i].name)) {
			*level = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_mode(const char *value, uint64_t *mode)
{
	size_t digits = strspn(value, "01234567");

	if (!digits || digits > 6 || value[digits])
		return -EINVAL;
	*mode = strtoul(value, NULL, 8);
	return 0;
}

static int parse_bool(const char *value, uint64_t *out)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return -EINVAL;
	*out = yes;
	return 0;
}

/* The unit must be there, but for 0: a plain number would leave it to the reader to guess. */
static int parse_time(const char *value, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "min", 60000000000 }, { "h", 3600000000000 },
	};
	size_t digits = strspn(value, "0123456789");
	char count[12];
	uint64_t number;

	if (!digits || digits >= sizeof(count))
		return -EINVAL;
	snprintf(count, sizeof(count), "%.*s", (int)digits, value);
	if (wire_parse_u64(count, &number))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(value + digits, units[i].unit))
			continue;
		*out = number * units[i].ns;
		return number <= CONFIG_TIME_MAX_NS / units[i].ns ? 0 : -EINVAL;
	}
	*out = 0;
	return number || value[digits] ? -EINVAL : 0;
}

static const char *const policies[] = {
	[CONFIG_POLICY_HOLD] = "hold",
	[CONFIG_POLICY_RELEASE] = "release",
	[CONFIG_POLICY_DISCARD] = "discard",
};

const char *config_policy_name(enum config_policy policy)
{
	return policies[policy];
}

int config_policy_parse(const char *name, enum config_policy *policy)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(name, policies[i]))
			continue;
		*policy = (enum config_policy)i;
		return 0;
	}
	return -EINVAL;
}

static int parse_policy(const char *value, uint64_t *out)
{
	enum config_policy policy;
	int ret = config_policy_parse(value, &policy);

	if (!ret)
		*out = policy;
	return ret;
}

static int parse_id(enum config_type type, const char *name, uint32_t *id)
{
	const struct passwd *user;
	const struct group *group;
	uint64_t number;

	if (!wire_parse_u64(name, &number)) {
		*id = (uint32_t)number;
		return number < UINT32_MAX ? 0 : -EINVAL;
	}
	if (type == CONFIG_USERS) {
		user = getpwnam(name);
		if (user)
			*id = user->pw_uid;
		return user ? 0 : -EINVAL;
	}
	group = getgrnam(name);
	if (group)
		*id = group->gr_gid;
	return group ? 0 : -EINVAL;
}

static int parse_ids(enum config_type type, const char *value, struct config_ids *out, char *why, size_t why_size)
{
	struct config_ids ids = { 0 };
	char copy[200];
	char *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", value);
	while ((name = strsep(&rest, ", \t"))) {
		if (!*name)
			continue;
		if (!strcmp(name, "*")) {
			ids.everyone = 1;
			continue;
		}
		if (ids.count == CONFIG_IDS_MAX) {
			snprintf(why, why_size, "more than %d names", CONFIG_IDS_MAX);
			return -EINVAL;
		}
		if (parse_id(type, name, &ids.ids[ids.count])) {
			snprintf(why, why_size, "no %s '%.60s'", type == CONFIG_USERS ? "user" : "group",
				 name);
			return -EINVAL;
		}
		ids.count++;
	}
	*out = ids;
	return 0;
}

static int parse_path(const char *value, char *path, char *why, size_t why_size)
{
	size_t size = config_value_size(CONFIG_PATH);

	if (*value != '/' || strlen(value) >= size) {
		snprintf(why, why_size, "'%.40s' is not an absolute path of at most %zu bytes", value, size - 1);
		return -EINVAL;
	}
	memset(path, 0, size);
	memcpy(path, value, strlen(value));
	return 0;
}

/* The text of a value that is some number, and what to say of one that is not. */
static int parse_text(enum config_type type, const char *value, uint64_t *number)
{
	switch (type) {
	case CONFIG_LEVEL:
		return parse_level(value, number);
	case CONFIG_MODE:
		return parse_mode(value, number);
	case CONFIG_BOOL:
		return parse_bool(value, number);
	case CONFIG_SIZE:
		return wire_parse_size(value, number);
	case CONFIG_TIME:
		return parse_time(value, number);
	case CONFIG_POLICY:
		return parse_policy(value, number);
	default:
		return wire_parse_u64(value, number);
	}
}

static void explain(const struct config_key *key, const char *value, char *why, size_t why_size)
{
	static const char *const forms[] = {
		[CONFIG_LEVEL] = "err, warning, notice, info or debug",
		[CONFIG_BOOL] = "yes or no",
		[CONFIG_TIME] = "a time up to 24h: a number and ms, s, min or h behind it, or 0",
		[CONFIG_POLICY] = "hold, release or discard",
	};
	const char *form = (size_t)key->type < sizeof(forms) / sizeof(forms[0]) ? forms[key->type] : NULL;

	if (key->type == CONFIG_POLICY && key->max < CONFIG_POLICY_DISCARD)
		form = "hold or release";
	if (form)
		snprintf(why, why_size, "'%.40s' is not %s", value, form);
	else if (key->type == CONFIG_MODE)
		snprintf(why, why_size, "'%.40s' is not an octal number from %" PRIo64 " to %" PRIo64, value, key->min,
			 key->max);
	else
		snprintf(why, why_size, "'%.40s' is not a number from %" PRIu64 " to %" PRIu64, value, key->min, key->max);
}

static int parse_number(const struct config_key *key, const char *value, uint64_t *out, char *why, size_t why_size)
{
	uint64_t number = 0;
	bool bounded = key->type != CONFIG_LEVEL;

	if (parse_text(key->type, value, &number) || (bounded && (number < key->min || number > key->max))) {
		explain(key, value, why, why_size);
		return -EINVAL;
	}
	*out = number;
	return 0;
}

int config_value_parse(const struct config_key *key, const char *value, struct config *config, char *why,
		       size_t why_size)
{
	void *to = (char *)config + key->offset;

	switch (key->type) {
	case CONFIG_PATH:
		return parse_path(value, to, why, why_size);
	case CONFIG_USERS:
	case CONFIG_GROUPS:
		return parse_ids(key->type, value, to, why, why_size);
	case CONFIG_MODE:
	case CONFIG_LEVEL:
	case CONFIG_SIZE:
	case CONFIG_NUMBER:
	case CONFIG_BOOL:
	case CONFIG_TIME:
	case CONFIG_POLICY:
		return parse_number(key, value, to, why, why_size);
	}
	return -EINVAL;
}
