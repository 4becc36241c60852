/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plugs of a domain's vifs, as the state machine drives them: one struct buffer_ops for mainline's sch_plug, one for
 * ours. Messages are built once, when a buffer is made; a request patches an epoch number in, sends one sendmsg for all
 * vifs and reads every answer.
 */
#ifndef OUTCOMMITD_PLUG_H
#define OUTCOMMITD_PLUG_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "domain.h"
#include "log.h"
#include "nltx.h"
#include "record.h"
#include "rtmsg.h"

enum plug_kind {
	PLUG_NONE, /* not known: no plug was seen yet */
	PLUG_MAINLINE,
	PLUG_OUTCOMMIT,
};

struct plug_group;

/* What the buffers of a daemon share. */
struct plug_ctx {
	struct nltx *tx;
	const struct log *log;
	struct plug_group *group;
	enum plug_kind kind; /* of the loaded module: one kind for all plugs there are */
};

/* One prepared message. */
struct plug_msg {
	uint32_t bytes;
	uint32_t options_at; /* where struct tc_plug_qopt, or the record, begins */
	union {
		struct nlmsghdr nlh;
		uint8_t data[136];
	};
};

/* What became of the last request to a plug that keeps no numbers, and of the record beside it. */
enum plug_pending {
	PENDING_NOTHING,
	PENDING_RECORD, /* done, but the record does not say so */
	PENDING_LOOK, /* done or not: the record says which, and could not be read */
};

/* A vif's buffer in the kernel: the IFB, the plug on it and the redirect into it. */
struct buffer {
	int vif_ifindex;
	int ifb_ifindex;
	char ifb[IFNAMSIZ];
	uint64_t limit_bytes;
	uint32_t txqueuelen;
	uint32_t handle; /* of the plug */
	uint32_t action_index; /* of the redirect */
	bool own_ingress; /* we made the vif's clsact */
	uint32_t owner; /* of the domain, for the alias */
	bool ready; /* for the alias: attached, and not being detached */
	bool seen_up; /* the watch has: what it hears of being down before that is from before */
	uint64_t past_drops, past_sent_frames, past_sent_bytes; /* of plugs that were replaced */
	enum plug_pending pending; /* mainline's */
	struct record asked; /* what @pending is about: what the record should say */
	bool counts_lost; /* mainline's: a reset left its counts wrong, so it must not release */
	struct plug_msg buffer, release, pass, record;
};

/* What a plug says of itself, from its dump; with mainline's module from the record beside it. */
struct plug_status {
	bool holding;
	uint64_t open;
	uint64_t committed;
	uint64_t held_frames, held_bytes;
	uint64_t drops;
	uint64_t sent_frames, sent_bytes;
	uint64_t oldest_hold_ns; /* 0 if the module does not tell */
};

/* One outstanding epoch of a plug, where the module tells it. */
struct plug_epoch {
	uint64_t epoch, frames, bytes;
	uint64_t hold_ns; /* since its oldest frame came, 0 if it has none */
	uint64_t closed_ns; /* since it was closed */
};

#define PLUG_EPOCHS_MAX 32

const struct buffer_ops *plug_ops(enum plug_kind kind);
const char *plug_kind_name(enum plug_kind kind);

/* Whose plug the dump in @info is of. */
enum plug_kind plug_kind_of(const struct qdisc_info *info);

/* Build the buffer's prepared messages anew, after a change of handle or action index. 0 or -ENOMEM. */
int plug_prepare(struct buffer *buffer);

/*
 * Put a new plug on the IFB, in one step with the old one's removal if there is one. Passing, or holding with epoch @open
 * open. What the old one held is dropped, and counted. -EOPNOTSUPP if there is no such module.
 */
int plug_create(struct plug_ctx *ctx, struct buffer *buffer, bool holding, uint64_t open);

int plug_set_limit(struct plug_ctx *ctx, struct buffer *buffer, uint64_t limit_bytes);

/* Find out which module there is, loading it if need be, with a plug that is gone at once. */
int plug_probe(struct plug_ctx *ctx);

/* The root qdisc of @ifindex; options are not kept. -ENOENT if there is none. */
int plug_query(struct plug_ctx *ctx, int ifindex, struct qdisc_info *info);

/* State from the plug's dump. 0, -ENOENT, or -EOPNOTSUPP with mainline's: only counts are then filled in. */
int plug_read(struct plug_ctx *ctx, const struct buffer *buffer, struct plug_status *status,
	      struct plug_epoch *epochs, size_t *epoch_count);

#endif
