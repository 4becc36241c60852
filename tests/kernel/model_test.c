// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random commands, frames and resets, on the running kernel and on the model; every frame must
 * leave when, and only when, the model lets it, in order and unchanged, and every answer and dump
 * must be the model's. On mainline's module, which has no tags and no dump, the same generator
 * leaves those out, and goes on after a difference: it is to find what is known to be wrong there.
 *
 * usage: model_test OPERATIONS SEED
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/model.h"
#include "lib/rig.h"

#define DEFAULT_LIMIT (1 << 20)
#define LATEST_MS 3000	       /* ours: frames that may leave are there at once */
#define MAINLINE_LATEST_MS 250 /* mainline's softirq may have to be scheduled */

enum finding { FINE, EARLY, STRANDED, DISORDER, DAMAGED, ANSWER, DUMP, N_FINDINGS };

static const char *const finding_names[N_FINDINGS] = {
	[EARLY] = "left before its release", [STRANDED] = "released, but did not leave",
	[DISORDER] = "left out of order",    [DAMAGED] = "not as it was sent",
	[ANSWER] = "wrong answer",	     [DUMP] = "wrong dump",
};

struct test {
	struct rig rig;
	struct model model;
	bool ours;
	uint64_t random;
	char log[1024]; /* what was done since creation */
	size_t log_used;
	uint64_t frames, left, commands;
	uint64_t findings[N_FINDINGS];
};

static uint32_t below(struct test *t, uint32_t n)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (t->random >> 20) % n;
}

static void log_op(struct test *t, const char *op, uint64_t value)
{
	if (t->log_used > sizeof(t->log) - 40) {
		memmove(t->log, t->log + sizeof(t->log) / 2, sizeof(t->log) / 2);
		t->log_used -= sizeof(t->log) / 2;
	}
	t->log_used += snprintf(t->log + t->log_used, sizeof(t->log) - t->log_used,
				value == RIG_UNTAGGED ? "%s " : "%s=%lu ", op, value);
}

static enum finding want(struct test *t, int expected, int answered)
{
	t->commands++;
	if (expected == answered)
		return FINE;
	printf("  expected %d, answered %d\n", expected, answered);
	return ANSWER;
}

/* A tag around the open epoch: mostly right, sometimes repeated, late or early. */
static uint64_t pick_epoch(struct test *t, uint64_t around)
{
	uint32_t dice = below(t, 10), off = below(t, 7);

	if (dice < 6)
		return around;
	if (dice < 8)
		return around ? around - 1 : 0;
	return around + off > 3 ? around + off - 3 : 0;
}

static enum finding op_send(struct test *t)
{
	uint32_t n = 1 + (below(t, 8) ? below(t, 3) : below(t, 60));
	enum finding finding = FINE;

	log_op(t, "f", n);
	while (n-- && finding == FINE) {
		uint32_t bytes = FRAME_MIN_BYTES + below(t, FRAME_MAX_BYTES - FRAME_MIN_BYTES + 1);
		int answered = rig_send(&t->rig, bytes);

		t->frames++;
		finding = want(t, model_send(&t->model, t->rig.seq, bytes), answered);
	}
	return finding;
}

static uint64_t tag_or_not(struct test *t, uint64_t around)
{
	return t->ours && below(t, 3) ? pick_epoch(t, around) : RIG_UNTAGGED;
}

static enum finding op_buffer(struct test *t)
{
	uint64_t tag = tag_or_not(t, t->model.open);

	log_op(t, "B", tag);
	return want(t, model_buffer(&t->model, tag != RIG_UNTAGGED, tag),
		    rig_change(&t->rig, TCQ_PLUG_BUFFER, 0, tag));
}

static enum finding op_release(struct test *t)
{
	uint64_t around = t->model.oldest + below(t, 1 + t->model.open - t->model.oldest);
	uint64_t tag = tag_or_not(t, around);

	log_op(t, "R", tag);
	return want(t, model_release(&t->model, tag != RIG_UNTAGGED, tag),
		    rig_change(&t->rig, TCQ_PLUG_RELEASE_ONE, 0, tag));
}

static enum finding op_release_all(struct test *t)
{
	log_op(t, "RI", RIG_UNTAGGED);
	return want(t, model_release_all(&t->model),
		    rig_change(&t->rig, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED));
}

static enum finding op_limit(struct test *t)
{
	static const uint32_t limits[] = { DEFAULT_LIMIT, DEFAULT_LIMIT, UINT32_MAX, 20000, 0 };
	uint32_t limit = limits[below(t, sizeof(limits) / sizeof(limits[0]))];

