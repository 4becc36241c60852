/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is true of a run, worked out from three independent witnesses: how many frames each guest sent, which frames
 * the observer captured and when, and when the driver sent which commit. The daemon is not asked.
 */
#ifndef TRAFFIC_VERDICT_H
#define TRAFFIC_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "tag.h"

#define VERDICT_VIFS_MAX 32U
#define VERDICT_STRANDED_NS 1000000000U

/* From this moment on, epochs up to this one may be seen. */
struct commit {
	uint64_t epoch;
	uint64_t time_ns;
};

enum exception_kind {
	EXCEPTION_DESTROYED, /* by somebody else: frames of sequence numbers from..to - 1 may be missing */
	EXCEPTION_LEAKED, /* somebody else opened the buffer: frames sent in nanoseconds from..to - 1 may be early */
};

/* What a test did to a vif on purpose, beyond what anybody can promise about: such frames are counted apart. */
struct exception {
	enum exception_kind kind;
	uint16_t vif;
	uint64_t from;
	uint64_t to;
};

/* What guest and driver of one domain tell. */
struct record {
	struct commit *commits; /* in the order of their times */
	size_t commit_count;
	uint64_t sent[VERDICT_VIFS_MAX]; /* frames */
	uint16_t vif_count;
	struct exception *exceptions;
	size_t exception_count;
};

struct verdict {
	uint64_t sent;
	uint64_t captured; /* frames, each counted once */
	uint64_t premature; /* captured before a commit of its epoch or a later one was sent */
	uint64_t lost; /* sent and never captured, or not all of it */
	uint64_t reordered; /* captured behind a later one of its vif */
	uint64_t stranded; /* captured over a second after the commit that followed its own */
	uint64_t duplicates;
	uint64_t foreign; /* captured, but nobody says to have sent it */
	uint64_t unprotected; /* of @captured: epoch 0, which is not held */
	uint64_t gso; /* of @captured: came as one frame of several segments */
	uint64_t destroyed; /* missing, with an exception: not in @lost */
	uint64_t leaked; /* of @captured: early, with an exception: not in @premature, and not judged for order */
	uint64_t hold_max_ns; /* from sending to capture, protected frames */
	uint64_t hold_sum_ns;
};

/* Called for each fault, as it is found: @fault is the name of the counter. @frame is NULL for lost frames. */
typedef void verdict_fault_fn(void *data, const char *fault, uint16_t domain, uint16_t vif,
			      uint64_t sequence, const struct capture *frame);

struct judge;

struct judge *judge_new(verdict_fault_fn *on_fault, void *data);
void judge_free(struct judge *judge);

/* The judge takes a copy. 0, -EEXIST if the domain is known, -EINVAL if commits go back in time, -ENOMEM. */
int judge_add_record(struct judge *judge, uint16_t domain, const struct record *record);
/* Captured frames, in the order in which they came. All records come first. */
void judge_frame(struct judge *judge, const struct capture *frame);
/* After the last frame. */
struct verdict judge_end(struct judge *judge);

/* Of what is a fault. */
uint64_t verdict_faults(const struct verdict *verdict);

#endif
