/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: daemon/domain.c, statement by statement where order matters, and what attach.c, health.c and adopt.c do around it. With
 * -DLOCKSTEP every request is also given to domain.c itself, see lockstep.c.
 *
 * BUG_... are mistakes that the promises must catch.
 */

typedef Vif {
	bool there;		/* attached */
	mtype:health state = ok;
	bool holding;
	bool unsure;		/* nobody knows whether it holds: an operation failed, and may be done all the same */
	byte tried;		/* the most that can be open on it */
	byte open, committed;
}

Vif vif[VIFS];
bool up = true;
bool d_holding;
byte d_open = 1, d_committed;
bool d_aborted[LAST_EPOCH];
bool unseen[VIFS];	/* a reset whose notification was not read yet */

/* The fault that the next operation meets, and on which vif. */
mtype:fault fault_kind = sound;
byte fault_vif;

/* Scratch of one step. */
hidden byte ret, i, live, first, closing, batch[VIFS], verr[VIFS], op, op_mask, op_epoch, highest, lowest, least;

#define is_live(v) (vif[v].there && vif[v].state != gone)
#define has_closed(v, e) (vif[v].holding && !vif[v].unsure && vif[v].open > (e))
#ifdef BUG_SURE
#define is_closed(v, e) (vif[v].holding && vif[v].open == (e) + 1)
#else
#define is_closed(v, e) (has_closed(v, e) && vif[v].tried == (e) + 1)
#endif

inline check_whole()
{
	live = 0;
	for (i : 0 .. VIFS - 1) {
		if
		:: vif[i].there && vif[i].state == broken && !ret -> ret = EIO
		:: else -> skip
		fi;
		live = live + (vif[i].there && vif[i].state != gone)
	}
	i = 0;
	if
	:: !ret && !live -> ret = ENODEV
	:: else -> skip
	fi
}

#define fails(v) (fault_vif == (v) && fault_kind == before)
#define is_recorded(v) (fault_vif != (v) || fault_kind != after)

/* One operation on every vif of the batch, each with its own outcome. */
inline operate(what, e)
{
	op = what; op_epoch = e; op_mask = 0;
	for (i : 0 .. VIFS - 1) {
		verr[i] = 0;
		if
		:: batch[i] ->
			op_mask = op_mask | (1 << i);
			perr = 0;
			if
			:: fails(i) -> perr = EIO
			:: !fails(i) && what == postsuspend -> plug_close(i, e, is_recorded(i))
			:: !fails(i) && what == commit -> plug_release(i, e, vif[i].open, is_recorded(i))
			:: !fails(i) && what == discard -> plug_discard(i, vif[i].open, is_recorded(i))
			:: !fails(i) && what == release -> plug_pass(i, e, is_recorded(i))
			fi;
			verr[i] = perr;
			if
			:: !is_recorded(i) -> verr[i] = EIO
			:: else -> skip
			fi;
			if
			:: verr[i] && !ret -> ret = EIO
			:: else -> skip
			fi
		:: else -> skip
		fi
	}
	i = 0
}

inline check_depth()
{
	if
#ifdef MAINLINE
	:: !ret && d_holding && d_open - 1 - d_committed >= 1 -> ret = EPROTO
#endif
	:: !ret && d_holding && d_open - 1 - d_committed >= DEPTH -> ret = ENOSPC
	:: else -> skip
	fi
}

inline close_epoch(e)
{
	first = !d_holding;
	for (i : 0 .. VIFS - 1) {
#ifdef BUG_REPEAT
		batch[i] = is_live(i)
#else
		batch[i] = is_live(i) && !has_closed(i, e)
#endif
	}
	operate(postsuspend, e);
	for (i : 0 .. VIFS - 1) {
		if
		:: batch[i] && !verr[i] ->
			vif[i].committed = (vif[i].holding -> vif[i].committed : e - 1);
			vif[i].holding = true;
			vif[i].open = e + 1;
			vif[i].tried = e + 1;
			vif[i].unsure = false;
			d_holding = true
		:: batch[i] && verr[i] ->
			vif[i].unsure = vif[i].unsure || !vif[i].holding;
#ifndef BUG_FORGOTTEN_TRY
			vif[i].tried = (vif[i].tried > e + 1 -> vif[i].tried : e + 1)
#endif
		:: else -> skip
		fi
	}
	i = 0;
	if
	:: first && d_holding -> d_open = e; d_committed = e - 1
	:: else -> skip
	fi
}

