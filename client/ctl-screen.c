// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ctl-text.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define COLUMNS 80
#define LINES 24

/* Of ECMA-48 and xterm; every terminal of today takes them. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define TO_END_OF_LINE "\033[K"
#define TO_END_OF_SCREEN "\033[J"
#define LOUD "\033[1;31m"
#define PLAIN "\033[0m"

static struct termios before;

bool screen_usable(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb");
}

bool screen_enter(void)
{
	struct termios keys;

	if (tcgetattr(STDIN_FILENO, &before))
		return false;
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	/* a key or nothing: reading never waits */
	keys.c_cc[VMIN] = 0;
	keys.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &keys))
		return false;
	fputs(ENTER, stdout);
	return true;
}

void screen_leave(void)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void screen_size(int *columns, int *lines)
{
	struct winsize size;
	bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);

	*columns = known && size.ws_col ? size.ws_col : COLUMNS;
	*lines = known && size.ws_row ? size.ws_row : LINES;
}

void screen_draw(const char *text, bool (*loud)(const void *arg, int line), const void *arg)
{
	bool color = !getenv("NO_COLOR");
	int columns, lines;

	screen_size(&columns, &lines);
	fputs(HOME, stdout);
	for (int line = 0; line < lines && *text; line++) {
		size_t len = strcspn(text, "\n");
		bool stands_out = color && loud(arg, line);

		if (line)
			fputs("\r\n", stdout);
		fputs(stands_out ? LOUD : "", stdout);
		fwrite(text, 1, text_fitting(text, len, columns), stdout);
		fputs(stands_out ? PLAIN TO_END_OF_LINE : TO_END_OF_LINE, stdout);
		text += len + (text[len] == '\n');
	}
	fputs(TO_END_OF_SCREEN, stdout);
	fflush(stdout);
}

enum screen_key screen_key(void)
{
	static const struct {
		const char *bytes;
		enum screen_key key;
	} keys[] = {
		{ "q", KEY_QUIT }, { "Q", KEY_QUIT }, { "\003", KEY_QUIT }, { "s", KEY_SORT },
		{ "k", KEY_UP }, { "j", KEY_DOWN }, { "\033[A", KEY_UP }, { "\033[B", KEY_DOWN },
		{ "\033OA", KEY_UP }, { "\033OB", KEY_DOWN }, { "\033[5~", KEY_PAGE_UP },
		{ "\033[6~", KEY_PAGE_DOWN }, { " ", KEY_PAGE_DOWN },
	};
	char bytes[16] = "";
	ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes) - 1);

	if (len <= 0)
		return KEY_QUIT; /* nobody is there to press one any more */
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strncmp(bytes, keys[i].bytes, strlen(keys[i].bytes)))
			return keys[i].key;
	return KEY_NONE;
}
