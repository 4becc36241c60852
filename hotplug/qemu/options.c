// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "epochs.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) offsetof(struct options, member)
#define USAGE 2

enum kind { KIND_TEXT, KIND_NUMBER, KIND_FLAG, KIND_VIF };

/* The order is that of the help. --help and --version are done as soon as they are met. */
enum { OPTION_HELP, OPTION_VERSION };
static const struct row {
	const char *name;
	const char *value;	/* its name in the help; NULL: it takes none */
	size_t at;
	enum kind kind;
	uint64_t min, max;
	const char *summary;
} rows[] = {
	[OPTION_HELP] = { "help", NULL, 0, KIND_FLAG, 0, 0, "print this and exit" },
	[OPTION_VERSION] = { "version", NULL, 0, KIND_FLAG, 0, 0, "print the version and exit" },
	{ "directory", "DIR", AT(directory), KIND_TEXT, 0, 0, "checkpoints are files in there" },
	{ "snapshot", "NODE", AT(snapshot), KIND_TEXT, 0, 0,
	  "checkpoints are snapshots in this qcow2 block node" },
	{ "replicate", "COMMAND", AT(replicate), KIND_TEXT, 0, 0,
	  "brings a checkpoint to safety; without it, it is safe when it is written" },
	{ "interval", "MS", AT(interval_ms), KIND_NUMBER, 1, 86400000,
	  "from one checkpoint to the next (1000)" },
	{ "outstanding", "N", AT(outstanding), KIND_NUMBER, 1, EPOCHS_OUTSTANDING_MAX,
	  "epochs that may wait for their replication (1)" },
	{ "timeout", "S", AT(timeout_s), KIND_NUMBER, 1, 86400,
	  "for each checkpoint and each command (60)" },
	{ "retries", "N", AT(retries), KIND_NUMBER, 0, 1000000, "of what has failed (3)" },
	{ "epochs", "N", AT(epochs), KIND_NUMBER, 1, INT64_MAX, "end after so many" },
	{ "release", NULL, AT(release), KIND_FLAG, 0, 0,
	  "when it ends as asked, release everything and detach" },
	{ "vif", "NAME", 0, KIND_VIF, 0, 0,
	  "an interface of the guest, may be repeated (all taps that QEMU has open)" },
	{ "socket", "PATH", AT(socket), KIND_TEXT, 0, 0,
	  "where outcommitd listens (" OUTCOMMIT_SOCKET ")" },
};

static void print_help(void)
{
	printf("usage: " PROGRAM " [OPTION...] DOMAIN QMP-SOCKET\n"
	       "Checkpoint a QEMU guest again and again, and hold its network output in outcommitd\n"
	       "until each checkpoint is safe.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[64];

		snprintf(line, sizeof(line), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
			 rows[i].value ? rows[i].value : "");
		printf("  %-22s %s\n", line, rows[i].summary);
	}
	printf("\nOne of --directory and --snapshot must be given.\n"
	       "exit status: 0 ended as asked, 1 it never began, 2 usage, 6 ended, output held,\n"
	       "7 ended, guest not resumed\n");
}

static bool usage(int *status, const char *what)
{
	fprintf(stderr, PROGRAM ": %s\nTry '" PROGRAM " --help'.\n", what);
	*status = USAGE;
	return false;
}

static int take_number(uint64_t *number, const struct row *row, const char *value)
{
	uint64_t parsed;

	if (wire_parse_u64(value, &parsed) || parsed < row->min || parsed > row->max)
		return -EINVAL;
	*number = parsed;
	return 0;
}

static int take(struct options *options, const struct row *row, const char *value)
{
	void *at = (char *)options + row->at;

	switch (row->kind) {
	case KIND_TEXT:
		*(const char **)at = value;
		return *value ? 0 : -EINVAL;
	case KIND_NUMBER:
		return take_number(at, row, value);
	case KIND_FLAG:
		*(bool *)at = true;
		return 0;
	case KIND_VIF:
		return wire_check_vif(value) ? -EINVAL : taps_add(&options->vifs, value);
	}
	return -EINVAL;
}

static void make_long_options(struct option *long_options)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		long_options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].value ? required_argument : no_argument,
			.val = 256 + (int)i,
		};
	long_options[ARRAY_SIZE(rows)] = (struct option){ 0 };
}

static bool take_option(struct options *options, int which, const char *value, int *status)
{
	char what[128];

	*status = 0;
	if (which == OPTION_HELP) {
		print_help();
		return false;
	}
	if (which == OPTION_VERSION) {
		puts(PROGRAM " " OUTCOMMIT_VERSION);
		return false;
	}
	if (!take(options, &rows[which], value))
		return true;
	snprintf(what, sizeof(what), "bad value for --%s", rows[which].name);
	return usage(status, what);
}

static bool take_options(struct options *options, int argc, char **argv, int *status)
{
	struct option long_options[ARRAY_SIZE(rows) + 1];
	int c;

	make_long_options(long_options);
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == '?')
			return usage(status, "bad command line");
		if (!take_option(options, c == 'h' ? OPTION_HELP : c - 256, optarg, status))
			return false;
	}
	return true;
}

bool options_parse(struct options *options, int argc, char **argv, int *status)
{
	*options = (struct options){
		.interval_ms = 1000,
		.outstanding = 1,
		.timeout_s = 60,
		.retries = 3,
	};
	if (!take_options(options, argc, argv, status))
		return false;
	if (argc - optind != 2)
		return usage(status, "DOMAIN and QMP-SOCKET are needed");
	options->domain = argv[optind];
	options->qmp = argv[optind + 1];
	if (wire_check_domain(options->domain))
		return usage(status, "bad DOMAIN");
	if (!options->directory == !options->snapshot)
		return usage(status, "one of --directory and --snapshot is needed");
	return true;
}
