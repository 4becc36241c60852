/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of outcommit-qmp's end of QEMU's monitor: a monitor that says what it is told to. */
#ifndef QMP_RIG_H
#define QMP_RIG_H

#include "loop/clock.h"
#include "qmp.h"

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7},"           \
	" \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define EVENT(name)                                                                                \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"" name "\"}\r\n"
#define DONE(id) "{\"return\": {}, \"id\": " #id "}\r\n"
#define PATIENCE_NS (20 * NS_PER_S)
#define SHORT_NS (50 * NS_PER_MS)

struct rig {
	struct qmp qmp;
	struct background background;
	struct epochs loop;
	int monitor;
	char events[256];	/* names, each followed by a blank */
	char heard[1024];	/* what the monitor was asked */
};

/* A monitor that goes on talking until nobody listens */
struct talker {
	int fd;
	const char *text;
	size_t times;
	const char *last;
};

void set_up(struct rig *rig);
void tear_down(struct rig *rig);

/*
 * The monitor says @text. What it says before a command is asked is the answer, if it has the
 * number that the command will have.
 */
void say(struct rig *rig, const char *text);
/* What it was asked since it was last listened to. */
const char *heard(struct rig *rig);

/* A command fails with @ret, and says so. */
void expect_failure(struct rig *rig, int ret, const char *error);
/* What a command returns while @talker, to whom the monitor is handed, talks. */
int execute_against(struct rig *rig, struct talker *talker);

#endif
