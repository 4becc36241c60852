/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checkpoints as files: DIRECTORY/DOMAIN.EPOCH.vm, whole and on the disk, or not there under that
 * name at all. DIRECTORY/DOMAIN.latest is a link to the newest: numbers alone would not tell, since
 * a domain that is made anew begins with epoch 1 again.
 */
#ifndef QEMU_STORE_H
#define QEMU_STORE_H

#include <limits.h>
#include <stdint.h>

struct store {
	const char *directory;
	const char *domain;
};

struct store_path {
	char text[PATH_MAX];
};

struct store_path store_path(const struct store *store, uint64_t epoch);

/* A new file for @epoch's checkpoint, not yet under its name: a descriptor or a negative errno. */
int store_begin(const struct store *store, uint64_t epoch);
/* Everything has been written: to the disk with it, then it gets its name. Closes @fd. */
int store_finish(const struct store *store, uint64_t epoch, int fd);
/* It came to nothing. Closes @fd. */
void store_drop(const struct store *store, uint64_t epoch, int fd);
/* Remove all of this domain's but those of epochs @from to @to, half-written ones too. */
void store_tidy(const struct store *store, uint64_t from, uint64_t to);

#endif
