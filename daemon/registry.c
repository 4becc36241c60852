// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct by_ifindex {
	int ifindex;
	struct vif *vif;
};

static int compare_ifindex(const void *a, const void *b)
{
	const struct by_ifindex *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

int registry_init(struct registry *reg, struct ev_loop *loop, const struct config *config, const struct log *log)
{
	int ret;

	*reg = (struct registry){ .loop = loop, .config = config, .log = log };
	reg->plug = (struct plug_ctx){ .tx = &reg->tx, .log = log, .group = &reg->group };
	ret = nltx_init(&reg->tx, NETLINK_ROUTE);
	return ret ? ret : plug_group_init(&reg->group, &config->group);
}

void registry_fini(struct registry *reg)
{
	detach_abandon(reg);
	for (size_t i = 0; i < reg->domain_count; i++) {
		struct domain *domain = reg->domains[i];

		while (domain->count) {
			struct vif *vif = domain->vifs[0];

			registry_unindex(reg, vif);
			domain_remove(domain, vif);
			registry_vif_free(vif);
		}
		free(domain);
	}
	free(reg->domains);
	plug_group_fini(&reg->group);
	nltx_fini(&reg->tx);
	*reg = (struct registry){ 0 };
}

/* Where @name is or would be. */
static size_t position(const struct registry *reg, const char *name)
{
	size_t low = 0, high = reg->domain_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(reg->domains[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct domain *registry_find(const struct registry *reg, const char *name)
{
	size_t at = position(reg, name);

	if (at < reg->domain_count && !strcmp(reg->domains[at]->name, name))
		return reg->domains[at];
	return NULL;
}

size_t registry_first_after(const struct registry *reg, const char *after)
{
	size_t at = position(reg, after);

	return at + (at < reg->domain_count && !strcmp(reg->domains[at]->name, after));
}

static int grow(struct registry *reg)
{
	size_t room = reg->domain_room ? 2 * reg->domain_room : 16;
	struct domain **domains;

	if (reg->domain_count < reg->domain_room)
		return 0;
	domains = realloc(reg->domains, room * sizeof(*domains));
	if (!domains)
		return -ENOMEM;
	reg->domains = domains;
	reg->domain_room = room;
	return 0;
}

struct domain *registry_domain(struct registry *reg, const char *name)
{
	struct domain *domain = registry_find(reg, name);
	size_t at = position(reg, name);

	if (domain)
		return domain;
	domain = malloc(sizeof(*domain));
	if (!domain || grow(reg)) {
		free(domain);
		return NULL;
	}
	domain_init(domain, name, plug_ops(reg->plug.kind), &reg->plug);
	domain->metrics.whole = &reg->metrics;
	memmove(&reg->domains[at + 1], &reg->domains[at], (reg->domain_count++ - at) * sizeof(domain));
	reg->domains[at] = domain;
	return domain;
}

void registry_domain_put(struct registry *reg, struct domain *domain)
{
	size_t at = position(reg, domain->name);

	if (domain->count || domain->users)
		return;
	memmove(&reg->domains[at], &reg->domains[at + 1], (--reg->domain_count - at) * sizeof(domain));
	registry_notify(reg, REGISTRY_DESTROY, domain, NULL, NULL);
	free(domain);
}

struct vif *registry_vif_new(const char *name)
{
	struct vif *vif = calloc(1, sizeof(*vif));

	if (!vif)
		return NULL;
	vif->buffer = calloc(1, sizeof(*vif->buffer));
	if (!vif->buffer) {
		free(vif);
		return NULL;
	}
	snprintf(vif->name, sizeof(vif->name), "%s", name);
	return vif;
}

void registry_vif_free(struct vif *vif)
{
	if (vif)
		free(vif->buffer);
	free(vif);
}

struct vif *registry_find_ifindex(const struct registry *reg, int ifindex)
{
	struct by_ifindex key = { .ifindex = ifindex };
	struct by_ifindex *const *found = tfind(&key, &reg->by_ifindex, compare_ifindex);

	return found ? (*found)->vif : NULL;
}

static int index_one(struct registry *reg, int ifindex, struct vif *vif)
{
	struct by_ifindex *entry = malloc(sizeof(*entry));
	struct by_ifindex **found;

	if (!entry)
		return -ENOMEM;
	*entry = (struct by_ifindex){ .ifindex = ifindex, .vif = vif };
	found = tsearch(entry, &reg->by_ifindex, compare_ifindex);
	if (!found || *found != entry)
		free(entry);
	if (!found)
		return -ENOMEM;
	(*found)->vif = vif;
	return 0;
}

static void unindex_one(struct registry *reg, int ifindex, const struct vif *vif)
{
	struct by_ifindex key = { .ifindex = ifindex };
	struct by_ifindex **found = tfind(&key, &reg->by_ifindex, compare_ifindex);
	struct by_ifindex *entry = found ? *found : NULL;

	if (!entry || entry->vif != vif)
		return;
	tdelete(&key, &reg->by_ifindex, compare_ifindex);
	free(entry);
}

int registry_index(struct registry *reg, struct vif *vif)
{
	int ret = index_one(reg, vif->buffer->vif_ifindex, vif);

	if (!ret)
		ret = index_one(reg, vif->buffer->ifb_ifindex, vif);
	if (ret)
		registry_unindex(reg, vif);
	else
		reg->vif_count++;
	return ret;
}

void registry_unindex(struct registry *reg, struct vif *vif)
{
	if (registry_find_ifindex(reg, vif->buffer->ifb_ifindex) == vif)
		reg->vif_count--;
	unindex_one(reg, vif->buffer->vif_ifindex, vif);
	unindex_one(reg, vif->buffer->ifb_ifindex, vif);
}

void registry_notify(struct registry *reg, enum registry_event event, const struct domain *domain,
		     const struct vif *vif, const char *cause)
{
	if (reg->on_event)
		reg->on_event(reg->on_event_ctx, event, domain, vif, cause);
}

struct record registry_record(const struct vif *vif)
{
	return (struct record){
		.holding = vif->holding,
		.outstanding = vif->holding && vif->committed + 1 < vif->open,
		.open = vif->open ? vif->open : 1,
	};
}
