// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: tables of commands, arguments and options, and what reads and prints them. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-run.h"
#include "ctl.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DEFAULT_TIMEOUT_MS 10000
#define SECONDS_MAX 86400

static const struct command commands[] = {
	{ .verb = "attach",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_VIF },
	  .required = 2,
	  .summary = "send a vif's output through a buffer; print the buffer's name",
	  .prints = "IFB",
	  .run = run_request },
	{ .verb = "drive",
	  .arguments = { ARGUMENT_DOMAIN },
	  .required = 1,
	  .summary = "take the domain's lease, and drive it by what stdin says",
	  .prints = "OPEN",
	  .run = run_drive },
	{ .verb = "detach",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_VIF },
	  .required = 1,
	  .summary = "remove the buffer of one vif, or of all",
	  .run = run_request },
	{ .verb = "postsuspend",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 1,
	  .summary = "the guest stands still: close the epoch; print its number",
	  .prints = "EPOCH",
	  .run = run_request },
	{ .verb = "preresume",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 2,
	  .summary = "may the guest run again? only if this succeeds",
	  .run = run_request },
	{ .verb = "commit",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 2,
	  .summary = "the checkpoint is safe: release all epochs up to this one",
	  .run = run_request },
	{ .verb = "abort",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 2,
	  .summary = "the checkpoint came to nothing: leave its frames to the next commit",
	  .run = run_request },
	{ .verb = "discard",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 1,
	  .summary = "drop what is not committed, and go on holding",
	  .run = run_request },
	{ .verb = "release",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_EPOCH },
	  .required = 1,
	  .summary = "end protection: everything held leaves, and traffic passes again",
	  .run = run_request },
	{ .verb = "limit",
	  .arguments = { ARGUMENT_DOMAIN, ARGUMENT_SIZE },
	  .required = 2,
	  .summary = "how much each vif of the domain may hold",
	  .run = run_request },
	{ .verb = "run",
	  .arguments = { ARGUMENT_DOMAIN },
	  .required = 1,
	  .summary = "the epoch loop, with commands for what is done to the guest",
	  .without_daemon = true,
	  .run = run_run },
	{ .verb = "status",
	  .arguments = { ARGUMENT_DOMAIN },
	  .summary = "a domain in detail, or the daemon",
	  .run = run_status },
	{ .verb = "list", .summary = "all domains, one per line", .run = run_list },
	{ .verb = "monitor", .summary = "what exists, then every change", .run = run_monitor },
	{ .verb = "metrics",
	  .summary = "what was counted, for a monitoring system",
	  .without_daemon = true,
	  .run = run_metrics },
	{ .verb = "top", .summary = "all domains, live", .run = run_top },
	{ .verb = "trace",
	  .summary = "epochs as spans, for a trace viewer",
	  .without_daemon = true,
	  .run = run_trace },
	{ .verb = "check",
	  .summary = "is this host ready? if not, what to do about it",
	  .without_daemon = true,
	  .run = run_check },
	{ .verb = "reload", .summary = "read the configuration again", .run = run_request },
	{ .verb = "version", .summary = "versions of command and daemon", .run = run_version },
};

static int check_size(const char *value)
{
	uint64_t bytes;

	return wire_parse_size(value, &bytes);
}

static int check_epoch(const char *value)
{
	uint64_t epoch;

	return wire_parse_epoch(value, &epoch);
}

static const struct {
	const char *name; /* in the help, and what the message calls it */
	const char *key;
	int (*check)(const char *value);
	const char *form;
} arguments[] = {
	[ARGUMENT_DOMAIN] = { "DOMAIN", "DOMAIN", wire_check_domain,
			      "1 to 64 of A-Z a-z 0-9 . _ : + @ -, not first - or ." },
	[ARGUMENT_VIF] = { "VIF", "VIF", wire_check_vif, "an interface's name" },
	[ARGUMENT_EPOCH] = { "EPOCH", "EPOCH", check_epoch, "a number from 1 to 2^63 - 1" },
	[ARGUMENT_SIZE] = { "SIZE", "LIMIT", check_size, "bytes, or with K, M or G behind" },
};

/* What an option's function says when the value is not one. */
static const char *take_socket(struct ctl *ctl, const char *value)
{
	ctl->socket = value;
	return *value ? NULL : "a path";
}

double ctl_parse_seconds(const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	/* strtod() takes much more than a decimal number */
	if (!*value || *end || strspn(value, "0123456789.") != strlen(value) ||
	    seconds > SECONDS_MAX)
		return -1;
	return seconds;
}

static const char *take_timeout(struct ctl *ctl, const char *value)
{
	double seconds = ctl_parse_seconds(value);

	if (seconds < 0.001)
		return "seconds, from 0.001 to 86400";
	ctl->timeout_ms = (int)(seconds * 1000);
	return NULL;
}

static const char *take_json(struct ctl *ctl, const char *value)
{
	ctl->json = true;
	return NULL;
}

