// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-memory.h"

/* Threads of a domain, in the order in which they are shown */
#define TID_OPEN 1U
#define TID_REQUESTS 2U
#define TID_VIF 10U
#define VIFS_MAX 1000U
#define TID_LANE (TID_VIF + VIFS_MAX)

#define NAME_BYTES 96

/* A track with a span that has not ended, if it has a name. */
struct spanned {
	struct trace_track track;
	char name[NAME_BYTES];
	uint64_t begin_ns;
	uint64_t epoch;
};

struct traced_vif {
	struct spanned span;
	char name[24];
	bool ok;
};

struct traced_domain {
	char name[72];
	unsigned int pid;
	bool holding;
	uint64_t open, committed;
	struct spanned state;
	struct trace_track requests;
	size_t lane_count, vif_count;
	struct spanned *lanes;	/* of outstanding epochs: each is in the first one that is free */
	struct traced_vif *vifs;
};

struct trace {
	struct trace_file *file;
	size_t count;
	struct traced_domain *domains;
	uint64_t now_ns;	/* of the last event */
};

struct trace *trace_new(struct trace_file *file)
{
	struct trace *trace = not_null(calloc(1, sizeof(*trace)));

	trace->file = file;
	return trace;
}

void trace_free(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		free(trace->domains[i].lanes);
		free(trace->domains[i].vifs);
	}
	free(trace->domains);
	free(trace);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void end_span(struct trace *trace, struct spanned *span, const char *why)
{
	if (!*span->name)
		return;
	trace_span(trace->file, &span->track, span->name, span->begin_ns, trace->now_ns,
		   &(struct trace_note){ .ended = why, .epoch = span->epoch });
	span->name[0] = '\0';
}

static void begin_span(struct trace *trace, struct spanned *span, const char *name, uint64_t epoch)
{
	span->begin_ns = trace->now_ns;
	span->epoch = epoch;
	if (epoch)
		snprintf(span->name, sizeof(span->name), "epoch %" PRIu64, epoch);
	else
		copy(span->name, sizeof(span->name), name);
}

static struct traced_domain *domain_of(struct trace *trace, const char *name)
{
	struct traced_domain *domain;

	for (size_t i = 0; i < trace->count; i++)
		if (!strcmp(trace->domains[i].name, name))
			return &trace->domains[i];
	trace->domains = not_null(reallocarray(trace->domains, trace->count + 1, sizeof(*domain)));
	domain = &trace->domains[trace->count++];
	*domain = (struct traced_domain){ .pid = (unsigned int)trace->count };
	copy(domain->name, sizeof(domain->name), name);
	domain->state.track = (struct trace_track){ .pid = domain->pid, .tid = TID_OPEN };
	domain->requests = (struct trace_track){ .pid = domain->pid, .tid = TID_REQUESTS };
	trace_name_process(trace->file, domain->pid, domain->name);
	trace_name_track(trace->file, &domain->state.track, "open epoch");
	trace_name_track(trace->file, &domain->requests, "requests");
	return domain;
}

/* NULL: more vifs than a domain can ever have had in a sane life. */
static struct traced_vif *vif_of(struct trace *trace, struct traced_domain *domain,
				 const char *name)
{
	struct traced_vif *vif;

	for (size_t i = 0; i < domain->vif_count; i++)
		if (!strcmp(domain->vifs[i].name, name))
			return &domain->vifs[i];
	if (domain->vif_count == VIFS_MAX)
		return NULL;
	domain->vifs = not_null(reallocarray(domain->vifs, domain->vif_count + 1, sizeof(*vif)));
	vif = &domain->vifs[domain->vif_count++];
	*vif = (struct traced_vif){ .span.track.pid = domain->pid };
	vif->span.track.tid = TID_VIF + (unsigned int)domain->vif_count;
	copy(vif->name, sizeof(vif->name), name);
	trace_name_track(trace->file, &vif->span.track, vif->name);
	return vif;
}

static struct spanned *free_lane(struct trace *trace, struct traced_domain *domain)
{
	struct spanned *lane;

	for (size_t i = 0; i < domain->lane_count; i++)
		if (!*domain->lanes[i].name)
			return &domain->lanes[i];
	domain->lanes = not_null(reallocarray(domain->lanes, domain->lane_count + 1,
					      sizeof(*lane)));
	lane = &domain->lanes[domain->lane_count++];
	*lane = (struct spanned){ .track.pid = domain->pid };
	lane->track.tid = TID_LANE + (unsigned int)domain->lane_count;
	trace_name_track(trace->file, &lane->track, "outstanding");
	return lane;
}

static uint64_t number(const struct outcommit_reply *event, const char *key)
{
	uint64_t value = 0;

	outcommit_reply_get_u64(event, key, &value);
	return value;
}

