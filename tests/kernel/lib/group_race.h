/* SPDX-License-Identifier: GPL-2.0-or-later */
/* group_race.h - group requests against whatever takes their plugs away. */
#ifndef TEST_GROUP_RACE_H
#define TEST_GROUP_RACE_H

#include <stdbool.h>
#include <stddef.h>

#include "rig.h"

/*
 * Two sockets ask all the time; the plug of @rig, a link and a namespace with a link go and come.
 * Every answer must be one that the uapi header names, and each of the three must be both found and
 * missed. Figures go to stdout as a line of their own, what is wrong to @why.
 */
bool group_race(struct rig *rig, int milliseconds, char *why, size_t why_bytes);

#endif
