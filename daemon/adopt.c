// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adoption: the kernel says what an earlier daemon left. IFBs are known by their alias, vifs by the redirect that leads
 * into one, epochs by the module's dump or the record beside the redirect. What is half made or half taken down holds
 * nothing, and is cleared away; everything else goes on as it was.
 */
#include "registry.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/msg.h>

#include "clock.h"

struct candidate {
	struct buffer_alias alias;
	struct link_info ifb;
};

struct candidates {
	struct candidate *list;
	size_t count, room;
	int error;
};

static void on_link(void *ctx, size_t index, const struct nlmsghdr *nlh)
{
	struct candidates *all = ctx;
	struct candidate *list, found;

	if (nlh->nlmsg_type != RTM_NEWLINK || rtmsg_parse_link(nlh, &found.ifb) || strcmp(found.ifb.kind, "ifb") ||
	    buffer_alias_parse(&found.alias, found.ifb.alias))
		return;
	if (all->count == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		list = realloc(all->list, all->room * sizeof(*list));
		if (!list) {
			all->error = -ENOMEM;
			all->room = all->count;
			return;
		}
		all->list = list;
	}
	all->list[all->count++] = found;
}

static int find_candidates(struct registry *reg, struct candidates *all)
{
	struct nl_msg *msg = rtmsg_link_dump();
	int ret = msg ? nltx_one(&reg->tx, nlmsg_hdr(msg), on_link, all) : -ENOMEM;

	nlmsg_free(msg);
	return ret ? ret : all->error;
}

/* The vif may have another name by now, but not another index. */
static int take_buffer(struct registry *reg, const struct candidate *from, struct vif *vif)
{
	struct buffer *buffer = vif->buffer;
	struct link_info link;
	int ret;

	*buffer = (struct buffer){
		.vif_ifindex = from->alias.vif_ifindex,
		.ifb_ifindex = from->ifb.ifindex,
		.limit_bytes = from->alias.limit_bytes ? from->alias.limit_bytes : reg->config->limit_bytes,
		.txqueuelen = from->ifb.txqueuelen,
		.own_ingress = from->alias.own_ingress,
		.owner = from->alias.owner,
		.ready = from->alias.ready,
		.seen_up = from->ifb.flags & IFF_UP,
	};
	memcpy(buffer->ifb, from->ifb.name, sizeof(buffer->ifb));
	ret = buffer_link_get(&reg->plug, buffer->vif_ifindex, NULL, &link);
	if (!ret)
		memcpy(vif->name, link.name, sizeof(vif->name));
	else if (ret == -ENODEV)
		vif->state = VIF_GONE;
	return ret == -ENODEV ? 0 : ret;
}

/* What is in the kernel of one vif. */
struct finding {
	bool plug, redirect;
	bool known; /* holding, open and committed are */
	bool recorded;
	struct record record;
	uint64_t held_frames;
	struct plug_epoch epochs[PLUG_EPOCHS_MAX];
	size_t epoch_count;
};

static int take_redirect(struct registry *reg, struct vif *vif, struct finding *finding)
{
	struct filter_info filter;
	int ret = vif->state == VIF_GONE ? -ENOENT :
					   buffer_redirect_get(&reg->plug, vif->buffer->vif_ifindex, &filter);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (!filter.redirects || (filter.to_ifindex != vif->buffer->ifb_ifindex))
		return 0;
	finding->redirect = true;
	vif->buffer->action_index = filter.action_index;
	finding->recorded = filter.has_record;
	finding->record = filter.record;
	return 0;
}

/*
 * What mainline's module does is written down each time. Ours tells it by itself: the record is then as old as the redirect, and no more than
 * an epoch that has certainly been reached.
 */
static void take_record(struct registry *reg, struct vif *vif, struct finding *finding)
{
	const struct record *record = &finding->record;

	if (finding->known || !finding->recorded)
		return;
	if (!reg->plug.kind && plug_probe(&reg->plug))
		return;
	finding->known = reg->plug.kind == PLUG_MAINLINE;
	vif->holding = record->holding;
	vif->open = record->open;
	vif->committed = record->open - 1 - record->outstanding;
}

static int take_plug(struct registry *reg, struct vif *vif, struct finding *finding)
{
	struct plug_status status;
	struct qdisc_info qdisc;
	int ret = plug_query(&reg->plug, vif->buffer->ifb_ifindex, &qdisc);

	if (ret)
		return ret == -ENOENT || ret == -ENODEV ? 0 : ret;
	if (strcmp(qdisc.kind, "plug") || (qdisc.handle != PLUG_HANDLE_A && qdisc.handle != PLUG_HANDLE_B))
		return 0;
	finding->plug = true;
	finding->held_frames = qdisc.queued_frames;
	vif->buffer->handle = qdisc.handle;
	ret = plug_read(&reg->plug, vif->buffer, &status, finding->epochs, &finding->epoch_count);
	if (ret)
		return ret == -EOPNOTSUPP ? 0 : ret;
	/* numbered by somebody else */
	if (!status.open || status.open > WIRE_EPOCH_MAX || status.committed >= status.open)
		return 0;
	finding->known = true;
	vif->holding = status.holding;
	vif->open = status.open;
	vif->committed = status.committed;
	return 0;
}

