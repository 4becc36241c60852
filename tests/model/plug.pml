/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's plug: a queue of frames, and who may leave it. Ours labels frames with epochs; mainline's (-DMAINLINE) counts
 * them, and the record beside it says what the daemon last asked of it.
 *
 * Each operation sets perr, and adds to effects if it changed anything. All are meant for a d_step.
 */

typedef Plug {
	bool there;		/* the vif is, and its buffer */
	bool holding;
	byte open;		/* ours: the module's numbers; mainline's: the record's */
	byte oldest;
	byte count;
	byte ready;		/* how many at the head may leave */
	byte epoch[FRAMES];	/* the guest's, when it sent the frame */
	byte label[FRAMES];	/* the plug's */
	byte number[FRAMES];
	byte sent, left, next;	/* next: no frame with a smaller number may come out any more */
	byte drops;		/* that the daemon's status shows */
	byte lost;		/* that a reset took: the module counts them as drops, mainline's does not */
#ifdef MAINLINE
	byte current, last, releasable;
	bool noted;		/* holding, as the record has it */
#endif
};

Plug plug[VIFS];

/* Scratch of one step. */
hidden byte perr, effects, at, moved;

/* The plug lets frames go as soon as they may leave, or, with -DSLOWDEV, the device takes them when it likes. */
#ifdef MAINLINE
#define may_leave(v) (plug[v].count > 0 && (!plug[v].holding || plug[v].releasable > 0))
#else
#define may_leave(v) (plug[v].ready > 0)
#endif

inline forget_head(v)
{
	at = 0;
	do
	:: at + 1 < plug[v].count ->
		plug[v].epoch[at] = plug[v].epoch[at + 1];
		plug[v].label[at] = plug[v].label[at + 1];
		plug[v].number[at] = plug[v].number[at + 1];
		at++
	:: else -> break
	od;
	plug[v].count--;
	plug[v].epoch[at] = 0; plug[v].label[at] = 0; plug[v].number[at] = 0
}

inline forget_from(v, first)
{
	at = first;
	do
	:: at < plug[v].count ->
		plug[v].epoch[at] = 0; plug[v].label[at] = 0; plug[v].number[at] = 0;
		at++
	:: else -> break
	od;
	plug[v].count = first
}

inline leave(v)
{
	effects++;
	judge_leaving(v);
	plug[v].next = plug[v].number[0] + 1;
	forget_head(v);
	plug[v].left++;
#ifdef MAINLINE
	if
	:: plug[v].holding -> plug[v].releasable--
	:: else -> skip
	fi
#else
	plug[v].ready--
#endif
}

inline leave_all(v)
{
	do
	:: may_leave(v) -> leave(v)
	:: else -> break
	od
}

inline drain(v)
{
#ifdef SLOWDEV
	skip
#else
	leave_all(v)
#endif
}

inline drop_from(v, first, counter)
{
	if
	:: plug[v].count > first ->
		judge_dropping(v);
		effects = effects + plug[v].count - first;
		counter = counter + plug[v].count - first;
		forget_from(v, first)
	:: else -> skip
	fi
}

inline enqueue(v, e)
{
	at = plug[v].count;
	plug[v].epoch[at] = e;
	plug[v].label[at] = plug[v].open;
	plug[v].number[at] = plug[v].sent;
	plug[v].count++;
	plug[v].sent++;
#ifdef MAINLINE
	plug[v].current = plug[v].current + plug[v].holding;
#else
	plug[v].ready = plug[v].ready + !plug[v].holding;
#endif
#ifdef BUG_OVERTAKE
	/* passing again, a frame does not wait for those that are still queued */
	if
	:: !plug[v].holding && plug[v].count > 1 ->
		judge_leaving_at(v, plug[v].count - 1);
		plug[v].next = plug[v].sent;
		plug[v].count--; plug[v].ready--; plug[v].left++;
		plug[v].epoch[at] = 0; plug[v].label[at] = 0; plug[v].number[at] = 0
	:: else -> skip
	fi;
#endif
	drain(v)
}

