// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-probe.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl-spawn.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

bool probe_net_admin(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long long effective = 0;
	char line[256];

	if (!status)
		return false;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	fclose(status);
	return effective >> CAP_NET_ADMIN & 1;
}

bool probe_loaded(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

int probe_loadable(const char *module, int timeout_ms)
{
	/* it is not in every user's PATH */
	static const char *const programs[] = {
		"modprobe",
		"/usr/sbin/modprobe",
		"/sbin/modprobe",
	};
	int found = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const char *argv[] = { programs[i], "--dry-run", "--quiet", module, NULL };
		struct spawn spawn = { .argv = argv, .timeout_ms = timeout_ms };
		int ret = spawn_run(&spawn, NULL, 0);

		if (!ret)
			return 0;
		if (ret != 127)
			found = -ENODEV;
	}
	return found;
}

bool probe_modules(const char *release)
{
	char path[256];

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	return !access(path, F_OK);
}

bool probe_version(const char *module, char *version, size_t size)
{
	char path[128];
	FILE *file;
	bool good;

	snprintf(path, sizeof(path), "/sys/module/%s/version", module);
	file = fopen(path, "re");
	if (!file)
		return false;
	good = fgets(version, (int)size, file);
	fclose(file);
	if (good)
		version[strcspn(version, "\n")] = '\0';
	return good;
}

/* The one that came with this command: from the same build, or the same installation. */
static bool beside_us(char *path, size_t size)
{
	static const char *const places[] = { "outcommitd", "../sbin/outcommitd" };
	char here[PATH_MAX];
	ssize_t here_len = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (here_len < 0)
		return false;
	here[here_len] = '\0';
	*strrchr(here, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int len = snprintf(path, size, "%s/%s", here, places[i]);

		if (len < (int)size && !access(path, X_OK))
			return true;
	}
	return false;
}

int probe_config(int timeout_ms, char *said, size_t size)
{
	char path[PATH_MAX + 32];
	const char *program = beside_us(path, sizeof(path)) ? path : "outcommitd";
	const char *argv[] = { program, "--check-config", NULL };
	struct spawn spawn = { .argv = argv, .timeout_ms = timeout_ms };
	int ret = spawn_run(&spawn, said, size - 1);

	said[spawn.len] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (ret == 127)
		return -ENOENT;
	return ret > 0 ? -EINVAL : ret;
}
