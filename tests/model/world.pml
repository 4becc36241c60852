/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that sends, a driver that checkpoints it, a backup, the daemon, and whoever does damage. Every process takes whole
 * steps, one at a time, in any order: what spin explores is every order there is.
 *
 * Lines that begin with "@" are a trace: tests/unit/test-model.c plays them to the daemon's own code.
 */
#include "bounds.pml"
#include "plug.pml"
#include "lockstep.pml"
#include "daemon.pml"
#include "promises.pml"

mtype:phase = { going, paused, closed, over };

byte epoch = 1;			/* the guest's */
bool running = true;
bool protected;			/* it was resumed after a preresume, and not released since */
byte travelling;		/* newest checkpoint that was sent to the backup */
bool given_up[LAST_EPOCH];	/* checkpoints that never were */
mtype:phase phase = going;
byte told;			/* newest epoch whose commit was answered */
bool nothing_is_held;
bool ending;			/* a release was asked for, and must come to an end */

byte failures = FAILURES, losses = LOSSES, crashes = CRASHES, orphans = ORPHANS;
byte resets = RESETS, pluggings = PLUGGINGS, changes = CHANGES;

/* A request that a driver gave up waiting for, and that is still in the daemon's socket. */
mtype:verb late_verb = none;
byte late_epoch;
byte unanswered;		/* the epoch of a release whose reply this driver did not wait for */

inline print_state()
{
	printf("@ state %d %d %d\n", d_holding, d_open, d_committed);
	for (i : 0 .. VIFS - 1) {
		printf("@ vif %d %e %d %d %d %d %d %d\n", i, vif[i].state, vif[i].there, vif[i].holding, vif[i].open,
		       vif[i].committed, plug[i].count, plug[i].left)
	}
	i = 0
}

/* ---- the guest ---- */

inline send(v)
{
	d_step {
		plug[v].there && running && plug[v].sent < FRAMES && phase != over ->
		printf("@ send %d %d\n", v, epoch);
#ifndef NAIVE
		/* 7 again: not only when it is resumed */
		barrier = !protected || (plug[v].holding && plug[v].open == epoch);
		assert(barrier);
#endif
		enqueue(v, epoch);
		effects = 0
	}
}

proctype guest()
{
end:	do
	:: send(0)
	:: send(VIFS - 1)
	od
}

#ifdef SLOWDEV
proctype device()
{
end:	do
	:: d_step { may_leave(0) -> leave(0); effects = 0 }
	:: d_step { may_leave(VIFS - 1) -> leave(VIFS - 1); effects = 0 }
	od
}
#endif

/* ---- the backup: checkpoints come in order; what a driver hears of it may be late, doubled, or nothing ---- */

proctype backup()
{
end:	do
	:: d_step {
		safe < travelling ->
		do
		:: safe++;
			if
			:: !given_up[safe] -> break
			:: else -> skip
			fi
		od;
		printf("@ safe %d\n", safe)
	   }
	od
}

/* ---- the driver ---- */

/* What goes wrong this time, chosen before. */
bool reply_lost;
bool delayed;			/* it is not even read before it is late */
bool answered;

#define operates(verb) (verb == postsuspend || verb == commit || verb == discard || verb == release)

inline choose_fault(verb)
{
	if
	:: fault_kind = sound
	:: failures > 0 && operates(verb) -> failures--; fault_kind = before; fault_vif = 0
	:: failures > 0 && operates(verb) -> failures--; fault_kind = before; fault_vif = VIFS - 1
#ifndef NO_AFTER
	:: failures > 0 && operates(verb) -> failures--; fault_kind = after; fault_vif = 0
	:: failures > 0 && operates(verb) -> failures--; fault_kind = after; fault_vif = VIFS - 1
#endif
	fi
}

inline choose_loss(verb, e)
{
	if
	:: reply_lost = false
	:: losses > 0 -> losses--; reply_lost = true
	:: losses > 0 && late_verb == none && verb != attach ->
		losses--; reply_lost = true;
		late_verb = verb; late_epoch = e;
		unanswered = (verb == release -> e : unanswered);
		if
		:: true -> skip
		:: verb == release || verb == discard -> delayed = true
		fi
	fi
}

inline print_request(verb, e)
{
	printf("@ %e %d = %d %e %d\n", verb, e, ret, fault_kind, fault_vif);
}

