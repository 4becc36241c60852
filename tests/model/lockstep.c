// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Part of the checker that spin makes of world.pml with -DLOCKSTEP. Every request that the model's daemon gets, domain.c gets
 * too, from the same state and with the same failures. What they answer, what they ask of which plugs, and what they know
 * afterwards must be equal: what is proved of the model is then proved of the code, in every state within the bounds.
 *
 * c_... and scratch variables are the model's; State is everything else in it.
 */
#include <errno.h>
#include <stdio.h>

#include "domain.h"

enum { C_NOTHING, C_POSTSUSPEND, C_PRERESUME, C_COMMIT, C_ABORT, C_DISCARD, C_RELEASE };

static struct {
	struct domain domain;
	struct vif vifs[VIFS];
	uint64_t plug_open[VIFS];
	bool plug_holding[VIFS];
	int ret;
	/* the one operation that a request leads to */
	int op;
	unsigned int op_mask;
	uint64_t op_epoch;
} code;

/* The module refuses numbers that are out of order. */
static int module_error(int what, size_t index, uint64_t epoch)
{
#ifndef MAINLINE
	uint64_t open_ = code.plug_open[index];

	if (what == C_POSTSUSPEND && epoch != open_ && (code.plug_holding[index] ? epoch + 1 != open_ : epoch < open_))
		return -EPROTO;
	if (what == C_COMMIT && epoch >= open_)
		return -EPROTO;
#endif
	return 0;
}

static int operation(struct vif *const *vifs, size_t count, int what, uint64_t epoch)
{
	int error = 0;

	code.op = what;
	code.op_epoch = epoch;
	for (size_t n = 0; n < count; n++) {
		size_t index = (size_t)(vifs[n] - code.vifs);

		code.op_mask |= 1U << index;
		vifs[n]->error = c_fails & 1U << index ? -EIO : module_error(what, index, epoch);
		if (!error)
			error = vifs[n]->error;
	}
	return error;
}

static int code_close(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return operation(vifs, count, C_POSTSUSPEND, epoch);
}

static int code_release(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return operation(vifs, count, C_COMMIT, epoch);
}

static int code_discard(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return operation(vifs, count, C_DISCARD, epoch);
}

static int code_pass(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return operation(vifs, count, C_RELEASE, epoch);
}

static const struct buffer_ops code_ops = {
#ifdef MAINLINE
	.outstanding_max = 1, .outstanding_why = "one at a time",
#else
	.outstanding_max = DOMAIN_OUTSTANDING_MAX, .can_abort = true,
#endif
	.close = code_close, .release = code_release, .discard = code_discard, .pass = code_pass,
};

static void take_vif(const State *state, size_t index)
{
	struct vif *to = &code.vifs[index];

	code.plug_open[index] = state->plug[index].open;
	code.plug_holding[index] = state->plug[index].holding;
	*to = (struct vif){
		.domain = &code.domain,
		.state = c_broken & 1U << index ? VIF_BROKEN : c_gone & 1U << index ? VIF_GONE : VIF_OK,
		.holding = state->vif[index].holding,
		.unsure = state->vif[index].unsure,
		.open = state->vif[index].open,
		.tried = state->vif[index].tried,
		.committed = state->vif[index].committed,
	};
	if (state->vif[index].there)
		code.domain.vifs[code.domain.count++] = to;
}

static int give(void)
{
	struct domain_fault fault = { 0 };
	uint64_t closing = c_epoch;

	switch (c_verb) {
	case C_POSTSUSPEND:
		return domain_postsuspend(&code.domain, &closing, DEPTH, 0, &fault);
	case C_PRERESUME:
		return domain_preresume(&code.domain, c_epoch, &fault);
	case C_COMMIT:
		return domain_commit(&code.domain, c_epoch, &fault);
	case C_ABORT:
		return domain_abort(&code.domain, c_epoch, &fault);
	case C_DISCARD:
		return domain_discard(&code.domain, c_epoch, 0, &fault);
	default:
		return domain_release(&code.domain, c_epoch, &fault);
	}
}

static void lockstep_begin(const State *state)
{
	if (!code.domain.ops)
		domain_init(&code.domain, "web", &code_ops, NULL);
	code.domain.count = 0;
	code.domain.state = state->d_holding ? DOMAIN_HOLDING : DOMAIN_PASSING;
	code.domain.open = state->d_open;
	code.domain.committed = state->d_committed;
	for (size_t n = 0; n < LAST_EPOCH; n++)
		code.domain.epochs[n].aborted = state->d_aborted[n];
	for (size_t n = 0; n < VIFS; n++)
		take_vif(state, n);
	code.op = C_NOTHING;
	code.op_mask = 0;
	code.op_epoch = 0;
	code.ret = give();
}

static bool same_vif(const State *state, size_t index)
{
	const struct vif *mine = &code.vifs[index];

	return mine->holding == state->vif[index].holding && mine->unsure == state->vif[index].unsure &&
	       mine->open == state->vif[index].open && mine->tried == state->vif[index].tried &&
	       mine->committed == state->vif[index].committed;
}

/* With nothing in the batch the model names an operation that the code does not begin. */
static bool same_operation(void)
{
	return code.op_mask == op_mask &&
	       (!op_mask || (code.op == c_op && (c_op == C_DISCARD || code.op_epoch == op_epoch)));
}

static bool lockstep_end(const State *state)
{
	bool same = code.ret == -(int)ret && same_operation() &&
		    code.domain.state == (state->d_holding ? DOMAIN_HOLDING : DOMAIN_PASSING) &&
		    code.domain.open == state->d_open && code.domain.committed == state->d_committed;

	for (size_t n = 0; n < VIFS; n++)
		same = same && same_vif(state, n);
	for (size_t n = 0; n < LAST_EPOCH; n++)
		same = same && code.domain.epochs[n].aborted == state->d_aborted[n];
	if (!same)
		printf("verb %d epoch %d: code says %d, open %d, committed %d, asks %d of %#x; model %d, %d, %d, %d of %#x\n",
		       c_verb, c_epoch, code.ret, (int)code.domain.open, (int)code.domain.committed, code.op, code.op_mask,
		       -ret, state->d_open, state->d_committed, c_op, op_mask);
	return same;
}
