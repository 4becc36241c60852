/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "criu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "child.h"
#include "netlock.h"
#include "report.h"

/* What the namespace is called in a checkpoint. */
#define NETNS_KEY "outcommit-netns"
#define ERRORS_SHOWN 3

static int netlock_path(const struct criu *criu, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/bin", criu->work_dir) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int criu_prepare(const struct criu *criu)
{
	char path[PATH_MAX];
	int err;

	err = netlock_path(criu, path);
	return err ? err : netlock_place(path);
}

int criu_find_netns(struct criu_tree *tree)
{
	struct stat stat_of;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", tree->root);
	if (stat(path, &stat_of))
		return -errno;
	tree->netns_ino = stat_of.st_ino;
	return 0;
}

/* Of its log only what says what went wrong; the rest stays where it is. */
static void complain(const char *log)
{
	FILE *file = fopen(log, "re");
	char line[512];
	int shown = 0;

	while (file && shown < ERRORS_SHOWN && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strstr(line, "Error ("))
			continue;
		report(LOG_ERR, "criu: %s", line);
		shown++;
	}
	if (file)
		fclose(file);
	report(LOG_ERR, "criu's log is %s", log);
}

/* Where it says what it does not log; 0: nowhere else. */
static int open_said(const struct criu *criu)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/criu.said", criu->work_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? 0 : fd;
}

static int run(const struct criu *criu, struct words *words, const char *name, struct child child)
{
	char log[PATH_MAX + 32], path[PATH_MAX];
	int status;

	if (netlock_path(criu, path))
		return -ENAMETOOLONG;

	child.words = words;
	child.path = path;
	child.err = open_said(criu);
	snprintf(log, sizeof(log), "%s/%s.log", criu->work_dir, name);
	words_add(words, "-o");
	words_add(words, log);
	words_add(words, "-v2");
	for (int i = 0; i < criu->extra_count; i++)
		words_add(words, criu->extra[i]);
	unlink(log);
	status = child_run(&child);
	if (child.err > 0)
		close(child.err);
	if (status <= 0)
		return status;
	if (status == 127)
		report(LOG_ERR, "cannot run %s", criu->program);
	else
		complain(log);
	return -EIO;
}

static void add_common(struct words *words, const struct criu *criu, const char *command,
		       const char *dir)
{
	words_add(words, criu->program);
	words_add(words, command);
	words_add(words, "-D");
	words_add(words, dir);
	words_add(words, "-W");
	words_add(words, criu->work_dir);
	words_add(words, "--manage-cgroups=ignore");
	words_add(words, "--tcp-established");
	words_add(words, "--skip-in-flight");
	/* that is us */
	words_add(words, "--network-lock");
	words_add(words, "iptables");
}

static void add_tree(struct words *words, const struct criu_tree *tree, const char *prev)
{
	words_add(words, "-t");
	words_addf(words, "%d", tree->root);
	words_add(words, "--track-mem");
	words_add(words, "--freeze-cgroup");
	words_add(words, tree->cgroup);
	words_add(words, "--external");
	words_addf(words, "net[%" PRIu64 "]:" NETNS_KEY, tree->netns_ino);
	if (!prev)
		return;
	words_add(words, "--prev-images-dir");
	words_addf(words, "../%s", prev);
}

static struct child dumper(const struct criu *criu)
{
	return (struct child){.kept = criu->lock_fd, .undisturbed = true};
}

int criu_dump(const struct criu *criu, const struct criu_tree *tree, const char *dir,
	      const char *prev)
{
	struct words words = {.count = 0};

	add_common(&words, criu, "dump", dir);
	add_tree(&words, tree, prev);
	words_add(&words, "--leave-running");
	return run(criu, &words, "dump", dumper(criu));
}

int criu_pre_dump(const struct criu *criu, const struct criu_tree *tree, const char *dir,
		  const char *prev)
{
	struct words words = {.count = 0};

	add_common(&words, criu, "pre-dump", dir);
	add_tree(&words, tree, prev);
	return run(criu, &words, "pre-dump", dumper(criu));
}

int criu_restore(const struct criu *criu, const char *dir, int netns_fd, const char *cgroup)
{
	struct words words = {.count = 0};

	add_common(&words, criu, "restore", dir);
	words_add(&words, "--restore-detached");
	words_add(&words, "--inherit-fd");
	words_addf(&words, "fd[%d]:" NETNS_KEY, netns_fd);
	return run(criu, &words, "restore", (struct child){.cgroup = cgroup});
}
