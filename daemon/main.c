// SPDX-License-Identifier: GPL-2.0-or-later
/* outcommitd: holds the network output of checkpointed guests until their checkpoints are safe. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manager.h"

#define CONFIG_PATH_DEFAULT OUTCOMMIT_SYSCONFDIR "/outcommit/outcommitd.conf"
#define SETTINGS_MAX 64
#define EXIT_USAGE 2

struct options {
	const char *config;
	const char *settings[SETTINGS_MAX];
	size_t setting_count;
	char shorthand[2][160]; /* --socket and --log-level as settings */
	size_t shorthand_count;
	bool check_config;
};

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },	 { "socket", required_argument, NULL, 's' },
	{ "log-level", required_argument, NULL, 'l' },	 { "set", required_argument, NULL, 'o' },
	{ "check-config", no_argument, NULL, 'k' },	 { "dump-config", no_argument, NULL, 'd' },
	{ "version", no_argument, NULL, 'v' },		 { "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: outcommitd [OPTION]...\n"
		"Hold the network output of checkpointed guests until their checkpoints are safe.\n\n"
		"  -c, --config PATH             configuration (default %s)\n"
		"  -s, --socket PATH             control socket, as --set daemon.socket=PATH\n"
		"  -l, --log-level LEVEL         err, warning, notice, info or debug\n"
		"  -o, --set SECTION.KEY=VALUE   one setting, stronger than the file's; may be repeated\n"
		"      --check-config            say whether the configuration is good, and exit\n"
		"      --dump-config             print every key with its default, and exit\n"
		"      --version\n"
		"      --help\n\n"
		"See outcommitd(8).\n",
		CONFIG_PATH_DEFAULT);
}

static int add_setting(struct options *options, const char *setting)
{
	if (options->setting_count == SETTINGS_MAX) {
		fprintf(stderr, "outcommitd: more than %d settings\n", SETTINGS_MAX);
		return -E2BIG;
	}
	options->settings[options->setting_count++] = setting;
	return 0;
}

static int add_shorthand(struct options *options, const char *key, const char *value)
{
	char *setting = options->shorthand[options->shorthand_count % 2];

	if (options->shorthand_count++ >= 2 ||
	    (size_t)snprintf(setting, sizeof(options->shorthand[0]), "%s=%s", key, value) >=
		    sizeof(options->shorthand[0])) {
		fprintf(stderr, "outcommitd: %s: given too often, or too long\n", key);
		return -EINVAL;
	}
	return add_setting(options, setting);
}

/* 0: go on; 1: done; a negative errno: usage. */
static int parse_one(struct options *options, int option)
{
	switch (option) {
	case 'c':
		options->config = optarg;
		return 0;
	case 's':
		return add_shorthand(options, "daemon.socket", optarg);
	case 'l':
		return add_shorthand(options, "daemon.log_level", optarg);
	case 'o':
		return add_setting(options, optarg);
	case 'k':
		options->check_config = true;
		return 0;
	case 'd':
		config_dump_keys(stdout);
		return 1;
	case 'v':
		puts("outcommitd " OUTCOMMIT_VERSION);
		return 1;
	case 'h':
		usage(stdout);
		return 1;
	default:
		return -EINVAL;
	}
}

static int parse(struct options *options, int argc, char **argv)
{
	int option, ret = 0;

	while (!ret && (option = getopt_long(argc, argv, "c:s:l:o:h", longs, NULL)) != -1)
		ret = parse_one(options, option);
	if (!ret && optind < argc) {
		fprintf(stderr, "outcommitd: unexpected argument '%s'\n", argv[optind]);
		ret = -EINVAL;
	}
	if (ret < 0)
		fprintf(stderr, "Try 'outcommitd --help'.\n");
	return ret;
}

static int run(struct manager *mgr)
{
	int ret = manager_init(mgr);

	if (!ret)
		manager_run(mgr);
	manager_fini(mgr);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct manager mgr = { 0 };
	struct config_error error;
	int ret = parse(&options, argc, argv);

	if (ret)
		return ret < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	log_init(&mgr.log);
	mgr.config_path = options.config ? options.config : CONFIG_PATH_DEFAULT;
	mgr.config_must_exist = options.config;
	mgr.overrides = (struct config_overrides){ options.setting_count, options.settings };
	if (config_load(&mgr.config, mgr.config_path, mgr.config_must_exist, &mgr.overrides, &error)) {
		log_error(&mgr.log, NULL, "%s", error.text);
		return EXIT_FAILURE;
	}
	if (options.check_config) {
		printf("%s: good\n", mgr.config_path);
		return EXIT_SUCCESS;
	}
	return run(&mgr);
}
