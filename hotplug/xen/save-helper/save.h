/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary's side, as a pure machine: what becomes of each message of the helper, each reply of
 * libxl and each frame of the backup. It promises that
 * - libxl's "the guest stands still" reaches the helper only behind a successful postsuspend,
 * - "let it run" reaches libxl only behind a successful preresume,
 * - an epoch is committed only when the backup has said that its checkpoint is complete,
 * - after any failure every question is answered so that Remus ends, and nothing is released.
 * Checkpoints are counted from 1; the epoch that checkpoint n closed is first_epoch + n - 1.
 */
#ifndef XEN_HELPER_SAVE_H
#define XEN_HELPER_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Each returns 0 or a negative errno. @open has the domain's open epoch and how many checkpoints
 * may be outstanding. */
struct save_ops {
	int (*open)(void *data, uint64_t *epoch, unsigned int *outstanding_max);
	int (*postsuspend)(void *data, uint64_t epoch);
	int (*preresume)(void *data, uint64_t epoch);
	int (*commit)(void *data, uint64_t epoch);
};

struct save_limits {
	int64_t hello_ns; /* how long the backup's wrapper may take to say hello once it is needed
			   */
	int64_t ack_ns;	  /* how long a checkpoint may wait for its ack */
	bool any_peer;	  /* a backup without our wrapper will do: commit when the checkpoint is
			     written */
};

enum verdict {
	VERDICT_PASS,	/* hand it on */
	VERDICT_WAIT,	/* ask again when a frame has come, or at save_deadline() */
	VERDICT_REFUSE, /* do not hand it on: answer the helper with 0 */
};

#define ACK_TIMES 64U

struct save {
	const struct save_ops *ops;
	void *data;
	struct save_limits limits;
	unsigned int outstanding_max;
	uint64_t first_epoch;	      /* 0 until it is known */
	uint64_t closed;	      /* checkpoints whose epoch was closed */
	uint64_t acked;		      /* checkpoints that are committed */
	int64_t closed_ns[ACK_TIMES]; /* when, of the newest ones */
	int64_t ack_latency_ns;	      /* of the newest ack */
	int64_t waiting_since_ns;     /* for hello; 0: not waiting */
	bool peer;		      /* the hello has come */
	bool blind;		      /* without a peer, by the administrator's leave */
	const char *failed;	      /* why, once it has */
	int error;
};

/* All functions take the time of the monotonic clock. */
void save_init(struct save *save, const struct save_ops *ops, void *data,
	       const struct save_limits *limits);

/* The helper said @type to libxl. */
enum verdict save_message(struct save *save, unsigned int type, int64_t now_ns);

/* libxl replied @value to a message of @type: what the helper is to be told. */
int save_reply(struct save *save, unsigned int type, int value, int64_t now_ns);

void save_frame(struct save *save, const struct frame *frame, int64_t now_ns);

/* Nothing more will come from the backup; @error says why, -EPIPE for the end. */
void save_peer_lost(struct save *save, int error);

/* When to call save_tick() and ask again about what waits, even if nothing comes; INT64_MAX for
 * never. */
int64_t save_deadline(const struct save *save);
void save_tick(struct save *save, int64_t now_ns);

/* The epoch that checkpoint @number closed. */
uint64_t save_epoch(const struct save *save, uint64_t number);

#endif
