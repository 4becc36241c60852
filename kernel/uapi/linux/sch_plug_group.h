/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * sch_plug_group.h - one request for the plugs of several interfaces.
 *
 * A generic netlink family. A request names interfaces of the caller's network namespace by index;
 * what is done to each one's root plug is what the tagged requests of <linux/sch_plug.h> do, with
 * the same meaning and errors, but without RTNL: it does not wait for whoever adds an interface.
 * Every interface has its own result; one that fails does not keep the others from being done.
 *
 * Rights: CAP_NET_ADMIN in the user namespace that owns the network namespace.
 */
#ifndef _UAPI_LINUX_SCH_PLUG_GROUP_H
#define _UAPI_LINUX_SCH_PLUG_GROUP_H

#define PLUG_GENL_NAME		"sch_plug"
#define PLUG_GENL_VERSION	1

/* Interfaces in one request. */
#define PLUG_GROUP_MAX		256

/**
 * enum plug_genl_cmd - requests; each is answered by one message of the same command
 * @PLUG_CMD_UNSPEC:  unused
 * @PLUG_CMD_BUFFER:  close epoch PLUG_A_EPOCH and hold what comes next
 * @PLUG_CMD_RELEASE: release every closed epoch up to PLUG_A_EPOCH
 * @PLUG_CMD_PASS:    let everything go and hold no more; takes no epoch
 * @PLUG_CMD_DISCARD: drop what is held of epochs up to PLUG_A_EPOCH, of all without one
 * @PLUG_CMD_GET:     only look: the answer has PLUG_A_INFO; takes no epoch
 */
enum plug_genl_cmd {
	PLUG_CMD_UNSPEC,
	PLUG_CMD_BUFFER,
	PLUG_CMD_RELEASE,
	PLUG_CMD_PASS,
	PLUG_CMD_DISCARD,
	PLUG_CMD_GET,
	__PLUG_CMD_MAX,
};

#define PLUG_CMD_MAX (__PLUG_CMD_MAX - 1)

/**
 * enum plug_genl_attr - attributes of requests and answers
 * @PLUG_A_UNSPEC:  unused
 * @PLUG_A_PAD:     padding for 64-bit attributes
 * @PLUG_A_EPOCH:   u64, the tag
 * @PLUG_A_IFINDEX: request: s32 array, 1 to PLUG_GROUP_MAX interface indexes, each above 0
 * @PLUG_A_RESULT:  answer: s32 array, one for each index in the same order: 0 or a negative
 *                  errno; -ENODEV: the interface has no root plug
 * @PLUG_A_INFO:    answer to GET: array of struct tc_plug_info, in the same order, all zero where
 *                  the result is not 0
 */
enum plug_genl_attr {
	PLUG_A_UNSPEC,
	PLUG_A_PAD,
	PLUG_A_EPOCH,
	PLUG_A_IFINDEX,
	PLUG_A_RESULT,
	PLUG_A_INFO,
	__PLUG_A_MAX,
};

#define PLUG_A_MAX (__PLUG_A_MAX - 1)

#endif /* _UAPI_LINUX_SCH_PLUG_GROUP_H */
