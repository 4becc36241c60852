// SPDX-License-Identifier: GPL-2.0-or-later
#include "config.h"

#include "config-value.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define KEYS_MAX 32
#define LINE_MAX_BYTES 199 /* what inih takes */

#define FIELD(name) offsetof(struct config, name)

/* Every key there is. The file, --set, --dump-config, the manual page's test and reload all walk this table. */
static const struct config_key config_keys[] = {
	{ "daemon", "socket", CONFIG_PATH, FIELD(socket), 0, 0, false, "/run/outcommit/control.sock",
	  "Path of the control socket; not used under socket activation" },
	{ "daemon", "socket_mode", CONFIG_MODE, FIELD(socket_mode), 0, 0777, false, "0660",
	  "Octal permissions of the control socket" },
	{ "daemon", "log_level", CONFIG_LEVEL, FIELD(log_level), LOG_ERR, LOG_DEBUG, true, "info",
	  "Least important message that is logged: err, warning, notice, info or debug" },
	{ "access", "driver_users", CONFIG_USERS, FIELD(driver_users), 0, 0, true, "root",
	  "Users who may change what is held or released: names or ids, * for everyone" },
	{ "access", "driver_groups", CONFIG_GROUPS, FIELD(driver_groups), 0, 0, true, "",
	  "Groups whose members may do so too" },
	{ "access", "observer_users", CONFIG_USERS, FIELD(observer_users), 0, 0, true, "*",
	  "Users who may look: names or ids, * for everyone that can connect" },
	{ "access", "observer_groups", CONFIG_GROUPS, FIELD(observer_groups), 0, 0, true, "",
	  "Groups whose members may look too" },
	{ "access", "admin_users", CONFIG_USERS, FIELD(admin_users), 0, 0, true, "root",
	  "Users who may change other drivers' domains too" },
	{ "access", "admin_groups", CONFIG_GROUPS, FIELD(admin_groups), 0, 0, true, "",
	  "Groups whose members may do so too" },
	{ "buffer", "limit", CONFIG_SIZE, FIELD(limit_bytes), 65536, UINT32_MAX, true, "64M",
	  "Bytes that one vif may have held, K, M and G allowed; more is dropped and counted" },
	{ "buffer", "txqueuelen", CONFIG_NUMBER, FIELD(txqueuelen_frames), 1, 1000000, true, "1000",
	  "Frames that an IFB passes on in one go" },
	{ "buffer", "group", CONFIG_BOOL, FIELD(group), 0, 1, true, "yes",
	  "Reach all vifs of a domain with one message, where the sch_plug module can" },
	{ "policy", "on_driver_lost", CONFIG_POLICY, FIELD(on_driver_lost), CONFIG_POLICY_HOLD, CONFIG_POLICY_DISCARD, true,
	  "hold", "What becomes of a domain whose driver is gone for good: hold, release or discard" },
	{ "policy", "driver_grace", CONFIG_TIME, FIELD(driver_grace_ns), 0, CONFIG_TIME_MAX_NS, true, "10s",
	  "How long a driver whose connection is closed may take to come back" },
	{ "policy", "hold_warning", CONFIG_TIME, FIELD(hold_warning_ns), 0, CONFIG_TIME_MAX_NS, true, "10s",
	  "How long an epoch may be uncommitted before it is reported; 0: for ever" },
	{ "policy", "hold_limit", CONFIG_TIME, FIELD(hold_limit_ns), 0, CONFIG_TIME_MAX_NS, true, "60s",
	  "How long before it is reported as over the limit; 0: for ever" },
	{ "policy", "on_hold_limit", CONFIG_POLICY, FIELD(on_hold_limit), CONFIG_POLICY_HOLD, CONFIG_POLICY_DISCARD, true,
	  "hold", "What becomes of a domain at that limit: hold, release or discard" },
	{ "policy", "on_stop", CONFIG_POLICY, FIELD(on_stop), CONFIG_POLICY_HOLD, CONFIG_POLICY_RELEASE, true, "hold",
	  "What becomes of what is held when the service is stopped: hold or release" },
	{ "realtime", "lock_memory", CONFIG_BOOL, FIELD(lock_memory), 0, 1, false, "no",
	  "Keep all of the daemon's memory resident; needs LimitMEMLOCK= or CAP_IPC_LOCK" },
	{ "realtime", "busy_poll_us", CONFIG_NUMBER, FIELD(busy_poll_us), 0, 1000000, true, "0",
	  "Microseconds after each request for which the daemon looks for the next one without sleeping" },
	{ "limits", "clients", CONFIG_NUMBER, FIELD(clients), 1, 4096, true, "128",
	  "Connections at a time" },
	{ "limits", "clients_per_user", CONFIG_NUMBER, FIELD(clients_per_user), 1, 4096, true, "32",
	  "Connections of one user at a time; root and admins have no such limit" },
	{ "limits", "domains", CONFIG_NUMBER, FIELD(domains), 1, 65536, true, "1024", "Domains" },
	{ "limits", "domains_per_user", CONFIG_NUMBER, FIELD(domains_per_user), 1, 65536, true, "256",
	  "Domains of one owner" },
	{ "limits", "vifs_per_domain", CONFIG_NUMBER, FIELD(vifs_per_domain), 1, CONFIG_VIFS_MAX, true,
	  "64", "Vifs of one domain" },
	{ "limits", "outstanding", CONFIG_NUMBER, FIELD(outstanding), 1, CONFIG_OUTSTANDING_MAX, true,
	  "64", "Closed epochs of one domain that wait for a commit; 1 with mainline's sch_plug" },
};

