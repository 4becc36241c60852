/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TYPE_BYTES sizeof(uint16_t)
#define ARGUMENTS_OFFSET (MESSAGE_HEADER_BYTES + TYPE_BYTES)

static uint16_t u16_at(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* How long the message is, as far as that is known. */
static size_t message_wanted(const struct message *message)
{
	if (message->len < MESSAGE_HEADER_BYTES)
		return MESSAGE_HEADER_BYTES;
	return MESSAGE_HEADER_BYTES + u16_at(message->bytes);
}

static int read_some(int fd, uint8_t *bytes, size_t *len, size_t wanted)
{
	ssize_t got = read(fd, bytes + *len, wanted - *len);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (got == 0)
		return *len ? -EBADMSG : -EPIPE;
	*len += (size_t)got;
	return 0;
}

int message_read(struct message *message, int fd)
{
	int err = read_some(fd, message->bytes, &message->len, message_wanted(message));

	if (err)
		return err;
	if (message->len < MESSAGE_HEADER_BYTES)
		return 0;
	if (u16_at(message->bytes) < TYPE_BYTES)
		return -EBADMSG;
	return message->len == message_wanted(message);
}

int reply_read(struct reply *reply, int fd)
{
	int err = read_some(fd, reply->bytes, &reply->len, sizeof(reply->bytes));

	return err ? err : reply->len == sizeof(reply->bytes);
}

unsigned int message_type(const struct message *message)
{
	return u16_at(message->bytes + MESSAGE_HEADER_BYTES);
}

bool message_wants_reply(const struct message *message)
{
	switch (message_type(message)) {
	case MESSAGE_LOG:
	case MESSAGE_PROGRESS:
	case MESSAGE_RESTORE_RESULTS:
		return false;
	default:
		return true;
	}
}

bool message_is_chatter(const struct message *message)
{
	uint32_t level;

	if (message_type(message) == MESSAGE_PROGRESS)
		return true;
	if (message_type(message) != MESSAGE_LOG || message->len < ARGUMENTS_OFFSET + sizeof(level))
		return false;
	memcpy(&level, message->bytes + ARGUMENTS_OFFSET, sizeof(level));
	return level <= MESSAGE_LEVEL_INFO;
}

int message_complete_status(const struct message *message, int *status)
{
	if (message->len < ARGUMENTS_OFFSET + sizeof(*status))
		return -EBADMSG;
	memcpy(status, message->bytes + ARGUMENTS_OFFSET, sizeof(*status));
	return 0;
}

int reply_value(const struct reply *reply)
{
	int value;

	memcpy(&value, reply->bytes, sizeof(value));
	return value;
}
