/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backup takes over: the newest checkpoint is brought to life here. */
#ifndef CRIU_RESTORE_H
#define CRIU_RESTORE_H

#include "options.h"

/* 0, or a negative errno after a line that says why; what was made by then is gone again. */
int restore_run(const struct options *options);

#endif
