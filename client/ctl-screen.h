/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal of one's own: the alternate screen, keys as they are pressed, and everything as it was
 * when it is left. What is drawn is lines of clean text; what does not fit is cut at the edge.
 */
#ifndef OUTCOMMIT_CTL_SCREEN_H
#define OUTCOMMIT_CTL_SCREEN_H

#include <stdbool.h>

enum screen_key {
	KEY_NONE,
	KEY_QUIT,
	KEY_SORT,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
};

/* Is there a terminal at both ends that can be drawn on? */
bool screen_usable(void);
bool screen_enter(void);
void screen_leave(void);
void screen_size(int *columns, int *lines);
/* Draw @text. @loud(arg, n): the n-th line is to be seen at once. */
void screen_draw(const char *text, bool (*loud)(const void *arg, int line), const void *arg);
enum screen_key screen_key(void);

#endif
