/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "receive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "cell.h"
#include "image.h"
#include "lock.h"
#include "report.h"
#include "stream.h"

#define STOOD_DOWN "stood-down"
#define LIFE "life"

struct receiver {
	struct stream stream;
	int dir_fd;
	int image_fd; /* of the checkpoint that is coming, or -1 */
	char name[IMAGE_NAME_BYTES];
};

int backup_open(const char *dir, const char *domain, unsigned int wait_s)
{
	char path[PATH_MAX];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, domain) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if ((mkdir(dir, 0700) && errno != EEXIST) || (mkdir(path, 0700) && errno != EEXIST))
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* held for as long as this process lives */
	err = lock_take(fd, wait_s);
	if (err >= 0)
		return fd;
	close(fd);
	return err;
}

bool backup_stood_down(int dir_fd)
{
	return !faccessat(dir_fd, STOOD_DOWN, F_OK, 0);
}

int backup_set_life(int dir_fd, const char *life)
{
	int fd = openat(dir_fd, LIFE ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t size = strlen(life);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, life, size) != (ssize_t)size || fsync(fd))
		err = -EIO;
	close(fd);
	if (!err && (renameat(dir_fd, LIFE ".part", dir_fd, LIFE) || fsync(dir_fd)))
		err = -errno;
	return err;
}

/* 0: it is the one that this backup is of, or there is none; -EPERM: it is another one. */
static int check_life(int dir_fd, const char *life)
{
	int fd = openat(dir_fd, LIFE, O_RDONLY | O_CLOEXEC);
	char known[CELL_LIFE_BYTES] = "";
	ssize_t size;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	size = read(fd, known, sizeof(known) - 1);
	close(fd);
	if (size < 0)
		return -EIO;
	return !strcmp(known, life) || backup_stood_down(dir_fd) ? 0 : -EPERM;
}

static int on_image(struct receiver *r, char *name)
{
	if (r->image_fd >= 0 || !image_name_is_good(name))
		return -EPROTO;
	strcpy(r->name, name);
	if (unlinkat(r->dir_fd, STOOD_DOWN, 0) && errno != ENOENT)
		return -errno;
	r->image_fd = image_begin(r->dir_fd, name);
	return r->image_fd < 0 ? r->image_fd : 0;
}

static int on_file(struct receiver *r, char *name)
{
	char *size = strchr(name, ' ');
	int fd, err;

	if (r->image_fd < 0 || !size)
		return -EPROTO;
	*size++ = '\0';
	if (!image_name_is_good(name))
		return -EPROTO;
	fd = openat(r->image_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = stream_to_file(&r->stream, fd, strtoull(size, NULL, 10));
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

/* No other link than to a checkpoint beside this one */
static int on_link(struct receiver *r, char *name)
{
	char *target = strchr(name, ' ');

	if (r->image_fd < 0 || !target)
		return -EPROTO;
	*target++ = '\0';
	if (strcmp(name, IMAGE_PARENT) || strncmp(target, "../", 3) ||
	    !image_name_is_good(target + 3))
		return -EPROTO;
	return symlinkat(target, r->image_fd, name) ? -errno : 0;
}

static int on_done(struct receiver *r, char *rest)
{
	uint64_t number = image_number(r->name);
	int err;

	if (r->image_fd < 0)
		return -EPROTO;
	err = image_finish(r->dir_fd, r->image_fd, r->name);
	close(r->image_fd);
	r->image_fd = -1;
	if (err || !number)
		return err;
	if (!image_is_complete(r->dir_fd, number))
		return -EPROTO;
	err = stream_say(&r->stream, "ack %" PRIu64, number);
	/* what is too much does no harm */
	if (image_prune(r->dir_fd, number))
		report(LOG_WARNING, "cannot remove what is older than %" PRIu64, number);
	return err;
}

static int on_stand_down(struct receiver *r, char *rest)
{
	int fd = openat(r->dir_fd, STOOD_DOWN, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || close(fd) || fsync(r->dir_fd))
		return -errno;
	return stream_say(&r->stream, "stood-down");
}

static const struct {
	const char *word;
	int (*run)(struct receiver *r, char *rest);
} words[] = {
	{"image", on_image},
	{"file", on_file},
	{"link", on_link},
	{"done", on_done},
	{"stand-down", on_stand_down},
};

static int obey(struct receiver *r, char *line)
{
	char *rest = strchr(line, ' ');

	if (rest)
		*rest++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(line, words[i].word))
			return words[i].run(r, rest ? rest : line + strlen(line));
	}
	return -EPROTO;
}

static int accept_hello(struct receiver *r, const char *line)
{
	const char *life = line + strlen(STREAM_HELLO);
	int err;

	if (strncmp(line, STREAM_HELLO, strlen(STREAM_HELLO)) || strlen(life) != CELL_LIFE_BYTES - 1)
		return -EPROTO;
	err = check_life(r->dir_fd, life);
	if (err == -EPERM)
		report(LOG_ERR, "this backup is of another life of it: it was restored, or it was "
				"started anew. Remove the directory to begin again");
	return err ? err : backup_set_life(r->dir_fd, life);
}

static int greet(struct receiver *r)
{
	char line[STREAM_LINE_BYTES];
	int64_t newest = image_newest(r->dir_fd);
	int err;

	if (newest < 0)
		return -errno;
	err = stream_line(&r->stream, line, -1);
	if (!err)
		err = accept_hello(r, line);
	return err ? err : stream_say(&r->stream, "have %" PRId64, newest);
}

int receive_run(int dir_fd, int in, int out)
{
	static struct receiver r;
	char line[STREAM_LINE_BYTES];
	int err;

	r.dir_fd = dir_fd;
	r.image_fd = -1;
	err = stream_open(&r.stream, in, out, -1);
	if (!err)
		err = image_clear(dir_fd, false);
	if (!err)
		err = greet(&r);
	while (!err) {
		err = stream_line(&r.stream, line, -1);
		if (!err)
			err = obey(&r, line);
	}
	if (err == -EPIPE)
		return 0;
	report(LOG_ERR, "cannot go on taking checkpoints: %s", strerror(-err));
	return err;
}
