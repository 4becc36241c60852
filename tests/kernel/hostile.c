// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options that no well-meaning program sends: whatever they are, the kernel answers with the error
 * that the uapi header names, says why, and nothing changes. One line per promise: "ok NAME" or
 * "not ok NAME: why".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "lib/promise.h"
#include "lib/rig.h"

#define FUZZ_ROUNDS 5000

static struct rig rig;
static bool named; /* the last refusal named ... */
static uint64_t named_epoch;

static int send_options(int type_flags, const void *options, size_t bytes, size_t claimed_bytes)
{
	struct qdisc_request req = {
		.type = RTM_NEWQDISC,
		.flags = type_flags,
		.ifindex = rig.ifindex,
		.parent = rig.parent,
		.handle = rig.handle,
		.kind = "plug",
		.options = options,
		.options_bytes = bytes,
		.claimed_bytes = claimed_bytes,
	};

	return rtnl_qdisc(&rig.nl, &req);
}

/* The state without what only time changes. */
static int state(struct qdisc_view *view)
{
	int err = rig_view(&rig, view);
	size_t i;

	view->info.oldest_hold_ns = 0;
	for (i = 0; i < view->n_epochs; i++)
		view->epochs[i].hold_ns = view->epochs[i].closed_ns = 0;
	return err;
}

/* Three frames, of which two in outstanding epoch 0; the open one is 1. */
static bool begin(void)
{
	rig_del(&rig);
	return !rig_add(&rig, TCQ_PLUG_BUFFER, 1 << 20, RIG_UNTAGGED) && !rig_send(&rig, 100) &&
	       !rig_send(&rig, 100) && !rig_change(&rig, TCQ_PLUG_BUFFER, 0, 0) &&
	       !rig_send(&rig, 100);
}

static bool refused(const void *options, size_t bytes, size_t claimed_bytes, int want)
{
	struct qdisc_view before, after;
	int err;

	if (state(&before))
		return wrong("no dump");
	err = send_options(0, options, bytes, claimed_bytes);
	named = rig.nl.has_cookie;
	named_epoch = rig.nl.cookie;
	if (err != want)
		return wrong("%zu bytes: answered %d, not %d", bytes, err, want);
	if (!rig.nl.text[0])
		return wrong("%zu bytes: refused without a word", bytes);
	if (state(&after) || memcmp(&before, &after, sizeof(before)))
		return wrong("%zu bytes: the state changed", bytes);
	return true;
}

static bool of_every_wrong_length(void)
{
	unsigned char options[128];
	struct tc_plug_xopt opt;
	size_t bytes;

	memset(options, 0, sizeof(options));
	rig_options(&opt, TCQ_PLUG_RELEASE_INDEFINITE, 0, 0);
	memcpy(options, &opt, sizeof(opt));
	for (bytes = 0; bytes <= sizeof(options); bytes++) {
		if (bytes == sizeof(opt.base) || bytes == sizeof(opt))
			continue;
		if (!refused(options, bytes, 0, -EINVAL))
			return false;
	}
	return true;
}

/* The attribute claims more than the message has: the kernel's parser stops it. */
static bool truncated(void)
{
	struct qdisc_view before, after;
	struct tc_plug_xopt opt;
	size_t bytes = rig_options(&opt, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED);

	if (state(&before))
		return wrong("no dump");
	send_options(0, &opt, bytes, 4000);
	send_options(0, &opt, bytes, sizeof(opt));
	if (state(&after) || memcmp(&before, &after, sizeof(before)))
		return wrong("the state changed");
	return true;
}

static bool with_a_wrong_field(void)
{
	struct tc_plug_xopt good, bad;

	rig_options(&good, TCQ_PLUG_BUFFER, 0, 1);
#define BAD(field, value, error) \
	(bad = good, bad.field = (value), refused(&bad, sizeof(bad), 0, error))
	return BAD(magic, 0, -EINVAL) && BAD(magic, __builtin_bswap32(TC_PLUG_MAGIC), -EINVAL) &&
	       BAD(version, 0, -EINVAL) && BAD(version, 2, -EINVAL) && BAD(flags, 2, -EINVAL) &&
	       BAD(flags, 0xffff, -EINVAL) && BAD(flags, 0, -EINVAL) &&
	       BAD(base.action, 4, -EINVAL) && BAD(base.action, -1, -EINVAL) &&
	       BAD(base.action, TC_PLUG_DISCARD + 1, -EINVAL) &&
	       BAD(base.action, TCQ_PLUG_LIMIT, -EINVAL) &&
	       BAD(base.action, TCQ_PLUG_RELEASE_INDEFINITE, -EINVAL);
}

static bool refused_epoch(int action, uint64_t epoch, int want)
{
	struct tc_plug_xopt opt;
	size_t bytes = rig_options(&opt, action, 0, epoch);

	if (!refused(&opt, bytes, 0, want))
		return false;
	if (want == -EPROTO && (!named || named_epoch != 1))
		return wrong("the answer does not name the open epoch");
	return true;
}

