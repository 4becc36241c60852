/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose request is next. A guest stands still while its barrier is closed, so the barrier's verbs are carried out as they are read; all
 * other requests take turns, one between two looks at the connections: however many ask at once, a barrier waits for one of them
 * at most.
 */
#ifndef OUTCOMMITD_TURNS_H
#define OUTCOMMITD_TURNS_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

/* A client's place in the queue. */
struct turn {
	struct turn *next;
	char *request; /* NULL: none waits */
	size_t bytes;
};

typedef void (*turns_run)(struct turn *turn, char *request, size_t bytes);

struct turns {
	struct ev_loop *loop;
	turns_run run;
	struct turn *first, **last;
	bool taken; /* since the last look at the connections */
	ev_prepare prepare;
	ev_idle awake; /* runs while somebody waits, so that the loop does not sleep */
};

void turns_init(struct turns *turns, struct ev_loop *loop, turns_run run);
void turns_fini(struct turns *turns);

/*
 * True if @request has to wait: a copy is kept, and run() is called with it later, with a byte of room behind it. False if it is to be
 * carried out now. A client has one request at a time.
 */
bool turns_wait(struct turns *turns, struct turn *turn, const char *request, size_t bytes);
/* The client is gone: so is its request. */
void turns_leave(struct turns *turns, struct turn *turn);

#endif
