/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start a command so that criu can checkpoint it and restore it elsewhere: in a network namespace,
 * in its domain's cell, without a terminal, and as the first process of a process id namespace,
 * because its process ids may be taken on the backup.
 */
#ifndef CRIU_START_H
#define CRIU_START_H

#include "options.h"

int start_run(const struct options *options);

#endif
