// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int clock_poll_ms(int64_t at_ns)
{
	int64_t left_ns;

	if (at_ns == NEVER_NS)
		return -1;
	left_ns = at_ns - clock_ns();
	if (left_ns <= 0)
		return 0;
	left_ns = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
	return left_ns < INT_MAX ? (int)left_ns : INT_MAX;
}
