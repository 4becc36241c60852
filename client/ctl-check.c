// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check: is this host ready to run outcommitd, and if not, what is to be done? It needs no daemon
 * and touches nothing: what has to be tried is tried in a network namespace of its own. One
 * function per check, in one table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl-json.h"
#include "ctl-probe.h"
#include "ctl-spawn.h"
#include "ctl-text.h"
#include "ctl-trial.h"
#include "ctl.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL, LEVELS };

static const char *const level_words[LEVELS] = { "ok", "warn", "FAIL" };
static const char *const level_keys[LEVELS] = { "ok", "warn", "fail" };

struct finding {
	enum level level;
	char text[512];
	char hint[256]; /* what to do about it; empty if nothing */
};

/* What the checks share. */
struct run {
	struct ctl *ctl;
	struct trial trial;
	struct utsname kernel;
};

static __attribute__((format(printf, 3, 4))) void find(struct finding *f, enum level level,
							const char *format, ...)
{
	va_list args;

	f->level = level;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

static __attribute__((format(printf, 2, 3))) void advise(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->hint, sizeof(f->hint), format, args);
	va_end(args);
}

static void check_rights(struct run *run, const void *arg, struct finding *f)
{
	if (probe_net_admin()) {
		find(f, LEVEL_OK, "this process has CAP_NET_ADMIN");
	} else if (geteuid()) {
		find(f, LEVEL_WARN, "this user has no CAP_NET_ADMIN; outcommitd's unit gives it");
		advise(f, "run the check as root, to try it with the daemon's rights");
	} else {
		find(f, LEVEL_FAIL, "root has no CAP_NET_ADMIN here");
		advise(f, "give it to this container, or run outcommitd on the host");
	}
}

/* A module of the kernel, which trial shows that it works, and what to do if it is missing. */
struct module {
	const char *name;
	enum trial_step step;
	const char *hint;
};

#define ANY_KERNEL "install a kernel that has it, such as Debian's linux-image-amd64"

static const struct module ifb = { "ifb", TRIAL_IFB, ANY_KERNEL };
static const struct module sch_plug = { "sch_plug", TRIAL_PLUG,
					"apt install outcommit-dkms, or " ANY_KERNEL };
static const struct module sch_ingress = { "sch_ingress", TRIAL_REDIRECT, ANY_KERNEL };
static const struct module cls_matchall = { "cls_matchall", TRIAL_REDIRECT, ANY_KERNEL };
static const struct module act_mirred = { "act_mirred", TRIAL_REDIRECT, ANY_KERNEL };

/* Whether it is the kernel that lacks it, or this installation that cannot load it */
static void judge_missing(struct run *run, const struct module *module, struct finding *f)
{
	switch (probe_loadable(module->name, run->ctl->timeout_ms)) {
	case 0:
		find(f, LEVEL_OK, "can be loaded");
		return;
	case -ENOENT:
		find(f, LEVEL_FAIL, "not loaded, and there is no modprobe to load it");
		advise(f, "apt install kmod");
		return;
	}
	if (probe_modules(run->kernel.release)) {
		find(f, LEVEL_FAIL, "kernel %s does not have it", run->kernel.release);
		advise(f, "%s", module->hint);
	} else {
		find(f, LEVEL_FAIL, "not loaded, and /lib/modules has nothing for kernel %s",
		     run->kernel.release);
		advise(f, "reboot if the kernel was upgraded; in a container, modprobe %s on the "
			  "host; otherwise " ANY_KERNEL, module->name);
	}
}

static void check_module(struct run *run, const void *arg, struct finding *f)
{
	const struct module *module = arg;

	if (probe_loaded(module->name))
		find(f, LEVEL_OK, "loaded");
	else if (run->trial.steps[module->step].good)
		find(f, LEVEL_OK, "built in");
	else
		judge_missing(run, module, f);
}

