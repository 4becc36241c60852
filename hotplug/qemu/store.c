// SPDX-License-Identifier: GPL-2.0-or-later
#include "store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct store_path make_path(const struct store *store, uint64_t epoch, const char *suffix)
{
	struct store_path path;

	snprintf(path.text, sizeof(path.text), "%s/%s.%" PRIu64 ".%s", store->directory,
		 store->domain, epoch, suffix);
	return path;
}

struct store_path store_path(const struct store *store, uint64_t epoch)
{
	return make_path(store, epoch, "vm");
}

int store_begin(const struct store *store, uint64_t epoch)
{
	const struct store_path path = make_path(store, epoch, "part");
	int fd = open(path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* In the place of the former link, at once. */
static int link_latest(const struct store *store, const char *target)
{
	char link[PATH_MAX], fresh[PATH_MAX];

	snprintf(link, sizeof(link), "%s/%s.latest", store->directory, store->domain);
	snprintf(fresh, sizeof(fresh), "%s/%s.link", store->directory, store->domain);
	unlink(fresh);
	if (symlink(strrchr(target, '/') + 1, fresh) || rename(fresh, link))
		return -errno;
	return 0;
}

/* A name is only as safe as the directory that it is in. */
static int sync_directory(const struct store *store)
{
	int fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = fsync(fd) ? -errno : 0;
	close(fd);
	return ret;
}

int store_finish(const struct store *store, uint64_t epoch, int fd)
{
	const struct store_path from = make_path(store, epoch, "part");
	const struct store_path to = store_path(store, epoch);
	int ret = fdatasync(fd) ? -errno : 0;

	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(from.text, to.text))
		ret = -errno;
	if (!ret)
		ret = link_latest(store, to.text);
	return ret ? ret : sync_directory(store);
}

void store_drop(const struct store *store, uint64_t epoch, int fd)
{
	const struct store_path path = make_path(store, epoch, "part");

	close(fd);
	unlink(path.text);
}

/* Whether @name is DOMAIN.EPOCH.vm or DOMAIN.EPOCH.part, and of an epoch that is not kept */
static bool is_old(const struct store *store, const char *name, uint64_t from, uint64_t to)
{
	const size_t len = strlen(store->domain);
	uint64_t epoch;
	char *end;

	if (strncmp(name, store->domain, len) || name[len] != '.' ||
	    !isdigit((unsigned char)name[len + 1]))
		return false;
	epoch = strtoull(name + len + 1, &end, 10);
	if (!strcmp(end, ".part"))
		return true;
	return !strcmp(end, ".vm") && (epoch < from || epoch > to);
}

void store_tidy(const struct store *store, uint64_t from, uint64_t to)
{
	DIR *directory = opendir(store->directory);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (is_old(store, entry->d_name, from, to))
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
}
