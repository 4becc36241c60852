// SPDX-License-Identifier: GPL-2.0-or-later
/* Attach, repair, limit. */
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fault_text(struct domain_fault *fault, int error, const char *vif, const char *text)
{
	snprintf(fault->message, sizeof(fault->message), "%s%s%s", vif ? vif : "", vif ? ": " : "",
		 text ? text : strerror(-error));
	fault->vif = vif;
	return error;
}

static struct buffer_request request_of(const struct registry *reg, const struct attach *asked,
					const struct record *record)
{
	return (struct buffer_request){
		.domain = asked->domain,
		.vif = asked->vif,
		.limit_bytes = asked->limit_bytes ? asked->limit_bytes : reg->config->limit_bytes,
		.owner = asked->owner,
		.txqueuelen = (uint32_t)reg->config->txqueuelen_frames,
		.record = *record,
	};
}

int registry_repair(struct registry *reg, struct vif *vif, const char *cause)
{
	struct domain *domain = vif->domain;
	/* a plug that does not do what the domain does, or may not, is replaced too */
	bool fresh = vif->buffer->counts_lost || vif->unsure ||
		     vif->holding != (domain->state == DOMAIN_HOLDING);
	const struct attach asked = { domain->name, vif->name, vif->buffer->limit_bytes, domain->owner };
	struct record record = registry_record(vif);
	struct buffer_request request;
	int ret;

	if (fresh || !vif->holding) {
		record = (struct record){ .holding = domain->state == DOMAIN_HOLDING, .open = domain->open };
	}
	request = request_of(reg, &asked, &record);
	registry_unindex(reg, vif);
	ret = buffer_repair(&reg->plug, vif->buffer, &request, &fresh);
	if (registry_index(reg, vif) && !ret)
		ret = -ENOMEM;
	if (ret)
		return ret;
	if (fresh)
		domain_vif_fresh(vif);
	vif->state = VIF_OK;
	vif->reason = NULL;
	vif->buffer->counts_lost = false;
	log_notice(reg->log, (&(struct log_about){ .domain = domain->name, .vif = vif->name }),
		   "the barrier was mended%s", fresh ? ", with a new plug" : "");
	registry_notify(reg, REGISTRY_CHANGE, domain, vif, cause);
	registry_notify(reg, REGISTRY_CHANGE, domain, NULL, cause);
	return 0;
}

static int attach_again(struct registry *reg, struct vif *vif, const struct attach *asked, struct domain_fault *fault)
{
	int ret;

	if (!vif->domain)
		return fault_text(fault, -EBUSY, vif->name, "is being detached");
	if (strcmp(vif->domain->name, asked->domain)) {
		snprintf(fault->message, sizeof(fault->message), "%s belongs to domain %s", vif->name,
			 vif->domain->name);
		fault->vif = vif->name;
		return -EEXIST;
	}
	if (!registry_vif_check(reg, vif, NULL))
		return fault_text(fault, -ENODEV, asked->vif, "no such interface");
	if (vif->state != VIF_BROKEN)
		return 0;
	ret = registry_repair(reg, vif, "attach");
	return ret ? fault_text(fault, ret, vif->name, NULL) : 0;
}

/* A vif of that name which is gone makes way for the new one, but not before that is there: a domain without a vif would pass. */
static struct vif *find_gone(const struct domain *domain, const char *name)
{
	struct vif *vif = domain ? domain_find(domain, name) : NULL;

	return vif && vif->state == VIF_GONE ? vif : NULL;
}

static void drop_gone(struct registry *reg, struct vif *vif)
{
	if (!vif)
		return;
	registry_notify(reg, REGISTRY_DESTROY, vif->domain, vif, "attach");
	domain_remove(vif->domain, vif);
	registry_vif_free(vif);
}

static size_t count_owned(const struct registry *reg, uint32_t owner)
{
	size_t count = 0;

	for (size_t i = 0; i < reg->domain_count; i++)
		count += reg->domains[i]->owner == owner;
	return count;
}

