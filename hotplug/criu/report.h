/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program says: to stderr, and to syslog, where it can be found after the fact. */
#ifndef CRIU_REPORT_H
#define CRIU_REPORT_H

/* @level is one of syslog(3)'s. */
__attribute__((format(printf, 2, 3))) void report(int level, const char *format, ...);

#endif
