/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the administrator wants: xen.conf(5), and the environment over it, because libxl gives its
 * helper no options. The table in settings.c is the whole list of keys.
 */
#ifndef XEN_HELPER_SETTINGS_H
#define XEN_HELPER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define SETTING_BYTES 1024U

struct settings {
	char helper[SETTING_BYTES];  /* libxl's own save helper */
	char socket[SETTING_BYTES];  /* the daemon's; "" for the default */
	char domain[SETTING_BYTES];  /* "": ask xenstore */
	char primary[SETTING_BYTES]; /* who is being replaced, for the fence command */
	char status[SETTING_BYTES];  /* file to tell the progress in; "" for none */
	char run_dir[SETTING_BYTES]; /* where the administrator's word is looked for */
	char fence[SETTING_BYTES];   /* shell command; "none": start at once; "": wait for the
					administrator */
	unsigned int fence_timeout_s;
	unsigned int fence_retry_s;
	unsigned int timeout_s; /* for a request to the daemon */
	unsigned int hello_timeout_s;
	unsigned int ack_timeout_s;
	unsigned int outstanding; /* checkpoints that may wait for their acks; with mainline's
				     module always 1 */
	bool any_peer;
};

/* 0, or -EINVAL with what is wrong, and where, at @why; no file at @path is as good as an empty
 * one. */
int settings_load(struct settings *settings, const char *path, char *why, size_t why_size);

#endif
