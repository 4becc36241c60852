/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seven promises. Each is a flag that an assertion looks at, so that a violation has the promise's name; what is counted
 * here is known to nobody in the model but the judge.
 */

bool output_commit = true, order = true, completeness = true, fail_closed = true;
bool idempotence = true, no_silent_loss = true, barrier = true;
/* Beyond them: status names the open epoch, requests that should succeed do, the code does what the model does. */
bool status_is_true = true, no_dead_end = true, model_is_code = true;

byte safe;			/* newest checkpoint on the backup */
byte free = ALL;		/* frames up to this epoch were not, or are no longer, protected */
hidden byte quiet;		/* a crash is under way: nothing may come of it */
hidden byte may_drop;

hidden byte was_effects, was_ret, was_open, was_committed, was_lost;
hidden byte was_holding;

/* 1. No frame of epoch e leaves before a checkpoint n >= e is safe. 2. Frames leave as they came. 4. Nothing else frees them. */
inline judge_leaving_at(v, n)
{
	output_commit = plug[v].epoch[n] <= safe || plug[v].epoch[n] <= free;
	order = plug[v].number[n] >= plug[v].next && (n == 0 || plug[v].number[0] == plug[v].number[n]);
	fail_closed = !quiet;
	assert(output_commit);
	assert(order);
	assert(fail_closed)
}

inline judge_leaving(v)
{
	judge_leaving_at(v, 0)
}

/* 4 again: a daemon that starts asks nothing of any plug. */
inline judge_start()
{
	fail_closed = effects == 0;
	effects = 0;
	assert(fail_closed)
}

/* 6. A discard, a reset or a repair drops frames; nothing else does, ... */
inline judge_dropping(v)
{
	fail_closed = !quiet;
	no_silent_loss = may_drop;
	assert(fail_closed);
	assert(no_silent_loss)
}

/* ... and every frame is accounted for. */
inline judge_accounts(may_lose)
{
	live = 0;
	for (i : 0 .. VIFS - 1) {
		no_silent_loss = no_silent_loss &&
			plug[i].sent == plug[i].left + plug[i].count + plug[i].drops + plug[i].lost;
		live = live + plug[i].lost
	}
	i = 0;
	no_silent_loss = no_silent_loss && (may_lose || live == was_lost);
	was_lost = 0;
	assert(no_silent_loss)
}

inline count_lost()
{
	was_lost = 0;
	for (i : 0 .. VIFS - 1) {
		was_lost = was_lost + plug[i].lost
	}
	i = 0
}

#ifdef MAINLINE
#define may_leave_at(v, n) (!plug[v].holding || plug[v].releasable > (n))
#else
#define may_leave_at(v, n) (plug[v].ready > (n))
#endif

/* 3. After commit(n) no frame of an epoch up to n is held; after release none is. A frame that may leave is as good as gone. */
inline judge_completeness(n)
{
	for (i : 0 .. VIFS - 1) {
		at = 0;
		do
		:: is_live(i) && vif[i].state != broken && at < plug[i].count ->
			completeness = completeness && (plug[i].epoch[at] > n || may_leave_at(i, at));
			at++
		:: else -> break
		od
	}
	i = 0;
#ifdef LATE_IS_FINE
	completeness = true;
#endif
	assert(completeness)
}

/* 7. The guest may run in epoch e + 1: every vif holds, and its plug counts frames to that epoch. */
inline judge_barrier(e)
{
	for (i : 0 .. VIFS - 1) {
		barrier = barrier && (!plug[i].there || (plug[i].holding && plug[i].open == e + 1))
	}
	i = 0;
	assert(barrier)
}

/* 5. The same request again, at once: the same answer, and nothing changes. */
inline judge_repeat(verb, e)
{
	was_holding = d_holding; was_open = d_open; was_committed = d_committed;
	effects = 0;
	handle(verb, e);
	idempotence = ret == 0 && effects == 0 && was_holding == d_holding && was_open == d_open &&
		was_committed == d_committed;
	assert(idempotence);
	ret = 0; effects = 0;
	was_holding = false; was_open = 0; was_committed = 0
}

inline judge_reply(verb, e)
{
	if
	:: ret == 0 && verb == commit -> judge_completeness(e)
	:: ret == 0 && verb == release -> judge_completeness(ALL - 1)
	:: ret == 0 && verb == preresume -> judge_barrier(e)
	:: else -> skip
	fi
}
