// SPDX-License-Identifier: GPL-2.0-or-later
/* status and list: the daemon's numbers as something to read. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl-json.h"
#include "ctl-text.h"
#include "ctl.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LABEL_WIDTH 11

static uint64_t number(const struct outcommit_block *block, const char *key)
{
	uint64_t value = 0;

	outcommit_block_get_u64(block, key, &value);
	return value;
}

static const char *text(const struct outcommit_block *block, const char *key)
{
	return outcommit_block_get(block, key) ?: "";
}

static struct human counted(const struct outcommit_block *block, const char *key, const char *thing)
{
	struct human human;
	uint64_t count = number(block, key);

	snprintf(human.text, sizeof(human.text), "%" PRIu64 " %s%s", count, thing,
		 count == 1 ? "" : "s");
	return human;
}

static bool is_whole(const struct outcommit_block *domain)
{
	return number(domain, "WHOLE") == 1;
}

/* "label: value", the labels aligned at the colon */
static __attribute__((format(printf, 2, 3))) void print_line(const char *label, const char *format,
							      ...)
{
	va_list args;
	char *value, *clean;

	va_start(args, format);
	value = text_vformat(format, args);
	va_end(args);
	clean = text_clean(value);
	printf("%*s: %s\n", LABEL_WIDTH, label, clean);
	free(clean);
	free(value);
}

/* A dot that says at a glance whether all is well. */
static void print_heading(bool well, const char *name, const char *what)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	bool color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	char *clean = text_clean(name);

	printf("%s%s%s %s - %s\n", color ? well ? "\033[32m" : "\033[1;31m" : "",
	       utf8 ? "●" : "*", color ? "\033[0m" : "", clean, what);
	free(clean);
}

static void print_epochs(const struct outcommit_reply *status, bool legend)
{
	static const struct column columns[] = {
		{ "EPOCH", true }, { "CLOSED", true }, { "FRAMES", true },
		{ "HELD", true }, { "OLDEST", true }, { "", false },
	};
	struct table table = { .columns = columns, .width = ARRAY_SIZE(columns) };
	struct outcommit_block epoch = outcommit_reply_block(status);

	while (outcommit_block_next(&epoch, "EPOCH")) {
		bool has_bytes = outcommit_block_get(&epoch, "EPOCH_BYTES");
		uint64_t hold_ns = number(&epoch, "EPOCH_HOLD_NS");

		table_add(&table, text(&epoch, "EPOCH"));
		table_addf(&table, "%s ago", human_ns(number(&epoch, "EPOCH_AGE_NS")).text);
		table_add(&table, outcommit_block_get(&epoch, "EPOCH_FRAMES"));
		table_add(&table, has_bytes ? human_bytes(number(&epoch, "EPOCH_BYTES")).text : NULL);
		table_add(&table, hold_ns ? human_ns(hold_ns).text : NULL);
		table_add(&table, number(&epoch, "EPOCH_ABORTED") ? "aborted" : "");
	}
	if (table.count) {
		putchar('\n');
		table_print(&table, "  ", legend);
	}
	table_free(&table);
}

static void add_vif(struct table *table, const struct outcommit_block *vif)
{
	const char *reason = outcommit_block_get(vif, "VIF_STATE_REASON");

	table_add(table, text(vif, "VIF"));
	table_add(table, text(vif, "IFB"));
	table_addf(table, "%s", text(vif, "VIF_STATE"));
	table_addf(table, "%" PRIu64, number(vif, "VIF_HELD_FRAMES"));
	table_add(table, human_bytes(number(vif, "VIF_HELD_BYTES")).text);
	table_add(table, human_bytes(number(vif, "LIMIT")).text);
	table_addf(table, "%" PRIu64, number(vif, "VIF_DROPS"));
	table_addf(table, "%" PRIu64, number(vif, "SENT_FRAMES"));
	table_add(table, human_bytes(number(vif, "SENT_BYTES")).text);
	table_add(table, reason ? reason : "");
}

static void print_vifs(const struct outcommit_reply *status, bool legend)
{
	static const struct column columns[] = {
		{ "VIF", false }, { "BUFFER", false }, { "STATE", false }, { "FRAMES", true },
		{ "HELD", true }, { "LIMIT", true }, { "DROPS", true }, { "SENT", true },
		{ "BYTES", true }, { "", false },
	};
	struct table table = { .columns = columns, .width = ARRAY_SIZE(columns) };
	struct outcommit_block vif = outcommit_reply_block(status);

	while (outcommit_block_next(&vif, "VIF"))
		add_vif(&table, &vif);
	if (table.count) {
		putchar('\n');
		table_print(&table, "  ", legend);
	}
	table_free(&table);
}

/* Who drives it, if anybody does or did. */
static void print_lease(const struct outcommit_block *domain)
{
	const char *lease = text(domain, "LEASE"), *pid = text(domain, "LEASE_PID");

	if (!strcmp(lease, "held"))
		print_line("Driver", "pid %s, uid %s; if it is lost: %s", pid, text(domain, "LEASE_UID"),
			   text(domain, "ON_DRIVER_LOST"));
	else if (!strcmp(lease, "grace"))
		print_line("Driver", "lost, pid %s, uid %s; %s in %s", pid, text(domain, "LEASE_UID"),
			   text(domain, "ON_DRIVER_LOST"), human_ns(number(domain, "GRACE_LEFT_NS")).text);
	else if (!strcmp(lease, "lost"))
		print_line("Driver", "lost, pid %s, uid %s", pid, text(domain, "LEASE_UID"));
	if (outcommit_block_get(domain, "OWNER"))
		print_line("Owner", "uid %s", text(domain, "OWNER"));
}

