/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - what a plug should do, as plainly as it can be said: a list of frames, each with its
 * epoch, searched from the front. Its only other state is what the uapi header names.
 */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_frame {
	uint64_t seq;
	uint64_t epoch;
	uint32_t bytes;
};

struct model {
	bool holding;
	bool untouched; /* created holding, no BUFFER since */
	uint64_t open, oldest, released_end;
	uint64_t limit_bytes;
	struct model_frame *held;
	size_t n_held, room;
	uint64_t held_bytes;
	/* in order, what must leave next */
	struct model_frame *leaving;
	size_t n_leaving, leaving_room;
	/* counts since creation */
	uint64_t buffered, buffered_bytes, released, released_bytes;
	uint64_t drop_limit, drop_discard, drop_reset;
};

void model_create(struct model *m, bool holding, uint64_t open, uint64_t limit_bytes);
void model_free(struct model *m);

/* Each returns what the kernel must answer: 0 or a negative errno. */
int model_send(struct model *m, uint64_t seq, uint32_t bytes);
int model_buffer(struct model *m, bool tagged, uint64_t epoch);
int model_release(struct model *m, bool tagged, uint64_t epoch);
int model_release_all(struct model *m);
int model_discard(struct model *m, bool tagged, uint64_t epoch);
void model_reset(struct model *m);

/* Frames and bytes that are held in @epoch. */
void model_count(const struct model *m, uint64_t epoch, uint64_t *frames, uint64_t *bytes);
bool model_holds(const struct model *m, uint64_t seq);

#endif
