/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has happened since the daemon started, counted: for each domain, and for the daemon as a whole, which goes on counting when a domain is
 * gone. To count is an addition or two, on the hot path too: nothing is allocated, locked or formatted before somebody asks.
 */
#ifndef OUTCOMMITD_METRICS_H
#define OUTCOMMITD_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric {
	METRIC_EPOCHS_CLOSED,
	METRIC_EPOCHS_COMMITTED,
	METRIC_COMMITS, /* one may commit several epochs */
	METRIC_ABORTS,
	METRIC_DISCARDS,
	METRIC_RELEASES,
	METRIC_VIFS_BROKEN,
	METRIC_VIFS_GONE,
	METRIC_DRIVERS_LOST,
	METRIC_HOLD_WARNINGS,
	METRIC_HOLD_LIMITS,
	/* of the daemon only */
	METRIC_REQUESTS,
	METRIC_CONNECTIONS,
	METRIC_CONNECTIONS_REFUSED,
	METRIC_MONITOR_LAGS,
	METRIC_WATCH_OVERFLOWS,
	METRIC_COUNT
};

enum metric_time {
	METRIC_TIME_NONE = -1,
	METRIC_TIME_BARRIER, /* postsuspend, from its packet to its reply */
	METRIC_TIME_PRERESUME,
	METRIC_TIME_COMMIT,
	METRIC_TIME_HOLD, /* of an epoch, from its close to its commit */
	METRIC_TIMES
};

#define METRICS_BOUNDS 31 /* upper ones, of buckets; one more bucket has none */
#define METRICS_ERRNOS 15 /* those of the protocol, and one for all others */

struct histogram {
	uint64_t sum_ns;
	uint64_t buckets[METRICS_BOUNDS + 1]; /* each by itself, not added up */
};

struct metrics {
	struct metrics *whole; /* what counts here counts there too; NULL: this is the whole */
	uint64_t counts[METRIC_COUNT];
	uint64_t refused[METRICS_ERRNOS];
	struct histogram times[METRIC_TIMES];
};

void metrics_add(struct metrics *metrics, enum metric metric, uint64_t number);
void metrics_count(struct metrics *metrics, enum metric metric);
/* A request was refused with @error, a negative errno. */
void metrics_refused(struct metrics *metrics, int error);
void metrics_time(struct metrics *metrics, enum metric_time time, uint64_t ns);

/* For the reply: upper bounds of the buckets, an index each for the errnos and their names, the last of which is "OTHER". */
extern const uint64_t metrics_bounds_ns[METRICS_BOUNDS];
const char *metrics_errno_name(size_t index);

#endif
