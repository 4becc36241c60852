// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>

#include "promise.h"

static char why[256];
static int failures;

bool wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return false;
}

void promise_line(bool kept, const char *name_fmt, ...)
{
	va_list args;

	fputs(kept ? "ok " : "not ok ", stdout);
	va_start(args, name_fmt);
	vprintf(name_fmt, args);
	va_end(args);
	if (kept) {
		putchar('\n');
		return;
	}
	printf(": %s\n", why);
	failures++;
}

void promises_check(const struct promise *promises, size_t n, bool (*begin)(void))
{
	size_t i;

	for (i = 0; i < n; i++) {
		wrong("cannot begin");
		promise_line(begin() && promises[i].run(), "%s", promises[i].name);
	}
}

int promises_status(void)
{
	return failures ? 1 : 0;
}
