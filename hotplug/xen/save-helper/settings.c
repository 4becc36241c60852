/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <errno.h>
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wire.h>

#define ENVIRONMENT_PREFIX "OUTCOMMIT_"

enum kind { KIND_TEXT, KIND_NUMBER, KIND_PEER };

#define AT(field) offsetof(struct settings, field)

/*
 * In the file by name; in the environment as OUTCOMMIT_XEN_NAME, but for those that go by a name
 * that all hooks share. min and max are for numbers.
 */
static const struct key {
	const char *name;
	const char *environment;
	const char *preset;
	size_t offset;
	enum kind kind;
	unsigned int min, max;
} keys[] = {
	{"helper", "XEN_HELPER", "", AT(helper), KIND_TEXT, 0, 0},
	{"socket", "SOCKET", "", AT(socket), KIND_TEXT, 0, 0},
	{NULL, "DOMAIN", "", AT(domain), KIND_TEXT, 0, 0},
	{NULL, "PRIMARY", "", AT(primary), KIND_TEXT, 0, 0},
	{NULL, "XEN_STATUS", "", AT(status), KIND_TEXT, 0, 0},
	{"run_dir", "XEN_RUN_DIR", "/run/outcommit-xen", AT(run_dir), KIND_TEXT, 0, 0},
	{"fence", "XEN_FENCE", "", AT(fence), KIND_TEXT, 0, 0},
	{"fence_timeout_s", "XEN_FENCE_TIMEOUT_S", "60", AT(fence_timeout_s), KIND_NUMBER, 1, 3600},
	{"fence_retry_s", "XEN_FENCE_RETRY_S", "5", AT(fence_retry_s), KIND_NUMBER, 1, 3600},
	{"timeout_s", "XEN_TIMEOUT_S", "5", AT(timeout_s), KIND_NUMBER, 1, 3600},
	{"hello_timeout_s", "XEN_HELLO_TIMEOUT_S", "10", AT(hello_timeout_s), KIND_NUMBER, 1, 3600},
	{"ack_timeout_s", "XEN_ACK_TIMEOUT_S", "15", AT(ack_timeout_s), KIND_NUMBER, 1, 3600},
	{"outstanding", "XEN_OUTSTANDING", "4", AT(outstanding), KIND_NUMBER, 1, 64},
	{"peer", "XEN_PEER", "outcommit", AT(any_peer), KIND_PEER, 0, 0},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct loading {
	struct settings *settings;
	const char *path;
	bool seen[KEYS];
	char *why;
	size_t why_size;
};

static int set_number(unsigned int *at, const struct key *key, const char *value)
{
	uint64_t number;

	if (wire_parse_u64(value, &number) || number < key->min || number > key->max)
		return -EINVAL;
	*at = (unsigned int)number;
	return 0;
}

static int set_peer(bool *any, const char *value)
{
	if (strcmp(value, "outcommit") && strcmp(value, "any"))
		return -EINVAL;
	*any = !strcmp(value, "any");
	return 0;
}

static int set_text(char *at, const char *value)
{
	if (strlen(value) >= SETTING_BYTES)
		return -EINVAL;
	strcpy(at, value);
	return 0;
}

static int set(struct settings *settings, const struct key *key, const char *value)
{
	void *at = (char *)settings + key->offset;

	switch (key->kind) {
	case KIND_TEXT:
		return set_text(at, value);
	case KIND_NUMBER:
		return set_number(at, key, value);
	case KIND_PEER:
		return set_peer(at, value);
	}
	return -EINVAL;
}

static int complain(struct loading *loading, const char *what, const char *name, const char *value)
{
	snprintf(loading->why, loading->why_size, "%s: %s = %s", what, name, value);
	return 0;
}

/* inih's handler: 0 ends the loading as an error in this line. */
static int line(void *data, const char *section, const char *name, const char *value)
{
	struct loading *loading = data;

	for (size_t i = 0; i < KEYS; i++) {
		if (*section || !keys[i].name || strcmp(name, keys[i].name))
			continue;
		if (loading->seen[i])
			return complain(loading, "given twice", name, value);
		loading->seen[i] = true;
		if (set(loading->settings, &keys[i], value))
			return complain(loading, "a bad value", name, value);
		return 1;
	}
	return complain(loading, "not a setting", name, value);
}

static int load_file(struct loading *loading)
{
	char detail[SETTING_BYTES];
	int at;

	at = ini_parse(loading->path, line, loading);
	if (at == 0 || (at == -1 && errno == ENOENT))
		return 0;
	snprintf(detail, sizeof(detail), "%s",
		 at > 0 && *loading->why ? loading->why : "cannot be read");
	snprintf(loading->why, loading->why_size, "%s:%d: %s", loading->path, at > 0 ? at : 0,
		 detail);
	return -EINVAL;
}

static int load_environment(struct loading *loading)
{
	char name[64];

	for (size_t i = 0; i < KEYS; i++) {
		const char *value;

		snprintf(name, sizeof(name), ENVIRONMENT_PREFIX "%s", keys[i].environment);
		value = getenv(name);
		if (value && set(loading->settings, &keys[i], value)) {
			complain(loading, "a bad value in the environment", name, value);
			return -EINVAL;
		}
	}
	return 0;
}

int settings_load(struct settings *settings, const char *path, char *why, size_t why_size)
{
	struct loading loading = {
		.settings = settings, .path = path, .why = why, .why_size = why_size};
	int err;

	*why = '\0';
	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < KEYS; i++)
		set(settings, &keys[i], keys[i].preset);
	errno = 0;
	err = load_file(&loading);
	return err ? err : load_environment(&loading);
}
