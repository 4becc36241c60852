/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcommit-criu: protect a process tree in a network namespace with criu's checkpoints, on a
 * backup directory or host, and restore it there. What the tree sends is held until the checkpoint
 * that knows of it is safe. See outcommit-criu(8).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cell.h"
#include "netlock.h"
#include "options.h"
#include "protect.h"
#include "receive.h"
#include "report.h"
#include "restore.h"
#include "start.h"

#define SSH "ssh -o BatchMode=yes -o ServerAliveInterval=2 -o ServerAliveCountMax=3"

static const char usage[] =
	"usage: outcommit-criu start [OPTION...] DOMAIN COMMAND [ARG...]\n"
	"       outcommit-criu protect [OPTION...] DOMAIN [HOST:]DIR [CRIU-OPTION...]\n"
	"       outcommit-criu restore [OPTION...] DOMAIN DIR [CRIU-OPTION...]\n"
	"       outcommit-criu receive DOMAIN DIR\n"
	"       outcommit-criu thaw [OPTION...] DOMAIN\n"
	"options: --netns NAME, --vif VIF, --pid PID, --cgroup DIR, --interval MS, --timeout MS,\n"
	"         --full-every COUNT, --bridge BRIDGE, --ssh COMMAND, --criu PROGRAM,\n"
	"         --network PROGRAM, --run-dir DIR, --socket PATH, --force, --quiet, --help\n";

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	asked = 1;
}

/* No SA_RESTART: what waits is to notice. */
static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run_protect(const struct options *options)
{
	static struct protect p;
	enum outcome outcome;

	catch_signals();
	if (setup(&p, options))
		outcome = setup_outcome(&p);
	else
		outcome = protect_run(&p, &asked);
	return setup_undo(&p, outcome);
}

static int run_receive(const struct options *options)
{
	int fd = backup_open(options->rest[0], options->domain, 0);

	if (fd < 0) {
		report(LOG_ERR, "%s/%s: %s", options->rest[0], options->domain, strerror(-fd));
		return EXIT_FAILURE;
	}
	return receive_run(fd, STDIN_FILENO, STDOUT_FILENO) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_start(const struct options *options)
{
	return start_run(options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_restore(const struct options *options)
{
	return restore_run(options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_thaw(const struct options *options)
{
	struct cell cell;
	int err;

	err = cell_open(&cell, options->domain, options->cgroup);
	if (!err && cell_root(&cell) == -ESRCH)
		err = -ESRCH;
	if (!err)
		err = cell_thaw(&cell);
	if (err)
		report(LOG_ERR, "%s: %s", cell.path, strerror(-err));
	cell_close(&cell);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct command {
	const char *name;
	int rest; /* words behind the domain, at least */
	int (*run)(const struct options *options);
} commands[] = {
	{"start", 1, run_start},
	{"protect", 1, run_protect},
	{"restore", 1, run_restore},
	{"receive", 1, run_receive},
	{"thaw", 0, run_thaw},
};

static int run(const struct command *command, int argc, char *argv[])
{
	struct options options = {
		.run_dir = "/run/outcommit-criu",
		.criu = "criu",
		.network = OUTCOMMIT_HOOKS "/outcommit-criu-net",
		.ssh = SSH,
		.interval_ms = 500,
		.timeout_ms = 15000,
		.full_every = 16,
	};

	if (options_parse(&options, argc, argv))
		return OUTCOME_USAGE;
	if (options.rest_count >= command->rest)
		return command->run(&options);
	fputs(usage, stderr);
	return OUTCOME_USAGE;
}

int main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "";

	if (netlock_is(argv[0]))
		return netlock_run(argv[0]) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (!strcmp(name, "--help")) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(name, commands[i].name))
			return run(&commands[i], argc - 2, argv + 2);
	}
	fputs(usage, stderr);
	return OUTCOME_USAGE;
}