inline react(verb, e)
{
	if
	:: verb == postsuspend && !ret && !reply_lost -> phase = closed
	:: verb == postsuspend && ret == EPROTO && !protected && !reply_lost && !d_holding -> epoch = d_open
	:: verb == preresume && !ret && !reply_lost ->
		phase = going; running = true; protected = true; ending = false;
		free = (free == ALL -> e : free);
		epoch = e + 1
	:: verb == release && !ret && !reply_lost -> phase = going; running = true; ending = false
	:: verb == commit && !ret && !reply_lost -> told = (e > told -> e : told)
	:: verb == abort && !ret -> given_up[e] = true
	:: else -> skip
	fi
}

/* A driver's own number, nothing in its way: it gets on, or hears that it must commit first, or how to count. */
inline judge_progress(verb, e)
{
	no_dead_end = !(verb == postsuspend && fault_kind == sound && !ending && ret && ret != EPROTO && ret != ENOSPC);
	for (i : 0 .. VIFS - 1) {
		no_dead_end = no_dead_end || vif[i].state == broken
	}
	i = 0;
	no_dead_end = no_dead_end && !(verb == release && fault_kind == sound && ret);
	assert(no_dead_end)
}

/* A release, once asked for, opens the way before its reply comes. Nobody releases while a close may still be on its way. */
inline begin_request(verb, e)
{
	if
	:: verb == release ->
		free = ALL; protected = false; ending = true;
		late_epoch = (late_verb == release || late_verb == discard -> late_epoch : 0);
		late_verb = (late_verb == release || late_verb == discard -> late_verb : none)
	:: else -> skip
	fi
}

inline ask(verb, e)
{
	d_step {
		begin_request(verb, e);
		count_lost();
		may_drop = verb == discard || verb == attach || unseen[0] || unseen[VIFS - 1];
		effects = 0;
		if
		:: delayed -> ret = EIO
		:: else -> handle(verb, e)
		fi
	}
	d_step {
		may_drop = false;
		judge_accounts(false);
		if
		:: delayed -> skip
		:: else ->
			print_request(verb, e);
			judge_reply(verb, e);
#ifndef NAIVE
			judge_progress(verb, e);
#endif
			react(verb, e);
			print_state()
		fi;
		answered = ret == 0;
		end_request()
	}
#ifndef NAIVE
	d_step {
		if
		:: answered -> judge_repeat(verb, e)
		:: else -> skip
		fi;
		end_request()
	}
#endif
	d_step { answered = false; verb = none; e = 0 }
}

inline end_request()
{
	fault_kind = sound; fault_vif = 0; reply_lost = false; delayed = false;
	op = none; op_mask = 0; op_epoch = 0; ret = 0; effects = 0
}

/*
 * Another driver has no memory: the reply to drive tells it the open epoch, and it sees whether the guest runs. The lease is its own then:
 * what the old connection still had to say is refused.
 */
inline take_over()
{
	d_step {
		printf("@ orphan\n");
#ifndef BUG_NO_LEASE
		late_verb = none; late_epoch = 0;
#endif
		unanswered = 0;
		if
		:: running -> phase = going
		:: !running && d_holding && d_open == epoch + 1 -> phase = closed
		:: else -> phase = paused
		fi;
		status_is_true = !protected || d_open == epoch || (!running && d_open == epoch + 1);
		assert(status_is_true)
	}
}

#define may_abort(e) (changes > 0 && protected && travelling < (e) && !given_up[e])

/* The checkpoint that ends epoch e can be sent to the backup. */
#define may_travel(e) (protected && travelling < (e) && !given_up[e])

/* With -DIN_STEP a driver closes no epoch before the last one is committed. */
#ifdef IN_STEP
#define in_step (!protected || epoch - 1 <= told)
#else
#define in_step true
#endif

/* Who gave up on the reply to a release does not go on in the epoch that it was for. */
#define is_releasing(e) (late_verb == release && unanswered == (e))

