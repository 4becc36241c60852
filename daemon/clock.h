/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock that ages and deadlines are told by: nobody can set it. */
#ifndef OUTCOMMITD_CLOCK_H
#define OUTCOMMITD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif
