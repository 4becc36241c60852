/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A buffer's life in the kernel: made so that traffic is touched last, looked at, mended, and taken down so that traffic is let go first.
 * The IFB's alias says whose it is; nothing else is needed to find it again.
 */
#ifndef OUTCOMMITD_BUFFER_H
#define OUTCOMMITD_BUFFER_H

#include "plug.h"

#define BUFFER_PREFIX "oc."

/* What an IFB's alias says. */
struct buffer_alias {
	char domain[WIRE_DOMAIN_MAX + 1];
	char vif[WIRE_VIF_MAX + 1];
	int vif_ifindex;
	uint64_t limit_bytes;
	bool own_ingress;
	uint32_t owner; /* of the domain, DOMAIN_ANYBODYS if it is not said */
	bool ready; /* the redirect was made: without one, somebody has taken it away */
};

/* 0, or -EBADMSG if @text is not an alias of ours. */
int buffer_alias_parse(struct buffer_alias *alias, const char *text);
void buffer_alias_format(const struct buffer_alias *alias, char *text, size_t size);

/* The IFB's name for a vif. */
void buffer_ifb_name(char name[IFNAMSIZ], const char *vif, int vif_ifindex);

struct buffer_request {
	const char *domain;
	const char *vif;
	uint64_t limit_bytes;
	uint32_t owner;
	uint32_t txqueuelen;
	struct record record; /* whether it holds from its first frame, and the open epoch */
};

/*
 * Make the buffer of a vif that has none: IFB with alias, limit and queue length, plug, redirect of every ethertype last. On
 * error nothing is left. -ENODEV: no such vif. -EEXIST: the IFB's name is taken. -EBUSY: somebody else's filter
 * is in front of the vif's ingress. *@fault is set to a static text on these.
 */
int buffer_create(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request, const char **fault);

/* Write the alias anew, after a change of limit, of the vif's name, or of how far it is. */
int buffer_save_alias(struct plug_ctx *ctx, const struct buffer *buffer, const char *domain, const char *vif);

/*
 * What is wrong with the buffer, as a static text, or NULL if it is whole. One look at the kernel; buffer_unseen if it did not answer,
 * which says nothing of the buffer.
 */
extern const char buffer_unseen[];
const char *buffer_inspect(struct plug_ctx *ctx, const struct buffer *buffer);

/*
 * Stop what leaks while @record says that it holds: put a missing redirect back, and a new holding plug where somebody left none, or whatever is
 * there if *@fresh. *@fresh tells whether there is a new one: nothing is outstanding on it. What cannot be done is seen by the next look.
 */
void buffer_seal(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record, bool *fresh);

/*
 * Make a broken buffer whole. With *@fresh, or if the plug is not the one that was put there, it gets a new one: what the old one
 * held is lost and counted, nothing is outstanding on it, and *@fresh is set. -ENODEV if the vif is gone.
 */
int buffer_repair(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request, bool *fresh);

/* Nothing is queued in the plug or on its way through the IFB. @passed: frames that went through so far. */
int buffer_is_empty(struct plug_ctx *ctx, const struct buffer *buffer, bool *empty, uint64_t *passed);

/* Take the redirect away, and the clsact if it was ours and nobody else uses it. May be repeated. */
int buffer_unredirect(struct plug_ctx *ctx, const struct buffer *buffer);
/* Only the latter: the vif's clsact, if it was ours and is empty. */
int buffer_leave_ingress(struct plug_ctx *ctx, const struct buffer *buffer);
int buffer_remove_ifb(struct plug_ctx *ctx, const struct buffer *buffer);
/* The same for up to DOMAIN_VIFS_MAX, in little more time than for one; @errors of each. */
void buffer_remove_ifbs(struct plug_ctx *ctx, struct buffer *const *buffers, size_t count, int *errors);

/* Small questions to the kernel. 0 or a negative errno, -ENODEV if there is no such link. */
int buffer_link_get(struct plug_ctx *ctx, int ifindex, const char *name, struct link_info *info);
/* -ENOENT if our place on the vif's ingress is empty. */
int buffer_redirect_get(struct plug_ctx *ctx, int vif_ifindex, struct filter_info *info);

#endif
