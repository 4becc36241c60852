/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checkpoints in a directory, each a directory of image files named by its number. One that holds
 * only what changed has a link "parent" to the one before it; what was copied before the tree was
 * stopped is in NUMBER.pre. A checkpoint that is being written is NUMBER.part: without that it is
 * whole, on stable storage, and so is all that it builds on.
 */
#ifndef CRIU_IMAGE_H
#define CRIU_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_NAME_BYTES 128U
#define IMAGE_PART ".part"
#define IMAGE_PRE ".pre"
#define IMAGE_PARENT "parent"
/* What we put beside criu's files: how to make the network again. */
#define IMAGE_NETWORK "network"

/* One file name, of what criu gives its files, and of nothing hidden. */
bool image_name_is_good(const char *name);

/* The number that a whole checkpoint is called by, 0 for any other name. */
uint64_t image_number(const char *name);

/* The newest that is whole, 0 if there is none; or -1 with errno. */
int64_t image_newest(int dir_fd);

/* Everything that @number builds on is there. */
bool image_is_complete(int dir_fd, uint64_t number);

/* Make NAME.part, empty, and open it; or a negative errno. */
int image_begin(int dir_fd, const char *name);

/* It is whole: onto stable storage, and into its place. */
int image_finish(int dir_fd, int image_fd, const char *name);

/* Remove what is older than @number and what @number does not need. */
int image_prune(int dir_fd, uint64_t number);

/* Remove what was never finished; @all: everything. */
int image_clear(int dir_fd, bool all);

#endif
