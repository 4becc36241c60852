/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <wire.h>

#define AT(field) offsetof(struct options, field)

enum kind { KIND_TEXT, KIND_NUMBER, KIND_SWITCH, KIND_VIF };

static const struct option {
	const char *name;
	size_t offset;
	enum kind kind;
	unsigned int min, max;
} table[] = {
	{"socket", AT(socket), KIND_TEXT, 0, 0},
	{"run-dir", AT(run_dir), KIND_TEXT, 0, 0},
	{"criu", AT(criu), KIND_TEXT, 0, 0},
	{"network", AT(network), KIND_TEXT, 0, 0},
	{"netns", AT(netns), KIND_TEXT, 0, 0},
	{"cgroup", AT(cgroup), KIND_TEXT, 0, 0},
	{"ssh", AT(ssh), KIND_TEXT, 0, 0},
	{"bridge", AT(bridge), KIND_TEXT, 0, 0},
	{"vif", 0, KIND_VIF, 0, 0},
	{"interval", AT(interval_ms), KIND_NUMBER, 0, 3600000},
	{"timeout", AT(timeout_ms), KIND_NUMBER, 1, 3600000},
	{"full-every", AT(full_every), KIND_NUMBER, 1, 1000},
	{"pid", AT(pid), KIND_NUMBER, 1, INT_MAX},
	{"force", AT(force), KIND_SWITCH, 0, 0},
	{"quiet", AT(quiet), KIND_SWITCH, 0, 0},
};

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(name, table[i].name))
			return &table[i];
	}
	return NULL;
}

static int set_number(unsigned int *at, const struct option *option, const char *value)
{
	uint64_t number;

	if (wire_parse_u64(value, &number) || number < option->min || number > option->max)
		return -EINVAL;
	*at = (unsigned int)number;
	return 0;
}

static int add_vif(struct options *options, const char *vif)
{
	if (options->vif_count == OPTIONS_VIFS)
		return -EINVAL;
	options->vifs[options->vif_count++] = vif;
	return 0;
}

static int set(struct options *options, const struct option *option, const char *value)
{
	char *at = (char *)options + option->offset;

	switch (option->kind) {
	case KIND_TEXT:
		memcpy(at, &value, sizeof(value));
		return 0;
	case KIND_NUMBER:
		return set_number((unsigned int *)(void *)at, option, value);
	case KIND_SWITCH:
		*(bool *)at = true;
		return 0;
	case KIND_VIF:
		return add_vif(options, value);
	}
	return -EINVAL;
}

static int complain(const char *what, const char *about)
{
	fprintf(stderr, PROGRAM ": %s %s\n", what, about);
	return -EINVAL;
}

/* How many words it took, or -EINVAL. */
static int take(struct options *options, int left, char *argv[])
{
	const struct option *option = find(argv[0] + 2);
	int words = option && option->kind != KIND_SWITCH ? 2 : 1;

	if (!option)
		return complain("no such option:", argv[0]);
	if (left < words)
		return complain("a value is missing behind", argv[0]);
	if (set(options, option, argv[words - 1]))
		return complain("a bad value for", argv[0]);
	return words;
}

int options_parse(struct options *options, int argc, char *argv[])
{
	int at = 0;

	while (at < argc && !strncmp(argv[at], "--", 2)) {
		int words = take(options, argc - at, argv + at);

		if (words < 0)
			return words;
		at += words;
	}
	if (at == argc)
		return complain("which", "domain?");
	options->domain = argv[at++];
	if (wire_check_domain(options->domain))
		return complain("not a domain's name:", options->domain);
	if (!options->netns)
		options->netns = options->domain;
	options->rest = argv + at;
	options->rest_count = argc - at;
	return 0;
}
