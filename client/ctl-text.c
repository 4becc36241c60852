// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "ctl-memory.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define GAP 2

/* The length of the character at @text and the columns it takes; 0 if it is not to be shown. */
static size_t shown_len(const char *text, int *columns)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t len = mbrtowc(&c, text, strlen(text), &state);

	if (len == 0 || len > strlen(text))
		return 0;
	/* not above 0 for controls, and for what turns or joins other text */
	*columns = wcwidth(c);
	return *columns > 0 ? len : 0;
}

char *text_clean(const char *text)
{
	char *clean = not_null(malloc(strlen(text) * strlen("\\xNN") + 1)), *out = clean;

	while (*text) {
		int columns;
		size_t len = shown_len(text, &columns);

		if (len) {
			memcpy(out, text, len);
			out += len;
			text += len;
		} else {
			out += sprintf(out, "\\x%02x", (unsigned char)*text++);
		}
	}
	*out = '\0';
	return clean;
}

static int text_columns(const char *clean)
{
	int sum = 0;

	while (*clean) {
		int columns = 1;
		size_t len = shown_len(clean, &columns);

		sum += columns;
		clean += len ? len : 1;
	}
	return sum;
}

size_t text_fitting(const char *text, size_t len, int columns)
{
	size_t fitting = 0;

	while (fitting < len) {
		int taken = 1;
		size_t step = shown_len(text + fitting, &taken);

		columns -= taken;
		if (columns < 0)
			break;
		fitting += step ? step : 1;
	}
	return fitting;
}

char *text_vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		not_null(NULL);
	return text;
}

void text_print_line(const char *text)
{
	char *clean = text_clean(text);

	puts(clean);
	free(clean);
}

/* Two digits at least, and no ".0" */
static void print_value(struct human *human, double value, const char *unit)
{
	int decimals = value < 9.95 && value != (int)value;

	snprintf(human->text, sizeof(human->text), "%.*f %s", decimals, value, unit);
}

struct human human_bytes(uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct human human;
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(human.text, sizeof(human.text), "%u B", (unsigned int)bytes);
		return human;
	}
	for (; value >= 1023.5 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	print_value(&human, value, units[unit]);
	return human;
}

/* From a minute on in two units, below in one. */
struct human human_ns(uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
		uint64_t small_ns;
		const char *small_name;
	} units[] = {
		{ UINT64_C(86400000000000), "d", UINT64_C(3600000000000), "h" },
		{ UINT64_C(3600000000000), "h", UINT64_C(60000000000), "min" },
		{ UINT64_C(60000000000), "min", 1000000000, "s" },
	};
	static const struct {
		uint64_t ns;
		const char *name;
	} small_units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" }, { 1, "ns" } };
	struct human human = { "0" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (ns >= units[i].ns) {
			snprintf(human.text, sizeof(human.text), "%" PRIu64 " %s %" PRIu64 " %s",
				 ns / units[i].ns, units[i].name,
				 ns % units[i].ns / units[i].small_ns, units[i].small_name);
			return human;
		}
	for (size_t i = 0; i < ARRAY_SIZE(small_units); i++)
		if (ns >= small_units[i].ns) {
			print_value(&human, (double)ns / (double)small_units[i].ns,
				    small_units[i].name);
			return human;
		}
	return human;
}

static void add_cell(struct table *table, char *cell)
{
	table->cells = not_null(reallocarray(table->cells, table->count + 1, sizeof(cell)));
	table->cells[table->count++] = cell;
}

void table_add(struct table *table, const char *text)
{
	add_cell(table, text_clean(text ? text : "-"));
}

void table_addf(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_vformat(format, args);
	va_end(args);
	table_add(table, text);
	free(text);
}

static int column_width(const struct table *table, size_t column, bool legend)
{
	int widest = legend ? text_columns(table->columns[column].title) : 0;

	for (size_t i = column; i < table->count; i += table->width) {
		int columns = text_columns(table->cells[i]);

		if (columns > widest)
			widest = columns;
	}
	return widest;
}

/* Blanks are printed when something follows them, so that no line ends in any. */
static void write_row(FILE *out, const struct table *table, char *const *cells, const int *widths,
		      const char *indent)
{
	int blanks = (int)strlen(indent);

	for (size_t i = 0; i < table->width; i++) {
		const char *cell = cells ? cells[i] : table->columns[i].title;
		int padding = widths[i] - text_columns(cell);

		if (table->columns[i].right)
			blanks += padding;
		if (*cell) {
			fprintf(out, "%*s%s", blanks, "", cell);
			blanks = 0;
		}
		if (!table->columns[i].right)
			blanks += padding;
		blanks += GAP;
	}
	putc('\n', out);
}

void table_write(FILE *out, const struct table *table, const char *indent, bool legend)
{
	int *widths = not_null(calloc(table->width, sizeof(*widths)));

	for (size_t i = 0; i < table->width; i++)
		widths[i] = column_width(table, i, legend);
	if (legend)
		write_row(out, table, NULL, widths, indent);
	for (size_t i = 0; i < table->count; i += table->width)
		write_row(out, table, table->cells + i, widths, indent);
	free(widths);
}

void table_print(const struct table *table, const char *indent, bool legend)
{
	table_write(stdout, table, indent, legend);
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->count = 0;
}
