/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wire.h>

#define INCOMING "--incoming"

static int first_line(FILE *file, char *line, size_t size)
{
	if (!fgets(line, (int)size, file))
		return -ENOENT;
	line[strcspn(line, "\n")] = '\0';
	return *line ? 0 : -ENOENT;
}

/* Through the command, so that nothing of Xen's is needed to build or to start us. */
static int xenstore(unsigned int domid, const char *key, char *value, size_t size)
{
	char command[64];
	FILE *pipe;
	int err;

	snprintf(command, sizeof(command), "exec xenstore-read /local/domain/%u/%s", domid, key);
	pipe = popen(command, "re");
	if (!pipe)
		return -errno;
	err = first_line(pipe, value, size);
	return pclose(pipe) ? -ENOENT : err;
}

static void drop_suffix(char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	if (len > tail && !strcmp(name + len - tail, suffix))
		name[len - tail] = '\0';
}

int identity_domain(unsigned int domid, char *name, size_t size)
{
	char *last;
	int err;

	err = xenstore(domid, "name", name, size);
	if (!err)
		drop_suffix(name, INCOMING);
	if (!err && !wire_check_domain(name))
		return 0;
	err = xenstore(domid, "vm", name, size);
	if (err)
		return err;
	last = strrchr(name, '/');
	if (last)
		memmove(name, last + 1, strlen(last));
	return wire_check_domain(name) ? -ENOENT : 0;
}

static int read_number(const char *path, char *number, size_t size)
{
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return -errno;
	err = first_line(file, number, size);
	fclose(file);
	return err;
}

/* Where Debian has it, which keeps one for each version of Xen. */
static int of_version(char *path, size_t size)
{
	char major[16], minor[16];

	if (read_number("/sys/hypervisor/version/major", major, sizeof(major)) ||
	    read_number("/sys/hypervisor/version/minor", minor, sizeof(minor)))
		return -ENOENT;
	snprintf(path, size, "/usr/lib/xen-%s.%s/bin/libxl-save-helper", major, minor);
	return access(path, X_OK) ? -ENOENT : 0;
}

int identity_helper(char *path, size_t size)
{
	static const char *const places[] = {
		"/usr/lib/xen/bin/libxl-save-helper",
		"/usr/libexec/xen/bin/libxl-save-helper",
		"/usr/local/lib/xen/bin/libxl-save-helper",
		"/usr/local/libexec/xen/bin/libxl-save-helper",
	};

	if (!of_version(path, size))
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], X_OK))
			continue;
		snprintf(path, size, "%s", places[i]);
		return 0;
	}
	return -ENOENT;
}