inline do_postsuspend(e)
{
	closing = true;
	check_whole();
	if
	:: ret -> skip
	:: else ->
		if
		:: e == d_open || (!d_holding && e > d_open) -> check_depth()
		:: e != d_open && d_holding && e + 1 == d_open ->
#ifdef BUG_REPEAT
			closing = true;
#else
			closing = false;
#endif
			for (i : 0 .. VIFS - 1) {
				closing = closing || (is_live(i) && !has_closed(i, e))
			}
			i = 0
		:: else -> ret = EPROTO
		fi;
		if
		:: !ret && closing ->
			close_epoch(e);
			if
			:: !ret -> d_open = e + 1; d_aborted[e] = false
			:: else -> skip
			fi
		:: else -> skip
		fi
	fi
}

inline do_preresume(e)
{
#ifndef BUG_PRERESUME
	check_whole();
#endif
	if
	:: ret -> skip
	:: !ret && (!d_holding || e + 1 != d_open) -> ret = EPROTO
	:: else ->
#ifndef BUG_PRERESUME
		for (i : 0 .. VIFS - 1) {
			if
			:: is_live(i) && !is_closed(i, e) -> ret = EIO
			:: else -> skip
			fi
		}
		i = 0
#else
		skip
#endif
	fi
}

inline do_commit(e)
{
	if
	:: e <= d_committed -> skip
	:: e > d_committed && (!d_holding || e >= d_open) -> ret = EPROTO
	:: e > d_committed && d_holding && e < d_open && d_aborted[e] -> ret = ECANCELED
	:: else ->
		live = 0;
		for (i : 0 .. VIFS - 1) {
			batch[i] = is_live(i) && vif[i].state != broken && vif[i].holding && vif[i].committed < e;
			live = live + (vif[i].there && vif[i].state == broken)
		}
#ifdef BUG_COMMIT_ONE
		batch[VIFS - 1] = false;
#endif
		operate(commit, e);
		for (i : 0 .. VIFS - 1) {
			vif[i].committed = (batch[i] && !verr[i] -> e : vif[i].committed)
		}
		i = 0;
		if
		:: !ret && live -> ret = EIO
		:: else -> skip
		fi;
		if
		:: !ret -> d_committed = e
		:: else -> skip
		fi
	fi
}

inline do_abort(e)
{
	if
#ifdef MAINLINE
	:: true -> ret = EOPNOTSUPP
#else
	:: !d_holding || e <= d_committed || e >= d_open -> ret = EPROTO
	:: else -> d_aborted[e] = true
#endif
	fi
}

/* What was meant for another epoch than the open one comes too late. */
inline check_meant(e)
{
	if
#ifndef BUG_LATE
	:: e != d_open && (d_holding || e > d_open) -> ret = EPROTO
#endif
	:: else -> skip
	fi
}

inline do_discard(e)
{
	check_meant(e);
	if
	:: ret || !d_holding -> skip
	:: else ->
		for (i : 0 .. VIFS - 1) {
			batch[i] = is_live(i) && vif[i].holding
		}
		operate(discard, d_open);
		for (i : 0 .. VIFS - 1) {
			vif[i].committed = (batch[i] && !verr[i] -> d_open - 1 : vif[i].committed)
		}
		i = 0;
		if
		:: !ret -> d_committed = d_open - 1
		:: else -> skip
		fi
	fi
}

inline do_release(e)
{
	check_meant(e);
	if
	:: ret -> skip
	:: else -> pass_all()
	fi
}

inline pass_all()
{
	highest = d_open;
	for (i : 0 .. VIFS - 1) {
#ifdef BUG_RELEASE_KNOWN
		batch[i] = is_live(i) && vif[i].holding;
#else
		batch[i] = is_live(i) && (vif[i].holding || vif[i].unsure);
#endif
#ifndef BUG_NUMBERS_BACK
		highest = (is_live(i) && vif[i].tried > highest -> vif[i].tried : highest)
#endif
	}
	operate(release, highest);
	for (i : 0 .. VIFS - 1) {
		if
		:: batch[i] && !verr[i] -> vif[i].holding = false; vif[i].unsure = false; vif[i].open = vif[i].tried
		:: batch[i] && verr[i] -> vif[i].unsure = true
		:: else -> skip
		fi
	}
	i = 0;
	if
	:: !ret -> d_holding = false; d_open = highest; d_committed = highest - 1
	:: else -> skip
	fi
}

inline vif_fresh(v)
{
	vif[v].there = true;
	vif[v].state = ok;
	vif[v].holding = d_holding;
	vif[v].unsure = false;
	vif[v].open = d_open;
	vif[v].tried = d_open;
	vif[v].committed = d_committed
}

/* A plug that does not do what the domain does is replaced, with what it had. */
inline repair(v)
{
	if
#ifdef BUG_REPAIR
	:: vif[v].holding != d_holding -> vif_fresh(v)
#else
	:: vif[v].holding != d_holding || vif[v].unsure ->
		drop_from(v, 0, plug[v].drops);
		plug[v].ready = 0;
		make(v, d_holding, d_open);
		vif_fresh(v)
#endif
	:: else -> skip
	fi;
	vif[v].state = ok;
	printf("@ mended %d\n", v)
}

