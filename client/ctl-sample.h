/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon counts, asked for once: the reply to "metrics" as numbers, page by page, for
 * the daemon, each domain and each vif. One table says which numbers there are and what they
 * mean; OpenMetrics, JSON and top go by it. Out of memory ends the program.
 */
#ifndef OUTCOMMIT_CTL_SAMPLE_H
#define OUTCOMMIT_CTL_SAMPLE_H

#include "outcommit.h"

enum scope_level {
	SCOPE_DAEMON,
	SCOPE_DOMAIN,
	SCOPE_VIF,
	SCOPE_LEVELS
};

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
};

enum sample_time {
	TIME_BARRIER,
	TIME_PRERESUME,
	TIME_COMMIT,
	TIME_HOLD,
	TIMES
};

struct metric {
	const char *key;	/* the protocol's; of a histogram without _BUCKETS and _SUM_NS */
	unsigned int levels;	/* 1 << enum scope_level */
	enum metric_type type;
	const char *name;	/* without prefix and suffix */
	const char *unit;	/* NULL: it is a number of something */
	const char *error;	/* value of the label "errno", or NULL */
	const char *yes;	/* the text that counts as 1; NULL: it is a number anyway */
	enum sample_time time;	/* of a histogram */
	const char *help;
};

#define SAMPLE_METRICS 57U
#define SAMPLE_BUCKETS 64U

extern const struct metric sample_metrics[SAMPLE_METRICS];

struct sample_histogram {
	uint64_t sum_ns;
	uint64_t count;
	uint64_t buckets[SAMPLE_BUCKETS];
};

struct scope {
	enum scope_level level;
	char domain[72];	/* "" of the daemon */
	char vif[24];		/* "" of daemon and domain */
	uint64_t values[SAMPLE_METRICS];
	bool present[SAMPLE_METRICS];
	struct sample_histogram times[TIMES];
};

struct sample {
	char version[64];
	char module[32];
	size_t bounds;		/* of buckets; one more has none */
	uint64_t bounds_ns[SAMPLE_BUCKETS - 1];
	size_t count;
	struct scope *scopes;	/* the daemon, then each domain, its vifs behind it */
};

/* To be freed with sample_free(), also after an error. 0, or as outcommit_request(). */
int sample_fetch(struct outcommit *c, struct sample *sample, struct outcommit_error *err);
void sample_free(struct sample *sample);

/* The value that the protocol calls @key, 0 if it is not there. */
uint64_t scope_value(const struct scope *scope, const char *key);
/* The scope of that domain, NULL if it has none. */
const struct scope *sample_domain(const struct sample *sample, const char *domain);

#endif
