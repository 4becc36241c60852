/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of liboutcommit: a connection to a daemon that plays a script. SIGPIPE keeps its
 * default action: raising it ends the test.
 */
#ifndef CLIENT_RIG_H
#define CLIENT_RIG_H

#include <stdint.h>

#include "fake-server.h"
#include "outcommit.h"

#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define X1024 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64

/* A test's two ends. */
struct pair {
	struct fake_server *server;
	struct outcommit *c;
	struct outcommit_error err;
};

struct pair begin(const struct fake_step *steps);
/* All of the script must have been played. */
void finish(struct pair *p);

void wait_readable(struct outcommit *c);
int64_t now_ms(void);

/* Verbs with all that they can have, and what comes of them checked; what they return. */
int do_drive(struct pair *p);
int do_detach(struct pair *p);
int do_postsuspend(struct pair *p);
int do_commit(struct pair *p);
int do_release(struct pair *p);

#endif