inline do_attach(v)
{
	if
	:: vif[v].there && vif[v].state == broken -> repair(v)
	:: !vif[v].there || vif[v].state == gone ->
#ifdef BUG_HOTPLUG
		make(v, false, d_open);
#else
		make(v, d_holding, d_open);
#endif
		vif_fresh(v);
		printf("@ attached %d\n", v)
	:: else -> skip
	fi
}

/* health.c, told of a reset: damage is never answered by a release. With mainline's, counts are wrong from now on. */
inline notice(v)
{
	unseen[v] = false;
	if
	:: !d_holding -> printf("@ noticed %d\n", v); repair(v)
	:: else ->
		vif[v].state = broken;
#ifdef MAINLINE
		drop_from(v, 0, plug[v].drops);
		was_holding = vif[v].holding; was_open = vif[v].open;
		make(v, was_holding, was_open);
		was_holding = 0; was_open = 0;
		vif[v].committed = vif[v].open - 1;
#endif
		printf("@ noticed %d\n", v)
	fi
}

/* Outside of a d_step's own loops over i. */
inline look_around()
{
	for (i : 0 .. VIFS - 1) {
		if
		:: unseen[i] -> notice(i)
		:: else -> skip
		fi
	}
	i = 0
}

/* One request: sets ret. */
inline handle(verb, e)
{
	ret = 0; op = none; op_mask = 0; op_epoch = 0;
#ifdef NAIVE
	handle_naively(verb, e)
#else
	if
#ifndef BUG_BLIND_COMMIT
	:: verb == commit -> look_around()
#endif
	:: verb == postsuspend || verb == preresume -> look_around()
	:: else -> skip
	fi;
	lockstep_before(verb, e);
	if
	:: verb == postsuspend -> do_postsuspend(e)
	:: verb == preresume -> do_preresume(e)
	:: verb == commit -> do_commit(e)
	:: verb == abort -> do_abort(e)
	:: verb == discard -> do_discard(e)
	:: verb == release -> do_release(e)
	:: verb == attach -> do_attach(e)
	fi;
	lockstep_after(verb, e);
#endif
	skip
}

/* What a driver of mainline's plug does without us, libxl for one: each request is one operation, whatever came before. */
inline handle_naively(verb, e)
{
	for (i : 0 .. VIFS - 1) {
		if
		:: verb == postsuspend -> plug_close(i, e, true)
		:: verb == commit -> plug_release(i, e, d_open, true)
		:: verb == release -> plug_pass(i, d_open, true)
		:: else -> skip
		fi
	}
	i = 0;
	d_open = (verb == postsuspend -> e + 1 : d_open);
	d_holding = (verb == postsuspend || d_holding) && verb != release
}

inline forget()
{
	up = false;
	d_holding = false; d_open = 0; d_committed = 0;
	for (i : 0 .. VIFS - 1) {
		vif[i].there = false; vif[i].state = ok;
		vif[i].holding = false; vif[i].unsure = false;
		vif[i].open = 0; vif[i].tried = 0; vif[i].committed = 0;
		unseen[i] = false
	}
	for (i : 0 .. LAST_EPOCH - 1) {
		d_aborted[i] = false
	}
	i = 0
}

/* A started daemon takes what the plugs tell, and the domain is only as far as the vif that is least far. */
inline adopt()
{
	up = true;
	highest = 1; lowest = ALL; least = ALL;
	for (i : 0 .. VIFS - 1) {
		if
		:: plug[i].there ->
			vif[i].there = true;
#ifdef MAINLINE
			vif[i].holding = plug[i].noted;
#else
			vif[i].holding = plug[i].holding;
#endif
			vif[i].open = plug[i].open;
			vif[i].tried = plug[i].open;
			vif[i].committed = plug[i].oldest - 1;
			highest = (plug[i].open > highest -> plug[i].open : highest);
#ifdef BUG_ADOPT_MOST
			if
			:: vif[i].holding -> lowest = highest; least = lowest - 1
			:: else -> skip
			fi
#else
			if
			:: vif[i].holding ->
				lowest = (vif[i].open < lowest -> vif[i].open : lowest);
				least = (vif[i].committed < least -> vif[i].committed : least)
			:: else -> skip
			fi
#endif
		:: else -> skip
		fi
	}
	i = 0;
	d_holding = lowest != ALL;
	d_open = (d_holding -> lowest : highest);
	d_committed = (d_holding && least < lowest -> least : d_open - 1);
#ifdef BUG_OPEN_ON_START
	for (i : 0 .. VIFS - 1) {
		if
		:: plug[i].there -> plug_pass(i, d_open, true)
		:: else -> skip
		fi
	}
	i = 0;
#endif
	printf("@ adopt\n")
}
