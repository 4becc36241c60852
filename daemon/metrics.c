// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics.h"

#include <errno.h>

/* Five a decade, near enough to each other for a percentile in between, from 10 us to 10 s. */
#define DECADE(ns) (ns), 2 * (ns), 3 * (ns), 5 * (ns), 7 * (ns)
const uint64_t metrics_bounds_ns[METRICS_BOUNDS] = {
	DECADE(UINT64_C(10000)),      DECADE(UINT64_C(100000)),	    DECADE(UINT64_C(1000000)),
	DECADE(UINT64_C(10000000)),   DECADE(UINT64_C(100000000)),  DECADE(UINT64_C(1000000000)),
	UINT64_C(10000000000),
};

static const struct {
	int error;
	const char *name;
} errnos[METRICS_ERRNOS] = {
	{ EINVAL, "EINVAL" },	{ EMSGSIZE, "EMSGSIZE" },   { E2BIG, "E2BIG" },
	{ EBADMSG, "EBADMSG" }, { EACCES, "EACCES" },	    { ENOENT, "ENOENT" },
	{ ENODEV, "ENODEV" },	{ EEXIST, "EEXIST" },	    { EBUSY, "EBUSY" },
	{ EPROTO, "EPROTO" },	{ ECANCELED, "ECANCELED" }, { ENOSPC, "ENOSPC" },
	{ EIO, "EIO" },		{ EOPNOTSUPP, "EOPNOTSUPP" }, { 0, "OTHER" },
};

const char *metrics_errno_name(size_t index)
{
	return errnos[index].name;
}

void metrics_add(struct metrics *metrics, enum metric metric, uint64_t number)
{
	for (; metrics; metrics = metrics->whole)
		metrics->counts[metric] += number;
}

void metrics_count(struct metrics *metrics, enum metric metric)
{
	metrics_add(metrics, metric, 1);
}

void metrics_refused(struct metrics *metrics, int error)
{
	size_t index = 0;

	while (errnos[index].error && errnos[index].error != -error)
		index++;
	for (; metrics; metrics = metrics->whole)
		metrics->refused[index]++;
}

void metrics_time(struct metrics *metrics, enum metric_time time, uint64_t ns)
{
	size_t bucket = 0;

	while (bucket < METRICS_BOUNDS && ns > metrics_bounds_ns[bucket])
		bucket++;
	for (; metrics; metrics = metrics->whole) {
		metrics->times[time].sum_ns += ns;
		metrics->times[time].buckets[bucket]++;
	}
}
