/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

/* "WORD NUMBER" */
static int number_after(const char *line, const char *word, uint64_t *number)
{
	size_t size = strlen(word);
	int used = 0;

	if (strncmp(line, word, size) || line[size] != ' ')
		return -EPROTO;
	if (sscanf(line + size + 1, "%" SCNu64 "%n", number, &used) != 1)
		return -EPROTO;
	return line[size + 1 + (size_t)used] ? -EPROTO : 0;
}

int send_hello(struct stream *stream, const char *life, uint64_t *newest)
{
	char line[STREAM_LINE_BYTES];
	int err;

	err = stream_say(stream, STREAM_HELLO "%s", life);
	if (!err)
		err = stream_line(stream, line, stream->timeout_ms);
	return err ? err : number_after(line, "have", newest);
}

static int send_link(struct stream *stream, int image_fd, const char *name)
{
	char target[IMAGE_NAME_BYTES];
	ssize_t size = readlinkat(image_fd, name, target, sizeof(target) - 1);

	if (size < 0)
		return -errno;
	target[size] = '\0';
	return stream_say(stream, "link %s %s", name, target);
}

static int send_file(struct stream *stream, int image_fd, const char *name, uint64_t *sent_bytes)
{
	int fd = openat(image_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat stat;

	if (fd < 0)
		return errno == ELOOP ? send_link(stream, image_fd, name) : -errno;
	if (fstat(fd, &stat))
		err = -errno;
	if (!err)
		err = stream_say(stream, "file %s %" PRIu64, name, (uint64_t)stat.st_size);
	if (!err)
		err = stream_from_file(stream, fd, (uint64_t)stat.st_size);
	*sent_bytes += (uint64_t)stat.st_size;
	close(fd);
	return err;
}

int send_image(struct stream *stream, int dir_fd, const char *name, uint64_t *sent_bytes)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = stream_say(stream, "image %s", name);
	while (!err && (entry = readdir(list))) {
		if (entry->d_name[0] != '.')
			err = send_file(stream, fd, entry->d_name, sent_bytes);
	}
	closedir(list);
	return err ? err : stream_say(stream, "done");
}

int send_await_ack(struct stream *stream, uint64_t *acked, int timeout_ms)
{
	char line[STREAM_LINE_BYTES];
	int err;

	err = stream_line(stream, line, timeout_ms);
	return err ? err : number_after(line, "ack", acked);
}

int send_stand_down(struct stream *stream)
{
	char line[STREAM_LINE_BYTES];
	int err;

	err = stream_say(stream, "stand-down");
	/* acknowledgements may still be on their way */
	do {
		if (!err)
			err = stream_line(stream, line, stream->timeout_ms);
	} while (!err && strcmp(line, "stood-down"));
	return err;
}
