// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * monitor: one line per event, as it comes, for people, scripts and journals. A restart of the
 * daemon shows as "resync", with everything that exists behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl-json.h"
#include "ctl-text.h"
#include "ctl.h"

static bool is_bare(const char *value)
{
	return *value && !strpbrk(value, " \"\\");
}

/* A value that could be taken for two is quoted. */
static void print_value(const char *value)
{
	char *clean = text_clean(value);

	if (is_bare(value)) {
		fputs(clean, stdout);
	} else {
		putchar('"');
		for (const char *c = clean; *c; c++) {
			if (*c == '"')
				putchar('\\');
			putchar(*c);
		}
		putchar('"');
	}
	free(clean);
}

static void print_key(const char *key)
{
	for (; *key; key++)
		putchar(*key >= 'A' && *key <= 'Z' ? *key - 'A' + 'a' : *key);
}

/* EVENT OBJECT key:value ... */
static void print_event(const struct outcommit_reply *event)
{
	const char *object = outcommit_reply_get(event, "OBJECT");
	struct outcommit_field field;

	print_value(outcommit_reply_event(event));
	if (object) {
		putchar(' ');
		print_value(object);
	}
	for (size_t i = 0; !outcommit_reply_field(event, i, &field); i++) {
		if (field.value == object)
			continue;
		putchar(' ');
		print_key(field.key);
		putchar(':');
		print_value(field.value);
	}
	putchar('\n');
}

static void print_event_json(const struct outcommit_reply *event)
{
	json_t *top = json_top();

	json_set_text(top, "event", outcommit_reply_event(event));
	json_add_reply(top, event);
	json_print(top);
}

/*
 * Each line is out before the next event is waited for; with nobody to read them, there is no
 * point in going on.
 */
static bool show(const struct ctl *ctl, const struct outcommit_reply *event)
{
	if (ctl->json)
		print_event_json(event);
	else
		print_event(event);
	return !fflush(stdout);
}

static struct outcommit_error lost(int ret)
{
	struct outcommit_error err = { .code = ret };

	snprintf(err.message, sizeof(err.message), "no more events: %s", strerror(-ret));
	return err;
}

enum exit_code run_monitor(struct ctl *ctl)
{
	struct outcommit_error err;
	struct outcommit_reply *event;
	bool going = true;
	int ret = outcommit_monitor(ctl->connection, &err);

	if (ret)
		return ctl_fail(ctl, &err);
	while (going) {
		ret = outcommit_next_event(ctl->connection, -1, &event);
		if (ret) {
			err = lost(ret);
			return ctl_fail(ctl, &err);
		}
		if (outcommit_reply_event(event))
			going = show(ctl, event);
		outcommit_reply_free(event);
	}
	return EXIT_FAILED;
}