/* What the request did took its time until now. */
static void add_request(struct trace *trace, struct traced_domain *domain,
			const struct outcommit_reply *event)
{
	const char *cause = outcommit_reply_get(event, "CAUSE");
	uint64_t took_ns = number(event, "TOOK_NS");
	bool barrier = cause && !strcmp(cause, "postsuspend");
	uint64_t epoch = barrier ? number(event, "OPEN") - 1 : number(event, "COMMITTED");

	if (!cause || !outcommit_reply_get(event, "TOOK_NS") || took_ns > trace->now_ns)
		return;
	trace_span(trace->file, &domain->requests, barrier ? "barrier" : cause,
		   trace->now_ns - took_ns, trace->now_ns, &(struct trace_note){ .epoch = epoch });
}

/* A vif's span goes with the domain's, unless the vif itself is not well. */
static void follow(struct trace *trace, const struct traced_domain *domain, struct traced_vif *vif)
{
	if (!vif->ok)
		return;
	end_span(trace, &vif->span, NULL);
	begin_span(trace, &vif->span, "passing", domain->holding ? domain->open : 0);
}

static void update_open(struct trace *trace, struct traced_domain *domain, const char *why)
{
	end_span(trace, &domain->state, why);
	begin_span(trace, &domain->state, "passing", domain->holding ? domain->open : 0);
	for (size_t i = 0; i < domain->vif_count; i++)
		if (*domain->vifs[i].span.name)
			follow(trace, domain, &domain->vifs[i]);
}

static bool is_outstanding(const struct traced_domain *domain, uint64_t epoch)
{
	return domain->holding && epoch > domain->committed && epoch < domain->open;
}

/* @from: the first epoch that may have no lane yet */
static void update_lanes(struct trace *trace, struct traced_domain *domain, uint64_t from,
			 const char *why)
{
	for (size_t i = 0; i < domain->lane_count; i++)
		if (!is_outstanding(domain, domain->lanes[i].epoch))
			end_span(trace, &domain->lanes[i], why);
	if (from <= domain->committed)
		from = domain->committed + 1;
	for (uint64_t epoch = from; is_outstanding(domain, epoch); epoch++)
		begin_span(trace, free_lane(trace, domain), NULL, epoch);
}

static void take_domain(struct trace *trace, struct traced_domain *domain,
			const struct outcommit_reply *event)
{
	const char *state = outcommit_reply_get(event, "STATE");
	const char *why = outcommit_reply_get(event, "CAUSE");
	bool holding = state && !strcmp(state, "holding"), known = *domain->state.name;
	uint64_t open = number(event, "OPEN"), before = known && domain->holding ? domain->open : 0;
	bool changed = !known || holding != domain->holding || open != domain->open;

	add_request(trace, domain, event);
	domain->holding = holding;
	domain->open = open;
	domain->committed = number(event, "COMMITTED");
	if (changed)
		update_open(trace, domain, why);
	update_lanes(trace, domain, before, why);
}

static void take_vif(struct trace *trace, struct traced_domain *domain,
		     const struct outcommit_reply *event)
{
	const char *name = outcommit_reply_get(event, "VIF");
	const char *state = outcommit_reply_get(event, "VIF_STATE");
	const char *reason = outcommit_reply_get(event, "VIF_STATE_REASON");
	struct traced_vif *vif = name && state ? vif_of(trace, domain, name) : NULL;

	if (!vif)
		return;
	vif->ok = !strcmp(state, "ok");
	if (vif->ok) {
		follow(trace, domain, vif);
		return;
	}
	end_span(trace, &vif->span, state);
	begin_span(trace, &vif->span, reason ? reason : state, 0);
}

static void end_domain(struct trace *trace, struct traced_domain *domain, const char *why)
{
	end_span(trace, &domain->state, why);
	for (size_t i = 0; i < domain->lane_count; i++)
		end_span(trace, &domain->lanes[i], why);
	for (size_t i = 0; i < domain->vif_count; i++)
		end_span(trace, &domain->vifs[i].span, why);
}

void trace_end(struct trace *trace, uint64_t at_ns, const char *why)
{
	if (at_ns > trace->now_ns)
		trace->now_ns = at_ns;
	for (size_t i = 0; i < trace->count; i++)
		end_domain(trace, &trace->domains[i], why);
}

static void take_destroy(struct trace *trace, struct traced_domain *domain,
			 const struct outcommit_reply *event)
{
	const char *name = outcommit_reply_get(event, "VIF");
	struct traced_vif *vif = name ? vif_of(trace, domain, name) : NULL;

	if (vif)
		end_span(trace, &vif->span, "destroy");
	else
		end_domain(trace, domain, "destroy");
}

void trace_take(struct trace *trace, const struct outcommit_reply *event)
{
	const char *what = outcommit_reply_event(event);
	const char *name = outcommit_reply_get(event, "DOMAIN");
	uint64_t time_ns = number(event, "TIME_NS");

	if (time_ns > trace->now_ns)
		trace->now_ns = time_ns;
	if (!strcmp(what, "resync")) {
		trace_end(trace, 0, "events were lost");
		trace_mark(trace->file, "events were lost", trace->now_ns);
	}
	if (!name)
		return;
	if (!strcmp(what, "destroy"))
		take_destroy(trace, domain_of(trace, name), event);
	else if (outcommit_reply_get(event, "VIF"))
		take_vif(trace, domain_of(trace, name), event);
	else
		take_domain(trace, domain_of(trace, name), event);
}