static const char *take_no_legend(struct ctl *ctl, const char *value)
{
	ctl->no_legend = true;
	return NULL;
}

static void add_field(struct ctl *ctl, const char *key, const char *value)
{
	ctl->fields[ctl->field_count++] = (struct outcommit_field){ key, value };
}

/* Given twice, the last one counts, as with any option. */
static void set_field(struct ctl *ctl, const char *key, const char *value)
{
	for (size_t i = 0; i < ctl->field_count; i++)
		if (!strcmp(ctl->fields[i].key, key)) {
			ctl->fields[i].value = value;
			return;
		}
	add_field(ctl, key, value);
}

static const char *take_limit(struct ctl *ctl, const char *value)
{
	if (check_size(value))
		return arguments[ARGUMENT_SIZE].form;
	set_field(ctl, "LIMIT", value);
	return NULL;
}

static const char *take_pending(struct ctl *ctl, const char *value)
{
	if (strcmp(value, "release") && strcmp(value, "discard"))
		return "release or discard";
	set_field(ctl, "PENDING", value);
	return NULL;
}

static const char *take_on_driver_lost(struct ctl *ctl, const char *value)
{
	if (strcmp(value, "hold") && strcmp(value, "release") && strcmp(value, "discard"))
		return "hold, release or discard";
	set_field(ctl, "ON_DRIVER_LOST", value);
	return NULL;
}

static const char *take_driver_grace(struct ctl *ctl, const char *value)
{
	double seconds = ctl_parse_seconds(value);

	if (seconds < 0)
		return "seconds, from 0 to 86400";
	snprintf(ctl->grace_ns, sizeof(ctl->grace_ns), "%.0f", seconds * 1e9);
	set_field(ctl, "DRIVER_GRACE_NS", ctl->grace_ns);
	return NULL;
}

/* The order is that of the help. --help and --version are done as soon as they are met. */
enum { OPTION_HELP, OPTION_VERSION };
static const struct {
	const char *name;
	const char *value; /* its name in the help; NULL: it takes none */
	const char *verb; /* the only command that has it; NULL: all do */
	const char *(*take)(struct ctl *ctl, const char *value);
	const char *summary;
} options[] = {
	[OPTION_HELP] = { "help", NULL, NULL, NULL, "print this and exit" },
	[OPTION_VERSION] = { "version", NULL, NULL, NULL, "print the command's version and exit" },
	{ "socket", "PATH", NULL, take_socket, "where the daemon listens (" OUTCOMMIT_SOCKET ")" },
	{ "timeout", "SECONDS", NULL, take_timeout, "how long to wait for a reply (10)" },
	{ "json", NULL, NULL, take_json, "print JSON" },
	{ "no-legend", NULL, NULL, take_no_legend, "print tables without their headings" },
	{ "limit", "SIZE", "attach", take_limit, "how much the vif may hold" },
	{ "on-driver-lost", "WHAT", "drive", take_on_driver_lost, "then hold, release or discard" },
	{ "driver-grace", "SECONDS", "drive", take_driver_grace, "how long it may take to come back" },
	{ "pending", "WHAT", "detach", take_pending, "release or discard what is not committed" },
	{ "interval", "MS", "run", run_take_interval, "from one checkpoint to the next (200)" },
	{ "suspend", "COMMAND", "run", run_take_suspend, "makes the guest stand still" },
	{ "checkpoint", "COMMAND", "run", run_take_checkpoint, "takes its checkpoint" },
	{ "resume", "COMMAND", "run", run_take_resume, "lets it run again" },
	{ "replicate", "COMMAND", "run", run_take_replicate, "brings the checkpoint to safety" },
	{ "outstanding", "N", "run", run_take_outstanding, "epochs that may wait for that (1)" },
	{ "command-timeout", "S", "run", run_take_command_timeout, "for each command (60)" },
	{ "retries", "N", "run", run_take_retries, "of what has failed (3)" },
	{ "epochs", "N", "run", run_take_epochs, "end after so many" },
	{ "release", NULL, "run", run_take_release, "when it ends as asked, release everything" },
	{ "format", "FORMAT", "metrics", look_take_format, "openmetrics (default) or prometheus" },
	{ "output", "FILE", "metrics", look_take_output, "replace this file, in one step" },
	{ "describe", NULL, "metrics", look_take_describe, "print all names with their meaning" },
	{ "delay", "SECONDS", "top", look_take_delay, "from one look to the next (1)" },
	{ "once", NULL, "top", look_take_once, "print one look, and exit" },
	{ "batch", NULL, "top", look_take_batch, "print one look after the other" },
	{ "perfetto", "FILE", "trace", look_take_perfetto, "write this file" },
	{ "seconds", "SECONDS", "trace", look_take_seconds, "for so long, not until interrupted" },
};

