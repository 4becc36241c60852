/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libxl would find if it read on in the stream now. libxl (4.17 and others) takes an end of
 * the stream within a checkpoint for an empty record, and reads such records for ever: the guest
 * would never start. So it is only asked to read a checkpoint of which something has come.
 */
#ifndef XEN_HELPER_INCOMING_H
#define XEN_HELPER_INCOMING_H

enum incoming {
	INCOMING_NOTHING, /* yet: wait until the descriptor can be read */
	INCOMING_DATA,	  /* or nothing is known of it */
	INCOMING_END,
};

enum incoming incoming_look(int fd);

#endif
