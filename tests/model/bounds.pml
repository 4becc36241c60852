/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large the world is, and what may happen in it. Everything can be set with -D; see run. */

#ifndef VIFS
#define VIFS 2
#endif
#ifndef EPOCHS
#define EPOCHS 3	/* the guest is paused this often */
#endif
#ifndef FRAMES
#define FRAMES 2	/* that the guest sends through each vif */
#endif
#ifndef DEPTH
#define DEPTH 2		/* outstanding epochs that the configuration allows */
#endif

/* How often each may happen in one life. */
#ifndef FAILURES
#define FAILURES 0	/* an operation on one vif fails, before or after it was done */
#endif
#ifndef LOSSES
#define LOSSES 0	/* a reply is lost, so the request is repeated, now or late */
#endif
#ifndef CRASHES
#define CRASHES 0	/* of the daemon, which is started again */
#endif
#ifndef ORPHANS
#define ORPHANS 0	/* the driver dies, and another takes over */
#endif
#ifndef RESETS
#define RESETS 0	/* somebody resets a buffer's device */
#endif
#ifndef PLUGGINGS
#define PLUGGINGS 0	/* the last vif comes or goes; with any, it is not there at first */
#endif
#ifndef CHANGES
#define CHANGES 0	/* of the driver's mind: abort, discard, release */
#endif

/* Errors, as errno has them. */
#define EIO 5
#define ENODEV 19
#define ENOSPC 28
#define EPROTO 71
#define EOPNOTSUPP 95
#define ECANCELED 125

#define ALL 255
#define LAST_EPOCH (EPOCHS + 6)	/* numbers rise with a release, too */

mtype:verb = { none, postsuspend, preresume, commit, abort, discard, release, attach }
mtype:fault = { sound, before, after }
mtype:health = { ok, gone, broken }
