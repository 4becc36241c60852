// SPDX-License-Identifier: GPL-2.0-or-later
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "manager.h"

#define EPOCHS_SHOWN 32

static const char *const domain_states[] = { [DOMAIN_PASSING] = "passing", [DOMAIN_HOLDING] = "holding" };
static const char *const lease_states[] = {
	[LEASE_NONE] = "none", [LEASE_HELD] = "held", [LEASE_GRACE] = "grace", [LEASE_LOST] = "lost"
};
static const char *const vif_states[] = { [VIF_OK] = "ok", [VIF_GONE] = "gone", [VIF_BROKEN] = "broken" };

/* What the kernel says of one domain's plugs, vif by vif and summed up. */
struct counts {
	struct plug_status vifs[DOMAIN_VIFS_MAX];
	struct plug_status sum;
	struct plug_epoch epochs[PLUG_EPOCHS_MAX];
	size_t epoch_count;
	bool by_epoch; /* the module tells epochs apart */
};

static void add_epochs(struct counts *counts, const struct plug_epoch *epochs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < counts->epoch_count && counts->epochs[at].epoch != epochs[i].epoch)
			at++;
		if (at == PLUG_EPOCHS_MAX)
			continue;
		if (at == counts->epoch_count)
			counts->epochs[counts->epoch_count++] = (struct plug_epoch){ .epoch = epochs[i].epoch };
		counts->epochs[at].frames += epochs[i].frames;
		counts->epochs[at].bytes += epochs[i].bytes;
		if (epochs[i].hold_ns > counts->epochs[at].hold_ns)
			counts->epochs[at].hold_ns = epochs[i].hold_ns;
	}
}

/* 0 if the module told epochs apart. */
static int read_plug(struct manager *mgr, const struct vif *vif, struct plug_status *status, struct plug_epoch *epochs,
		     size_t *epoch_count)
{
	int ret;

	*status = (struct plug_status){ 0 };
	*epoch_count = 0;
	if (vif->state == VIF_GONE)
		return -ENODEV;
	ret = plug_read(&mgr->registry.plug, vif->buffer, status, epochs, epoch_count);
	status->drops += vif->buffer->past_drops;
	status->sent_frames += vif->buffer->past_sent_frames;
	status->sent_bytes += vif->buffer->past_sent_bytes;
	return ret;
}

static void read_vif(struct counts *counts, struct manager *mgr, const struct vif *vif, size_t at)
{
	struct plug_epoch epochs[PLUG_EPOCHS_MAX];
	struct plug_status *status = &counts->vifs[at];
	size_t epoch_count;

	if (!read_plug(mgr, vif, status, epochs, &epoch_count)) {
		counts->by_epoch = true;
		add_epochs(counts, epochs, epoch_count);
	}
	counts->sum.held_frames += status->held_frames;
	counts->sum.held_bytes += status->held_bytes;
	counts->sum.drops += status->drops;
	if (status->oldest_hold_ns > counts->sum.oldest_hold_ns)
		counts->sum.oldest_hold_ns = status->oldest_hold_ns;
}

/* What the module tells; else the age of the oldest uncommitted epoch. */
static uint64_t oldest_hold(const struct domain *domain, uint64_t told_ns)
{
	if (told_ns || !domain_outstanding(domain))
		return told_ns;
	return manager_now_ns() - domain_epoch(domain, domain->committed + 1)->closed_ns;
}

static void read_counts(struct counts *counts, struct manager *mgr, const struct domain *domain)
{
	counts->sum = (struct plug_status){ 0 };
	counts->epoch_count = 0;
	counts->by_epoch = false;
	for (size_t i = 0; i < domain->count; i++)
		read_vif(counts, mgr, domain->vifs[i], i);
	counts->sum.oldest_hold_ns = oldest_hold(domain, counts->sum.oldest_hold_ns);
}

uint64_t status_read_vifs(struct manager *mgr, const struct domain *domain, struct plug_status *vifs)
{
	uint64_t told_ns = 0;

	for (size_t i = 0; i < domain->count; i++) {
		struct plug_epoch epochs[PLUG_EPOCHS_MAX];
		size_t epoch_count;

		read_plug(mgr, domain->vifs[i], &vifs[i], epochs, &epoch_count);
		if (vifs[i].oldest_hold_ns > told_ns)
			told_ns = vifs[i].oldest_hold_ns;
	}
	return oldest_hold(domain, told_ns);
}

