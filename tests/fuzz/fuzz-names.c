// SPDX-License-Identifier: GPL-2.0-or-later
/* What a daemon finds written beside an interface, by an earlier one or by anybody: an IFB's alias, a redirect's cookie. */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct buffer_alias *a, const struct buffer_alias *b)
{
	return !strcmp(a->domain, b->domain) && !strcmp(a->vif, b->vif) && a->vif_ifindex == b->vif_ifindex &&
	       a->limit_bytes == b->limit_bytes && a->own_ingress == b->own_ingress && a->owner == b->owner && a->ready == b->ready;
}

/* What is understood is what would be written. */
static void try_alias(const char *text)
{
	struct buffer_alias alias, again;
	char written[RTMSG_ALIAS_MAX], name[IFNAMSIZ];

	if (buffer_alias_parse(&alias, text))
		return;
	buffer_alias_format(&alias, written, sizeof(written));
	if (buffer_alias_parse(&again, written) || !same(&alias, &again))
		abort();
	buffer_ifb_name(name, alias.vif, alias.vif_ifindex);
	if (!*name || wire_check_vif(name))
		abort();
}

static void try_record(const uint8_t *data, size_t size)
{
	struct record record;
	uint8_t packed[RECORD_BYTES];

	if (record_unpack(&record, data, size))
		return;
	record_pack(&record, packed);
	if (memcmp(packed, data, sizeof(packed)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	try_alias(text);
	try_record(data, size);
	free(text);
	return 0;
}