#define KEYS (sizeof(config_keys) / sizeof(config_keys[0]))
_Static_assert(KEYS <= KEYS_MAX, "one bit per key");

struct load {
	struct config config;
	struct config_error *error;
	const char *path;
	FILE *file;
	unsigned int line;
	uint32_t seen; /* one bit per key of the file */
	int ret;
};

static const struct config_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(config_keys[i].section, section) && !strcmp(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

static int fail(struct load *load, const char *section, const char *name, const char *why)
{
	snprintf(load->error->text, sizeof(load->error->text), "%.200s:%u: %.40s%s%.40s%s%.100s", load->path,
		 load->line, section, *section ? "." : "", name, *section || *name ? ": " : "", why);
	load->ret = -EINVAL;
	return 0;
}

/* inih calls this once per key; 0 stops nothing, so that later errors must not overwrite the first. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct load *load = user;
	const struct config_key *key;
	char why[120];

	if (load->ret)
		return 0;
	key = find_key(section, name);
	if (!key)
		return fail(load, section, name, "no such key");
	if (load->seen & 1U << (key - config_keys))
		return fail(load, section, name, "given twice");
	load->seen |= 1U << (key - config_keys);
	if (config_value_parse(key, value, &load->config, why, sizeof(why)))
		return fail(load, section, name, why);
	return 1;
}

/* Lines are counted here, and one that inih would cut in two is refused. */
static char *next_line(char *str, int num, void *stream)
{
	struct load *load = stream;
	char *line = fgets(str, num, load->file);
	size_t len;

	if (!line)
		return NULL;
	load->line++;
	len = strlen(line);
	if (!load->ret && len && line[len - 1] != '\n' && !feof(load->file))
		fail(load, "", "", len < (size_t)num - 1 ? "NUL byte" : "line is over 198 bytes");
	return line;
}

static int load_file(struct load *load, int must_exist)
{
	int line;

	load->file = fopen(load->path, "re");
	if (!load->file && errno == ENOENT && !must_exist)
		return 0;
	if (!load->file) {
		load->ret = -errno;
		snprintf(load->error->text, sizeof(load->error->text), "%.200s: %s", load->path,
			 strerror(errno));
		return load->ret;
	}
	line = ini_parse_stream(next_line, load, on_key, load);
	if (!load->ret && line) {
		load->line = line > 0 ? (unsigned int)line : 0;
		fail(load, "", "", "neither a [section] nor KEY = VALUE");
	}
	if (!load->ret && ferror(load->file))
		fail(load, "", "", "cannot be read");
	fclose(load->file);
	return load->ret;
}

static int set_one(struct load *load, const char *setting)
{
	const char *dot = strchr(setting, '.');
	const char *equals = strchr(setting, '=');
	char section[32], name[32], why[120] = "not SECTION.KEY=VALUE";
	const struct config_key *key = NULL;

	if (dot && equals && dot < equals && dot - setting < 32 && equals - dot <= 32) {
		snprintf(section, sizeof(section), "%.*s", (int)(dot - setting), setting);
		snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
		key = find_key(section, name);
		snprintf(why, sizeof(why), "no such key");
	}
	if (key && !config_value_parse(key, equals + 1, &load->config, why, sizeof(why)))
		return 0;
	snprintf(load->error->text, sizeof(load->error->text), "--set %.100s: %s", setting, why);
	return load->ret = -EINVAL;
}

static void set_defaults(struct config *config)
{
	char why[120];

	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < KEYS; i++)
		if (config_value_parse(&config_keys[i], config_keys[i].preset, config, why, sizeof(why)))
			abort(); /* the table contradicts itself: a unit test walks it */
}

int config_load(struct config *config, const char *path, int must_exist,
		const struct config_overrides *overrides, struct config_error *error)
{
	struct load load = { .error = error, .path = path };

	set_defaults(&load.config);
	if (load_file(&load, must_exist))
		return load.ret;
	for (size_t i = 0; i < overrides->count; i++)
		if (set_one(&load, overrides->settings[i]))
			return load.ret;
	*config = load.config;
	return 0;
}

void config_dump_keys(FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < KEYS; i++) {
		const struct config_key *key = &config_keys[i];

		if (strcmp(section, key->section))
			fprintf(out, "%s[%s]\n", *section ? "\n" : "", key->section);
		section = key->section;
		fprintf(out, "# %s%s\n%s = %s\n", key->what, key->reload ? "" : " (not changed by reload)",
			key->name, key->preset);
	}
}

const char *config_apply(struct config *config, const struct config *fresh)
{
	const char *kept = NULL;

	for (size_t i = 0; i < KEYS; i++) {
		const struct config_key *key = &config_keys[i];
		char *to = (char *)config + key->offset;
		const char *from = (const char *)fresh + key->offset;
		size_t size = config_value_size(key->type);

		if (key->reload)
			memcpy(to, from, size);
		else if (memcmp(to, from, size))
			kept = key->name;
	}
	return kept;
}
