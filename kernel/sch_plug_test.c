// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of plug_epochs.h: what leaves, what stays, and what is refused.
 *
 * Frames are real socket buffers; each carries its number in its first bytes, and each batch that
 * comes back is checked against the numbers it must have, then freed, so that a frame that is
 * lost shows as a leak and one that is handed out twice as a use after free.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "plug_epochs.h"

#define FRAME_BYTES 100
#define NOW_NS 1000

struct plug_fixture {
	struct plug_epochs epochs;
	u32 seq;
};

static void plug_test_add(struct kunit *test, int n)
{
	struct plug_fixture *fix = test->priv;

	while (n-- > 0) {
		struct sk_buff *skb = alloc_skb(FRAME_BYTES, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		*(u32 *)skb_put(skb, FRAME_BYTES) = ++fix->seq;
		plug_epochs_add(&fix->epochs, skb, FRAME_BYTES);
	}
}

/* @batch is exactly the frames @first..@last, in order; none if @last < @first. */
static void plug_test_expect(struct kunit *test, struct plug_batch *batch, u32 first, u32 last)
{
	struct sk_buff *skb = batch->head, *prev = NULL;
	u32 seq = first, n = last - first + 1;

	KUNIT_EXPECT_EQ(test, batch->count.frames, (u64)n);
	KUNIT_EXPECT_EQ(test, batch->count.bytes, (u64)n * FRAME_BYTES);
	while (skb) {
		struct sk_buff *next = skb->next;

		KUNIT_EXPECT_EQ(test, *(u32 *)skb->data, seq);
		seq++;
		if (!next)
			KUNIT_EXPECT_PTR_EQ(test, skb, batch->tail);
		prev = skb;
		skb->next = NULL;
		kfree_skb(skb);
		skb = next;
	}
	KUNIT_EXPECT_EQ(test, seq, last + 1);
	KUNIT_EXPECT_TRUE(test, prev || !batch->tail);
}

static void plug_test_drop(struct plug_fixture *fix)
{
	struct plug_batch batch;

	plug_epochs_take_all(&fix->epochs, &batch);
	kfree_skb_list(batch.head);
	plug_epochs_free(&fix->epochs);
}

static int plug_test_make(struct kunit *test, u64 epoch, bool holding)
{
	struct plug_fixture *fix = test->priv;

	plug_test_drop(fix);
	return plug_epochs_init(&fix->epochs, epoch, holding);
}

static int plug_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct plug_fixture), GFP_KERNEL);
	return test->priv ? plug_test_make(test, 0, true) : -ENOMEM;
}

static void plug_test_exit(struct kunit *test)
{
	plug_test_drop(test->priv);
}

static void releases_epoch_by_epoch(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;

	plug_test_add(test, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 0, NOW_NS), 0);
	plug_test_add(test, 5);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 1, NOW_NS), 0);
	plug_test_add(test, 2);

	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 1, 1);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 2, 6);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 7, 6);
	KUNIT_EXPECT_EQ(test, plug_epochs_held(p).frames, 2ULL);
	KUNIT_EXPECT_EQ(test, p->released_end, 2ULL);
}

static void releases_all_up_to_a_tag(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;
	u64 epoch;

	for (epoch = 0; epoch < 4; epoch++) {
		plug_test_add(test, epoch == 2 ? 0 : 2);
		KUNIT_EXPECT_EQ(test, plug_epochs_close(p, epoch, NOW_NS), 0);
	}
	KUNIT_EXPECT_EQ(test, plug_epochs_release(p, 2, &batch), 0);
	plug_test_expect(test, &batch, 1, 4);
	KUNIT_EXPECT_EQ(test, plug_epochs_release(p, 2, &batch), 0);
	plug_test_expect(test, &batch, 5, 4);
	KUNIT_EXPECT_EQ(test, plug_epochs_release(p, 4, &batch), -EPROTO);
	KUNIT_EXPECT_EQ(test, plug_epochs_release(p, 3, &batch), 0);
	plug_test_expect(test, &batch, 5, 6);
	KUNIT_EXPECT_NULL(test, p->tail);
}

static void closing_is_idempotent_and_in_sequence(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;

	KUNIT_ASSERT_EQ(test, plug_test_make(test, 7, true), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 8, NOW_NS), -EPROTO);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 5, NOW_NS), -EPROTO);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 6, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, p->open_epoch, 7ULL);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 7, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 7, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, p->open_epoch, 8ULL);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 1U);
}

static void numbers_skip_ahead_only_when_passing(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;

	KUNIT_ASSERT_EQ(test, plug_test_make(test, 7, false), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 6, NOW_NS), -EPROTO);
	KUNIT_EXPECT_FALSE(test, p->holding);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 40, NOW_NS), 0);
	KUNIT_EXPECT_TRUE(test, p->holding);
	KUNIT_EXPECT_EQ(test, p->open_epoch, 41ULL);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 0U);
	plug_test_add(test, 3);
	plug_epochs_release_all(p, &batch);
	plug_test_expect(test, &batch, 1, 3);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 40, NOW_NS), -EPROTO);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, 41, NOW_NS), 0);
}