static struct plug_epoch find_epoch(const struct counts *counts, uint64_t epoch)
{
	for (size_t i = 0; i < counts->epoch_count; i++)
		if (counts->epochs[i].epoch == epoch)
			return counts->epochs[i];
	return (struct plug_epoch){ .epoch = epoch };
}

static void add_epoch(struct wire_buf *reply, const struct domain *domain, const struct counts *counts, uint64_t epoch,
		      uint64_t now_ns)
{
	const struct domain_epoch *known = domain_epoch(domain, epoch);
	const struct plug_epoch held = find_epoch(counts, epoch);

	wire_add_u64(reply, "EPOCH", epoch);
	wire_add_u64(reply, "EPOCH_AGE_NS", now_ns - known->closed_ns);
	if (known->aborted)
		wire_add_u64(reply, "EPOCH_ABORTED", 1);
	if (!counts->by_epoch)
		return;
	wire_add_u64(reply, "EPOCH_FRAMES", held.frames);
	wire_add_u64(reply, "EPOCH_BYTES", held.bytes);
	wire_add_u64(reply, "EPOCH_HOLD_NS", held.hold_ns);
}

static void add_vif_state(struct wire_buf *reply, const struct vif *vif)
{
	wire_add(reply, "VIF_STATE", vif_states[vif->state]);
	if (vif->reason)
		wire_add(reply, "VIF_STATE_REASON", vif->reason);
}

static void add_vif_counts(struct wire_buf *reply, const struct vif *vif, const struct plug_status *status)
{
	wire_add_u64(reply, "LIMIT", vif->buffer->limit_bytes);
	wire_add_u64(reply, "VIF_HELD_FRAMES", status->held_frames);
	wire_add_u64(reply, "VIF_HELD_BYTES", status->held_bytes);
	wire_add_u64(reply, "VIF_DROPS", status->drops);
	wire_add_u64(reply, "SENT_FRAMES", status->sent_frames);
	wire_add_u64(reply, "SENT_BYTES", status->sent_bytes);
}

static void add_vif(struct wire_buf *reply, const struct vif *vif, const struct plug_status *status)
{
	const struct buffer *buffer = vif->buffer;

	wire_add(reply, "VIF", vif->name);
	wire_add(reply, "IFB", buffer->ifb);
	wire_add_u64(reply, "IFINDEX", (uint64_t)buffer->vif_ifindex);
	wire_add_u64(reply, "IFB_IFINDEX", (uint64_t)buffer->ifb_ifindex);
	add_vif_state(reply, vif);
	wire_add_u64(reply, "VIF_OPEN", vif->holding ? vif->open : 0);
	add_vif_counts(reply, vif, status);
}

void status_add_vif_counts(struct wire_buf *reply, const struct vif *vif, const struct plug_status *status)
{
	wire_add(reply, "VIF", vif->name);
	add_vif_state(reply, vif);
	add_vif_counts(reply, vif, status);
}

void status_add_domain_stand(struct wire_buf *reply, const struct domain *domain)
{
	wire_add(reply, "STATE", domain_states[domain->state]);
	wire_add_u64(reply, "OPEN", domain->open);
	wire_add_u64(reply, "COMMITTED", domain->committed);
}

void status_add_domain_brief(struct wire_buf *reply, const struct config *config, const struct domain *domain)
{
	wire_add(reply, "DOMAIN", domain->name);
	status_add_domain_stand(reply, domain);
	wire_add_u64(reply, "OUTSTANDING", domain_outstanding(domain));
	wire_add_u64(reply, "WHOLE", domain_whole(domain));
	wire_add(reply, "LEASE", lease_states[lease_state(domain)]);
	wire_add(reply, "HOLD", hold_mark_name(hold_mark(config, hold_age_ns(domain, manager_now_ns()))));
}

