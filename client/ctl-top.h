/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What top shows: a row per domain, made from one look at the daemon's counters after the other.
 * ctl-top-rows.c computes, ctl-top-print.c makes text of it, ctl-top.c is the command.
 */
#ifndef OUTCOMMIT_CTL_TOP_H
#define OUTCOMMIT_CTL_TOP_H

#include <jansson.h>
#include <stdio.h>

#include "ctl-sample.h"

#define TOP_LOOKS 20U	/* as far as a row looks back */

struct top_look {
	uint64_t held_bytes;
	struct sample_histogram hold;
};

struct top_row {
	char domain[72];
	bool holding, whole;
	uint64_t outstanding;
	uint64_t held_bytes, held_frames;
	uint64_t drops;
	/* between the last two looks; 0 before the second one */
	double epochs_per_s;
	uint64_t pause_ns;	/* per epoch: postsuspend and preresume */
	/* over all looks that are kept, 0 if no epoch was committed */
	uint64_t hold_p50_ns, hold_p99_ns;

	const struct scope *before, *now;	/* while a look is taken in */
	size_t looks;		/* in all; the newest is [(looks - 1) % TOP_LOOKS] */
	struct top_look history[TOP_LOOKS];
};

enum top_order {
	TOP_BY_NAME,
	TOP_BY_HELD,
	TOP_BY_RATE,
	TOP_ORDERS
};

struct top {
	struct sample sample;	/* of the last look */
	uint64_t looked_ns;	/* when that was; 0: never */
	double epochs_per_s;
	size_t count;
	struct top_row *rows;
	enum top_order order;
	size_t first;		/* row that is shown first */
	const char *trouble;	/* why there is nothing newer, or NULL */
};

/* Take in a look at @now_ns. The sample becomes top's. */
void top_take(struct top *top, struct sample *sample, uint64_t now_ns);
void top_sort(struct top *top);
void top_free(struct top *top);

/* Where in a histogram of those bounds the part @share, from 0 to 1, ends. */
uint64_t top_percentile(const struct sample *bounds, const struct sample_histogram *time,
			double share);

/* @lines: how many there is room for, 0 for as many as there are. */
void top_print(FILE *out, const struct top *top, int lines, bool legend);
/* The first line, from 0, that shows a row. */
#define TOP_FIRST_ROW_LINE 4
json_t *top_json(const struct top *top);

#endif
