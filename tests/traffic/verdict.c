/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See verdict.h. */
#include "verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOMAINS_MAX 64U
#define WHOLE UINT16_MAX

struct vif_state {
	uint64_t sent;
	uint16_t *pieces; /* per sequence number: how many segments came, or WHOLE */
	uint64_t newest; /* 1 + the highest sequence number captured */
	uint16_t newest_segment;
};

struct domain_state {
	bool known;
	/* Rising in time and in epoch: commits that commit nothing new are left out */
	struct commit *commits;
	size_t commit_count;
	struct exception *exceptions;
	size_t exception_count;
	struct vif_state vifs[VERDICT_VIFS_MAX];
	uint16_t vif_count;
};

struct judge {
	verdict_fault_fn *on_fault;
	void *data;
	struct verdict verdict;
	struct domain_state domains[DOMAINS_MAX];
};

struct judge *judge_new(verdict_fault_fn *on_fault, void *data)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (judge) {
		judge->on_fault = on_fault;
		judge->data = data;
	}
	return judge;
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	for (size_t d = 0; d < DOMAINS_MAX; d++) {
		free(judge->domains[d].commits);
		free(judge->domains[d].exceptions);
		for (size_t v = 0; v < VERDICT_VIFS_MAX; v++)
			free(judge->domains[d].vifs[v].pieces);
	}
	free(judge);
}

static int copy_commits(struct domain_state *domain, const struct record *record)
{
	uint64_t last_ns = 0;

	domain->commits = calloc(record->commit_count + 1, sizeof(*domain->commits));
	if (!domain->commits)
		return -ENOMEM;
	for (size_t i = 0; i < record->commit_count; i++) {
		const struct commit *commit = &record->commits[i];
		size_t count = domain->commit_count;

		if (commit->time_ns < last_ns)
			return -EINVAL;
		last_ns = commit->time_ns;
		if (!count || commit->epoch > domain->commits[count - 1].epoch)
			domain->commits[domain->commit_count++] = *commit;
	}
	return 0;
}

static int copy_exceptions(struct domain_state *domain, const struct record *record)
{
	if (!record->exception_count)
		return 0;
	domain->exceptions = calloc(record->exception_count, sizeof(*domain->exceptions));
	if (!domain->exceptions)
		return -ENOMEM;
	memcpy(domain->exceptions, record->exceptions, record->exception_count * sizeof(*domain->exceptions));
	domain->exception_count = record->exception_count;
	return 0;
}

static bool has_exception(const struct domain_state *domain, enum exception_kind kind, uint16_t vif, uint64_t at)
{
	for (size_t i = 0; i < domain->exception_count; i++) {
		const struct exception *exception = &domain->exceptions[i];

		if (exception->kind == kind && exception->vif == vif && at >= exception->from && at < exception->to)
			return true;
	}
	return false;
}

int judge_add_record(struct judge *judge, uint16_t number, const struct record *record)
{
	struct domain_state *domain = &judge->domains[number % DOMAINS_MAX];
	int error;

	if (number >= DOMAINS_MAX || domain->known)
		return -EEXIST;
	domain->known = true;
	error = copy_commits(domain, record);
	if (!error)
		error = copy_exceptions(domain, record);
	if (error)
		return error;
	for (uint16_t v = 0; v < record->vif_count; v++) {
		domain->vifs[v].sent = record->sent[v];
		domain->vifs[v].pieces = calloc(record->sent[v] + 1, sizeof(uint16_t));
		if (!domain->vifs[v].pieces)
			return -ENOMEM;
		judge->verdict.sent += record->sent[v];
	}
	domain->vif_count = record->vif_count;
	return 0;
}

static void fault(struct judge *judge, uint64_t *counter, const char *name,
		  const struct capture *frame)
{
	++*counter;
	if (judge->on_fault)
		judge->on_fault(judge->data, name, frame->domain, frame->vif, frame->sequence, frame);
}

