/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A chain that is longer than this is a ring. */
#define CHAIN_MAX 4096U

bool image_name_is_good(const char *name)
{
	size_t size = strlen(name);

	if (!size || size >= IMAGE_NAME_BYTES || name[0] == '.')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
	       size;
}

/* Of "17" and of "17.pre" */
static uint64_t number_in(const char *name, const char **rest)
{
	char *end = NULL;
	uint64_t number;

	if (!isdigit((unsigned char)name[0]) || name[0] == '0')
		return 0;
	errno = 0;
	number = strtoull(name, &end, 10);
	*rest = end;
	return errno ? 0 : number;
}

uint64_t image_number(const char *name)
{
	const char *rest = "";
	uint64_t number = number_in(name, &rest);

	return *rest ? 0 : number;
}

static DIR *open_list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0)
		close(fd);
	return list;
}

int64_t image_newest(int dir_fd)
{
	const struct dirent *entry;
	DIR *list = open_list(dir_fd, ".");
	uint64_t newest = 0;

	if (!list)
		return -1;
	while ((entry = readdir(list))) {
		uint64_t number = image_number(entry->d_name);

		if (number > newest && image_is_complete(dir_fd, number))
			newest = number;
	}
	closedir(list);
	return (int64_t)newest;
}

/* The name of what @name builds on: 1, 0 if it builds on nothing, or a negative errno. */
static int parent_of(int dir_fd, const char *name, char parent[IMAGE_NAME_BYTES])
{
	char path[2 * IMAGE_NAME_BYTES], target[IMAGE_NAME_BYTES + 3];
	ssize_t size;

	snprintf(path, sizeof(path), "%s/" IMAGE_PARENT, name);
	size = readlinkat(dir_fd, path, target, sizeof(target) - 1);
	if (size < 0)
		return errno == ENOENT && !faccessat(dir_fd, name, F_OK, 0) ? 0 : -errno;
	target[size] = '\0';
	if (strncmp(target, "../", 3) || !image_name_is_good(target + 3))
		return -EBADMSG;
	strcpy(parent, target + 3);
	return 1;
}

/* Calls @each for @number and all that it builds on. */
static int chain(int dir_fd, uint64_t number, void (*each)(const char *name, void *arg), void *arg)
{
	char name[IMAGE_NAME_BYTES];
	int more = 1;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)number);
	for (unsigned int i = 0; more > 0 && i < CHAIN_MAX; i++) {
		if (each)
			each(name, arg);
		more = parent_of(dir_fd, name, name);
	}
	return more > 0 ? -ELOOP : more;
}

bool image_is_complete(int dir_fd, uint64_t number)
{
	return chain(dir_fd, number, NULL, NULL) == 0;
}

static int remove_one(int dir_fd, const char *name)
{
	const struct dirent *entry;
	DIR *list = open_list(dir_fd, name);
	int err = 0;

	if (!list)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		err = unlinkat(dirfd(list), entry->d_name, 0) ? -errno : 0;
	}
	closedir(list);
	if (!err && unlinkat(dir_fd, name, AT_REMOVEDIR))
		err = -errno;
	return err;
}

static int part_of(const char *name, char part[IMAGE_NAME_BYTES])
{
	int size = snprintf(part, IMAGE_NAME_BYTES, "%s" IMAGE_PART, name);

	return size < (int)IMAGE_NAME_BYTES ? 0 : -ENAMETOOLONG;
}

int image_begin(int dir_fd, const char *name)
{
	char part[IMAGE_NAME_BYTES];
	int err, fd;

	err = part_of(name, part);
	if (!err)
		err = remove_one(dir_fd, part);
	if (err)
		return err;
	if (mkdirat(dir_fd, part, 0700))
		return -errno;
	fd = openat(dir_fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int image_finish(int dir_fd, int image_fd, const char *name)
{
	char part[IMAGE_NAME_BYTES];
	int err;

	err = part_of(name, part);
	if (!err && fsync(image_fd))
		err = -errno;
	/* An older one of that number was never acknowledged: its epoch is being done again */
	if (!err && !faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		err = remove_one(dir_fd, name);
	if (!err && renameat(dir_fd, part, dir_fd, name))
		err = -errno;
	if (!err && fsync(dir_fd))
		err = -errno;
	return err;
}

static int remove_each(int dir_fd, bool (*doomed)(const char *name, const void *arg),
		       const void *arg)
{
	const struct dirent *entry;
	DIR *list = open_list(dir_fd, ".");
	int err = 0;

	if (!list)
		return -errno;
	while (!err && (entry = readdir(list))) {
		if (doomed(entry->d_name, arg))
			err = remove_one(dir_fd, entry->d_name);
	}
	closedir(list);
	return err;
}

/* What @number builds on */
struct needed {
	uint64_t number;
	char (*names)[IMAGE_NAME_BYTES];
	size_t count;
	bool full;
};

static void need(const char *name, void *arg)
{
	struct needed *needed = arg;
	void *names = realloc(needed->names, (needed->count + 1) * sizeof(*needed->names));

	needed->full |= !names;
	if (!names)
		return;
	needed->names = names;
	strcpy(needed->names[needed->count++], name);
}

static bool is_needed(const struct needed *needed, const char *name)
{
	for (size_t i = 0; i < needed->count; i++) {
		if (!strcmp(needed->names[i], name))
			return true;
	}
	return false;
}

static bool is_superseded(const char *name, const void *arg)
{
	const struct needed *needed = arg;
	const char *rest = "";
	uint64_t number = number_in(name, &rest);

	return number && number < needed->number && !is_needed(needed, name);
}

int image_prune(int dir_fd, uint64_t number)
{
	struct needed needed = {.number = number};
	int err;

	err = chain(dir_fd, number, need, &needed);
	if (!err)
		err = needed.full ? -ENOMEM : remove_each(dir_fd, is_superseded, &needed);
	free(needed.names);
	return err;
}

static bool is_image(const char *name, const void *arg)
{
	const char *rest = "";

	return number_in(name, &rest);
}

static bool is_part(const char *name, const void *arg)
{
	const char *rest = "";

	return number_in(name, &rest) && strlen(rest) >= strlen(IMAGE_PART) &&
	       !strcmp(rest + strlen(rest) - strlen(IMAGE_PART), IMAGE_PART);
}

int image_clear(int dir_fd, bool all)
{
	return remove_each(dir_fd, all ? is_image : is_part, NULL);
}
