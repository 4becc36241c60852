/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: defaults, then the file, then what the command line sets, all through one table of keys
 * (config_keys), each documented there and in outcommitd.conf(5). A struct config is checked or does not exist.
 */
#ifndef OUTCOMMITD_CONFIG_H
#define OUTCOMMITD_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define CONFIG_IDS_MAX 32
#define CONFIG_VIFS_MAX 64 /* vifs of one domain */
#define CONFIG_OUTSTANDING_MAX 1024 /* epochs that the module can keep apart */

#define CONFIG_TIME_MAX_NS (86400ULL * 1000000000ULL)

/* What is done with a domain when nobody is there to say. */
enum config_policy {
	CONFIG_POLICY_HOLD,
	CONFIG_POLICY_RELEASE,
	CONFIG_POLICY_DISCARD,
};

/* Users or groups: numeric ids, or everyone. */
struct config_ids {
	int everyone;
	size_t count;
	uint32_t ids[CONFIG_IDS_MAX];
};

struct config {
	/* [daemon] */
	char socket[108];
	uint64_t socket_mode;
	uint64_t log_level;
	/* [access] */
	struct config_ids driver_users, driver_groups;
	struct config_ids observer_users, observer_groups;
	struct config_ids admin_users, admin_groups;
	/* [buffer] */
	uint64_t limit_bytes;
	uint64_t txqueuelen_frames;
	uint64_t group; /* 0 or 1 */
	/* [policy] */
	uint64_t on_driver_lost; /* enum config_policy */
	uint64_t driver_grace_ns;
	uint64_t hold_warning_ns; /* 0: never */
	uint64_t hold_limit_ns; /* 0: never */
	uint64_t on_hold_limit; /* enum config_policy */
	uint64_t on_stop; /* enum config_policy */
	/* [realtime] */
	uint64_t lock_memory; /* 0 or 1 */
	uint64_t busy_poll_us;
	/* [limits] */
	uint64_t clients;
	uint64_t clients_per_user;
	uint64_t domains;
	uint64_t domains_per_user;
	uint64_t vifs_per_domain;
	uint64_t outstanding;
};

struct config_error {
	char text[400]; /* one line: place, key, value, what is wrong */
};

/* Settings from the command line: "SECTION.KEY=VALUE" each. */
struct config_overrides {
	size_t count;
	const char *const *settings;
};

/*
 * Defaults, then the file at @path, then @overrides. A missing file is an error only if @must_exist. 0, or a negative errno with
 * @error filled in and *@config untouched.
 */
int config_load(struct config *config, const char *path, int must_exist,
		const struct config_overrides *overrides, struct config_error *error);

/* Print every key with its default and what it means, as a file that config_load() takes. */
void config_dump_keys(FILE *out);

const char *config_policy_name(enum config_policy policy);
/* 0, or -EINVAL with *@policy untouched. */
int config_policy_parse(const char *name, enum config_policy *policy);

/*
 * Take over from @fresh what may change while the daemon runs. Returns the name of a key that differs and may
 * not, or NULL.
 */
const char *config_apply(struct config *config, const struct config *fresh);

#endif
