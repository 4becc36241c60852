/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: see outcommit-criu(8). */
#ifndef CRIU_OPTIONS_H
#define CRIU_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define OPTIONS_VIFS 32U

struct options {
	const char *socket;  /* the daemon's, NULL for the default */
	const char *run_dir; /* where checkpoints are made, and criu's logs */
	const char *criu;
	const char *network; /* the script that describes and makes a network namespace */
	const char *netns;   /* its name; NULL: the domain's */
	const char *cgroup;
	const char *ssh;
	const char *bridge;
	const char *vifs[OPTIONS_VIFS];
	size_t vif_count;
	unsigned int interval_ms;
	unsigned int timeout_ms;
	unsigned int full_every;
	unsigned int pid;
	bool force;
	bool quiet;
	const char *domain;
	char **rest; /* behind the domain */
	int rest_count;
};

/*
 * Of "COMMAND [OPTION...] DOMAIN ARG...", without the command. What follows the domain is not
 * looked at. -EINVAL after a line that says why.
 */
int options_parse(struct options *options, int argc, char *argv[]);

#endif
