/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcommit-xen-save-helper between a scripted save helper, a scripted libxl and a scripted daemon.
 * The helper is the test program itself, called as libxl would call it: main() begins with
 * rig_be_helper(). XEN_SAVE_HELPER is the program to test.
 */
#ifndef SAVE_HELPER_RIG_H
#define SAVE_HELPER_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fake-server.h"
#include "frame.h"
#include "message.h"
#include "scratch.h"

struct rig {
	struct fake_server *daemon;
	pid_t pid;
	int in, out; /* the wrapper's stdin and stdout */
	int back;    /* the other host's end of the back channel */
	int stream[2]; /* both ends; has a byte to begin with */
	char dir[SCRATCH_BYTES];
	bool ended;
	int status;
};

/* If called as a save helper, play the part and do not return. */
void rig_be_helper(int argc, char *argv[]);

/*
 * Start the program as libxl would for Remus, on the backup if @restore. What its helper does is
 * @script, a letter each: s r c d ask to suspend, resume, checkpoint, log dirty pages; l logs, e
 * logs an error, n says how far it is; R C E give results, completion, failure; x exits with 7, k
 * is killed, p pauses, z is no message, i exits with 5 if SIGPIPE is ignored.
 * @steps are the daemon's, NULL if there is none.
 */
struct rig rig_begin(bool restore, const char *script, const struct fake_step *steps);
void rig_set_environment(struct rig *rig, const char *script);
void rig_set_path(const struct rig *rig, const char *name, const char *file);
void rig_launch(struct rig *rig, bool restore, const char *stream);

/* It must end with @status; the daemon's script must have been played. */
void rig_end_with(struct rig *rig, int status);
void rig_await_end(struct rig *rig);

bool comes(int fd, int timeout_ms);

/* What libxl hears and replies. */
void hears(struct rig *rig, unsigned int type);
void hears_nothing(struct rig *rig);
void hears_failure(struct rig *rig);
void replies(struct rig *rig, int value);

/* What came of the stream was read, and what comes then. */
void stream_is_read(struct rig *rig);
void stream_goes_on(struct rig *rig);
void stream_ends(struct rig *rig);

/* Over the back channel. backup_says() returns when it was heard. */
void backup_says(struct rig *rig, enum frame_type type, uint64_t number);
void primary_hears(struct rig *rig, enum frame_type type, uint64_t number);
void primary_hears_nothing(struct rig *rig);

#endif
