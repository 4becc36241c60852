/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a buffer is made of, for those who make and mend one; nobody else. All return 0 or a negative errno. */
#ifndef OUTCOMMITD_BUFFER_PRIVATE_H
#define OUTCOMMITD_BUFFER_PRIVATE_H

#include "buffer.h"

struct nl_msg;

/*
 * Send what was made, and free it; NULL is -ENOMEM. Between two messages of one go nobody can be killed, and the second is sent even if
 * the first fails.
 */
int buffer_run(struct plug_ctx *ctx, struct nl_msg *msg, nltx_answer answer, void *answer_ctx);
int buffer_run_two(struct plug_ctx *ctx, struct nl_msg *one, struct nl_msg *two);

/* The alias that its IFB should have. */
void buffer_alias_of(const struct buffer *buffer, const char *domain, const char *vif, char *text, size_t size);

/* -EEXIST: the name is taken. On other errors it may be there all the same: then its index is known. */
int buffer_make_ifb(struct plug_ctx *ctx, struct buffer *buffer, const struct buffer_request *request);

/* 1 if there is one, whoever made it. */
int buffer_has_ingress(struct plug_ctx *ctx, int ifindex);
/* One that is there already is used, and left there at the end. */
int buffer_make_ingress(struct plug_ctx *ctx, struct buffer *buffer);
/* 1 if there are any. */
int buffer_has_filters(struct plug_ctx *ctx, int ifindex, bool ingress);

/* A redirect of ours whose IFB was deleted while no daemon ran: it drops what the vif sends. */
bool buffer_has_dead_redirect(struct plug_ctx *ctx, int vif_ifindex);
/* Let a redirect of ours lead into this buffer, from one moment to the next: the vif is never without. */
int buffer_swing_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct filter_info *filter,
			  const struct record *record);
/* A dead one is swung. -EEXIST: somebody else's filter is in its place. */
int buffer_make_redirect(struct plug_ctx *ctx, struct buffer *buffer, const struct record *record);

#endif