static void print_command(const struct command *command)
{
	char line[64];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s", command->verb);

	for (int i = 0; i < ARGUMENTS_MAX && command->arguments[i]; i++) {
		bool optional = i >= command->required;

		len += (size_t)snprintf(line + len, sizeof(line) - len, " %s%s%s",
					optional ? "[" : "", arguments[command->arguments[i]].name,
					optional ? "]" : "");
	}
	printf("  %-28s %s\n", line, command->summary);
}

static void print_help(void)
{
	printf("usage: " PROGRAM " [OPTION...] COMMAND [ARGUMENT...]\n"
	       "Drive and observe outcommitd, which holds a checkpointed guest's network output.\n"
	       "\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		print_command(&commands[i]);
	printf("\noptions, before or after the command:\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char line[64];

		snprintf(line, sizeof(line), "--%s%s%s", options[i].name,
			 options[i].value ? " " : "", options[i].value ? options[i].value : "");
		printf("  %-28s %s%s%s\n", line, options[i].verb ? options[i].verb : "",
		       options[i].verb ? ": " : "", options[i].summary);
	}
	printf("\nexit status: 0 done, 1 failed, 2 usage, 3 daemon not reachable, "
	       "4 no such domain or vif, 5 epoch order,\n"
	       "run: 6 ended, output held, 7 ended, guest not resumed\n");
}

enum exit_code ctl_usage(const char *format, ...)
{
	va_list args;

	fputs(PROGRAM ": ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry '" PROGRAM " --help'.\n", stderr);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

static bool take_argument(struct ctl *ctl, enum argument argument, const char *value,
			  enum exit_code *code)
{
	if (arguments[argument].check(value)) {
		*code = ctl_usage("bad %s, it must be %s", arguments[argument].name,
				  arguments[argument].form);
		return false;
	}
	add_field(ctl, arguments[argument].key, value);
	if (argument == ARGUMENT_DOMAIN)
		ctl->domain = value;
	return true;
}

static bool take_arguments(struct ctl *ctl, char **values, enum exit_code *code)
{
	const struct command *command = ctl->command;
	int i;

	for (i = 0; i < ARGUMENTS_MAX && command->arguments[i] && values[i]; i++)
		if (!take_argument(ctl, command->arguments[i], values[i], code))
			return false;
	if (i < command->required) {
		*code = ctl_usage("%s: no %s given", command->verb,
				  arguments[command->arguments[i]].name);
		return false;
	}
	if (values[i]) {
		*code = ctl_usage("%s: too many arguments", command->verb);
		return false;
	}
	return true;
}

static void make_long_options(struct option *long_options)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		long_options[i] = (struct option){
			.name = options[i].name,
			.has_arg = options[i].value ? required_argument : no_argument,
			.val = 256 + (int)i,
		};
	long_options[ARRAY_SIZE(options)] = (struct option){ 0 };
}

/* One option that getopt_long() found. */
static bool take_option(struct ctl *ctl, int which, const char *value, enum exit_code *code)
{
	const char *form;

	*code = EXIT_DONE;
	if (which == OPTION_HELP) {
		print_help();
		return false;
	}
	if (which == OPTION_VERSION) {
		puts(PROGRAM " " OUTCOMMIT_VERSION);
		return false;
	}
	form = options[which].take(ctl, value);
	if (form)
		*code = ctl_usage("bad value for --%s, it must be %s", options[which].name, form);
	return !form;
}

/* The options, wherever they stand; @given says which there were. */
static bool take_options(struct ctl *ctl, int argc, char **argv, bool *given, enum exit_code *code)
{
	struct option long_options[ARRAY_SIZE(options) + 1];
	int c;

	make_long_options(long_options);
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		int which = c == 'h' ? OPTION_HELP : c - 256;

		if (c == '?') {
			fputs("Try '" PROGRAM " --help'.\n", stderr);
			*code = EXIT_USAGE;
			return false;
		}
		given[which] = true;
		if (!take_option(ctl, which, optarg, code))
			return false;
	}
	return true;
}

static bool options_fit(const struct command *command, const bool *given, enum exit_code *code)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (!given[i] || !options[i].verb || !strcmp(options[i].verb, command->verb))
			continue;
		*code = ctl_usage("%s: has no option --%s", command->verb, options[i].name);
		return false;
	}
	return true;
}

bool ctl_parse(struct ctl *ctl, int argc, char **argv, enum exit_code *code)
{
	bool given[ARRAY_SIZE(options)] = { false };

	ctl->timeout_ms = DEFAULT_TIMEOUT_MS;
	look_set_defaults(&ctl->look);
	run_set_defaults(&ctl->run);
	if (!take_options(ctl, argc, argv, given, code))
		return false;
	if (optind == argc) {
		*code = ctl_usage("no command given");
		return false;
	}
	ctl->command = find_command(argv[optind]);
	if (!ctl->command) {
		*code = ctl_usage("there is no command '%s'", argv[optind]);
		return false;
	}
	return options_fit(ctl->command, given, code) &&
	       take_arguments(ctl, argv + optind + 1, code);
}