/* Who may drive it, who does, and for how long it has been holding. */
static void add_care(struct wire_buf *reply, const struct domain *domain, uint64_t now_ns)
{
	const struct lease *lease = domain->lease;

	wire_add_u64(reply, "HOLD_NS", hold_age_ns(domain, now_ns));
	if (domain->owner != DOMAIN_ANYBODYS)
		wire_add_u64(reply, "OWNER", domain->owner);
	if (!lease)
		return;
	wire_add_u64(reply, "LEASE_PID", (uint64_t)lease->pid);
	wire_add_u64(reply, "LEASE_UID", lease->uid);
	wire_add(reply, "ON_DRIVER_LOST", config_policy_name(lease_policy(lease)));
	wire_add_u64(reply, "DRIVER_GRACE_NS", lease_grace_ns(lease));
	if (lease->state == LEASE_GRACE)
		wire_add_u64(reply, "GRACE_LEFT_NS",
			     lease->grace_ends_ns > now_ns ? lease->grace_ends_ns - now_ns : 0);
}

void status_add_vif_brief(struct wire_buf *reply, const struct domain *domain, const struct vif *vif)
{
	wire_add(reply, "DOMAIN", domain->name);
	wire_add(reply, "VIF", vif->name);
	wire_add(reply, "IFB", vif->buffer->ifb);
	add_vif_state(reply, vif);
}

void status_add_domain(struct wire_buf *reply, struct manager *mgr, const struct domain *domain)
{
	uint64_t now_ns = manager_now_ns(), shown = domain_outstanding(domain);
	struct counts counts;

	read_counts(&counts, mgr, domain);
	status_add_domain_brief(reply, &mgr->config, domain);
	add_care(reply, domain, now_ns);
	wire_add_u64(reply, "VIFS", domain->count);
	wire_add_u64(reply, "HELD_FRAMES", counts.sum.held_frames);
	wire_add_u64(reply, "HELD_BYTES", counts.sum.held_bytes);
	wire_add_u64(reply, "DROPS", counts.sum.drops);
	wire_add_u64(reply, "OLDEST_HOLD_NS", counts.sum.oldest_hold_ns);
	for (uint64_t n = 0; n < shown && n < EPOCHS_SHOWN; n++)
		add_epoch(reply, domain, &counts, domain->committed + 1 + n, now_ns);
	for (size_t i = 0; i < domain->count; i++)
		add_vif(reply, domain->vifs[i], &counts.vifs[i]);
}

/* Only ours has a version, and nothing shows it before the module is loaded. */
static void add_module_version(struct wire_buf *reply, enum plug_kind kind)
{
	FILE *file = kind == PLUG_OUTCOMMIT ? fopen("/sys/module/sch_plug/version", "re") : NULL;
	char version[64] = "";

	if (!file)
		return;
	if (fgets(version, sizeof(version), file)) {
		version[strcspn(version, "\n")] = '\0';
		wire_add(reply, "MODULE_VERSION", version);
	}
	fclose(file);
}

void status_add_module(struct wire_buf *reply, const struct manager *mgr)
{
	enum plug_kind kind = mgr->registry.plug.kind;

	wire_add(reply, "MODULE", plug_kind_name(kind));
	add_module_version(reply, kind);
	wire_add(reply, "CONFIG", mgr->config_path);
}

void status_add_daemon(struct wire_buf *reply, struct manager *mgr)
{
	wire_add(reply, "VERSION", OUTCOMMIT_VERSION);
	wire_add_u64(reply, "PROTOCOL", WIRE_PROTOCOL);
	wire_add_u64(reply, "PID", (uint64_t)getpid());
	wire_add_u64(reply, "UPTIME_NS", manager_now_ns() - mgr->started_ns);
	status_add_module(reply, mgr);
	wire_add_u64(reply, "DOMAINS", mgr->registry.domain_count);
	wire_add_u64(reply, "VIFS", mgr->registry.vif_count);
	wire_add_u64(reply, "CLIENTS", mgr->server.client_count);
	if (mgr->registry.plug.kind == PLUG_MAINLINE)
		wire_add(reply, "NOTE",
			 "mainline's sch_plug: one uncommitted epoch at a time, no abort, held frames pin their sender");
}
