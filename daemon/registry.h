/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All domains and vifs there are, by name and by interface index, and what happens to them: attach and detach, damage
 * and repair. The control socket's verbs, the watch and adoption work on it; it knows none of them. Who wants to hear of
 * changes is told through @on_event.
 */
#ifndef OUTCOMMITD_REGISTRY_H
#define OUTCOMMITD_REGISTRY_H

#include <ev.h>

#include "buffer.h"
#include "config.h"
#include "domain.h"
#include "log.h"
#include "plug-group.h"

enum registry_event {
	REGISTRY_CREATE,
	REGISTRY_CHANGE,
	REGISTRY_DESTROY,
};

struct registry {
	struct ev_loop *loop;
	const struct config *config;
	const struct log *log;
	struct nltx tx;
	struct plug_group group;
	struct plug_ctx plug;
	struct domain **domains; /* sorted by name */
	size_t domain_count, domain_room;
	size_t vif_count;
	void *by_ifindex; /* tsearch(3) tree */
	struct detach *detaching; /* jobs under way */
	struct metrics metrics; /* of all domains that there are and were */
	/* @vif is NULL if it is about the domain; @cause: a verb, or "watch" */
	void (*on_event)(void *ctx, enum registry_event event, const struct domain *domain, const struct vif *vif,
			 const char *cause);
	void *on_event_ctx;
};

int registry_init(struct registry *reg, struct ev_loop *loop, const struct config *config, const struct log *log);
/* Forgets everything; nothing in the kernel is touched. */
void registry_fini(struct registry *reg);

struct domain *registry_find(const struct registry *reg, const char *name);
/* The first domain whose name is behind @after in byte order; index into reg->domains, domain_count if there is none. */
size_t registry_first_after(const struct registry *reg, const char *after);
/* By the index of the vif or of its IFB. */
struct vif *registry_find_ifindex(const struct registry *reg, int ifindex);

/* An empty domain of that name, new or old. NULL without memory. */
struct domain *registry_domain(struct registry *reg, const char *name);
/* Drop the domain if it has no vif. */
void registry_domain_put(struct registry *reg, struct domain *domain);

struct vif *registry_vif_new(const char *name);
void registry_vif_free(struct vif *vif);
int registry_index(struct registry *reg, struct vif *vif);
void registry_unindex(struct registry *reg, struct vif *vif);

void registry_notify(struct registry *reg, enum registry_event event, const struct domain *domain,
		     const struct vif *vif, const char *cause);

/* What the record beside a vif's redirect should say now. */
struct record registry_record(const struct vif *vif);

/* attach.c */
struct attach {
	const char *domain;
	const char *vif;
	uint64_t limit_bytes; /* 0: the configured one */
	uint32_t owner; /* of the domain, if this makes it */
};

/* On success *@out is the attached one. */
int registry_attach(struct registry *reg, const struct attach *asked, struct vif **out, struct domain_fault *fault);
int registry_repair(struct registry *reg, struct vif *vif, const char *cause);
int registry_limit(struct registry *reg, struct domain *domain, uint64_t limit_bytes, struct domain_fault *fault);

/* health.c: what others do to our interfaces. */
void registry_vif_gone(struct registry *reg, struct vif *vif);
/*
 * Look at the vif's buffer, and mark and seal it if it is damaged. @reset: why its queue is known to have been purged, or NULL. False
 * if the interface is gone: with a domain that passes, @vif is then gone too.
 */
bool registry_vif_check(struct registry *reg, struct vif *vif, const char *reset);
void registry_vif_renamed(struct registry *reg, struct vif *vif, const char *name);
void registry_check_all(struct registry *reg);

/* detach.c */
enum detach_pending {
	DETACH_REFUSE, /* if anything is held */
	DETACH_RELEASE,
	DETACH_DISCARD,
};

struct detach;
typedef void (*detach_done)(void *ctx, int ret);

/*
 * Begin to detach one vif, or all for NULL. An error is returned at once; else 0, and @done is called when nothing of it
 * is left in the kernel, perhaps before this returns. *@job is then the job, or NULL if it is done.
 */
int registry_detach(struct registry *reg, struct domain *domain, const char *vif, enum detach_pending pending,
		    detach_done done, void *ctx, struct detach **job, struct domain_fault *fault);
/* The asker is gone: go on without telling. */
void detach_forget(struct detach *job);
/* Leave all jobs where they are: whoever starts next takes over. */
void detach_abandon(struct registry *reg);

/* adopt.c: take over what an earlier daemon left in the kernel. */
int registry_adopt(struct registry *reg);

#endif
