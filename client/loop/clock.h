/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monotonic clock, by which everything in the loop is timed. */
#ifndef LOOP_CLOCK_H
#define LOOP_CLOCK_H

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define NEVER_NS INT64_MAX

int64_t clock_ns(void);

/* What poll(2) should be given to wake up at @at_ns, not before. */
int clock_poll_ms(int64_t at_ns);

#endif
