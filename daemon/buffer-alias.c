// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The alias of an IFB of ours: "outcommit domain=D vif=V ifindex=N limit=BYTES ingress=own|shared [owner=UID] [ready=yes]". Anybody may
 * have written it; an older daemon's has no owner, which is anybody's, and is never ready.
 */
#include "buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

#define MARK "outcommit "

void buffer_alias_format(const struct buffer_alias *alias, char *text, size_t size)
{
	char owner[24] = "";

	if (alias->owner != DOMAIN_ANYBODYS)
		snprintf(owner, sizeof(owner), " owner=%" PRIu32, alias->owner);
	snprintf(text, size, MARK "domain=%s vif=%s ifindex=%d limit=%" PRIu64 " ingress=%s%s%s", alias->domain, alias->vif,
		 alias->vif_ifindex, alias->limit_bytes, alias->own_ingress ? "own" : "shared", owner,
		 alias->ready ? " ready=yes" : "");
}

static int take_string(char *to, size_t size, const char *value, int (*check)(const char *))
{
	if (check(value) || strlen(value) >= size)
		return -EBADMSG;
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int take_ifindex(int *to, const char *value)
{
	uint64_t number;

	if (wire_parse_u64(value, &number) || !number || number > INT32_MAX)
		return -EBADMSG;
	*to = (int)number;
	return 0;
}

static int take_owner(uint32_t *to, const char *value)
{
	uint64_t number;

	if (wire_parse_u64(value, &number) || number >= DOMAIN_ANYBODYS)
		return -EBADMSG;
	*to = (uint32_t)number;
	return 0;
}

static int take(struct buffer_alias *alias, const char *key, const char *value)
{
	if (!strcmp(key, "domain"))
		return take_string(alias->domain, sizeof(alias->domain), value, wire_check_domain);
	if (!strcmp(key, "vif"))
		return take_string(alias->vif, sizeof(alias->vif), value, wire_check_vif);
	if (!strcmp(key, "ifindex"))
		return take_ifindex(&alias->vif_ifindex, value);
	if (!strcmp(key, "limit"))
		return wire_parse_u64(value, &alias->limit_bytes) || alias->limit_bytes > UINT32_MAX ? -EBADMSG : 0;
	if (!strcmp(key, "ingress"))
		alias->own_ingress = !strcmp(value, "own");
	if (!strcmp(key, "owner"))
		return take_owner(&alias->owner, value);
	if (!strcmp(key, "ready"))
		alias->ready = !strcmp(value, "yes");
	return 0;
}

int buffer_alias_parse(struct buffer_alias *alias, const char *text)
{
	struct buffer_alias parsed = { .owner = DOMAIN_ANYBODYS };
	char copy[RTMSG_ALIAS_MAX];
	char *rest = copy, *word, *value;

	if (strncmp(text, MARK, strlen(MARK)) || strlen(text) >= sizeof(copy))
		return -EBADMSG;
	memcpy(copy, text + strlen(MARK), strlen(text) - strlen(MARK) + 1);
	while ((word = strsep(&rest, " "))) {
		value = strchr(word, '=');
		if (!value)
			return -EBADMSG;
		*value++ = '\0';
		if (take(&parsed, word, value))
			return -EBADMSG;
	}
	if (!*parsed.domain || !*parsed.vif || !parsed.vif_ifindex)
		return -EBADMSG;
	*alias = parsed;
	return 0;
}

void buffer_ifb_name(char name[IFNAMSIZ], const char *vif, int vif_ifindex)
{
	if (strlen(vif) + strlen(BUFFER_PREFIX) < IFNAMSIZ)
		snprintf(name, IFNAMSIZ, BUFFER_PREFIX "%.12s", vif);
	else
		snprintf(name, IFNAMSIZ, "oc-if%d", vif_ifindex);
}
