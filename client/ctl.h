/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcommitctl: what its parts share. ctl-options.c makes a struct ctl from the command line,
 * ctl.c connects, runs the command and turns what went wrong into an exit code; each command is a
 * function that prints its outcome.
 */
#ifndef OUTCOMMIT_CTL_H
#define OUTCOMMIT_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "ctl-look.h"
#include "ctl-run.h"
#include "outcommit.h"

#define PROGRAM "outcommitctl"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_NO_SUCH = 4,
	EXIT_ORDER = 5,
	EXIT_HELD = 6,		/* of run: it ended by itself, and output stays held */
	EXIT_STANDS_STILL = 7,	/* of run: the same, and the guest was not resumed */
};

struct ctl;

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_DOMAIN,
	ARGUMENT_VIF,
	ARGUMENT_EPOCH,
	ARGUMENT_SIZE,
};

#define ARGUMENTS_MAX 2
#define FIELDS_MAX 4

/* One row of the table that parsing, the help and the completion go by. */
struct command {
	const char *verb;
	enum argument arguments[ARGUMENTS_MAX];
	int required;		/* how many of them must be there */
	const char *summary;
	const char *prints;	/* the reply's field that is the command's output, if any */
	bool without_daemon;	/* it connects by itself, or not at all */
	enum exit_code (*run)(struct ctl *ctl);
};

struct ctl {
	const struct command *command;
	struct outcommit *connection;
	const char *socket;
	int timeout_ms;
	bool json;
	bool no_legend;
	struct outcommit_field fields[FIELDS_MAX]; /* the request's, as they were given */
	size_t field_count;
	char grace_ns[24];		/* one of their values */
	const char *domain;		/* of those, the one that messages name */
	struct look_settings look;	/* the options of metrics, top and trace */
	struct run_settings run;	/* the options of run */
};

/* ctl-options.c: true if there is a command to run, otherwise *@code is the exit code */
bool ctl_parse(struct ctl *ctl, int argc, char **argv, enum exit_code *code);
/* An option's value as a time in seconds; negative if it is not one up to a day. */
double ctl_parse_seconds(const char *value);
/* Say what is wrong with the command line. Values are the user's own, and go back to them. */
enum exit_code ctl_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ctl.c: say on stderr what went wrong, with --json on stdout too, and give its exit code */
enum exit_code ctl_fail(const struct ctl *ctl, const struct outcommit_error *err);
/* Connect; EXIT_DONE, or what ctl_fail() gives. */
enum exit_code ctl_connect(struct ctl *ctl);

/* The commands */
enum exit_code run_request(struct ctl *ctl);	/* any that is its request and no more */
enum exit_code run_version(struct ctl *ctl);
enum exit_code run_drive(struct ctl *ctl);	/* ctl-drive.c */
enum exit_code run_status(struct ctl *ctl);	/* ctl-status.c */
enum exit_code run_list(struct ctl *ctl);
enum exit_code run_monitor(struct ctl *ctl);	/* ctl-monitor.c */
enum exit_code run_metrics(struct ctl *ctl);	/* ctl-metrics.c */
enum exit_code run_top(struct ctl *ctl);	/* ctl-top.c */
enum exit_code run_trace(struct ctl *ctl);	/* ctl-trace.c */
enum exit_code run_check(struct ctl *ctl);	/* ctl-check.c */
enum exit_code run_run(struct ctl *ctl);	/* ctl-run.c */

#endif
