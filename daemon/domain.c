// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The vifs that one operation is for, gathered on the stack. */
struct batch {
	size_t count;
	struct vif *vifs[DOMAIN_VIFS_MAX];
};

static int __attribute__((format(printf, 4, 5)))
fault_set(struct domain_fault *fault, int error, const struct vif *vif, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->message, sizeof(fault->message), format, args);
	va_end(args);
	fault->vif = vif ? vif->name : NULL;
	return error;
}

static int __attribute__((format(printf, 3, 4)))
fault_order(struct domain_fault *fault, uint64_t expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->message, sizeof(fault->message), format, args);
	va_end(args);
	fault->expected = expected;
	return -EPROTO;
}

void domain_init(struct domain *domain, const char *name, const struct buffer_ops *ops, void *ops_ctx)
{
	*domain = (struct domain){ .open = 1, .ops = ops, .ops_ctx = ops_ctx, .owner = DOMAIN_ANYBODYS };
	snprintf(domain->name, sizeof(domain->name), "%s", name);
}

bool domain_whole(const struct domain *domain)
{
	for (size_t i = 0; i < domain->count; i++)
		if (domain->vifs[i]->state == VIF_BROKEN)
			return false;
	return true;
}

uint64_t domain_outstanding(const struct domain *domain)
{
	return domain->state == DOMAIN_HOLDING ? domain->open - 1 - domain->committed : 0;
}

const struct domain_epoch *domain_epoch(const struct domain *domain, uint64_t epoch)
{
	return &domain->epochs[epoch % DOMAIN_OUTSTANDING_MAX];
}

static struct domain_epoch *epoch_of(struct domain *domain, uint64_t epoch)
{
	return &domain->epochs[epoch % DOMAIN_OUTSTANDING_MAX];
}

void domain_set_closed(struct domain *domain, uint64_t epoch, uint64_t closed_ns)
{
	if (epoch <= domain->committed || epoch >= domain->open)
		return;
	epoch_of(domain, epoch)->closed_ns = closed_ns;
	if (closed_ns < domain->held_since_ns)
		domain->held_since_ns = closed_ns;
}

struct vif *domain_find(const struct domain *domain, const char *name)
{
	for (size_t i = 0; i < domain->count; i++)
		if (!strcmp(domain->vifs[i]->name, name))
			return domain->vifs[i];
	return NULL;
}

void domain_vif_fresh(struct vif *vif)
{
	const struct domain *domain = vif->domain;

	vif->state = VIF_OK;
	vif->reason = NULL;
	vif->holding = domain->state == DOMAIN_HOLDING;
	vif->unsure = false;
	vif->open = domain->open;
	vif->tried = domain->open;
	vif->committed = domain->committed;
}

static int append(struct domain *domain, struct vif *vif, size_t max)
{
	if (domain->count >= max || domain->count >= DOMAIN_VIFS_MAX)
		return -ENOSPC;
	domain->vifs[domain->count++] = vif;
	vif->domain = domain;
	return 0;
}

int domain_add(struct domain *domain, struct vif *vif, size_t max)
{
	int ret = append(domain, vif, max);

	if (!ret)
		domain_vif_fresh(vif);
	return ret;
}

void domain_remove(struct domain *domain, struct vif *vif)
{
	for (size_t i = 0; i < domain->count; i++) {
		if (domain->vifs[i] != vif)
			continue;
		memmove(&domain->vifs[i], &domain->vifs[i + 1],
			(--domain->count - i) * sizeof(domain->vifs[0]));
		break;
	}
	vif->domain = NULL;
	if (!domain->count) {
		domain->state = DOMAIN_PASSING;
		domain->committed = domain->open - 1;
	}
}

/*
 * The domain is only as far as the vif that is least far: what was done on some vifs alone is repeated by the driver, and
 * done there only.
 */
static void recompute(struct domain *domain)
{
	uint64_t open = UINT64_MAX, committed = UINT64_MAX, passed = 1;

	for (size_t i = 0; i < domain->count; i++) {
		const struct vif *vif = domain->vifs[i];

		if (vif->open > passed)
			passed = vif->open;
		if (!vif->holding)
			continue;
		if (vif->open < open)
			open = vif->open;
		if (vif->committed < committed)
			committed = vif->committed;
	}
	domain->state = open == UINT64_MAX ? DOMAIN_PASSING : DOMAIN_HOLDING;
	domain->open = domain->state == DOMAIN_HOLDING ? open : passed;
	domain->committed = domain->state == DOMAIN_HOLDING && committed < open ? committed : domain->open - 1;
}

