// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-top.h"

#include <stdlib.h>
#include <string.h>

#include "ctl-memory.h"

static struct top_row *find_row(struct top *top, const char *domain)
{
	for (size_t i = 0; i < top->count; i++)
		if (!strcmp(top->rows[i].domain, domain))
			return &top->rows[i];
	return NULL;
}

static struct top_row *row_of(struct top *top, const char *domain)
{
	struct top_row *row = find_row(top, domain);

	if (row)
		return row;
	top->rows = not_null(reallocarray(top->rows, top->count + 1, sizeof(*row)));
	row = &top->rows[top->count++];
	*row = (struct top_row){ 0 };
	strcpy(row->domain, domain);
	return row;
}

/* A counter that went back began at 0: with another daemon, or another domain of that name. */
static uint64_t grown(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

static uint64_t grown_key(const struct top_row *row, const char *key)
{
	return grown(row->before ? scope_value(row->before, key) : 0, scope_value(row->now, key));
}

static uint64_t grown_time(const struct top_row *row, enum sample_time time)
{
	return grown(row->before ? row->before->times[time].sum_ns : 0,
		     row->now->times[time].sum_ns);
}

static struct sample_histogram grown_histogram(const struct sample_histogram *before,
					       const struct sample_histogram *now)
{
	struct sample_histogram grown = *now;

	if (before->count > now->count)
		return grown;
	grown.count -= before->count;
	grown.sum_ns -= before->sum_ns;
	for (size_t i = 0; i < SAMPLE_BUCKETS; i++)
		grown.buckets[i] -= before->buckets[i];
	return grown;
}

uint64_t top_percentile(const struct sample *bounds, const struct sample_histogram *time,
			double share)
{
	double left = share * (double)time->count;

	if (!time->count)
		return 0;
	for (size_t i = 0; i < bounds->bounds; i++) {
		uint64_t low = i ? bounds->bounds_ns[i - 1] : 0, high = bounds->bounds_ns[i];
		double here = (double)time->buckets[i];

		if (here > 0 && left <= here)
			return low + (uint64_t)((double)(high - low) * left / here);
		left -= here;
	}
	return bounds->bounds ? bounds->bounds_ns[bounds->bounds - 1] : 0;
}

static void take_rates(struct top_row *row, double seconds)
{
	uint64_t closed = grown_key(row, "EPOCHS_CLOSED");
	uint64_t pause_ns = grown_time(row, TIME_BARRIER) + grown_time(row, TIME_PRERESUME);

	row->epochs_per_s = (double)closed / seconds;
	if (closed)
		row->pause_ns = pause_ns / closed;
}

/* Add the look to the history, and see what was committed since the oldest one that is kept. */
static void take_history(struct top_row *row, const struct sample *bounds)
{
	size_t kept = row->looks < TOP_LOOKS ? row->looks : TOP_LOOKS - 1;
	struct top_look *look = &row->history[row->looks % TOP_LOOKS];
	const struct top_look *oldest;
	struct sample_histogram hold;

	look->held_bytes = row->held_bytes;
	look->hold = row->now->times[TIME_HOLD];
	oldest = &row->history[(row->looks - kept) % TOP_LOOKS];
	row->looks++;
	hold = oldest == look ? look->hold : grown_histogram(&oldest->hold, &look->hold);
	row->hold_p50_ns = top_percentile(bounds, &hold, 0.50);
	row->hold_p99_ns = top_percentile(bounds, &hold, 0.99);
}

static void take_domain(struct top_row *row, const struct scope *scope)
{
	row->now = scope;
	row->holding = scope_value(scope, "STATE");
	row->whole = scope_value(scope, "WHOLE");
	row->outstanding = scope_value(scope, "OUTSTANDING");
	row->held_bytes = row->held_frames = row->drops = 0;
}

static void take_vif(struct top_row *row, const struct scope *scope)
{
	row->held_bytes += scope_value(scope, "VIF_HELD_BYTES");
	row->held_frames += scope_value(scope, "VIF_HELD_FRAMES");
	row->drops += scope_value(scope, "VIF_DROPS");
}

static void forget_absent(struct top *top)
{
	size_t kept = 0;

	for (size_t i = 0; i < top->count; i++)
		if (top->rows[i].now)
			top->rows[kept++] = top->rows[i];
	top->count = kept;
}

static void take_scopes(struct top *top, const struct sample *sample)
{
	for (size_t i = 0; i < top->count; i++)
		top->rows[i].now = NULL;
	for (size_t i = 1; i < sample->count; i++) {
		const struct scope *scope = &sample->scopes[i];
		struct top_row *row = row_of(top, scope->domain);

		if (scope->level == SCOPE_DOMAIN)
			take_domain(row, scope);
		else
			take_vif(row, scope);
	}
	forget_absent(top);
}

void top_take(struct top *top, struct sample *sample, uint64_t now_ns)
{
	double seconds = (double)(now_ns - top->looked_ns) / 1e9;
	bool again = top->looked_ns;

	take_scopes(top, sample);
	top->epochs_per_s = 0;
	for (size_t i = 0; i < top->count; i++) {
		struct top_row *row = &top->rows[i];

		row->before = sample_domain(&top->sample, row->domain);
		if (again && seconds > 0)
			take_rates(row, seconds);
		take_history(row, sample);
		top->epochs_per_s += row->epochs_per_s;
	}
	sample_free(&top->sample);
	top->sample = *sample;
	top->looked_ns = now_ns;
	top_sort(top);
}

static int by_name(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	return strcmp(x->domain, y->domain);
}

static int by_held(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->held_bytes != y->held_bytes)
		return x->held_bytes < y->held_bytes ? 1 : -1;
	return by_name(a, b);
}

static int by_rate(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->epochs_per_s < y->epochs_per_s || x->epochs_per_s > y->epochs_per_s)
		return x->epochs_per_s < y->epochs_per_s ? 1 : -1;
	return by_name(a, b);
}

void top_sort(struct top *top)
{
	static int (*const orders[TOP_ORDERS])(const void *, const void *) = {
		[TOP_BY_NAME] = by_name,
		[TOP_BY_HELD] = by_held,
		[TOP_BY_RATE] = by_rate,
	};

	if (top->count)
		qsort(top->rows, top->count, sizeof(*top->rows), orders[top->order]);
}

void top_free(struct top *top)
{
	sample_free(&top->sample);
	free(top->rows);
}