/* Ours has a version and shows its state, mainline's neither. */
static void check_origin(struct run *run, const void *arg, struct finding *f)
{
	char version[64];
	bool versioned = probe_version("sch_plug", version, sizeof(version));

	if (versioned || run->trial.plug_shows_itself) {
		find(f, LEVEL_OK, "outcommit's %s", versioned ? version : "");
	} else if (run->trial.steps[TRIAL_PLUG].good || probe_loaded("sch_plug")) {
		find(f, LEVEL_WARN, "mainline's: one outstanding epoch, no abort, and a guest "
				    "stalls when held frames use up its transmit slots");
		advise(f, "apt install outcommit-dkms, then modprobe -r sch_plug && systemctl restart "
			  "outcommitd (or reboot)");
	} else {
		find(f, LEVEL_WARN, "cannot tell before it is loaded");
		advise(f, "modprobe sch_plug");
	}
}

/* What a step of the trial is called, and what to do when it fails. */
struct step {
	enum trial_step step;
	const char *good;
	const char *hint;
};

static const struct step namespace_step = { TRIAL_NAMESPACE, "a network namespace to try it in",
					    "run the check as root" };
static const struct step ifb_step = { TRIAL_IFB, "an IFB can be created", "see the module ifb" };
static const struct step plug_step = { TRIAL_PLUG, "an IFB takes a plug qdisc",
				       "see the module sch_plug" };
static const struct step redirect_step = { TRIAL_REDIRECT,
					   "every ethertype can be redirected to it",
					   "see sch_ingress, cls_matchall and act_mirred" };
static const struct step frame_step = { TRIAL_FRAME, "a frame goes through and comes out",
					"look into the kernel's log: dmesg" };

static void check_step(struct run *run, const void *arg, struct finding *f)
{
	const struct step *step = arg;
	const struct trial_result *result = &run->trial.steps[step->step];

	if (result->good) {
		find(f, LEVEL_OK, "%s", step->good);
	} else if (result->tried && step->step != TRIAL_NAMESPACE) {
		find(f, LEVEL_FAIL, "%s", result->why);
		advise(f, "%s", step->hint);
	} else {
		find(f, LEVEL_WARN, "not tried%s%s", *result->why ? ": " : "", result->why);
		advise(f, "%s", step->step == TRIAL_NAMESPACE ? step->hint : "see above");
	}
}

/* Is a daemon that cannot be reached just not running? */
static void judge_silence(int error, const char *path, struct finding *f)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		find(f, LEVEL_WARN, "outcommitd does not run: %s: %s", path, strerror(-error));
		advise(f, "systemctl enable --now outcommitd.socket");
		return;
	case -EACCES:
		find(f, LEVEL_FAIL, "no right to connect to %s", path);
		advise(f, "run as root or as a user of the socket's group, see outcommitd.conf(5)");
		return;
	default:
		find(f, LEVEL_FAIL, "%s: %s", path, strerror(-error));
		advise(f, "systemctl status outcommitd");
	}
}

/* The daemon may live elsewhere, and what it found first is what it uses. */
static void judge_module(struct outcommit *c, struct finding *f)
{
	struct outcommit_reply *reply;
	const char *module;

	if (outcommit_check(c, &reply, NULL))
		return;
	module = outcommit_reply_get(reply, "MODULE");
	if (module && !strcmp(module, "none")) {
		find(f, LEVEL_FAIL, "outcommitd runs, but finds no sch_plug");
		advise(f, "see the module sch_plug");
	} else if (module) {
		size_t len = strlen(f->text);

		snprintf(f->text + len, sizeof(f->text) - len, ", uses %s sch_plug",
			 !strcmp(module, "outcommit") ? "outcommit's" : "mainline's");
	}
	outcommit_reply_free(reply);
}

static void judge_version(struct outcommit *c, struct finding *f)
{
	struct outcommit_error err;
	unsigned int protocol;
	char version[64];

	if (outcommit_version(c, version, sizeof(version), &protocol, &err)) {
		find(f, LEVEL_FAIL, "%s", err.message);
		advise(f, "systemctl status outcommitd");
	} else if (protocol != WIRE_PROTOCOL) {
		find(f, LEVEL_FAIL, "outcommitd %s speaks protocol %u, this is %d", version,
		     protocol, WIRE_PROTOCOL);
		advise(f, "bring command and daemon to the same version");
	} else {
		find(f, LEVEL_OK, "outcommitd %s answers, protocol %u", version, protocol);
		judge_module(c, f);
	}
}

