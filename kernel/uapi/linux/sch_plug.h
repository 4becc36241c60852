/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * sch_plug.h - what the plug queueing discipline understands beyond <linux/pkt_sched.h>.
 *
 * struct tc_plug_qopt and TCQ_PLUG_* work as they always did; a mainline sch_plug accepts the
 * longer options below too, because it checks a minimum length only, and silently ignores all
 * but the first eight bytes. Send them only to a qdisc whose dump begins with TC_PLUG_MAGIC.
 *
 * Epochs. While the qdisc is holding, every frame belongs to the one open epoch. BUFFER closes it
 * and opens the next. A closed epoch is outstanding until it is released or discarded. Numbers
 * are 64 bits wide and grow by one; they survive reset, release and discard, and skip ahead only
 * when a BUFFER ends the passing state.
 */
#ifndef _UAPI_LINUX_SCH_PLUG_H
#define _UAPI_LINUX_SCH_PLUG_H

#include <linux/types.h>
#include <linux/pkt_sched.h>

#define TC_PLUG_MAGIC		0x4f43504c	/* in host byte order, as all of TCA_OPTIONS */
#define TC_PLUG_VERSION		1

/* Closed epochs that can be outstanding at once; the next BUFFER is refused with ENOSPC. */
#define TC_PLUG_MAX_EPOCHS	1024
/* Records in TCA_PLUG_EPOCHS: the oldest outstanding epochs. The totals cover all of them. */
#define TC_PLUG_DUMP_EPOCHS	32
/* Byte limit of a qdisc created without one: room for 1,024 GSO frames of 64 KiB. */
#define TC_PLUG_DEFAULT_LIMIT	(64U << 20)

/*
 * One more action, for tc_plug_qopt.action. Drop every frame that is held: the open epoch's and
 * those of all outstanding epochs, which stop being outstanding. Tagged e: the frames of epochs
 * <= e only. The qdisc stays holding, and the open epoch keeps its number.
 */
#define TC_PLUG_DISCARD		0x4f430001

/* tc_plug_xopt.flags: @epoch is a tag. Without it @epoch must be 0. */
#define TC_PLUG_F_EPOCH		0x0001

/**
 * struct tc_plug_xopt - TCA_OPTIONS of a request that carries an epoch
 * @base:    @base.action as in a plain request; @base.limit counts at creation (0: the default)
 *           and for TCQ_PLUG_LIMIT
 * @magic:   TC_PLUG_MAGIC
 * @version: TC_PLUG_VERSION
 * @flags:   TC_PLUG_F_EPOCH or 0; all other bits must be 0
 * @epoch:   the tag, with TC_PLUG_F_EPOCH
 *
 * What the tag e means, with "open" for the number of the open epoch:
 *
 * TCQ_PLUG_BUFFER        holding: e == open closes e and opens e + 1; e == open - 1 was done
 *                        before and succeeds without effect. Passing: any e >= open; what went
 *                        out until now counts as e, holding starts with e + 1.
 * TCQ_PLUG_RELEASE_ONE   releases every closed epoch <= e; e < open. Repeating it is harmless.
 * TC_PLUG_DISCARD        drops the held frames of every epoch <= e; e <= open. Ditto.
 * at creation            e is the number of the first open epoch (else 0), with any action
 *
 * RELEASE_INDEFINITE and LIMIT take no tag (EINVAL). Errors, each with an extack message:
 * EPROTO for an epoch out of sequence, with the open epoch's number as the extack's cookie (u64)
 * or text where the kernel allows; ENOSPC for an epoch too many; ERANGE when e is the last u64;
 * EINVAL for any other malformed request. A refused request changes nothing.
 *
 * Untagged, BUFFER means e == open and RELEASE_ONE means the oldest outstanding epoch.
 */
struct tc_plug_xopt {
	struct tc_plug_qopt	base;
	__u32			magic;
	__u16			version;
	__u16			flags;
	__u64			epoch;
};

/**
 * struct tc_plug_count - an amount of queued traffic
 * @frames: queue entries; a GSO frame is one, as in the qdisc's qlen
 * @bytes:  as in the qdisc's backlog: on the wire, with each GSO segment's headers
 */
struct tc_plug_count {
	__u64	frames;
	__u64	bytes;
};

