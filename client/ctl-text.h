/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text for a terminal: nothing that came from elsewhere reaches it unless it is printable,
 * columns are aligned by what is seen, sizes and times are for humans. Out of memory ends the
 * program.
 */
#ifndef OUTCOMMIT_CTL_TEXT_H
#define OUTCOMMIT_CTL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A copy of @text in which whatever this terminal cannot show, or would obey, is \xNN. */
char *text_clean(const char *text);
/* How many bytes of the @len at @text, which is clean, fit into so many columns. */
size_t text_fitting(const char *text, size_t len, int columns);
char *text_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
void text_print_line(const char *text);

struct human {
	char text[32];
};
struct human human_bytes(uint64_t bytes);
struct human human_ns(uint64_t ns);

struct column {
	const char *title;
	bool right;	/* aligned to the right, for numbers */
};

/* Cells are added row by row, from left to right. */
struct table {
	const struct column *columns;
	size_t width;	/* in columns */
	size_t count;	/* of cells */
	char **cells;
};

/* Add a cell: @text cleaned, "-" for NULL. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *table, const char *indent, bool legend);
void table_write(FILE *out, const struct table *table, const char *indent, bool legend);
void table_free(struct table *table);

#endif
