/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How libxl called its helper: taken from the arguments, which are libxl's own and change with its
 * version. Before 4.14 the messages had other numbers; that is refused, not guessed at.
 */
#ifndef XEN_HELPER_CALL_H
#define XEN_HELPER_CALL_H

#include <stdbool.h>

struct call {
	bool restore; /* else save */
	bool remus;   /* else whatever it is, it is not ours */
	int io_fd;
	int back_fd; /* -1 for none */
	unsigned int domid;
};

/* 0, -EINVAL (not how libxl calls its helper), -EPROTONOSUPPORT (a libxl before 4.14, or one that
 * drives Remus otherwise) */
int call_parse(int argc, char *const argv[], struct call *call);

#endif
