/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real save helper as our child, on two pipes. It does not outlive us, however we end: libxl
 * may kill only us.
 */
#ifndef XEN_HELPER_CHILD_H
#define XEN_HELPER_CHILD_H

#include <signal.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0 once it was reaped */
	int in;	   /* its stdin */
	int out;   /* its stdout, -1 once it has ended */
};

/*
 * What the helper is to find as if libxl had started it itself: xl ignores SIGPIPE, and a helper
 * that died of it would leave the guest's memory tracking on.
 */
struct child_signals {
	sigset_t mask;
	void (*on_pipe)(int);
};

/* Run argv[0] with @signals. 0 or a negative errno; that it could not be executed is
 * its exit status, 127. */
int child_start(struct child *child, char *const argv[], const struct child_signals *signals);

void child_signal(const struct child *child, int number);

/* End it by what libxl itself would send, and by the end of its input: it then puts the guest's
 * memory tracking back. */
void child_stop(struct child *child);

void child_close_out(struct child *child);
void child_close(struct child *child);

#endif
