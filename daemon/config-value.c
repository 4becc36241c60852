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

static int parse_number(const struct config_key *key, const char *value, uint64_t *out, char *why, size_t why_size)
{
	uint64_t number = 0;
	int ret = -EINVAL;

	if (key->type == CONFIG_LEVEL)
		ret = parse_level(value, &number);
	else if (key->type == CONFIG_MODE)
		ret = parse_mode(value, &number);
	else if (key->type == CONFIG_BOOL)
		ret = parse_bool(value, &number);
	else if (key->type == CONFIG_SIZE)
		ret = wire_parse_size(value, &number);
	else
		ret = wire_parse_u64(value, &number);
	if (ret && key->type == CONFIG_LEVEL) {
		snprintf(why, why_size, "'%.40s' is not err, warning, notice, info or debug", value);
	} else if (ret && key->type == CONFIG_BOOL) {
		snprintf(why, why_size, "'%.40s' is neither yes nor no", value);
	} else if (ret || number < key->min || number > key->max) {
		snprintf(why, why_size,
			 key->type == CONFIG_MODE ? "'%.40s' is not an octal number from %" PRIo64 " to %" PRIo64 :
						    "'%.40s' is not a number from %" PRIu64 " to %" PRIu64,
			 value, key->min, key->max);
		ret = -EINVAL;
	}
	if (!ret)
		*out = number;
	return ret;
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
		return parse_number(key, value, to, why, why_size);
	}
	return -EINVAL;
}
