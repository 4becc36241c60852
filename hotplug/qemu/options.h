/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcommit-qmp's command line. */
#ifndef QEMU_OPTIONS_H
#define QEMU_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "taps.h"

#define PROGRAM "outcommit-qmp"

struct options {
	const char *domain;
	const char *qmp;
	const char *directory;
	const char *snapshot;
	const char *replicate;
	const char *socket;
	struct taps vifs;
	uint64_t interval_ms;
	uint64_t outstanding;
	uint64_t timeout_s;
	uint64_t retries;
	uint64_t epochs;
	bool release;
};

/* True if there is something to do, otherwise *@status is the exit status. */
bool options_parse(struct options *options, int argc, char **argv, int *status);

#endif
