// SPDX-License-Identifier: GPL-2.0-or-later
#include "taps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int taps_add(struct taps *taps, const char *name)
{
	if (!*name || strlen(name) >= IF_NAMESIZE)
		return -EINVAL;
	for (size_t i = 0; i < taps->count; i++)
		if (!strcmp(taps->names[i], name))
			return 0;
	if (taps->count == TAPS_MAX)
		return -ENOSPC;
	strcpy(taps->names[taps->count++], name);
	return 0;
}

/* The tun driver says in fdinfo which interface a descriptor is for. */
static int look_at(struct taps *taps, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256], name[IF_NAMESIZE];
	int ret = 0;

	/* one that was closed meanwhile is none of ours */
	if (!file)
		return 0;
	while (!ret && fgets(line, sizeof(line), file))
		if (sscanf(line, "iff: %15s", name) == 1)
			ret = taps_add(taps, name);
	fclose(file);
	return ret;
}

int taps_find(struct taps *taps, pid_t pid)
{
	char path[300];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, entry->d_name);
		ret = look_at(taps, path);
	}
	closedir(dir);
	return ret;
}
