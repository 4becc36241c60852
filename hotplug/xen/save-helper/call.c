/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define STREAM_REMUS 1L
#define FLAG(message) (1L << (message))

/* Where things are in argv: both modes begin alike, and end with the callback flags and the type of
 * the stream. */
enum { ARG_MODE = 1, ARG_IO, ARG_BACK, ARG_DOMID, ARG_REST };

/*
 * Since 4.14, libxl gives this many arguments, and wants these callbacks when it drives Remus. A
 * callback's flag is its message's number: the last one of the restore side is the one that moved
 * the others.
 */
static const struct mode {
	const char *name;
	int argc;
	long callbacks;
} modes[] = {
	{"--save-domain", 8,
	 FLAG(MESSAGE_SUSPEND) | FLAG(MESSAGE_POSTCOPY) | FLAG(MESSAGE_CHECKPOINT)},
	{"--restore-domain", 11, FLAG(MESSAGE_CHECKPOINT) | FLAG(MESSAGE_STATIC_DATA_DONE)},
};

static int number(const char *text, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	return *text && !*end && !errno && *value >= -1 && *value <= UINT_MAX ? 0 : -EINVAL;
}

static const struct mode *mode_find(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(name, modes[i].name))
			return &modes[i];
	return NULL;
}

static int check_libxl(const struct mode *mode, int argc, long callbacks)
{
	if (argc != mode->argc || (callbacks & mode->callbacks) != mode->callbacks)
		return -EPROTONOSUPPORT;
	return 0;
}

int call_parse(int argc, char *const argv[], struct call *call)
{
	long io, back, domid, callbacks, stream;
	const struct mode *mode;

	if (argc < ARG_REST + 2)
		return -EINVAL;
	mode = mode_find(argv[ARG_MODE]);
	if (!mode || number(argv[ARG_IO], &io) || number(argv[ARG_BACK], &back) ||
	    number(argv[ARG_DOMID], &domid) || number(argv[argc - 2], &callbacks) ||
	    number(argv[argc - 1], &stream) || io < 0 || domid < 0)
		return -EINVAL;
	*call = (struct call){
		.restore = mode == &modes[1],
		.remus = stream == STREAM_REMUS,
		.io_fd = (int)io,
		.back_fd = (int)back,
		.domid = (unsigned int)domid,
	};
	return call->remus ? check_libxl(mode, argc, callbacks) : 0;
}
