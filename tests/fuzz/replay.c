// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the place of libFuzzer where there is none: every file of a corpus once. As there, what is wrong with one ends the program.
 *
 * usage: fuzz-TARGET CORPUS
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(int fd, size_t size, const char *name)
{
	/* of exactly its size, so that a sanitizer sees what is read past the end */
	uint8_t *data = malloc(size ? size : 1);

	if (!data || read(fd, data, size) != (ssize_t)size)
		err(1, "%s", name);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char **argv)
{
	DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	struct stat st;
	int count = 0;

	if (!corpus)
		err(2, "usage: %s CORPUS", argv[0]);
	while ((entry = readdir(corpus))) {
		int fd = openat(dirfd(corpus), entry->d_name, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st))
			err(1, "%s", entry->d_name);
		if (S_ISREG(st.st_mode)) {
			replay(fd, (size_t)st.st_size, entry->d_name);
			count++;
		}
		close(fd);
	}
	closedir(corpus);
	printf("%d files\n", count);
	return count ? 0 : 1;
}
