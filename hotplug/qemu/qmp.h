/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's monitor protocol: commands with their answers, and events between them. Whatever waits
 * for QEMU waits in background_wait(), so that nothing else is held up by it.
 */
#ifndef QEMU_QMP_H
#define QEMU_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "background.h"

struct qmp {
	int fd;
	struct background *background;
	int64_t timeout_ns;		/* for each answer */
	void (*event)(void *arg, const char *name, const json_t *data);
	void *arg;
	char *buffer;			/* what has come of the next message */
	size_t len;
	size_t size;
	json_int_t id;			/* of the last command; answers to others are late ones */
	json_t *answer;
	char error[256];		/* what the last one that failed did of */
};

/* Connect to @path and negotiate. 0 or a negative errno, with qmp->error said. */
int qmp_open(struct qmp *qmp, const char *path);
void qmp_close(struct qmp *qmp);

/*
 * Have @command carried out; @arguments is taken over, NULL for none. @fd, unless it is -1, goes
 * along. 0, -EIO if QEMU refused, or another negative errno. *@result (@result may be NULL) is to
 * be put with json_decref().
 */
int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, int fd, json_t **result);

/* Wait for @until_ns at most and take what comes: 0, -EINTR, or -ESRCH if QEMU is gone. */
int qmp_pump(struct qmp *qmp, int64_t until_ns);

#endif