	log_op(t, "L", limit);
	t->model.limit_bytes = limit;
	return want(t, 0, rig_change(&t->rig, TCQ_PLUG_LIMIT, limit, RIG_UNTAGGED));
}

static enum finding op_discard(struct test *t)
{
	uint64_t tag = tag_or_not(t, t->model.open);

	log_op(t, "D", tag);
	return want(t, model_discard(&t->model, tag != RIG_UNTAGGED, tag),
		    rig_change(&t->rig, TC_PLUG_DISCARD, 0, tag));
}

static enum finding op_reset(struct test *t)
{
	static int (*const resets[])(struct rig *rig) = { rig_down_up, rig_txqlen, rig_clsact };

	log_op(t, "reset", RIG_UNTAGGED);
	model_reset(&t->model);
	return want(t, 0, resets[below(t, 3)](&t->rig));
}

static enum finding create(struct test *t, int action, uint32_t limit_bytes, uint64_t tag)
{
	int answered;

	if (t->rig.seq)
		rig_del(&t->rig);
	answered = rig_add(&t->rig, action, limit_bytes, tag);
	t->log_used = 0;
	log_op(t, action == TCQ_PLUG_RELEASE_INDEFINITE ? "pass" : "hold", tag);
	model_create(&t->model, action != TCQ_PLUG_RELEASE_INDEFINITE,
		     tag == RIG_UNTAGGED ? 0 : tag,
		     limit_bytes ? limit_bytes : TC_PLUG_DEFAULT_LIMIT);
	return want(t, 0, answered);
}

static enum finding op_create(struct test *t)
{
	int action = TCQ_PLUG_BUFFER;

	if (!t->ours)
		return create(t, action, DEFAULT_LIMIT, RIG_UNTAGGED);
	if (below(t, 2))
		action = TCQ_PLUG_RELEASE_INDEFINITE;
	return create(t, action, below(t, 2) ? DEFAULT_LIMIT : 0,
		      below(t, 2) ? below(t, 1000) : RIG_UNTAGGED);
}