/* Index of the first commit that covers @epoch, commit_count if none does. */
static size_t find_commit(const struct domain_state *domain, uint64_t epoch)
{
	size_t low = 0, high = domain->commit_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (domain->commits[middle].epoch >= epoch)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool is_early(const struct domain_state *domain, const struct capture *frame)
{
	size_t i = find_commit(domain, frame->epoch);

	return i == domain->commit_count || frame->time_ns < domain->commits[i].time_ns;
}

static void judge_time(struct judge *judge, const struct domain_state *domain,
		       const struct capture *frame)
{
	struct verdict *verdict = &judge->verdict;
	size_t i = find_commit(domain, frame->epoch);
	const struct commit *commit = &domain->commits[i];

	if (is_early(domain, frame))
		fault(judge, &verdict->premature, "premature", frame);
	/* one that was still under way when its epoch was closed leaves with the next */
	else if (i + 1 < domain->commit_count && frame->time_ns > commit[1].time_ns + VERDICT_STRANDED_NS)
		fault(judge, &verdict->stranded, "stranded", frame);
}

static void judge_order(struct judge *judge, struct vif_state *vif, const struct capture *frame)
{
	if (frame->sequence + 1 < vif->newest ||
	    (frame->sequence + 1 == vif->newest && frame->segment < vif->newest_segment)) {
		fault(judge, &judge->verdict.reordered, "reordered", frame);
		return;
	}
	vif->newest = frame->sequence + 1;
	vif->newest_segment = frame->segment;
}

/* Whether the frame, with this piece, is there for the first time. */
static bool judge_pieces(struct judge *judge, struct vif_state *vif, const struct capture *frame)
{
	uint16_t *pieces = &vif->pieces[frame->sequence];

	if (*pieces == WHOLE) {
		fault(judge, &judge->verdict.duplicates, "duplicate", frame);
		return false;
	}
	*pieces = (uint16_t)(*pieces + frame->covered);
	if (*pieces < frame->segments)
		return false;
	*pieces = WHOLE;
	return true;
}

static void count_frame(struct verdict *verdict, const struct capture *frame)
{
	uint64_t hold_ns = frame->time_ns - frame->sent_ns;

	verdict->captured++;
	if (frame->segments > 1 && frame->covered == frame->segments)
		verdict->gso++;
	if (!frame->epoch) {
		verdict->unprotected++;
		return;
	}
	verdict->hold_sum_ns += hold_ns;
	if (hold_ns > verdict->hold_max_ns)
		verdict->hold_max_ns = hold_ns;
}

void judge_frame(struct judge *judge, const struct capture *frame)
{
	struct domain_state *domain = &judge->domains[frame->domain % DOMAINS_MAX];
	struct vif_state *vif = &domain->vifs[frame->vif % VERDICT_VIFS_MAX];

	if (frame->domain >= DOMAINS_MAX || !domain->known || frame->vif >= domain->vif_count ||
	    frame->sequence >= vif->sent) {
		fault(judge, &judge->verdict.foreign, "foreign", frame);
		return;
	}
	if (frame->epoch && is_early(domain, frame) &&
	    has_exception(domain, EXCEPTION_LEAKED, frame->vif, frame->sent_ns)) {
		judge->verdict.leaked++;
	} else {
		if (frame->epoch)
			judge_time(judge, domain, frame);
		judge_order(judge, vif, frame);
	}
	if (judge_pieces(judge, vif, frame))
		count_frame(&judge->verdict, frame);
}

static void end_vif(struct judge *judge, uint16_t domain, uint16_t number)
{
	const struct vif_state *vif = &judge->domains[domain].vifs[number];

	for (uint64_t sequence = 0; sequence < vif->sent; sequence++) {
		if (vif->pieces[sequence] == WHOLE)
			continue;
		if (has_exception(&judge->domains[domain], EXCEPTION_DESTROYED, number, sequence)) {
			judge->verdict.destroyed++;
			continue;
		}
		judge->verdict.lost++;
		if (judge->on_fault)
			judge->on_fault(judge->data, "lost", domain, number, sequence, NULL);
	}
}

struct verdict judge_end(struct judge *judge)
{
	for (uint16_t d = 0; d < DOMAINS_MAX; d++)
		for (uint16_t v = 0; v < judge->domains[d].vif_count; v++)
			end_vif(judge, d, v);
	return judge->verdict;
}

uint64_t verdict_faults(const struct verdict *verdict)
{
	return verdict->premature + verdict->lost + verdict->reordered + verdict->stranded +
	       verdict->duplicates + verdict->foreign;
}