static void the_last_number_cannot_be_closed(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;

	KUNIT_ASSERT_EQ(test, plug_test_make(test, U64_MAX - 1, true), 0);
	plug_test_add(test, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, U64_MAX - 1, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, U64_MAX, NOW_NS), -ERANGE);
	KUNIT_EXPECT_EQ(test, plug_epochs_close_next(p, NOW_NS), -ERANGE);
	KUNIT_EXPECT_EQ(test, p->open_epoch, U64_MAX);
	KUNIT_ASSERT_EQ(test, plug_test_make(test, U64_MAX, true), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_close_next(p, NOW_NS), -ERANGE);
}

static void one_epoch_too_many_is_refused(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;
	u64 epoch;

	for (epoch = 0; epoch < TC_PLUG_MAX_EPOCHS; epoch++) {
		plug_test_add(test, 1);
		KUNIT_ASSERT_EQ(test, plug_epochs_close(p, epoch, NOW_NS), 0);
	}
	plug_test_add(test, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, epoch, NOW_NS), -ENOSPC);
	KUNIT_EXPECT_EQ(test, p->open.held.frames, 1ULL);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 1, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_close(p, epoch, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_release(p, epoch, &batch), 0);
	plug_test_expect(test, &batch, 2, TC_PLUG_MAX_EPOCHS + 1);
}

static void a_first_buffer_over_nothing_only_begins(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;

	KUNIT_EXPECT_EQ(test, plug_epochs_close_next(p, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 0U);
	plug_test_add(test, 2);
	KUNIT_EXPECT_EQ(test, plug_epochs_close_next(p, NOW_NS), 0);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 1, 2);
	/* later ones count, empty or not */
	KUNIT_EXPECT_EQ(test, plug_epochs_close_next(p, NOW_NS), 0);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 1U);
}

static void discard_keeps_the_numbers(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;

	plug_test_add(test, 2);
	plug_epochs_close(p, 0, NOW_NS);
	plug_test_add(test, 2);
	plug_epochs_close(p, 1, NOW_NS);
	plug_test_add(test, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_discard(p, 3, &batch), -EPROTO);
	KUNIT_EXPECT_EQ(test, plug_epochs_discard(p, 0, &batch), 0);
	plug_test_expect(test, &batch, 1, 2);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 1U);
	KUNIT_EXPECT_EQ(test, plug_epochs_discard(p, 2, &batch), 0);
	plug_test_expect(test, &batch, 3, 5);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 0U);
	KUNIT_EXPECT_EQ(test, p->open_epoch, 2ULL);
	KUNIT_EXPECT_TRUE(test, p->holding);
}

static void purge_leaves_the_epochs_outstanding(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	struct plug_batch batch;

	plug_test_add(test, 5);
	plug_epochs_close(p, 0, NOW_NS);
	plug_test_add(test, 1);
	plug_epochs_purge(p, &batch);
	plug_test_expect(test, &batch, 1, 6);
	plug_test_add(test, 3);
	KUNIT_EXPECT_EQ(test, plug_epochs_outstanding(p), 1U);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 7, 6);
	plug_epochs_close(p, 1, NOW_NS);
	plug_epochs_release_oldest(p, &batch);
	plug_test_expect(test, &batch, 7, 9);
}

static void the_oldest_hold_is_the_oldest_frame_s(struct kunit *test)
{
	struct plug_epochs *p = &((struct plug_fixture *)test->priv)->epochs;
	u64 before_ns = ktime_get_ns();

	KUNIT_EXPECT_EQ(test, plug_epochs_oldest_ns(p), 0ULL);
	plug_epochs_close(p, 0, NOW_NS);
	plug_test_add(test, 2);
	KUNIT_EXPECT_GE(test, plug_epochs_oldest_ns(p), before_ns);
	KUNIT_EXPECT_EQ(test, plug_epochs_oldest_ns(p), p->open.first_ns);
	plug_epochs_close(p, 1, NOW_NS);
	plug_test_add(test, 1);
	KUNIT_EXPECT_EQ(test, plug_epochs_oldest_ns(p), plug_epochs_record(p, 1)->first_ns);
}

static struct kunit_case plug_test_cases[] = {
	KUNIT_CASE(releases_epoch_by_epoch),
	KUNIT_CASE(releases_all_up_to_a_tag),
	KUNIT_CASE(closing_is_idempotent_and_in_sequence),
	KUNIT_CASE(numbers_skip_ahead_only_when_passing),
	KUNIT_CASE(the_last_number_cannot_be_closed),
	KUNIT_CASE(one_epoch_too_many_is_refused),
	KUNIT_CASE(a_first_buffer_over_nothing_only_begins),
	KUNIT_CASE(discard_keeps_the_numbers),
	KUNIT_CASE(purge_leaves_the_epochs_outstanding),
	KUNIT_CASE(the_oldest_hold_is_the_oldest_frame_s),
	{}
};

static struct kunit_suite plug_test_suite = {
	.name = "sch_plug_epochs",
	.init = plug_test_init,
	.exit = plug_test_exit,
	.test_cases = plug_test_cases,
};

kunit_test_suite(plug_test_suite);

MODULE_DESCRIPTION("Tests of the plug's epochs");
MODULE_LICENSE("GPL");
