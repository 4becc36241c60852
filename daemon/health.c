// SPDX-License-Identifier: GPL-2.0-or-later
/* What others do to our interfaces: noticed, said, and never answered by a release. */
#include "registry.h"

#include <errno.h>
#include <string.h>

void registry_vif_gone(struct registry *reg, struct vif *vif)
{
	struct domain *domain = vif->domain;
	struct log_about about = { .domain = domain ? domain->name : NULL, .vif = vif->name };

	registry_unindex(reg, vif);
	if (!domain) /* being detached: the job finds out by itself */
		return;
	metrics_count(&domain->metrics, METRIC_VIFS_GONE);
	buffer_remove_ifb(&reg->plug, vif->buffer);
	vif->state = VIF_GONE;
	vif->reason = "the interface is gone";
	if (domain->state == DOMAIN_PASSING) {
		log_info(reg->log, &about, "the interface is gone: detached");
		registry_notify(reg, REGISTRY_DESTROY, domain, vif, "watch");
		domain_remove(domain, vif);
		registry_vif_free(vif);
		registry_domain_put(reg, domain);
		return;
	}
	log_warning(reg->log, &about, "the interface is gone, and what was held for it");
	registry_notify(reg, REGISTRY_CHANGE, domain, vif, "watch");
}

static void mark_broken(struct registry *reg, struct vif *vif, const char *reason)
{
	struct domain *domain = vif->domain;
	struct log_about about = { .domain = domain->name, .vif = vif->name };
	struct record record = registry_record(vif);
	bool again = vif->state == VIF_BROKEN;

	if (again && vif->reason == reason)
		return;
	vif->state = VIF_BROKEN;
	vif->reason = reason;
	if (!again) {
		log_error(reg->log, &about, "the barrier is broken: %s", reason);
		metrics_count(&domain->metrics, METRIC_VIFS_BROKEN);
	}
	if (domain->state == DOMAIN_PASSING) {
		if (registry_repair(reg, vif, "watch"))
			registry_notify(reg, REGISTRY_CHANGE, domain, vif, "watch");
		return;
	}
	buffer_seal(&reg->plug, vif->buffer, &record, &vif->buffer->counts_lost);
	if (vif->buffer->counts_lost) {
		/* a new plug holds from now on, and its counts are right */
		vif->committed = vif->open - 1;
		vif->buffer->counts_lost = false;
	}
	registry_notify(reg, REGISTRY_CHANGE, domain, vif, "watch");
	if (!again)
		registry_notify(reg, REGISTRY_CHANGE, domain, NULL, "watch");
}

/* All but a missing redirect purged the queue, or may have. */
static bool may_have_purged(const char *reason)
{
	return reason != buffer_unseen && strncmp(reason, "the redirect", 12);
}

bool registry_vif_check(struct registry *reg, struct vif *vif, const char *reset)
{
	const char *reason;
	struct link_info link;
	int ret;

	if (!vif->domain || vif->state == VIF_GONE)
		return vif->state != VIF_GONE;
	ret = buffer_link_get(&reg->plug, vif->buffer->vif_ifindex, NULL, &link);
	if (ret == -ENODEV) {
		registry_vif_gone(reg, vif);
		return false;
	}
	reason = ret ? buffer_unseen : buffer_inspect(&reg->plug, vif->buffer);
	if (!reason || (reset && reason == buffer_unseen))
		reason = reset;
	if (!reason)
		return true;
	if (reg->plug.kind != PLUG_OUTCOMMIT && may_have_purged(reason))
		vif->buffer->counts_lost = true;
	mark_broken(reg, vif, reason);
	return true;
}

void registry_vif_renamed(struct registry *reg, struct vif *vif, const char *name)
{
	if (!vif->domain || !strcmp(vif->name, name))
		return;
	log_info(reg->log, (&(struct log_about){ .domain = vif->domain->name, .vif = vif->name }), "is now called %s",
		 name);
	registry_notify(reg, REGISTRY_DESTROY, vif->domain, vif, "watch");
	memset(vif->name, 0, sizeof(vif->name));
	strncpy(vif->name, name, sizeof(vif->name) - 1);
	buffer_save_alias(&reg->plug, vif->buffer, vif->domain->name, vif->name);
	registry_notify(reg, REGISTRY_CREATE, vif->domain, vif, "watch");
}

void registry_check_all(struct registry *reg)
{
	for (size_t i = reg->domain_count; i-- > 0;) {
		struct domain *domain = reg->domains[i];

		/* a vif found gone may take itself and the domain away: go from the end */
		for (size_t count = domain->count; count-- > 0;)
			registry_vif_check(reg, domain->vifs[count], NULL);
	}
}
