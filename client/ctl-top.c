// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * top: the daemon's domains as they are, looked at again and again. On a terminal it has the
 * screen for itself until q; in a pipe, or with --batch, one look follows the other as text.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl-json.h"
#include "ctl-screen.h"
#include "ctl-text.h"
#include "ctl-top.h"
#include "ctl-wait.h"
#include "ctl.h"

#define PATIENCE_MS 1000 /* with the screen: a key must not wait for a daemon that hangs */
#define PAGE 10

/* Look once more. What goes wrong is shown by a screen, and is the end otherwise. */
static int look(struct ctl *ctl, struct top *top, struct outcommit_error *err)
{
	struct sample sample;
	int ret = sample_fetch(ctl->connection, &sample, err);

	if (ret)
		sample_free(&sample);
	else
		top_take(top, &sample, wait_now_ns());
	return ret;
}

static bool print_look(const struct ctl *ctl, const struct top *top)
{
	if (ctl->json)
		json_print(top_json(top));
	else
		top_print(stdout, top, 0, !ctl->no_legend);
	return !fflush(stdout);
}

/* Rates need two looks: the first one is not shown. */
static enum exit_code run_batch(struct ctl *ctl, struct top *top)
{
	struct outcommit_error err;
	bool going = true;

	while (going) {
		bool first = !top->looked_ns;

		if (look(ctl, top, &err))
			return ctl_fail(ctl, &err);
		if (!first) {
			going = print_look(ctl, top) && !ctl->look.once;
			if (going && !ctl->json)
				putchar('\n');
		}
		if (going && wait_for(-1, top->looked_ns + ctl->look.delay_ns) == WAIT_END)
			break;
	}
	return EXIT_DONE;
}

static void scroll(struct top *top, long rows)
{
	long first = (long)top->first + rows, last = top->count ? (long)top->count - 1 : 0;

	top->first = (size_t)(first < 0 ? 0 : first > last ? last : first);
}

/* False: it was the key to quit. */
static bool take_key(struct top *top, enum screen_key key)
{
	switch (key) {
	case KEY_QUIT:
		return false;
	case KEY_SORT:
		top->order = (top->order + 1) % TOP_ORDERS;
		top_sort(top);
		break;
	case KEY_UP:
	case KEY_DOWN:
		scroll(top, key == KEY_UP ? -1 : 1);
		break;
	case KEY_PAGE_UP:
	case KEY_PAGE_DOWN:
		scroll(top, key == KEY_PAGE_UP ? -PAGE : PAGE);
		break;
	case KEY_NONE:
		break;
	}
	return true;
}

static bool is_loud(const void *arg, int line)
{
	const struct top *top = arg;
	size_t row = top->first + (size_t)(line - TOP_FIRST_ROW_LINE);

	if (line == TOP_FIRST_ROW_LINE - 2)
		return top->trouble;
	return line >= TOP_FIRST_ROW_LINE && row < top->count && !top->rows[row].whole;
}

static void draw(const struct ctl *ctl, struct top *top)
{
	int columns, lines;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	scroll(top, 0);
	screen_size(&columns, &lines);
	top_print(out, top, lines, true);
	fclose(out);
	screen_draw(text, is_loud, top);
	free(text);
}

static void step_aside(void)
{
	screen_leave();
	raise(SIGSTOP);
	screen_enter();
}

static void look_and_note(struct ctl *ctl, struct top *top, char **trouble)
{
	struct outcommit_error err;

	free(*trouble);
	*trouble = look(ctl, top, &err) ? text_clean(err.message) : NULL;
	top->trouble = *trouble;
}

static void run_screen(struct ctl *ctl, struct top *top)
{
	uint64_t next_ns = wait_now_ns();
	char *trouble = NULL;
	bool going = true;

	outcommit_set_timeout(ctl->connection, PATIENCE_MS);
	while (going) {
		if (wait_now_ns() >= next_ns) {
			look_and_note(ctl, top, &trouble);
			next_ns = wait_now_ns() + ctl->look.delay_ns;
		}
		draw(ctl, top);
		switch (wait_for(STDIN_FILENO, next_ns)) {
		case WAIT_INPUT:
			going = take_key(top, screen_key());
			break;
		case WAIT_STOP:
			step_aside();
			break;
		case WAIT_END:
			going = false;
			break;
		case WAIT_TIME:
		case WAIT_RESIZE:
			break;
		}
	}
	free(trouble);
}

enum exit_code run_top(struct ctl *ctl)
{
	bool screen = !ctl->json && !ctl->look.once && !ctl->look.batch && screen_usable();
	enum exit_code code = EXIT_DONE;
	struct top top = { 0 };
	int ret = wait_begin(screen);

	if (ret) {
		fprintf(stderr, PROGRAM ": top: %s\n", strerror(-ret));
		return EXIT_FAILED;
	}
	if (screen && screen_enter()) {
		run_screen(ctl, &top);
		screen_leave();
	} else {
		code = run_batch(ctl, &top);
	}
	top_free(&top);
	return code;
}