int domain_adopt(struct domain *domain, struct vif *vif, uint64_t now_ns)
{
	int ret = append(domain, vif, DOMAIN_VIFS_MAX);

	if (ret)
		return ret;
	vif->tried = vif->open;
	recompute(domain);
	for (uint64_t n = 0; n < domain_outstanding(domain) && n < DOMAIN_OUTSTANDING_MAX; n++)
		*epoch_of(domain, domain->open - 1 - n) = (struct domain_epoch){ .closed_ns = now_ns };
	domain->held_since_ns = now_ns;
	return 0;
}

static bool is_live(const struct vif *vif)
{
	return vif->state != VIF_GONE;
}

/* -EIO with the words that fit if a vif cannot take part, -ENODEV if none is left. */
static int check_whole(const struct domain *domain, struct domain_fault *fault)
{
	size_t live = 0;

	for (size_t i = 0; i < domain->count; i++) {
		const struct vif *vif = domain->vifs[i];

		live += is_live(vif);
		if (vif->state == VIF_BROKEN)
			return fault_set(fault, -EIO, vif, "the barrier of %s is broken: %s", vif->name,
					 vif->reason ? vif->reason : "unknown");
	}
	return live ? 0 : fault_set(fault, -ENODEV, NULL, "the domain has no vif left");
}

/* The first vif whose operation failed gives the reply its words. */
static int batch_fault(const struct batch *batch, struct domain_fault *fault, int ret, const char *what)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct vif *vif = batch->vifs[i];

		if (vif->error)
			return fault_set(fault, -EIO, vif, "%s on %s: %s", what, vif->name,
					 strerror(-vif->error));
	}
	return ret ? fault_set(fault, ret, NULL, "%s: %s", what, strerror(-ret)) : 0;
}

/* This epoch needs no closing on the vif: it was closed there before, perhaps a later one too. */
static bool has_closed(const struct vif *vif, uint64_t epoch)
{
	return vif->holding && !vif->unsure && vif->open > epoch;
}

/* The barrier that closed this epoch is in force on the vif, and certainly no later one. */
static bool is_closed(const struct vif *vif, uint64_t epoch)
{
	return has_closed(vif, epoch) && vif->tried == epoch + 1;
}

/* A failed close may be done all the same: the next release must reach the vif, and no number may be used again. */
static void note_close(struct vif *vif, uint64_t epoch)
{
	if (vif->error) {
		vif->unsure |= !vif->holding;
		vif->tried = vif->tried > epoch ? vif->tried : epoch + 1;
		return;
	}
	if (!vif->holding)
		vif->committed = epoch - 1;
	vif->holding = true;
	vif->unsure = false;
	vif->open = epoch + 1;
	vif->tried = epoch + 1;
}

static int close_epoch(struct domain *domain, uint64_t epoch, uint64_t now_ns, struct domain_fault *fault)
{
	bool first = domain->state == DOMAIN_PASSING;
	struct batch batch = { 0 };
	int ret = 0;

	for (size_t i = 0; i < domain->count; i++)
		if (is_live(domain->vifs[i]) && !has_closed(domain->vifs[i], epoch))
			batch.vifs[batch.count++] = domain->vifs[i];
	if (batch.count)
		ret = domain->ops->close(domain->ops_ctx, batch.vifs, batch.count, epoch);
	for (size_t i = 0; i < batch.count; i++) {
		note_close(batch.vifs[i], epoch);
		/* one vif that holds makes the domain a holding one, whose epoch is not closed yet */
		if (!batch.vifs[i]->error)
			domain->state = DOMAIN_HOLDING;
	}
	if (first && domain->state == DOMAIN_HOLDING) {
		domain->open = epoch;
		domain->committed = epoch - 1;
		domain->held_since_ns = now_ns;
	}
	return batch_fault(&batch, fault, ret, "closing the epoch");
}

static bool closed_everywhere(const struct domain *domain, uint64_t epoch)
{
	for (size_t i = 0; i < domain->count; i++)
		if (is_live(domain->vifs[i]) && !has_closed(domain->vifs[i], epoch))
			return false;
	return true;
}

