/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"

#define IPV4 "iptables-restore"
#define IPV6 "ip6tables-restore"

#define NO_TABLE "table inet outcommit\ndelete table inet outcommit\n"

/* The mark is what criu gives to segments of its own. */
static const char lock[] = NO_TABLE "table inet outcommit {\n"
				    "chain input {\n"
				    "type filter hook input priority 0; policy drop\n"
				    "meta mark 0xc114 accept\n"
				    "}\n}\n";
static const char unlock[] = NO_TABLE;

static int link_as(int dir_fd, const char *program, const char *name)
{
	if (unlinkat(dir_fd, name, 0) && errno != ENOENT)
		return -errno;
	return symlinkat(program, dir_fd, name) ? -errno : 0;
}

int netlock_place(const char *dir)
{
	char self[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int err, fd;

	if (size < 0 || (mkdir(dir, 0700) && errno != EEXIST))
		return -errno;
	self[size] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = link_as(fd, self, IPV4);
	if (!err)
		err = link_as(fd, self, IPV6);
	close(fd);
	return err;
}

static const char *name_of(const char *program)
{
	const char *slash = strrchr(program, '/');

	return slash ? slash + 1 : program;
}

bool netlock_is(const char *program)
{
	return !strcmp(name_of(program), IPV4) || !strcmp(name_of(program), IPV6);
}

static bool lock_is_wanted(void)
{
	bool wanted = false;
	char line[256];

	while (fgets(line, sizeof(line), stdin))
		wanted |= strstr(line, "-j DROP") != NULL;
	return wanted;
}

/* They are few enough for a pipe to take them at once. */
static int run_nft(const char *rules)
{
	struct words words = {.count = 0};
	struct child child = {.words = &words};
	size_t size = strlen(rules);
	int pair[2], rc;

	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	rc = write(pair[1], rules, size) == (ssize_t)size ? 0 : -EIO;
	close(pair[1]);
	words_add(&words, "nft");
	words_add(&words, "-f");
	words_add(&words, "-");
	child.in = pair[0];
	if (!rc)
		rc = child_run(&child);
	close(pair[0]);
	return rc;
}

int netlock_run(const char *program)
{
	/* one table is for both */
	if (!strcmp(name_of(program), IPV6))
		return 0;
	return run_nft(lock_is_wanted() ? lock : unlock);
}