/* Nobody's traffic can be in it: made half, taken down half, or its vif is gone. If it was whole, somebody took the redirect away. */
static bool is_rest(const struct vif *vif, const struct finding *finding)
{
	return vif->state == VIF_GONE || (!finding->redirect && !finding->held_frames && !vif->buffer->ready);
}

static void clear_rest(struct registry *reg, struct vif *vif, const char *domain)
{
	log_notice(reg->log, (&(struct log_about){ .domain = domain, .vif = vif->name }),
		   "%s is a rest of an attach or detach: removed", vif->buffer->ifb);
	if (vif->state != VIF_GONE)
		buffer_leave_ingress(&reg->plug, vif->buffer);
	buffer_remove_ifb(&reg->plug, vif->buffer);
	registry_vif_free(vif);
}

/* Of two that cannot both be right, neither is. */
static uint32_t agree(const struct domain *domain, uint32_t owner)
{
	if (!domain->count || domain->owner == owner)
		return owner;
	return 0;
}

static int take_vif(struct registry *reg, const struct candidate *from, struct vif *vif, const struct finding *finding)
{
	struct domain *domain = registry_domain(reg, from->alias.domain);
	int ret = domain ? registry_index(reg, vif) : -ENOMEM;

	if (!ret && finding->plug)
		ret = plug_prepare(vif->buffer);
	if (ret)
		return ret;
	domain->owner = agree(domain, from->alias.owner);
	if (!finding->known) {
		/* held frames, or no redirect, and nothing that says of which epoch: hold on, until attach is repeated */
		vif->holding = true;
		if (vif->open < domain->open)
			vif->open = domain->open;
		vif->committed = vif->open - 1;
		vif->buffer->counts_lost = true;
	}
	ret = domain_adopt(domain, vif, clock_now_ns());
	if (ret)
		return ret;
	for (size_t i = 0; i < finding->epoch_count; i++)
		domain_set_closed(domain, finding->epochs[i].epoch, clock_now_ns() - finding->epochs[i].closed_ns);
	log_info(reg->log, (&(struct log_about){ .domain = domain->name, .vif = vif->name }),
		 "adopted, buffer %s, %s, epoch %llu open", vif->buffer->ifb, vif->holding ? "holding" : "passing",
		 (unsigned long long)vif->open);
	return 0;
}

/* Without an answer from the kernel nothing may be called a rest: the start fails, and everything stays as it is. */
static int look(struct registry *reg, const struct candidate *from, struct vif *vif, struct finding *finding)
{
	int ret = take_buffer(reg, from, vif);

	if (!ret)
		ret = take_redirect(reg, vif, finding);
	if (!ret)
		ret = take_plug(reg, vif, finding);
	if (!ret)
		take_record(reg, vif, finding);
	return ret;
}

/* With @unknown, a vif of which the kernel does not say where it stands is left for later, and *@unknown set. */
static int adopt_one(struct registry *reg, const struct candidate *from, bool *unknown)
{
	struct vif *vif = registry_vif_new(from->alias.vif);
	struct finding finding = { 0 };
	int ret;

	if (!vif)
		return -ENOMEM;
	ret = look(reg, from, vif, &finding);
	if (!ret && unknown && !finding.known && !is_rest(vif, &finding)) {
		*unknown = true;
		registry_vif_free(vif);
		return 0;
	}
	if (!ret && is_rest(vif, &finding)) {
		clear_rest(reg, vif, from->alias.domain);
		return 0;
	}
	if (!ret)
		ret = take_vif(reg, from, vif, &finding);
	if (ret) {
		registry_unindex(reg, vif);
		registry_vif_free(vif);
		return ret;
	}
	if (finding.redirect)
		vif->buffer->ready = true;
	if (strcmp(vif->name, from->alias.vif) || vif->buffer->ready != from->alias.ready)
		buffer_save_alias(&reg->plug, vif->buffer, from->alias.domain, vif->name);
	return 0;
}

/* One that does not know where it stands stands where its domain does: so the others come first. */
static int adopt_each(struct registry *reg, const struct candidates *all)
{
	size_t laters = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < all->count; i++) {
		bool later = false;

		ret = adopt_one(reg, &all->list[i], &later);
		if (later)
			all->list[laters++] = all->list[i];
	}
	for (size_t i = 0; !ret && i < laters; i++)
		ret = adopt_one(reg, &all->list[i], NULL);
	return ret;
}

int registry_adopt(struct registry *reg)
{
	struct candidates all = { 0 };
	int ret = find_candidates(reg, &all);

	if (!ret)
		ret = adopt_each(reg, &all);
	free(all.list);
	if (ret)
		return ret;
	registry_check_all(reg);
	if (!reg->plug.kind && plug_probe(&reg->plug))
		log_warning(reg->log, NULL, "no plug can be made: is there a sch_plug module? See outcommitctl check");
	return 0;
}
