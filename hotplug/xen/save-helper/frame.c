/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* "OCXA": magic and version must never move, so that every version can tell every other. */
#define FRAME_MAGIC 0x4f435841U

struct wire_frame {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint64_t number;
} __attribute__((packed));

static_assert(sizeof(struct wire_frame) == FRAME_BYTES, "frame layout");

void frame_encode(const struct frame *frame, uint8_t bytes[FRAME_BYTES])
{
	const struct wire_frame wire = {
		.magic = htonl(FRAME_MAGIC),
		.version = htons(FRAME_VERSION),
		.type = htons((uint16_t)frame->type),
		.number = htobe64(frame->number),
	};

	memcpy(bytes, &wire, sizeof(wire));
}

int frame_decode(const uint8_t bytes[FRAME_BYTES], struct frame *frame)
{
	struct wire_frame wire;

	memcpy(&wire, bytes, sizeof(wire));
	if (ntohl(wire.magic) != FRAME_MAGIC)
		return -EBADMSG;
	if (ntohs(wire.version) != FRAME_VERSION)
		return -EPROTONOSUPPORT;
	switch (ntohs(wire.type)) {
	case FRAME_HELLO:
	case FRAME_ACK:
		frame->type = ntohs(wire.type);
		frame->number = be64toh(wire.number);
		return 0;
	}
	return -EBADMSG;
}

int frame_read(struct frame_reader *reader, int fd, struct frame *frame)
{
	ssize_t got = read(fd, reader->bytes + reader->len, FRAME_BYTES - reader->len);
	int err;

	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (got == 0)
		return -EPIPE;
	reader->len += (size_t)got;
	if (reader->len < FRAME_BYTES)
		return 0;
	reader->len = 0;
	err = frame_decode(reader->bytes, frame);
	return err ? err : 1;
}
