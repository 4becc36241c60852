// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Detach: let everything go, wait until it has gone, and only then take the way it went away. The loop turns meanwhile.
 *
 * A frame that comes after the redirect's removal is faster than one still on its way through the IFB. So the redirect goes
 * when the buffer is empty, and, as long as patience lasts, when nothing came for a moment.
 */
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_SECONDS 0.001
#define VIFS_PER_TICK 8 /* other domains' barriers wait meanwhile */
#define QUIET_TICKS 100 /* how long to wait for a moment without traffic */
#define EMPTY_TICKS 3000 /* how long to wait for an empty buffer */
#define REMOVALS_MAX 100 /* how often to try it again */

enum stage {
	STAGE_DRAIN, /* passing, redirect in place */
	STAGE_FLUSH, /* no redirect: what is in the IFB comes out */
	STAGE_EMPTY, /* the IFB may go, with those of the others */
};

struct leaving {
	struct vif *vif;
	enum stage stage;
	unsigned int since; /* in the job's ticks, when the stage began */
	bool looked; /* @passed is from an earlier tick */
	uint64_t passed;
};

struct detach {
	struct registry *reg;
	struct detach *next;
	struct domain *domain;
	ev_timer timer;
	detach_done done;
	void *ctx;
	unsigned int ticks;
	unsigned int removals; /* in vain */
	size_t turn; /* whose step is next */
	size_t count;
	struct leaving leaving[];
};

static void forget(struct detach *job, struct leaving *leaving, int error)
{
	struct vif *vif = leaving->vif;
	struct log_about about = { .domain = job->domain->name, .vif = vif->name };

	if (error)
		log_error(job->reg->log, &about, "%s stays: %s", vif->buffer->ifb, strerror(-error));
	else
		log_info(job->reg->log, &about, "detached");
	registry_notify(job->reg, REGISTRY_DESTROY, job->domain, vif, "detach");
	registry_vif_free(vif);
	leaving->vif = NULL;
}

/* What the kernel does not do now it may do in a moment: an IFB would stay behind. */
static bool remove_buffers(struct detach *job)
{
	struct buffer *buffers[DOMAIN_VIFS_MAX];
	int errors[DOMAIN_VIFS_MAX];

	for (size_t i = 0; i < job->count; i++) {
		registry_unindex(job->reg, job->leaving[i].vif);
		buffers[i] = job->leaving[i].vif->buffer;
	}
	buffer_remove_ifbs(&job->reg->plug, buffers, job->count, errors);
	for (size_t i = 0; i < job->count; i++)
		if (errors[i] && job->removals < REMOVALS_MAX) {
			job->removals++;
			return false;
		}
	for (size_t i = 0; i < job->count; i++)
		forget(job, &job->leaving[i], errors[i]);
	return true;
}

static unsigned int waited(const struct detach *job, const struct leaving *leaving)
{
	return job->ticks - leaving->since;
}

/* What is gone already needs no waiting for; an answer that was lost says nothing. */
static bool may_go_on(struct detach *job, struct leaving *leaving, bool quiet)
{
	uint64_t passed = 0;
	bool empty = true, still;
	int ret;

	ret = buffer_is_empty(&job->reg->plug, leaving->vif->buffer, &empty, &passed);
	if (ret)
		return ret == -ENODEV || ret == -ENOENT || waited(job, leaving) > EMPTY_TICKS;
	still = leaving->looked && passed == leaving->passed;
	leaving->looked = true;
	leaving->passed = passed;
	if (waited(job, leaving) > EMPTY_TICKS)
		return true;
	return empty && (!quiet || still || waited(job, leaving) > QUIET_TICKS);
}

/* From here on a missing redirect is nothing that somebody else did. */
static void mark_leaving(struct detach *job, struct vif *vif)
{
	if (!vif->buffer->ready)
		return;
	vif->buffer->ready = false;
	buffer_save_alias(&job->reg->plug, vif->buffer, job->domain->name, vif->name);
}

static void step(struct detach *job, struct leaving *leaving)
{
	switch (leaving->stage) {
	case STAGE_DRAIN:
		if (!may_go_on(job, leaving, true))
			return;
		mark_leaving(job, leaving->vif);
		if (buffer_unredirect(&job->reg->plug, leaving->vif->buffer) && waited(job, leaving) <= EMPTY_TICKS)
			return;
		leaving->stage = STAGE_FLUSH;
		leaving->since = job->ticks;
		leaving->looked = false;
		/* fall through */
	case STAGE_FLUSH:
		if (may_go_on(job, leaving, false))
			leaving->stage = STAGE_EMPTY;
		return;
	case STAGE_EMPTY:
		return;
	}
}

