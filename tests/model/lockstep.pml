/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With -DLOCKSTEP every request is given to the daemon's own domain.c too, from the same state: see lockstep.c. */
#ifdef LOCKSTEP
c_code { \#include "lockstep.c" };

/* Names have no numbers that C could know. */
#define verb_number(verb) (verb == postsuspend -> 1 : (verb == preresume -> 2 : (verb == commit -> 3 : \
	(verb == abort -> 4 : (verb == discard -> 5 : (verb == release -> 6 : 0))))))

hidden byte c_verb, c_epoch, c_fails, c_op, c_broken, c_gone;

inline tell_health()
{
	c_broken = 0; c_gone = 0;
	for (i : 0 .. VIFS - 1) {
		c_broken = c_broken | ((vif[i].state == broken) << i);
		c_gone = c_gone | ((vif[i].state == gone) << i)
	}
	i = 0
}

inline lockstep_before(verb, e)
{
	c_verb = verb_number(verb);
	c_epoch = e;
	c_fails = (fault_kind != sound) << fault_vif;
	tell_health();
	c_code { if (c_verb) lockstep_begin(&now); }
}

inline lockstep_after(verb, e)
{
	c_op = verb_number(op);
	c_code { if (c_verb) now.model_is_code = lockstep_end(&now); };
	assert(model_is_code)
}
#else
#define lockstep_before(verb, e) skip
#define lockstep_after(verb, e)	skip
#endif
