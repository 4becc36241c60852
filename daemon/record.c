// SPDX-License-Identifier: GPL-2.0-or-later
/* "OC", version, flags, check sum of the rest, open epoch; big-endian, so that it reads well in a dump. */
#include "record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define RECORD_VERSION 1
#define RECORD_HOLDING 0x01
#define RECORD_OUTSTANDING 0x02
#define RECORD_FLAGS (RECORD_HOLDING | RECORD_OUTSTANDING)

struct packed_record {
	char magic[2];
	uint8_t version;
	uint8_t flags;
	uint32_t sum;
	uint64_t open;
};

_Static_assert(sizeof(struct packed_record) == RECORD_BYTES, "a record fills a cookie");

/* FNV-1a over everything but the sum: a stranger's cookie is not taken for a record by chance. */
static uint32_t sum_of(const struct packed_record *packed)
{
	struct packed_record copy = *packed;
	const uint8_t *bytes = (const uint8_t *)&copy;
	uint32_t sum = 2166136261U;

	copy.sum = 0;
	for (size_t i = 0; i < sizeof(copy); i++)
		sum = (sum ^ bytes[i]) * 16777619U;
	return htobe32(sum);
}

void record_pack(const struct record *record, uint8_t bytes[RECORD_BYTES])
{
	struct packed_record packed = {
		.magic = { 'O', 'C' },
		.version = RECORD_VERSION,
		.flags = (uint8_t)((record->holding ? RECORD_HOLDING : 0) |
				   (record->outstanding ? RECORD_OUTSTANDING : 0)),
		.open = htobe64(record->open),
	};

	packed.sum = sum_of(&packed);
	memcpy(bytes, &packed, sizeof(packed));
}

int record_unpack(struct record *record, const void *bytes, size_t len)
{
	struct packed_record packed;

	if (len != sizeof(packed))
		return -EBADMSG;
	memcpy(&packed, bytes, sizeof(packed));
	if (memcmp(packed.magic, "OC", 2) || packed.version != RECORD_VERSION ||
	    packed.flags & ~RECORD_FLAGS || packed.sum != sum_of(&packed))
		return -EBADMSG;
	if (!packed.open || be64toh(packed.open) > INT64_MAX)
		return -EBADMSG;
	*record = (struct record){
		.holding = packed.flags & RECORD_HOLDING,
		.outstanding = packed.flags & RECORD_OUTSTANDING,
		.open = be64toh(packed.open),
	};
	return 0;
}