static bool out_of_sequence(void)
{
	struct tc_plug_xopt last;

	rig_options(&last, TCQ_PLUG_BUFFER, 0, 0);
	last.epoch = UINT64_MAX;
	return refused_epoch(TCQ_PLUG_BUFFER, 2, -EPROTO) &&
	       refused_epoch(TCQ_PLUG_BUFFER, UINT64_MAX - 1, -EPROTO) &&
	       refused_epoch(TCQ_PLUG_RELEASE_ONE, 1, -EPROTO) &&
	       refused_epoch(TCQ_PLUG_RELEASE_ONE, UINT64_MAX - 1, -EPROTO) &&
	       refused_epoch(TC_PLUG_DISCARD, 2, -EPROTO) &&
	       refused(&last, sizeof(last), 0, -ERANGE);
}

static bool at_creation(void)
{
	struct tc_plug_xopt opt;
	struct qdisc_view view;
	size_t bytes = rig_options(&opt, TCQ_PLUG_BUFFER, 0, 5);

	rig_del(&rig);
	opt.magic++;
	if (send_options(NLM_F_CREATE | NLM_F_EXCL, &opt, bytes, 0) != -EINVAL ||
	    send_options(NLM_F_CREATE | NLM_F_EXCL, &opt, 5, 0) != -EINVAL)
		return wrong("bad options created a qdisc");
	opt.magic--;
	opt.base.action = 77;
	if (send_options(NLM_F_CREATE | NLM_F_EXCL, &opt, bytes, 0) != -EINVAL)
		return wrong("an unknown action created a qdisc");
	if (!rig_view(&rig, &view) && !strcmp(view.kind, "plug"))
		return wrong("it is there nevertheless");
	return true;
}

static bool one_epoch_too_many(void)
{
	struct tc_plug_xopt opt;
	struct qdisc_view view;
	uint64_t epoch;

	for (epoch = 1; epoch < TC_PLUG_MAX_EPOCHS; epoch++)
		if (rig_change(&rig, TCQ_PLUG_BUFFER, 0, epoch))
			return wrong("epoch %lu: refused", epoch);
	rig_options(&opt, TCQ_PLUG_BUFFER, 0, RIG_UNTAGGED);
	if (!refused(&opt, sizeof(opt.base), 0, -ENOSPC))
		return false;
	rig_options(&opt, TCQ_PLUG_BUFFER, 0, TC_PLUG_MAX_EPOCHS);
	if (!refused(&opt, sizeof(opt), 0, -ENOSPC))
		return false;
	if (rig_view(&rig, &view) || view.info.outstanding != TC_PLUG_MAX_EPOCHS ||
	    view.n_epochs != TC_PLUG_DUMP_EPOCHS)
		return wrong("dumped %u outstanding, %zu records", view.info.outstanding,
			     view.n_epochs);
	if (view.message_bytes > 3500)
		return wrong("a dump of %zu bytes does not fit a page", view.message_bytes);
	return !rig_change(&rig, TCQ_PLUG_RELEASE_ONE, 0, TC_PLUG_MAX_EPOCHS - 1) ||
	       wrong("not released");
}

/* Random bytes, half of them behind a right beginning; valid commands among them are welcome. */
static bool at_random(void)
{
	unsigned char options[64];
	struct tc_plug_xopt opt;
	struct qdisc_view view;
	size_t bytes, i;
	int round;

	srandom(1);
	for (round = 0; round < FUZZ_ROUNDS; round++) {
		bytes = random() % 3 ? sizeof(opt) : random() % sizeof(options);
		for (i = 0; i < sizeof(options); i++)
			options[i] = random();
		if (random() % 2) {
			rig_options(&opt, random() % 5, random(), random() % 8);
			((unsigned char *)&opt)[random() % sizeof(opt)] = random();
			memcpy(options, &opt, sizeof(opt));
		}
		send_options(0, options, bytes, 0);
		if (round % 100 == 0 && (rig_view(&rig, &view) ||
					 view.info.outstanding > TC_PLUG_MAX_EPOCHS ||
					 view.qlen != view.info.held.frames))
			return wrong("round %d: the books do not balance", round);
	}
	return true;
}

static const struct promise tests[] = {
	{ "options of a wrong length are refused and change nothing", of_every_wrong_length },
	{ "truncated options change nothing", truncated },
	{ "options with one wrong field are refused and change nothing", with_a_wrong_field },
	{ "epochs out of sequence are refused, and the right one is named", out_of_sequence },
	{ "bad options do not create a qdisc", at_creation },
	{ "the 1,025th outstanding epoch is refused; 1,024 fit one dump", one_epoch_too_many },
	{ "random options leave the books balanced", at_random },
};

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rig_open(&rig, "")) {
		fprintf(stderr, "cannot make the devices\n");
		return 2;
	}
	promises_check(tests, sizeof(tests) / sizeof(tests[0]), begin);
	rig_close(&rig);
	return promises_status();
}
