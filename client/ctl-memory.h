/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that there must be: a command that cannot have it ends, saying so. */
#ifndef OUTCOMMIT_CTL_MEMORY_H
#define OUTCOMMIT_CTL_MEMORY_H

#include <stdio.h>
#include <stdlib.h>

/* @memory, as an allocation gave it. */
static inline void *not_null(void *memory)
{
	if (memory)
		return memory;
	fputs("out of memory\n", stderr);
	exit(1);
}

#endif
