/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a test program prints: one line per promise, "ok NAME" or "not ok NAME: why".
 */
#ifndef TEST_PROMISE_H
#define TEST_PROMISE_H

#include <stdbool.h>
#include <stddef.h>

struct promise {
	const char *name;
	bool (*run)(void);
};

/* Say why the promise is not kept that is being checked. Always false. */
bool wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The line of one. If it is not @kept, wrong() has said why. */
void promise_line(bool kept, const char *name_fmt, ...) __attribute__((format(printf, 2, 3)));

/* Check each of @promises, after @begin has made what it needs. */
void promises_check(const struct promise *promises, size_t n, bool (*begin)(void));

/* 0 if all were kept, or 1: what main() should return. */
int promises_status(void);

#endif
