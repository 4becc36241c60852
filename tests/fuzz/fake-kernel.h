/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel small enough to be called ten thousand times a second: interfaces, plugs of both kinds, redirects and records, behind the
 * daemon's own sendmsg and recvmmsg (the linker's --wrap). It answers as rtnetlink does, and fails when told to.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

enum fake_module {
	FAKE_MAINLINE,
	FAKE_OUTCOMMIT, /* rtnetlink only */
	FAKE_GROUP, /* ours with its generic netlink family */
};

/* Two vifs, 10 and 11, named vif1.0 and vif1.1; nothing else. */
void fake_boot(enum fake_module module);

/* After @skip more requests, the next one fails with @error, or with 0: is done, and its answer lost. */
void fake_fail(unsigned int skip, int error);

/* What others do. Each is followed by the notifications that the real one sends. 0: all buffers. */
void fake_set_down(int ifindex);
void fake_delete(int ifindex);
void fake_replace_plug(int ifindex);
void fake_unredirect(int ifindex);
void fake_rename(int ifindex, const char *name);
void fake_send_frames(unsigned int count);
/* The bridge's word, not the link's. */
void fake_leave_bridge(int ifindex);

/* From now on notifications may lie: the daemon may take a buffer away that holds. */
void fake_lie(void);

/* Put a packet on the watch's socket. */
void fake_notify(const void *data, size_t len);

/* The index of the first buffer, or 0. */
int fake_first_buffer(void);

/* fake-socket.c: queue an answer to the request under way. */
void fake_answer(const void *data, size_t len);
void fake_forget_packets(void);
/* fake-kernel.c: do what a request says. @protocol: NETLINK_ROUTE or NETLINK_GENERIC */
void fake_request(int protocol, const struct nlmsghdr *nlh);

#define FAKE_FAMILY 0x20

#endif
