// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Epochs of a fixed length on a plug that is a device's root, until killed: BUFFER, and the epoch
 * before is released. The commands are the plain ones, so that either module obeys.
 *
 * usage: pump DEVICE MICROSECONDS
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/rtnetlink.h>

#include "lib/rig.h"

int main(int argc, char **argv)
{
	struct rig rig = { .parent = TC_H_ROOT, .handle = TC_H_MAKE(1 << 16, 0) };
	struct timespec epoch = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: pump DEVICE MICROSECONDS\n");
		return 2;
	}
	rig.ifindex = if_nametoindex(argv[1]);
	epoch.tv_nsec = atol(argv[2]) * 1000;
	if (!rig.ifindex || rtnl_open(&rig.nl))
		return 1;
	while (!rig_change(&rig, TCQ_PLUG_BUFFER, 0, RIG_UNTAGGED) &&
	       !rig_change(&rig, TCQ_PLUG_RELEASE_ONE, 0, RIG_UNTAGGED))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &epoch, NULL);
	return 1;
}