/**
 * struct tc_plug_xstats - counts since creation; TCA_STATS_APP, and the end of tc_plug_info
 * @buffered:     entered while holding
 * @released:     became free to leave by RELEASE_ONE or RELEASE_INDEFINITE
 * @drop_limit:   frames refused because the queue would have exceeded its limit
 * @drop_copy:    frames refused because no memory was left to copy pages of another owner
 * @drop_discard: frames dropped by TC_PLUG_DISCARD
 * @drop_reset:   frames lost to a reset: link down, txqueuelen changed, clsact added, ...
 * @copied:       frames whose pages were copied, so that their owner need not wait
 * @resets:       resets so far
 *
 * buffered.frames - released.frames - held.frames is what discards and resets took from the
 * held frames. drop_reset counts frames that were already free to leave, too.
 */
struct tc_plug_xstats {
	struct tc_plug_count	buffered;
	struct tc_plug_count	released;
	__u64			drop_limit;
	__u64			drop_copy;
	__u64			drop_discard;
	__u64			drop_reset;
	__u64			copied;
	__u64			resets;
};

/* tc_plug_info.flags */
#define TC_PLUG_S_HOLDING	0x0001	/* frames are held; else passing */
#define TC_PLUG_S_COPY		0x0002	/* module parameter copy: pages of others are copied */
#define TC_PLUG_S_ORPHAN	0x0004	/* module parameter orphan: senders are not charged */

/**
 * struct tc_plug_info - TCA_OPTIONS in a dump: begins like struct tc_plug_xopt
 * @base:             action: TCQ_PLUG_BUFFER when holding, TCQ_PLUG_RELEASE_INDEFINITE when
 *                    passing; limit: in bytes
 * @magic:            TC_PLUG_MAGIC
 * @version:          TC_PLUG_VERSION; a higher one may only append
 * @flags:            TC_PLUG_S_*
 * @open_epoch:       number of the open epoch, 0..2^64-1
 * @oldest_epoch:     oldest outstanding epoch, open_epoch if there is none: every epoch below
 *                    was released or discarded
 * @released_end:     one more than the highest epoch ever released, 0 if none was
 * @outstanding:      closed epochs that await release: open_epoch - oldest_epoch
 * @max_outstanding:  TC_PLUG_MAX_EPOCHS of the running module
 * @ready:            released, but not yet taken by the device
 * @open:             held in the open epoch
 * @held:             held in all: the open epoch's and every outstanding one's
 * @oldest_hold_ns:   since the oldest held frame came in, 0 if none is held
 * @info_size:        bytes of this structure in the running module: attributes begin there
 * @reserved:         0
 * @xstats:           counts since creation
 *
 * Taken under the qdisc's lock: one consistent picture. Attributes of enum tc_plug_attr follow.
 */
struct tc_plug_info {
	struct tc_plug_qopt	base;
	__u32			magic;
	__u16			version;
	__u16			flags;
	__u64			open_epoch;
	__u64			oldest_epoch;
	__u64			released_end;
	__u32			outstanding;
	__u32			max_outstanding;
	struct tc_plug_count	ready;
	struct tc_plug_count	open;
	struct tc_plug_count	held;
	__u64			oldest_hold_ns;
	__u32			info_size;
	__u32			reserved;
	struct tc_plug_xstats	xstats;
};

/**
 * struct tc_plug_epoch - one outstanding epoch
 * @epoch:     its number
 * @held:      its frames
 * @hold_ns:   since its first frame came in, 0 if it has none
 * @closed_ns: since it was closed
 */
struct tc_plug_epoch {
	__u64			epoch;
	struct tc_plug_count	held;
	__u64			hold_ns;
	__u64			closed_ns;
};

/**
 * enum tc_plug_attr - attributes after struct tc_plug_info
 * @TCA_PLUG_UNSPEC: unused
 * @TCA_PLUG_EPOCHS: array of struct tc_plug_epoch, oldest first, at most TC_PLUG_DUMP_EPOCHS:
 *                   the message stays within one page however many are outstanding
 */
enum tc_plug_attr {
	TCA_PLUG_UNSPEC,
	TCA_PLUG_EPOCHS,
	__TCA_PLUG_MAX,
};

#define TCA_PLUG_MAX (__TCA_PLUG_MAX - 1)

/* Layouts cross the boundary between kernel and user space: they must not drift. */
#if defined(__KERNEL__) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
_Static_assert(sizeof(struct tc_plug_qopt) == 8, "tc_plug_qopt");
_Static_assert(sizeof(struct tc_plug_xopt) == 24, "tc_plug_xopt");
_Static_assert(sizeof(struct tc_plug_xstats) == 80, "tc_plug_xstats");
_Static_assert(sizeof(struct tc_plug_info) == 192, "tc_plug_info");
_Static_assert(sizeof(struct tc_plug_epoch) == 40, "tc_plug_epoch");
#endif

#endif /* _UAPI_LINUX_SCH_PLUG_H */
