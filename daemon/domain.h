/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain and its epochs: the state machine that keeps the promises. It is pure: what it knows comes in through its
 * functions, what it does goes out through struct buffer_ops, so the same code runs on a kernel's plugs, on a fake in the
 * unit tests and under a model checker's traces. Times are given to it.
 *
 *   passing --postsuspend(e)--> holding --postsuspend(e + 1)--> holding ... --release--> passing
 *
 * A request either has its whole effect and returns 0, or it returns an error and may be repeated: what was already done
 * on some of the vifs is remembered per vif and not done twice.
 */
#ifndef OUTCOMMITD_DOMAIN_H
#define OUTCOMMITD_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"
#include "wire.h"

#define DOMAIN_VIFS_MAX 64
#define DOMAIN_OUTSTANDING_MAX 1024

enum domain_state {
	DOMAIN_PASSING,
	DOMAIN_HOLDING,
};

enum vif_state {
	VIF_OK,
	VIF_GONE, /* the interface is no longer there; its buffer went with it */
	VIF_BROKEN, /* somebody else damaged the barrier */
};

/* How urgent it is that somebody commits; hold.h's. */
enum hold_mark {
	HOLD_OK,
	HOLD_WARNING,
	HOLD_LIMIT,
};

struct domain;
struct buffer;
struct lease;

struct vif {
	struct domain *domain;
	struct buffer *buffer; /* for the buffer operations only */
	char name[WIRE_VIF_MAX + 1];
	enum vif_state state;
	const char *reason; /* static text, why it is broken */
	bool holding;
	bool unsure; /* whether it holds: an operation failed on it, and may be done all the same */
	uint64_t open; /* its open epoch while holding */
	uint64_t tried; /* the highest number that can be open on it, should a failed close be done after all */
	uint64_t committed; /* every epoch up to here was released on it */
	int error; /* of the last operation on it */
};

/*
 * What a kind of plug can do, for several vifs of one domain at once. Each sets vif->error for every vif given and
 * returns 0 if all are 0, else the first error. Nothing but vif->error is changed here: the state machine does that.
 */
struct buffer_ops {
	uint64_t outstanding_max; /* epochs */
	const char *outstanding_why; /* why not more, for the driver; NULL: it is a limit, -ENOSPC */
	bool can_abort;
	/* close @epoch and hold what comes next; vif->holding tells whether it held before */
	int (*close)(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch);
	/* release every closed epoch up to @epoch */
	int (*release)(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch);
	/* drop every held frame and hold on, @open being the open epoch */
	int (*discard)(void *ctx, struct vif *const *vifs, size_t count, uint64_t open);
	/* let everything go, in order, and hold no more; @open is the epoch that is open then */
	int (*pass)(void *ctx, struct vif *const *vifs, size_t count, uint64_t open);
};

struct domain_epoch {
	uint64_t closed_ns; /* on the monotonic clock */
	bool aborted;
};

#define DOMAIN_ANYBODYS UINT32_MAX

struct domain {
	char name[WIRE_DOMAIN_MAX + 1];
	enum domain_state state;
	uint64_t open;
	uint64_t committed; /* every epoch up to here is committed or discarded */
	uint64_t held_since_ns; /* while holding: when the oldest epoch that is not committed was opened */
	size_t count;
	struct vif *vifs[DOMAIN_VIFS_MAX];
	size_t users; /* who else needs it kept, though it may have no vif */
	const struct buffer_ops *ops;
	void *ops_ctx;
	struct domain_epoch epochs[DOMAIN_OUTSTANDING_MAX]; /* of outstanding epoch e: [e % max] */
	/* for others, who find it with the domain: the state machine does not look at it */
	uint32_t owner; /* user id, or DOMAIN_ANYBODYS */
	struct lease *lease;
	enum hold_mark hold_told;
	uint64_t hold_told_since_ns; /* held_since_ns when that was told */
	struct metrics metrics;
};

/* What was wrong, for the reply: beside the negative errno. */
struct domain_fault {
	char message[200];
	const char *vif; /* or NULL */
	uint64_t expected; /* or 0 */
};

void domain_init(struct domain *domain, const char *name, const struct buffer_ops *ops, void *ops_ctx);

/* Add a vif that holds or passes as the domain does. -ENOSPC over @max vifs. */
int domain_add(struct domain *domain, struct vif *vif, size_t max);
/* Without its last vif a domain is passing. */
void domain_remove(struct domain *domain, struct vif *vif);
struct vif *domain_find(const struct domain *domain, const char *name);

/* Add a vif found in the kernel, with its own holding, open and committed, and recompute the domain's. */
int domain_adopt(struct domain *domain, struct vif *vif, uint64_t now_ns);

/*
 * The verbs. @epoch of postsuspend: 0 for the open one; the closed one is put there. @outstanding_max: the configured depth. @epoch of
 * discard and release: the open one for which it was meant, 0 for any. Errors as docs/protocol.md names them.
 */
int domain_postsuspend(struct domain *domain, uint64_t *epoch, uint64_t outstanding_max, uint64_t now_ns,
		       struct domain_fault *fault);
int domain_preresume(const struct domain *domain, uint64_t epoch, struct domain_fault *fault);
int domain_commit(struct domain *domain, uint64_t epoch, struct domain_fault *fault);
int domain_abort(struct domain *domain, uint64_t epoch, struct domain_fault *fault);
int domain_discard(struct domain *domain, uint64_t epoch, uint64_t now_ns, struct domain_fault *fault);
int domain_release(struct domain *domain, uint64_t epoch, struct domain_fault *fault);

/* The vif's barrier was rebuilt from nothing: it holds or passes as the domain does, with nothing outstanding. */
void domain_vif_fresh(struct vif *vif);

/* Every vif is ok. */
bool domain_whole(const struct domain *domain);
uint64_t domain_outstanding(const struct domain *domain);
/* When an outstanding epoch was closed, as the module remembers it across a restart. */
void domain_set_closed(struct domain *domain, uint64_t epoch, uint64_t closed_ns);
const struct domain_epoch *domain_epoch(const struct domain *domain, uint64_t epoch);

#endif