#define MUST(what)                                                     \
	do {                                                           \
		if (!(what)) {                                         \
			printf("  the dump says otherwise: %s\n", #what); \
			return DUMP;                                   \
		}                                                      \
	} while (0)

static enum finding compare_epochs(const struct model *m, const struct qdisc_view *view)
{
	uint64_t frames, bytes;
	size_t i;

	MUST(view->n_epochs == (m->open - m->oldest < TC_PLUG_DUMP_EPOCHS ? m->open - m->oldest :
									     TC_PLUG_DUMP_EPOCHS));
	for (i = 0; i < view->n_epochs; i++) {
		const struct tc_plug_epoch *epoch = &view->epochs[i];

		model_count(m, m->oldest + i, &frames, &bytes);
		MUST(epoch->epoch == m->oldest + i);
		MUST(epoch->held.frames == frames && epoch->held.bytes == bytes);
		MUST(!epoch->hold_ns == !frames && epoch->closed_ns);
	}
	return FINE;
}

static enum finding compare(const struct model *m, const struct qdisc_view *view)
{
	const struct tc_plug_info *info = &view->info;
	uint64_t frames, bytes;

	model_count(m, m->open, &frames, &bytes);
	MUST(info->magic == TC_PLUG_MAGIC && info->info_size == sizeof(*info));
	MUST(!!(info->flags & TC_PLUG_S_HOLDING) == m->holding);
	MUST(info->base.action == (m->holding ? TCQ_PLUG_BUFFER : TCQ_PLUG_RELEASE_INDEFINITE));
	MUST(info->base.limit == m->limit_bytes);
	MUST(info->open_epoch == m->open && info->oldest_epoch == m->oldest);
	MUST(info->released_end == m->released_end && info->outstanding == m->open - m->oldest);
	MUST(info->ready.frames == 0 && info->ready.bytes == 0);
	MUST(info->open.frames == frames && info->open.bytes == bytes);
	MUST(info->held.frames == m->n_held && info->held.bytes == m->held_bytes);
	MUST(view->qlen == m->n_held && view->backlog_bytes == m->held_bytes);
	MUST(!info->oldest_hold_ns == !m->n_held);
	MUST(info->xstats.buffered.frames == m->buffered);
	MUST(info->xstats.buffered.bytes == m->buffered_bytes);
	MUST(info->xstats.released.frames == m->released);
	MUST(info->xstats.released.bytes == m->released_bytes);
	MUST(info->xstats.drop_limit == m->drop_limit && info->xstats.drop_copy == 0);
	MUST(info->xstats.drop_discard == m->drop_discard);
	MUST(info->xstats.drop_reset == m->drop_reset);
	MUST(view->drops == m->drop_limit + m->drop_discard + m->drop_reset);
	MUST(!memcmp(&info->xstats, &view->xstats, sizeof(view->xstats)));
	return compare_epochs(m, view);
}

static enum finding op_dump(struct test *t)
{
	struct qdisc_view view;

	if (!t->ours)
		return FINE;
	if (want(t, 0, rig_view(&t->rig, &view)))
		return ANSWER;
	return compare(&t->model, &view);
}

static const struct {
	unsigned int weight; /* in 1,000 */
	bool mainline_too;
	enum finding (*run)(struct test *t);
} ops[] = {
	{ 500, true, op_send },	     { 180, true, op_buffer }, { 180, true, op_release },
	{ 20, true, op_release_all }, { 15, true, op_limit },   { 30, false, op_discard },
	{ 2, true, op_reset },	     { 3, true, op_create },   { 70, false, op_dump },
};

static enum finding random_op(struct test *t)
{
	for (;;) {
		uint32_t dice = below(t, 1000);
		size_t i;

		for (i = 0; dice >= ops[i].weight; i++)
			dice -= ops[i].weight;
		if (t->ours || ops[i].mainline_too)
			return ops[i].run(t);
	}
}

static enum finding judge(const struct test *t, const struct frame_mark *mark, size_t next)
{
	if (next < t->model.n_leaving && mark->seq == t->model.leaving[next].seq)
		return mark->bytes == t->model.leaving[next].bytes ? FINE : DAMAGED;
	return model_holds(&t->model, mark->seq) ? EARLY : DISORDER;
}

/* All that may leave arrives, in order, and nothing else does. */
static enum finding observe(struct test *t)
{
	int latest_ms = t->ours ? LATEST_MS : MAINLINE_LATEST_MS;
	struct model *m = &t->model;
	enum finding finding = FINE;
	struct frame_mark mark;
	size_t next = 0;
	int n;

	while (finding == FINE) {
		n = frames_recv(t->rig.rx, next < m->n_leaving ? latest_ms : 0, &mark);
		if (n == 0)
			break;
		finding = n < 0 ? DAMAGED : judge(t, &mark, next++);
	}
	if (finding == FINE && next < m->n_leaving)
		finding = STRANDED;
	t->left += next;
	m->n_leaving = 0;
	return finding;
}

static void report(struct test *t, enum finding finding)
{
	if (!t->findings[finding]++)
		printf("%s, after: %s\n", finding_names[finding], t->log);
}

/* Begin anew after a difference, and forget what is still under way. */
static void start_over(struct test *t)
{
	struct frame_mark mark;

	create(t, TCQ_PLUG_BUFFER, DEFAULT_LIMIT, RIG_UNTAGGED);
	while (frames_recv(t->rig.rx, 20, &mark))
		;
}

static int run(struct test *t, unsigned long operations)
{
	unsigned long i, findings = 0;
	enum finding finding;

	if (create(t, TCQ_PLUG_BUFFER, DEFAULT_LIMIT, RIG_UNTAGGED))
		return 1;
	for (i = 0; i < operations; i++) {
		finding = random_op(t);
		if (finding == FINE)
			finding = observe(t);
		if (finding == FINE)
			continue;
		report(t, finding);
		findings++;
		if (t->ours)
			break;
		start_over(t);
	}
	printf("%lu operations: %lu frames sent, %lu left, %lu answers, %lu differences\n", i,
	       t->frames, t->left, t->commands, findings);
	for (finding = FINE + 1; finding < N_FINDINGS; finding++)
		if (t->findings[finding])
			printf("%lu times: %s\n", t->findings[finding], finding_names[finding]);
	return findings ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct test t = { .ours = rig_is_ours() };
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: model_test OPERATIONS SEED\n");
		return 2;
	}
	t.random = strtoull(argv[2], NULL, 0) * 2654435761u + 88172645463325252u;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rig_open(&t.rig, "")) {
		fprintf(stderr, "cannot make the devices\n");
		return 2;
	}
	status = run(&t, strtoul(argv[1], NULL, 0));
	rig_close(&t.rig);
	model_free(&t.model);
	return status;
}
