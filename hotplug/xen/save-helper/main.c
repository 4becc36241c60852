/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcommit-xen-save-helper: what LIBXL_SAVE_HELPER names on both hosts of a guest that xl remus
 * protects. It runs libxl's own save helper and stands between the two: output commit for a libxl
 * that has none.
 *
 * It never leaves a guest's output unheld because something went wrong: whatever fails, Remus ends,
 * and what is held stays held. Of an ordinary save, restore or migration it keeps out altogether.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include <wire.h>

#include "backup.h"
#include "call.h"
#include "identity.h"
#include "primary.h"
#include "report.h"
#include "settings.h"

#define CONF OUTCOMMIT_SYSCONFDIR "/outcommit/xen.conf"

static const char usage[] =
	"libxl runs this program: set LIBXL_SAVE_HELPER to it, or use outcommit-xl-protect.\n"
	"See outcommit-xen-save-helper(8).\n";

static int load(struct settings *settings)
{
	const char *path = getenv("OUTCOMMIT_XEN_CONF");
	char why[3 * SETTING_BYTES];
	int err = settings_load(settings, path ? path : CONF, why, sizeof(why));

	if (err)
		report(LOG_ERR, "%s", why);
	return err;
}

static int find_helper(struct settings *settings)
{
	int err = 0;

	if (!*settings->helper)
		err = identity_helper(settings->helper, sizeof(settings->helper));
	if (err)
		report(LOG_ERR, "libxl's own save helper is nowhere to be found: set helper in %s",
		       CONF);
	return err;
}

static int find_domain(struct settings *settings, unsigned int domid)
{
	int err = 0;

	if (!*settings->domain)
		err = identity_domain(domid, settings->domain, sizeof(settings->domain));
	if (!err)
		err = wire_check_domain(settings->domain);
	if (err)
		report(LOG_ERR, "cannot tell the name of domain %u: set OUTCOMMIT_DOMAIN", domid);
	return err;
}

/* Whoever waits for us sees what it would have seen of the helper. */
static int end_as(int status)
{
	const struct rlimit no_core = {0};
	sigset_t all;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(WTERMSIG(status));
	return EXIT_FAILURE;
}

static int protect(const struct call *call, const struct settings *settings, char *argv[])
{
	static struct primary primary;
	int status;

	primary_init(&primary, settings, call->back_fd);
	status = relay_run(argv, &primary_side, &primary);
	primary_end(&primary);
	return end_as(status);
}

static int receive(const struct call *call, const struct settings *settings, char *argv[])
{
	static struct backup backup;
	int status;

	backup_init(&backup, settings, call->io_fd, call->back_fd);
	status = relay_run(argv, &backup_side, &backup);
	backup_end(&backup);
	return end_as(status);
}

/* A bad configuration is no reason to refuse what has nothing to do with us. */
static int step_aside(struct settings *settings, char *argv[])
{
	load(settings);
	if (!find_helper(settings)) {
		argv[0] = settings->helper;
		execv(argv[0], argv);
		report(LOG_ERR, "cannot run %s: %s", argv[0], strerror(errno));
	}
	return EXIT_FAILURE;
}

static int refuse(int err)
{
	if (err == -EPROTONOSUPPORT)
		report(LOG_ERR, "this libxl is older than 4.14, or drives Remus in a way not known "
				"here: refused");
	else
		fputs(usage, stderr);
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	static struct settings settings;
	struct call call;
	int err;

	err = call_parse(argc, argv, &call);
	if (err)
		return refuse(err);
	if (!call.remus)
		return step_aside(&settings, argv);
	if (load(&settings) || find_helper(&settings) || find_domain(&settings, call.domid))
		return EXIT_FAILURE;
	argv[0] = settings.helper;
	return call.restore ? receive(&call, &settings, argv) : protect(&call, &settings, argv);
}