/* True when nothing of it is left. */
static bool step_some(struct detach *job)
{
	job->ticks++;
	for (size_t i = 0; i < VIFS_PER_TICK && i < job->count; i++) {
		step(job, &job->leaving[job->turn]);
		job->turn = (job->turn + 1) % job->count;
	}
	for (size_t i = 0; i < job->count; i++)
		if (job->leaving[i].stage != STAGE_EMPTY)
			return false;
	return remove_buffers(job);
}

static void unlink_job(struct detach *job)
{
	struct detach **at = &job->reg->detaching;

	while (*at && *at != job)
		at = &(*at)->next;
	if (*at)
		*at = job->next;
	ev_timer_stop(job->reg->loop, &job->timer);
}

static void finish(struct detach *job)
{
	unlink_job(job);
	job->domain->users--;
	registry_domain_put(job->reg, job->domain);
	if (job->done)
		job->done(job->ctx, 0);
	free(job);
}

void detach_abandon(struct registry *reg)
{
	while (reg->detaching) {
		struct detach *job = reg->detaching;

		for (size_t i = 0; i < job->count; i++) {
			if (!job->leaving[i].vif)
				continue;
			registry_unindex(reg, job->leaving[i].vif);
			registry_vif_free(job->leaving[i].vif);
		}
		unlink_job(job);
		free(job);
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct detach *job = timer->data;

	if (step_some(job))
		finish(job);
}

void detach_forget(struct detach *job)
{
	job->done = NULL;
}

static int fault_text(struct domain_fault *fault, int error, const struct vif *vif, const char *text)
{
	snprintf(fault->message, sizeof(fault->message), "%s%s%s", vif ? vif->name : "", vif ? ": " : "", text);
	return error;
}

/*
 * What is held on the vifs that leave is released or dropped; the others hold on. A passing one is told to pass once more: if somebody
 * else closed its plug meanwhile, as libxl does, it would never run empty.
 */
static int let_go(struct domain *domain, struct vif *vif, enum detach_pending pending, struct domain_fault *fault)
{
	int ret = 0;

	if (vif->state == VIF_GONE)
		return 0;
	if (vif->holding && pending == DETACH_DISCARD)
		ret = domain->ops->discard(domain->ops_ctx, &vif, 1, vif->open);
	if (!ret)
		ret = domain->ops->pass(domain->ops_ctx, &vif, 1, vif->open);
	/* a broken one may have nothing left to let go of */
	if (ret && vif->holding && vif->state != VIF_BROKEN)
		return fault_text(fault, -EIO, vif, strerror(-ret));
	vif->holding = false;
	return 0;
}

static int check(const struct domain *domain, const char *name, enum detach_pending pending, struct domain_fault *fault)
{
	const struct vif *vif = name ? domain_find(domain, name) : NULL;

	if (name && !vif) {
		snprintf(fault->message, sizeof(fault->message), "domain %s has no vif %s", domain->name, name);
		return -ENODEV;
	}
	if (domain->state == DOMAIN_HOLDING && pending == DETACH_REFUSE && (!vif || vif->state != VIF_GONE))
		return fault_text(fault, -EBUSY, NULL,
				  "the domain holds: say what becomes of it, PENDING=release or discard (--pending)");
	return 0;
}

static int gather(struct detach *job, const char *name, enum detach_pending pending, struct domain_fault *fault)
{
	struct domain *domain = job->domain;

	for (size_t i = 0; i < domain->count; i++) {
		struct vif *vif = domain->vifs[i];
		int ret;

		if (name && strcmp(vif->name, name))
			continue;
		ret = let_go(domain, vif, pending, fault);
		if (ret)
			return ret;
		job->leaving[job->count++] = (struct leaving){ .vif = vif };
	}
	return 0;
}

int registry_detach(struct registry *reg, struct domain *domain, const char *vif, enum detach_pending pending,
		    detach_done done, void *ctx, struct detach **out, struct domain_fault *fault)
{
	struct detach *job;
	int ret = check(domain, vif, pending, fault);

	if (ret)
		return ret;
	job = calloc(1, sizeof(*job) + domain->count * sizeof(job->leaving[0]));
	if (!job)
		return fault_text(fault, -ENOMEM, NULL, strerror(ENOMEM));
	*job = (struct detach){ .reg = reg, .domain = domain, .done = done, .ctx = ctx };
	ret = gather(job, vif, pending, fault);
	if (ret) {
		free(job);
		return ret;
	}
	/* from here on they do not count for the barrier */
	for (size_t i = 0; i < job->count; i++)
		domain_remove(domain, job->leaving[i].vif);
	domain->users++;
	job->next = reg->detaching;
	reg->detaching = job;
	ev_timer_init(&job->timer, on_tick, TICK_SECONDS, TICK_SECONDS);
	job->timer.data = job;
	*out = NULL;
	if (step_some(job)) {
		finish(job);
		return 0;
	}
	*out = job;
	ev_timer_start(reg->loop, &job->timer);
	return 0;
}