static int check_depth(const struct domain *domain, uint64_t configured, struct domain_fault *fault)
{
	const struct buffer_ops *ops = domain->ops;
	uint64_t outstanding = domain_outstanding(domain);

	if (outstanding >= ops->outstanding_max && ops->outstanding_why) {
		fault->expected = domain->open - 1;
		return fault_set(fault, -EPROTO, NULL, "epoch %" PRIu64 " is not committed yet: %s",
				 domain->open - 1, ops->outstanding_why);
	}
	if (outstanding >= configured || outstanding >= ops->outstanding_max)
		return fault_set(fault, -ENOSPC, NULL, "%" PRIu64 " epochs wait for a commit, which is the limit",
				 outstanding);
	return 0;
}

/*
 * Which epoch a postsuspend means: 0 to close it, 1 if that was done before, or an error. One that a daemon before this one closed
 * on some of the vifs is closed on the others.
 */
static int choose_epoch(const struct domain *domain, uint64_t *epoch, struct domain_fault *fault)
{
	if (!*epoch)
		*epoch = domain->open;
	if (*epoch == domain->open)
		return 0;
	if (domain->state == DOMAIN_PASSING && *epoch > domain->open)
		return 0;
	if (domain->state == DOMAIN_HOLDING && *epoch + 1 == domain->open)
		return closed_everywhere(domain, *epoch);
	return fault_order(fault, domain->open, "epoch %" PRIu64 " is not the next one: %" PRIu64 " is expected", *epoch,
			   domain->open);
}

int domain_postsuspend(struct domain *domain, uint64_t *epoch, uint64_t outstanding_max, uint64_t now_ns,
		       struct domain_fault *fault)
{
	uint64_t closing = *epoch;
	int ret = check_whole(domain, fault);

	if (ret)
		return ret;
	ret = choose_epoch(domain, &closing, fault);
	if (!ret && closing >= WIRE_EPOCH_MAX)
		ret = fault_set(fault, -ENOSPC, NULL, "epoch %" PRIu64 " would be the last", closing);
	if (!ret && closing >= domain->open)
		ret = check_depth(domain, outstanding_max, fault);
	if (!ret)
		ret = close_epoch(domain, closing, now_ns, fault);
	if (ret < 0)
		return ret;
	if (!ret) {
		domain->open = closing + 1;
		*epoch_of(domain, closing) = (struct domain_epoch){ .closed_ns = now_ns };
		metrics_count(&domain->metrics, METRIC_EPOCHS_CLOSED);
	}
	*epoch = closing;
	return 0;
}

int domain_preresume(const struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	int ret = check_whole(domain, fault);

	if (ret)
		return ret;
	if (domain->state == DOMAIN_PASSING)
		return fault_order(fault, domain->open, "the domain is passing: no epoch was closed");
	if (epoch + 1 != domain->open)
		return fault_order(fault, domain->open - 1, "epoch %" PRIu64 " is not the last closed one, %" PRIu64,
				   epoch, domain->open - 1);
	for (size_t i = 0; i < domain->count; i++) {
		const struct vif *vif = domain->vifs[i];

		if (is_live(vif) && !is_closed(vif, epoch))
			return fault_set(fault, -EIO, vif, "the barrier is not in force on %s", vif->name);
	}
	return 0;
}

static int check_commit(const struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	if (domain->state == DOMAIN_PASSING || epoch >= domain->open)
		return fault_order(fault, domain->open - 1, "epoch %" PRIu64 " is not closed: %" PRIu64 " is open", epoch,
				   domain->open);
	if (domain_epoch(domain, epoch)->aborted)
		return fault_set(fault, -ECANCELED, NULL, "epoch %" PRIu64 " was aborted", epoch);
	return 0;
}

/* A broken vif keeps its frames: with its counts unknown, a release could free what is not committed. */
static int release_up_to(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	const struct vif *broken = NULL;
	struct batch batch = { 0 };
	int ret = 0;

	for (size_t i = 0; i < domain->count; i++) {
		struct vif *vif = domain->vifs[i];

		if (vif->state == VIF_BROKEN)
			broken = vif;
		else if (is_live(vif) && vif->holding && vif->committed < epoch)
			batch.vifs[batch.count++] = vif;
	}
	if (batch.count)
		ret = domain->ops->release(domain->ops_ctx, batch.vifs, batch.count, epoch);
	for (size_t i = 0; i < batch.count; i++)
		if (!batch.vifs[i]->error)
			batch.vifs[i]->committed = epoch;
	ret = batch_fault(&batch, fault, ret, "releasing");
	if (!ret && broken)
		ret = fault_set(fault, -EIO, broken, "released, but for the frames of %s, which stay held: %s",
				broken->name, broken->reason ? broken->reason : "unknown");
	return ret;
}

