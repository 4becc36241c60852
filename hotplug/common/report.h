/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver says: to stderr, where whoever started it looks, and to syslog, where it can be
 * found after the fact. Its name in front is PROGRAM, which its CMakeLists.txt sets.
 */
#ifndef HOTPLUG_REPORT_H
#define HOTPLUG_REPORT_H

/* @level is one of syslog(3)'s. */
__attribute__((format(printf, 2, 3))) void report(int level, const char *format, ...);

#endif
