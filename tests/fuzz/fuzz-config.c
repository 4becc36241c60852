// SPDX-License-Identifier: GPL-2.0-or-later
/* A configuration file of any content, and a setting from the command line: what is behind the first NUL byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An error leaves the configuration as it was, and says what is wrong on one line. */
static void check(int ret, const struct config *before, const struct config *after, const struct config_error *error)
{
	if (!ret)
		return;
	if (memcmp(before, after, sizeof(*before)) || !*error->text || strlen(error->text) >= sizeof(error->text))
		abort();
}

static void load(const char *path, const struct config_overrides *overrides)
{
	struct config config, before;
	struct config_error error = { .text = "" };

	memset(&config, 0x5a, sizeof(config));
	before = config;
	check(config_load(&config, path, 1, overrides, &error), &before, &config, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t len = nul ? (size_t)(nul - data) : size;
	char *setting = strndup(nul ? (const char *)nul + 1 : "", nul ? size - len - 1 : 0);
	const struct config_overrides overrides = { .count = nul != NULL, .settings = (const char *const *)&setting };
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[64];

	/* the whole of it, with its NUL bytes, if there are two: those must not come to harm either */
	if (nul && memchr(nul + 1, '\0', size - len - 1))
		len = size;
	if (fd < 0 || !setting || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	load(path, &overrides);
	close(fd);
	free(setting);
	return 0;
}