int domain_commit(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	int ret;

	if (epoch <= domain->committed)
		return 0;
	ret = check_commit(domain, epoch, fault);
	if (!ret)
		ret = release_up_to(domain, epoch, fault);
	if (ret)
		return ret;
	metrics_add(&domain->metrics, METRIC_EPOCHS_COMMITTED, epoch - domain->committed);
	metrics_count(&domain->metrics, METRIC_COMMITS);
	domain->committed = epoch;
	domain->held_since_ns = domain_epoch(domain, epoch)->closed_ns;
	return 0;
}

int domain_abort(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	if (!domain->ops->can_abort)
		return fault_set(fault, -EOPNOTSUPP, NULL,
				 "mainline's sch_plug cannot join an epoch to the next one: discard or release");
	if (domain->state == DOMAIN_PASSING || epoch <= domain->committed || epoch >= domain->open)
		return fault_order(fault, domain->open - 1, "epoch %" PRIu64 " is not outstanding", epoch);
	if (!domain_epoch(domain, epoch)->aborted)
		metrics_count(&domain->metrics, METRIC_ABORTS);
	epoch_of(domain, epoch)->aborted = true;
	return 0;
}

/* What was meant for another epoch than the open one comes too late. While passing, what it was for is over. */
static int check_meant(const struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	if (!epoch || epoch == domain->open || (domain->state == DOMAIN_PASSING && epoch < domain->open))
		return 0;
	return fault_order(fault, domain->open, "epoch %" PRIu64 " is not open: %" PRIu64 " is", epoch, domain->open);
}

int domain_discard(struct domain *domain, uint64_t epoch, uint64_t now_ns, struct domain_fault *fault)
{
	struct batch batch = { 0 };
	int ret = check_meant(domain, epoch, fault);

	if (ret || domain->state == DOMAIN_PASSING)
		return ret;
	for (size_t i = 0; i < domain->count; i++)
		if (is_live(domain->vifs[i]) && domain->vifs[i]->holding)
			batch.vifs[batch.count++] = domain->vifs[i];
	if (batch.count)
		ret = domain->ops->discard(domain->ops_ctx, batch.vifs, batch.count, domain->open);
	for (size_t i = 0; i < batch.count; i++)
		if (!batch.vifs[i]->error)
			batch.vifs[i]->committed = domain->open - 1;
	ret = batch_fault(&batch, fault, ret, "discarding");
	if (ret)
		return ret;
	domain->committed = domain->open - 1;
	domain->held_since_ns = now_ns;
	metrics_count(&domain->metrics, METRIC_DISCARDS);
	return 0;
}

/* The number that is open on every vif or below, whatever of a failed close was done. */
static uint64_t highest_open(const struct domain *domain)
{
	uint64_t open = domain->open;

	for (size_t i = 0; i < domain->count; i++)
		if (is_live(domain->vifs[i]) && domain->vifs[i]->tried > open)
			open = domain->vifs[i]->tried;
	return open;
}

static void note_pass(struct vif *vif)
{
	vif->unsure = vif->error;
	if (vif->error)
		return;
	vif->holding = false;
	vif->open = vif->tried;
}

int domain_release(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	uint64_t open = highest_open(domain);
	struct batch batch = { 0 };
	int ret = check_meant(domain, epoch, fault);

	if (ret)
		return ret;
	for (size_t i = 0; i < domain->count; i++) {
		struct vif *vif = domain->vifs[i];

		if (is_live(vif) && (vif->holding || vif->unsure))
			batch.vifs[batch.count++] = vif;
	}
	if (batch.count)
		ret = domain->ops->pass(domain->ops_ctx, batch.vifs, batch.count, open);
	for (size_t i = 0; i < batch.count; i++)
		note_pass(batch.vifs[i]);
	ret = batch_fault(&batch, fault, ret, "releasing everything");
	if (ret)
		return ret;
	if (domain->state == DOMAIN_HOLDING)
		metrics_count(&domain->metrics, METRIC_RELEASES);
	domain->state = DOMAIN_PASSING;
	domain->open = open;
	domain->committed = open - 1;
	return 0;
}
