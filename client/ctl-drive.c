// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * drive: the lease lasts as long as the connection, so what is asked of the domain meanwhile has to come
 * over the same one. Each line of stdin is a command without its domain, each gets one line of stdout.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-run.h"
#include "ctl.h"

#define WORDS_MAX 8

/* The words of a line behind the program's own name, with the domain where it belongs. */
static int split(char *line, const char *domain, char **words)
{
	int count = 0;
	char *word;

	words[count++] = (char *)PROGRAM;
	while ((word = strsep(&line, " \t\n")) && count < WORDS_MAX) {
		if (!*word)
			continue;
		words[count++] = word;
		if (count == 2)
			words[count++] = (char *)domain;
	}
	words[count] = NULL;
	return count;
}

static enum exit_code carry_out(const struct ctl *ctl, struct ctl *one)
{
	if (one->command->run != run_request || !one->domain) {
		fprintf(stderr, PROGRAM ": drive: %s cannot be asked for here\n", one->command->verb);
		return EXIT_USAGE;
	}
	one->connection = ctl->connection;
	one->json = ctl->json;
	return run_request(one);
}

static enum exit_code obey(const struct ctl *ctl, char *line)
{
	char *words[WORDS_MAX + 1];
	struct ctl one = { 0 };
	enum exit_code code = EXIT_USAGE;
	int count = split(line, ctl->domain, words);

	if (count == 1)
		return EXIT_DONE;
	optind = 0; /* getopt_long() begins anew */
	if (ctl_parse(&one, count, words, &code))
		code = carry_out(ctl, &one);
	if (ctl->json)
		return code;
	if (code)
		printf("failed %d\n", (int)code);
	else if (!one.command->prints)
		puts("ok");
	return code;
}

enum exit_code run_drive(struct ctl *ctl)
{
	enum exit_code code = run_request(ctl);
	char *line = NULL;
	size_t size = 0;

	if (code)
		return code;
	while (!fflush(stdout) && getline(&line, &size, stdin) > 0)
		code = obey(ctl, line);
	free(line);
	return code;
}