static void check_socket(struct run *run, const void *arg, struct finding *f)
{
	const char *path = run->ctl->socket ? run->ctl->socket : OUTCOMMIT_SOCKET;
	struct outcommit *c;
	int ret = outcommit_connect(path, run->ctl->timeout_ms, &c);

	if (ret) {
		judge_silence(ret, path, f);
		return;
	}
	judge_version(c, f);
	outcommit_close(c);
}

static void check_config(struct run *run, const void *arg, struct finding *f)
{
	char said[sizeof(f->text)];
	const int ret = probe_config(run->ctl->timeout_ms, said, sizeof(said));

	if (!ret) {
		find(f, LEVEL_OK, "outcommitd accepts it");
	} else if (ret == -ENOENT) {
		find(f, LEVEL_WARN, "not checked: outcommitd is neither beside this command "
				    "nor in PATH");
		advise(f, "apt install outcommit");
	} else {
		find(f, LEVEL_FAIL, "%s", *said ? said : "outcommitd --check-config failed");
		advise(f, "correct it, then: " PROGRAM " reload");
	}
}

/* Only process trees need it: it is no fault if it is not there. */
static void check_criu(struct run *run, const void *arg, struct finding *f)
{
	const char *argv[] = { "criu", "--version", NULL };
	struct spawn spawn = { .argv = argv, .timeout_ms = run->ctl->timeout_ms };
	char said[64];

	if (spawn_run(&spawn, said, sizeof(said) - 1)) {
		find(f, LEVEL_OK, "not there; only outcommit-criu needs it");
		advise(f, "for process trees: apt install criu");
		return;
	}
	said[spawn.len] = '\0';
	said[strcspn(said, "\n")] = '\0';
	find(f, LEVEL_OK, "%s", said);
}

static const struct check {
	const char *name;
	void (*check)(struct run *run, const void *arg, struct finding *f);
	const void *arg;
} checks[] = {
	{ "rights", check_rights, NULL },
	{ "namespace", check_step, &namespace_step },
	{ "module ifb", check_module, &ifb },
	{ "module sch_plug", check_module, &sch_plug },
	{ "module sch_ingress", check_module, &sch_ingress },
	{ "module cls_matchall", check_module, &cls_matchall },
	{ "module act_mirred", check_module, &act_mirred },
	{ "whose sch_plug", check_origin, NULL },
	{ "buffer", check_step, &ifb_step },
	{ "plug", check_step, &plug_step },
	{ "redirect", check_step, &redirect_step },
	{ "frame", check_step, &frame_step },
	{ "criu", check_criu, NULL },
	{ "configuration", check_config, NULL },
	{ "socket", check_socket, NULL },
};

static void show_text(const struct check *check, const struct finding *f)
{
	char *text = text_clean(f->text), *hint = text_clean(f->hint);

	printf("%-4s  %s: %s\n", level_words[f->level], check->name, text);
	if (*hint)
		printf("      -> %s\n", hint);
	free(text);
	free(hint);
}

static void show_json(json_t *array, const struct check *check, const struct finding *f)
{
	json_t *object = json_append_object(array);

	json_set_text(object, "check", check->name);
	json_set_text(object, "level", level_keys[f->level]);
	json_set_text(object, "text", f->text);
	if (*f->hint)
		json_set_text(object, "hint", f->hint);
}

static void prepare_trial(struct run *run)
{
	struct trial_result *first = &run->trial.steps[TRIAL_NAMESPACE];
	int ret = trial_run(&run->trial, run->ctl->timeout_ms);

	if (ret)
		snprintf(first->why, sizeof(first->why), "%s", strerror(-ret));
}

enum exit_code run_check(struct ctl *ctl)
{
	json_t *top = ctl->json ? json_top() : NULL;
	json_t *array = top ? json_add_array(top, "checks") : NULL;
	struct run run = { .ctl = ctl };
	enum exit_code code = EXIT_DONE;

	uname(&run.kernel);
	prepare_trial(&run);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding finding = { .level = LEVEL_OK };

		checks[i].check(&run, checks[i].arg, &finding);
		if (finding.level == LEVEL_FAIL)
			code = EXIT_FAILED;
		if (array)
			show_json(array, &checks[i], &finding);
		else
			show_text(&checks[i], &finding);
	}
	if (top)
		json_print(top);
	return code;
}
