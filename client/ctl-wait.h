/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To wait for time, input or a signal in one place. Signals that end a command come as events, so
 * that it can leave things behind as they should be. One for a program.
 */
#ifndef OUTCOMMIT_CTL_WAIT_H
#define OUTCOMMIT_CTL_WAIT_H

#include <stdbool.h>
#include <stdint.h>

enum wait_event {
	WAIT_TIME,	/* it is over */
	WAIT_INPUT,
	WAIT_RESIZE,	/* of the terminal */
	WAIT_STOP,	/* somebody wants to have the terminal for a while: raise SIGSTOP */
	WAIT_END,	/* interrupted, terminated, hung up, or there is nobody to write to */
};

/* Begin to take signals. @terminal: those of a terminal too. 0 or a negative errno. */
int wait_begin(bool terminal);
/* Wait until @fd, unless it is negative, has input; or until @deadline_ns, 0 being never. */
enum wait_event wait_for(int fd, uint64_t deadline_ns);
uint64_t wait_now_ns(void);

#endif