static int check_room(const struct registry *reg, const struct attach *asked, bool replaces, struct domain_fault *fault)
{
	const struct domain *domain = registry_find(reg, asked->domain);

	if (!domain && reg->domain_count >= reg->config->domains)
		return fault_text(fault, -ENOSPC, NULL, "as many domains as limits.domains allows");
	if (!domain && asked->owner != DOMAIN_ANYBODYS && count_owned(reg, asked->owner) >= reg->config->domains_per_user)
		return fault_text(fault, -ENOSPC, NULL, "as many domains as limits.domains_per_user allows");
	if (domain && domain->count - replaces >= reg->config->vifs_per_domain)
		return fault_text(fault, -ENOSPC, NULL, "as many vifs as limits.vifs_per_domain allows");
	return 0;
}

static int attach_new(struct registry *reg, const struct attach *asked, struct vif *vif, struct domain_fault *fault)
{
	struct domain *domain = registry_find(reg, asked->domain);
	struct record record = { .holding = domain && domain->state == DOMAIN_HOLDING,
				 .open = domain ? domain->open : 1 };
	struct buffer_request request = request_of(reg, asked, &record);
	bool created = !domain;
	const char *why;
	int ret;

	if (domain)
		request.owner = domain->owner;
	ret = buffer_create(&reg->plug, vif->buffer, &request, &why);
	if (ret)
		return fault_text(fault, ret, vif->name, why ? why : *reg->tx.extack ? reg->tx.extack : NULL);
	domain = registry_domain(reg, asked->domain);
	ret = domain ? registry_index(reg, vif) : -ENOMEM;
	if (!ret)
		ret = domain_add(domain, vif, DOMAIN_VIFS_MAX);
	if (ret) {
		registry_unindex(reg, vif);
		buffer_unredirect(&reg->plug, vif->buffer);
		buffer_remove_ifb(&reg->plug, vif->buffer);
		if (domain)
			registry_domain_put(reg, domain);
		return fault_text(fault, ret, vif->name, NULL);
	}
	domain->owner = request.owner;
	if (created)
		registry_notify(reg, REGISTRY_CREATE, domain, NULL, "attach");
	registry_notify(reg, REGISTRY_CREATE, domain, vif, "attach");
	return 0;
}

int registry_attach(struct registry *reg, const struct attach *asked, struct vif **out, struct domain_fault *fault)
{
	struct link_info link;
	struct vif *vif, *gone;
	int ret = buffer_link_get(&reg->plug, 0, asked->vif, &link);

	if (ret)
		return fault_text(fault, ret, asked->vif, ret == -ENODEV ? "no such interface" : NULL);
	vif = registry_find_ifindex(reg, link.ifindex);
	if (vif && vif->buffer->ifb_ifindex == link.ifindex)
		return fault_text(fault, -EBUSY, asked->vif, "is a buffer of ours, not a vif");
	*out = vif;
	if (vif)
		return attach_again(reg, vif, asked, fault);
	gone = find_gone(registry_find(reg, asked->domain), asked->vif);
	ret = check_room(reg, asked, gone, fault);
	if (ret)
		return ret;
	vif = registry_vif_new(asked->vif);
	ret = vif ? attach_new(reg, asked, vif, fault) : fault_text(fault, -ENOMEM, asked->vif, NULL);
	if (ret) {
		fault->vif = NULL;
		registry_vif_free(vif);
		return ret;
	}
	drop_gone(reg, gone);
	*out = vif;
	log_info(reg->log, (&(struct log_about){ .domain = asked->domain, .vif = vif->name }), "attached, buffer %s, %s",
		 vif->buffer->ifb, vif->holding ? "holding" : "passing");
	return 0;
}

int registry_limit(struct registry *reg, struct domain *domain, uint64_t limit_bytes, struct domain_fault *fault)
{
	for (size_t i = 0; i < domain->count; i++) {
		struct vif *vif = domain->vifs[i];
		int ret;

		if (vif->state == VIF_GONE)
			continue;
		ret = plug_set_limit(&reg->plug, vif->buffer, limit_bytes);
		if (ret)
			return fault_text(fault, ret == -ENOENT ? -EIO : ret, vif->name, NULL);
		vif->buffer->limit_bytes = limit_bytes;
		buffer_save_alias(&reg->plug, vif->buffer, domain->name, vif->name);
	}
	return 0;
}
