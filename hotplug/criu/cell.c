/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cell.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"
#define LIFE_ATTRIBUTE "user.outcommit.life"
#define PIDS_MAX 4096U
#define TAKE_PASSES 100

struct pids {
	pid_t pid[PIDS_MAX];
	size_t count;
};

static int open_in(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cell_open(struct cell *cell, const char *domain, const char *path)
{
	if (path)
		snprintf(cell->path, sizeof(cell->path), "%s", path);
	else
		snprintf(cell->path, sizeof(cell->path), CGROUPS "/outcommit-criu.%s", domain);
	cell->ours = !path;
	if (!path && mkdir(cell->path, 0755) && errno != EEXIST)
		return -errno;
	cell->events_fd = open_in(cell->path, "cgroup.events", O_RDONLY);
	return cell->events_fd < 0 ? cell->events_fd : 0;
}

void cell_close(struct cell *cell)
{
	if (cell->events_fd >= 0)
		close(cell->events_fd);
	cell->events_fd = -1;
	if (cell->ours)
		rmdir(cell->path);
}

static int make_life(char life[CELL_LIFE_BYTES])
{
	uint8_t bytes[(CELL_LIFE_BYTES - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(life + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int cell_set_life(const struct cell *cell, char life[CELL_LIFE_BYTES])
{
	int err = *life ? 0 : make_life(life);

	if (!err && setxattr(cell->path, LIFE_ATTRIBUTE, life, CELL_LIFE_BYTES - 1, 0))
		err = -errno;
	return err;
}

int cell_get_life(const struct cell *cell, char life[CELL_LIFE_BYTES])
{
	ssize_t size = getxattr(cell->path, LIFE_ATTRIBUTE, life, CELL_LIFE_BYTES - 1);

	life[size < 0 ? 0 : size] = '\0';
	if (size < 0 && errno != ENODATA)
		return -errno;
	return size < 0 ? cell_set_life(cell, life) : 0;
}

static int put(const struct cell *cell, const char *name, const char *text)
{
	int fd = open_in(cell->path, name, O_WRONLY), err = 0;

	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int read_pids(const char *path, struct pids *pids)
{
	FILE *file = fopen(path, "re");
	int pid;

	if (!file)
		return -errno;
	while (pids->count < PIDS_MAX && fscanf(file, "%d", &pid) == 1)
		pids->pid[pids->count++] = pid;
	fclose(file);
	return pids->count == PIDS_MAX ? -E2BIG : 0;
}

/* Any of its threads may have forked. A process that is gone by now has no children. */
static int add_children(struct pids *pids, pid_t pid)
{
	char path[PATH_MAX];
	const struct dirent *thread;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (thread = readdir(dir))) {
		if (!isdigit((unsigned char)thread->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, thread->d_name);
		err = read_pids(path, pids);
	}
	closedir(dir);
	return err == -ENOENT ? 0 : err;
}

/* The list grows while it is walked: breadth first. */
static int tree_of(pid_t root, struct pids *pids)
{
	int err = 0;

	*pids = (struct pids){.pid = {root}, .count = 1};
	for (size_t i = 0; !err && i < pids->count; i++)
		err = add_children(pids, pids->pid[i]);
	return err;
}

static int inmates(const struct cell *cell, struct pids *pids)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", cell->path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	pids->count = 0;
	return read_pids(path, pids);
}

static bool among(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->count; i++) {
		if (pids->pid[i] == pid)
			return true;
	}
	return false;
}

static int take_one(const struct cell *cell, pid_t pid)
{
	char text[16];
	int err;

	snprintf(text, sizeof(text), "%d", pid);
	err = put(cell, "cgroup.procs", text);
	return err == -ESRCH ? 0 : err;
}

/* How many had to be moved, or a negative errno. */
static int take_all(const struct cell *cell, pid_t root)
{
	static struct pids tree, inside;
	int err, moved = 0;

	err = tree_of(root, &tree);
	if (!err)
		err = inmates(cell, &inside);
	for (size_t i = 0; !err && i < tree.count; i++) {
		if (among(&inside, tree.pid[i]))
			continue;
		err = take_one(cell, tree.pid[i]);
		moved++;
	}
	return err ? err : moved;
}

int cell_take(const struct cell *cell, pid_t root)
{
	int moved;

	/* what is forked while others are moved is found in the next pass */
	for (int pass = 0; pass < TAKE_PASSES; pass++) {
		moved = take_all(cell, root);
		if (moved <= 0)
			return moved;
	}
	return -EBUSY;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[256];
	pid_t parent = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (parent < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "PPid: %d", &parent);
	fclose(file);
	return parent;
}

pid_t cell_root(const struct cell *cell)
{
	static struct pids inside;
	pid_t root = -ESRCH;
	int err;

	err = inmates(cell, &inside);
	for (size_t i = 0; !err && i < inside.count; i++) {
		if (among(&inside, parent_of(inside.pid[i])))
			continue;
		root = root == -ESRCH ? inside.pid[i] : -EMLINK;
	}
	return err ? err : root;
}

static bool is_frozen(const struct cell *cell)
{
	char text[128] = "";

	return pread(cell->events_fd, text, sizeof(text) - 1, 0) > 0 && strstr(text, "frozen 1");
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The kernel tells of a change of the file by POLLPRI. */
static int await_frozen(const struct cell *cell, int timeout_ms)
{
	struct pollfd events = {.fd = cell->events_fd, .events = POLLPRI};
	int64_t end_ms = now_ms() + timeout_ms, left_ms = timeout_ms;

	while (!is_frozen(cell)) {
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&events, 1, (int)left_ms) < 0 && errno != EINTR)
			return -errno;
		left_ms = end_ms - now_ms();
	}
	return 0;
}

int cell_freeze(const struct cell *cell, int timeout_ms)
{
	int err;

	err = put(cell, "cgroup.freeze", "1");
	if (!err)
		err = await_frozen(cell, timeout_ms);
	if (err)
		cell_thaw(cell);
	return err;
}

int cell_thaw(const struct cell *cell)
{
	return put(cell, "cgroup.freeze", "0");
}
