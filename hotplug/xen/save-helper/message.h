/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libxl and its save helper say to each other, read without trusting either: the helper's
 * messages (u16 length of what follows, u16 number, arguments) and libxl's replies (one int), both
 * in the machine's byte order. Nothing is read beyond the message at hand, so what comes next stays
 * in the pipe for as long as it has to wait.
 */
#ifndef XEN_HELPER_MESSAGE_H
#define XEN_HELPER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers since Xen 4.14. */
enum message_type {
	MESSAGE_LOG = 1,
	MESSAGE_PROGRESS = 2,
	MESSAGE_SUSPEND = 3,
	MESSAGE_POSTCOPY = 4, /* the guest may run again */
	MESSAGE_CHECKPOINT = 5,
	MESSAGE_WAIT_CHECKPOINT = 6,
	MESSAGE_LOGDIRTY = 7,
	MESSAGE_STATIC_DATA_DONE = 8,
	MESSAGE_RESTORE_RESULTS = 9,
	MESSAGE_COMPLETE = 10,
};

/* The first argument of MESSAGE_LOG: libxentoollog's, in the order of their weight. */
#define MESSAGE_LEVEL_INFO 5U

/* What libxl replies to MESSAGE_CHECKPOINT on the backup. */
enum checkpoint_reply {
	CHECKPOINT_COMPLETE = 1,
	CHECKPOINT_FAILOVER = 2, /* go on from the one before */
};

#define MESSAGE_HEADER_BYTES sizeof(uint16_t)
#define MESSAGE_MAX (MESSAGE_HEADER_BYTES + UINT16_MAX)

/* One message, or the part of it that has come. All zero to begin with. */
struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

/* One reply, or the part of it that has come. */
struct reply {
	uint8_t bytes[sizeof(int)];
	size_t len;
};

/*
 * Take what has come, in one read. 1 if the message is whole (set len to 0 to read the next), 0 if
 * more must come, -EPIPE if the other side has ended, -EBADMSG if it ended within a message or sent
 * what is none, or what read(2) gives.
 */
int message_read(struct message *message, int fd);
int reply_read(struct reply *reply, int fd);

/* Of a whole message. */
unsigned int message_type(const struct message *message);
bool message_wants_reply(const struct message *message);
/* How far it is, or what is logged without being worth a notice. */
bool message_is_chatter(const struct message *message);
/* The first argument of MESSAGE_COMPLETE, 0 for success; -EBADMSG if there is none. */
int message_complete_status(const struct message *message, int *status);

int reply_value(const struct reply *reply);

#endif