/* What waits for a commit for longer than the administrator likes. */
static void print_hold(const struct outcommit_block *domain)
{
	const char *hold = text(domain, "HOLD");

	if (*hold && strcmp(hold, "ok"))
		print_line("Waiting", "nothing was committed for %s: over the %s",
			   human_ns(number(domain, "HOLD_NS")).text, hold);
}

static void print_domain(const struct outcommit_reply *status, bool legend)
{
	const struct outcommit_block domain = outcommit_reply_block(status);
	uint64_t oldest_ns = number(&domain, "OLDEST_HOLD_NS");

	print_heading(is_whole(&domain), text(&domain, "DOMAIN"), text(&domain, "STATE"));
	print_line("Barrier", "%s", is_whole(&domain) ? "whole" : "broken, see the vifs");
	print_line("Epochs", "%s open, %s committed, %s outstanding", text(&domain, "OPEN"),
		   text(&domain, "COMMITTED"), text(&domain, "OUTSTANDING"));
	print_line("Held", "%s, %s%s%s", counted(&domain, "HELD_FRAMES", "frame").text,
		   human_bytes(number(&domain, "HELD_BYTES")).text,
		   oldest_ns ? ", oldest for " : "", oldest_ns ? human_ns(oldest_ns).text : "");
	print_hold(&domain);
	print_lease(&domain);
	print_line("Dropped", "%s", counted(&domain, "DROPS", "frame").text);
	print_epochs(status, legend);
	print_vifs(status, legend);
}

static void print_daemon(const struct outcommit_reply *status)
{
	const struct outcommit_block daemon = outcommit_reply_block(status);
	const char *module = text(&daemon, "MODULE"), *version = text(&daemon, "MODULE_VERSION");
	const char *note = outcommit_block_get(&daemon, "NOTE");

	print_heading(strcmp(module, "none"), "outcommitd", text(&daemon, "VERSION"));
	print_line("Protocol", "%s", text(&daemon, "PROTOCOL"));
	print_line("PID", "%s", text(&daemon, "PID"));
	print_line("Uptime", "%s", human_ns(number(&daemon, "UPTIME_NS")).text);
	print_line("sch_plug", "%s%s%s", module, *version ? " " : "", version);
	if (note)
		print_line("Note", "%s", note);
	print_line("Config", "%s", text(&daemon, "CONFIG"));
	print_line("Domains", "%s, with %s", text(&daemon, "DOMAINS"),
		   counted(&daemon, "VIFS", "vif").text);
	print_line("Clients", "%s", text(&daemon, "CLIENTS"));
}

static void print_json(const struct outcommit_reply *status, bool of_domain)
{
	json_t *top = json_top();

	if (of_domain)
		json_add_domain(top, status);
	else
		json_add_reply(top, status);
	json_print(top);
}

enum exit_code run_status(struct ctl *ctl)
{
	struct outcommit_error err;
	struct outcommit_reply *status;

	if (outcommit_status(ctl->connection, ctl->domain, &status, &err))
		return ctl_fail(ctl, &err);
	if (ctl->json)
		print_json(status, ctl->domain);
	else if (ctl->domain)
		print_domain(status, !ctl->no_legend);
	else
		print_daemon(status);
	outcommit_reply_free(status);
	return EXIT_DONE;
}

/* A list under construction: rows, or with --json an array of domains. */
struct listing {
	struct ctl *ctl;
	struct table table;
	json_t *domains;
	struct outcommit_error err;
};

static void add_row(struct table *table, const struct outcommit_block *domain)
{
	table_add(table, text(domain, "DOMAIN"));
	table_add(table, text(domain, "STATE"));
	table_add(table, is_whole(domain) ? "whole" : "broken");
	table_add(table, text(domain, "OPEN"));
	table_add(table, text(domain, "COMMITTED"));
	table_add(table, text(domain, "OUTSTANDING"));
	table_add(table, text(domain, "HELD_FRAMES"));
	table_add(table, human_bytes(number(domain, "HELD_BYTES")).text);
	table_add(table, text(domain, "VIFS"));
}

static int add_domain(const char *name, void *arg)
{
	struct listing *listing = arg;
	struct outcommit_reply *status;
	struct outcommit_block own;
	int ret = outcommit_status(listing->ctl->connection, name, &status, &listing->err);

	if (ret == -ENOENT && listing->err.from_daemon)
		return 0; /* it went away since the list was made */
	if (ret)
		return ret;
	own = outcommit_reply_block(status);
	if (listing->domains)
		json_append_domain(listing->domains, status);
	else
		add_row(&listing->table, &own);
	outcommit_reply_free(status);
	return 0;
}

enum exit_code run_list(struct ctl *ctl)
{
	static const struct column columns[] = {
		{ "DOMAIN", false }, { "STATE", false }, { "BARRIER", false },
		{ "OPEN", true }, { "COMMITTED", true }, { "OUTSTANDING", true },
		{ "FRAMES", true }, { "HELD", true }, { "VIFS", true },
	};
	json_t *top = ctl->json ? json_top() : NULL;
	struct listing listing = {
		.ctl = ctl,
		.table = { .columns = columns, .width = ARRAY_SIZE(columns) },
		.domains = top ? json_add_array(top, "domains") : NULL,
	};
	enum exit_code code = EXIT_DONE;

	if (outcommit_list(ctl->connection, add_domain, &listing, &listing.err)) {
		json_decref(top);
		code = ctl_fail(ctl, &listing.err);
	} else if (top) {
		json_print(top);
	} else {
		table_print(&listing.table, "", !ctl->no_legend);
	}
	table_free(&listing.table);
	return code;
}
