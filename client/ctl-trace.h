/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace of epochs, made from the daemon's events, in Chrome's trace event format, which Perfetto
 * opens too. Each domain is a process there, with tracks as its threads: its state and open epoch,
 * the requests that changed it, its outstanding epochs, and each of its vifs. Spans of one track
 * never overlap. ctl-trace-file.c writes, ctl-trace-spans.c knows what there is to write, and
 * ctl-trace.c is the command. Times are nanoseconds of the monotonic clock.
 */
#ifndef OUTCOMMIT_CTL_TRACE_H
#define OUTCOMMIT_CTL_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "outcommit.h"

struct trace_file {
	FILE *out;
	uint64_t spans;
	bool begun;
};

struct trace_track {
	unsigned int pid, tid;
	uint64_t ended_ns;	/* nothing begins before that */
};

/* What is known of a span besides: a text and an epoch number; NULL and 0 are left out. */
struct trace_note {
	const char *ended;
	uint64_t epoch;
};

void trace_name_process(struct trace_file *file, unsigned int pid, const char *name);
void trace_name_track(struct trace_file *file, const struct trace_track *track, const char *name);
void trace_span(struct trace_file *file, struct trace_track *track, const char *name,
		uint64_t begin_ns, uint64_t end_ns, const struct trace_note *note);
/* Something that has no length and is about everything. */
void trace_mark(struct trace_file *file, const char *name, uint64_t at_ns);
/* The end: what is there is then a whole document. */
void trace_close(struct trace_file *file);

struct trace;

/* Spans of what @file is told; out of memory ends the program. */
struct trace *trace_new(struct trace_file *file);
void trace_take(struct trace *trace, const struct outcommit_reply *event);
/* End every span that has not ended, for the reason @why. */
void trace_end(struct trace *trace, uint64_t at_ns, const char *why);
void trace_free(struct trace *trace);

#endif