proctype driver()
{
	mtype:verb asked = none;
	byte about;

	do
	:: atomic { phase == going && epoch <= EPOCHS && !ending && in_step -> running = false; phase = paused }
	:: atomic { phase == closed && may_travel(epoch) -> travelling = epoch }
	:: atomic { phase != closed && epoch > 1 && may_travel(epoch - 1) -> travelling = epoch - 1 }
	:: atomic {
		if
		:: up && phase == paused && epoch <= EPOCHS -> asked = postsuspend; about = epoch
		:: up && phase == closed && !is_releasing(epoch + 1) -> asked = preresume; about = epoch
		:: up && changes > 0 && !ending && d_holding -> changes--; asked = release; about = d_open
		:: up && ending -> asked = release; about = d_open
#ifdef NAIVE
		:: up && safe > told && protected -> asked = commit; about = told + 1
#else
		:: up && phase == closed -> asked = postsuspend; about = epoch
		:: up && safe > 0 && protected -> asked = commit; about = safe
		:: up && safe > 1 && protected -> asked = commit; about = safe - 1
		:: up && phase == closed && may_abort(epoch) -> changes--; asked = abort; about = epoch
		:: up && phase != closed && epoch > 1 && may_abort(epoch - 1) ->
			changes--; asked = abort; about = epoch - 1
		:: up && changes > 0 && phase != paused && protected -> changes--; asked = discard; about = d_open
		:: up && vif[0].state == broken -> asked = attach
		:: up && vif[VIFS - 1].state == broken -> asked = attach; about = VIFS - 1
#endif
		fi;
		choose_fault(asked);
		choose_loss(asked, about);
		ask(asked, about)
	   }
#ifndef NAIVE
	:: atomic { up && orphans > 0 -> orphans--; take_over() }
#endif
	:: atomic { (phase == going || (phase == paused && !protected)) && epoch > EPOCHS && !ending ->
		phase = over; running = false;
#ifdef REACH_END
		d_step {
			nothing_is_held = plug[0].count == 0 && plug[VIFS - 1].count == 0;
			assert(!(nothing_is_held && protected && safe == EPOCHS &&
				 plug[0].left == FRAMES && plug[VIFS - 1].left == FRAMES))
		}
#endif
		break }
	od
}

/* ---- what happens to the daemon and to the devices ---- */

#if defined(MAINLINE) && !defined(RESET_UNSEEN)
/* Of a reset that no daemon lived to hear of, mainline's plug shows nothing afterwards. */
#define is_watched up
#define may_crash (!unseen[0] && !unseen[VIFS - 1])
#else
#define is_watched true
#define may_crash true
#endif

/* Nobody waits for the reply of a late request: it may only not do harm. */
inline judge_reply_late()
{
	if
	:: ret == 0 && late_verb == commit -> judge_completeness(late_epoch)
	:: else -> skip
	fi
}

proctype daemon()
{
end:	do
	:: d_step { up && crashes > 0 && may_crash -> crashes--; quiet = true; printf("@ crash\n"); forget(); quiet = false }
	:: d_step { !up -> quiet = true; adopt(); quiet = false; judge_start(); print_state() }
	:: d_step { up && late_verb != none ->
		count_lost();
		may_drop = late_verb == discard || unseen[0] || unseen[VIFS - 1];
		handle(late_verb, late_epoch);
		may_drop = false;
		judge_accounts(false);
		print_request(late_verb, late_epoch);
		judge_reply_late();
		late_verb = none; late_epoch = 0; op = none; op_mask = 0; op_epoch = 0; ret = 0; effects = 0;
		print_state() }
#ifndef NAIVE
	:: d_step { up && unseen[0] -> may_drop = true; notice(0); may_drop = false; effects = 0; print_state() }
	:: d_step { up && unseen[VIFS - 1] ->
		may_drop = true; notice(VIFS - 1); may_drop = false; effects = 0; print_state() }
#endif
	od
}

inline damage(v)
{
	d_step {
		plug[v].there && resets > 0 && is_watched ->
		resets--;
		may_drop = true;
		printf("@ reset %d\n", v);
		reset(v);
		may_drop = false;
		unseen[v] = up && vif[v].there;
		effects = 0
	}
}

inline unplug(v)
{
	d_step {
		plug[v].there && pluggings > 0 && up -> pluggings--;
		printf("@ gone %d\n", v);
		unmake(v);
		unseen[v] = false;
		if
		:: d_holding -> vif[v].state = gone
		:: else -> vif[v].there = false; vif[v].state = ok; vif[v].holding = false; vif[v].unsure = false;
			vif[v].open = 0; vif[v].tried = 0;
			vif[v].committed = 0
		fi
	}
}

inline plug_in(v)
{
	d_step {
		!plug[v].there && pluggings > 0 && up -> pluggings--;
		do_attach(v);
		effects = 0;
		print_state()
	}
}

proctype others()
{
end:	do
	:: damage(0)
	:: damage(VIFS - 1)
	:: unplug(VIFS - 1)
	:: plug_in(VIFS - 1)
	od
}

init
{
	atomic {
		d_step {
			make(0, false, 1);
			vif_fresh(0);
			if
			:: VIFS > 1 && PLUGGINGS == 0 -> make(VIFS - 1, false, 1); vif_fresh(VIFS - 1)
			:: else -> skip
			fi;
			effects = 0
		}
		run guest(); run backup(); run daemon(); run others(); run driver();
#ifdef SLOWDEV
		run device();
#endif
	}
}