/* A device that is set down and up again, gets another queue length, a clsact, ... */
inline reset(v)
{
	drop_from(v, 0, plug[v].lost);
	plug[v].ready = 0
#ifndef MAINLINE
	; plug[v].drops = plug[v].drops + plug[v].lost;
	plug[v].lost = 0
#endif
}

inline make(v, hold, e)
{
	plug[v].there = true;
	plug[v].holding = hold;
	plug[v].open = e;
	plug[v].oldest = e;
#ifdef MAINLINE
	plug[v].noted = hold;
	plug[v].current = 0; plug[v].last = 0; plug[v].releasable = 0;
#endif
	effects++
}

inline unmake(v)
{
	/* its frames have nowhere to go: they count as lost */
	plug[v].lost = plug[v].lost + plug[v].count;
	forget_from(v, 0);
	plug[v].there = false; plug[v].holding = false;
	plug[v].open = 0; plug[v].oldest = 0; plug[v].ready = 0
#ifdef MAINLINE
	; plug[v].noted = false;
	plug[v].current = 0; plug[v].last = 0; plug[v].releasable = 0
#endif
}

#ifndef MAINLINE

inline plug_close(v, e, recorded)
{
	perr = 0;
	if
	:: !plug[v].holding && e < plug[v].open -> perr = EPROTO
	:: !plug[v].holding && e >= plug[v].open ->
		plug[v].open = e + 1; plug[v].oldest = e + 1; plug[v].holding = true;
		effects++
	:: plug[v].holding && e + 1 == plug[v].open -> skip
	:: plug[v].holding && e == plug[v].open -> plug[v].open++; effects++
	:: else -> perr = EPROTO
	fi
}

inline plug_release(v, e, open_, recorded)
{
	perr = 0;
	if
	:: e >= plug[v].open -> perr = EPROTO
	:: e < plug[v].open && e >= plug[v].oldest -> plug[v].oldest = e + 1; effects++
	:: else -> skip
	fi;
	do
	:: !perr && plug[v].ready < plug[v].count && plug[v].label[plug[v].ready] <= e ->
		plug[v].ready++; effects++
	:: else -> break
	od;
	drain(v)
}

inline plug_discard(v, e, recorded)
{
	perr = 0;
	drop_from(v, plug[v].ready, plug[v].drops);
	if
	:: plug[v].oldest != plug[v].open -> plug[v].oldest = plug[v].open; effects++
	:: else -> skip
	fi
}

inline plug_pass(v, e, recorded)
{
	perr = 0;
	if
	:: plug[v].holding -> plug[v].holding = false; effects++
	:: else -> skip
	fi;
	plug[v].oldest = plug[v].open;
	plug[v].ready = plug[v].count;
	drain(v)
}

#else

/* The record is written in the same go, unless it is what failed. */
inline write_record(v, hold, outstanding, e, recorded)
{
	if
	:: recorded ->
		plug[v].noted = hold; plug[v].open = e; plug[v].oldest = e - outstanding
	:: else -> skip
	fi
}

inline plug_close(v, e, recorded)
{
	perr = 0;
	plug[v].last = plug[v].current;
	plug[v].current = 0;
	plug[v].holding = true;
	write_record(v, true, 1, e + 1, recorded);
	effects++
}

inline plug_release(v, e, open_, recorded)
{
	perr = 0;
	plug[v].releasable = plug[v].releasable + plug[v].last;
	plug[v].last = 0;
	write_record(v, true, 0, open_, recorded);
	effects++;
	drain(v)
}

/* A new plug in the old one's place, once what is released has left. */
inline plug_discard(v, e, recorded)
{
	perr = 0;
	leave_all(v);
#ifdef BUG_UNCOUNTED
	drop_from(v, 0, plug[v].lost);
#else
	drop_from(v, 0, plug[v].drops);
#endif
	plug[v].current = 0; plug[v].last = 0; plug[v].releasable = 0;
	write_record(v, true, 0, e, recorded)
}

inline plug_pass(v, e, recorded)
{
	perr = 0;
	plug[v].holding = false;
	plug[v].current = 0; plug[v].last = 0; plug[v].releasable = 0;
	write_record(v, false, 0, e, recorded);
	drain(v)
}

#endif
