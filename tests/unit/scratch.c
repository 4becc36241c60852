// SPDX-License-Identifier: GPL-2.0-or-later
/* See scratch.h. */
#include "scratch.h"

#include <err.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static void make_template(char *path, const char *name)
{
	const char *directory = getenv("TMPDIR");

	if (!directory || !*directory)
		directory = "/tmp";
	if (snprintf(path, SCRATCH_BYTES, "%s/%s.XXXXXX", directory, name) >= SCRATCH_BYTES)
		errx(1, "TMPDIR is too long: %s", directory);
}

void scratch_dir(char path[static SCRATCH_BYTES], const char *name)
{
	make_template(path, name);
	if (!mkdtemp(path))
		err(1, "%s", path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

void scratch_remove(const char *path)
{
	if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS))
		err(1, "%s", path);
}

int scratch_file(char path[static SCRATCH_BYTES], const char *name)
{
	int fd;

	make_template(path, name);
	fd = mkstemp(path);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}
