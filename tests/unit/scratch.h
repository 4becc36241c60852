/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where tests put what they write: below $TMPDIR, or /tmp. A test that cannot have that ends, with
 * the reason on stderr.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#define SCRATCH_BYTES 96	/* of a path; a socket's name in it must still fit an address */

/* A new directory, whose path begins with @name, into @path. Who asks for it removes it. */
void scratch_dir(char path[static SCRATCH_BYTES], const char *name);
/* Remove it and all that is in it. */
void scratch_remove(const char *path);
/* A new file, open for reading and writing: its descriptor. */
int scratch_file(char path[static SCRATCH_BYTES], const char *name);

#endif
