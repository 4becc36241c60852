/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network lock, in criu's place: criu takes us for iptables-restore and ip6tables-restore. Its
 * own ways to lock also drop what the namespace sends, and tell the sender: if the kernel is to
 * repeat a SYN-ACK then, it forgets the connection that is being made. The client, once it gets
 * the first one, which was held, is reset. So here only what arrives is dropped, all of it from one
 * moment on; what leaves is held by the barrier.
 */
#ifndef CRIU_NETLOCK_H
#define CRIU_NETLOCK_H

#include <stdbool.h>

/* Make @dir, with us in it by these names. */
int netlock_place(const char *dir);

/* Was this program called by one of them? */
bool netlock_is(const char *program);

/*
 * In the namespace that criu has entered: lock or unlock it, as the rules on stdin want. A lock
 * that was left behind is replaced.
 */
int netlock_run(const char *program);

#endif
