/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's monitor protocol: commands with their answers, and events between them. Whatever waits
 * for QEMU waits in background_wait_any(), so that nothing else is held up by it.
 *
 * Who speaks at the other end is not trusted: a line has a limit, an answer a deadline, and what is
 * to be shown is cleaned.
 */
#ifndef QEMU_QMP_H
#define QEMU_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "background.h"

#define QMP_LINE_MAX (1U << 20) /* bytes: no answer to what is asked here is nearly as long */

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
	char error[256];		/* what the last one that failed did of; fit to be shown */
};

/* Connect to @path and negotiate. 0 or a negative errno, with qmp->error said. */
int qmp_open(struct qmp *qmp, const char *path);
void qmp_close(struct qmp *qmp);
/* The same with qmp->fd, which is connected. */
int qmp_negotiate(struct qmp *qmp);

/*
 * Have @command carried out; @arguments is taken over, NULL for none. @fd, unless it is -1, goes
 * along. 0, -EIO if QEMU refused, -ETIMEDOUT, -ESRCH if it is gone, or another negative errno, with
 * qmp->error said. *@result (@result may be NULL) is to be put with json_decref().
 */
int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, int fd, json_t **result);

/*
 * Wait for @until_ns at most and take what comes: 0, -EINTR, -ESRCH if QEMU is gone, or another
 * negative errno if it says what is no QMP; with qmp->error said.
 */
int qmp_pump(struct qmp *qmp, int64_t until_ns);

/* Set qmp->error to what @what failed of; returns @ret, a negative errno. */
int qmp_fail(struct qmp *qmp, int ret, const char *what);
/* The same with @why in QEMU's words, or NULL; returns -EIO. */
int qmp_refused(struct qmp *qmp, const char *what, const char *why);

#endif
