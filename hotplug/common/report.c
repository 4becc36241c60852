/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

void report(int level, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(STDERR_FILENO, PROGRAM ": %s\n", line);
	syslog(LOG_DAEMON | level, "%s", line);
}
