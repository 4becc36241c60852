// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The array form of the format: its end may be missing, so what was written before a crash can be
 * looked at. One event per line.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl-trace.h"

static void print_string(FILE *out, const char *text)
{
	json_t *json = json_string(text);
	char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

	fputs(quoted ? quoted : "\"?\"", out);
	free(quoted);
	json_decref(json);
}

static void begin_event(struct trace_file *file, const char *phase, const char *name)
{
	fputs(file->begun ? ",\n" : "[\n", file->out);
	file->begun = true;
	fprintf(file->out, "{\"ph\":\"%s\",\"name\":", phase);
	print_string(file->out, name);
}

/* The format counts in microseconds, and takes fractions. */
static void print_time(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned int)(ns % 1000));
}

static void print_place(FILE *out, const struct trace_track *track)
{
	fprintf(out, ",\"pid\":%u,\"tid\":%u", track->pid, track->tid);
}

static void name_it(struct trace_file *file, const char *what, const struct trace_track *track,
		    const char *name)
{
	begin_event(file, "M", what);
	print_place(file->out, track);
	fputs(",\"args\":{\"name\":", file->out);
	print_string(file->out, name);
	fputs("}}", file->out);
}

void trace_name_process(struct trace_file *file, unsigned int pid, const char *name)
{
	name_it(file, "process_name", &(struct trace_track){ .pid = pid }, name);
}

void trace_name_track(struct trace_file *file, const struct trace_track *track, const char *name)
{
	name_it(file, "thread_name", track, name);
	begin_event(file, "M", "thread_sort_index");
	print_place(file->out, track);
	fprintf(file->out, ",\"args\":{\"sort_index\":%u}}", track->tid);
}

static void print_note(FILE *out, const struct trace_note *note)
{
	const char *separator = "";

	fputs(",\"args\":{", out);
	if (note->epoch) {
		fprintf(out, "\"epoch\":%" PRIu64, note->epoch);
		separator = ",";
	}
	if (note->ended) {
		fprintf(out, "%s\"ended\":", separator);
		print_string(out, note->ended);
	}
	putc('}', out);
}

void trace_span(struct trace_file *file, struct trace_track *track, const char *name,
		uint64_t begin_ns, uint64_t end_ns, const struct trace_note *note)
{
	if (begin_ns < track->ended_ns)
		begin_ns = track->ended_ns;
	if (end_ns < begin_ns)
		end_ns = begin_ns;
	track->ended_ns = end_ns;
	file->spans++;
	begin_event(file, "X", name);
	print_place(file->out, track);
	print_time(file->out, "ts", begin_ns);
	print_time(file->out, "dur", end_ns - begin_ns);
	print_note(file->out, note);
	putc('}', file->out);
}

void trace_mark(struct trace_file *file, const char *name, uint64_t at_ns)
{
	begin_event(file, "i", name);
	fputs(",\"s\":\"g\",\"pid\":0,\"tid\":0", file->out);
	print_time(file->out, "ts", at_ns);
	putc('}', file->out);
}

void trace_close(struct trace_file *file)
{
	fputs(file->begun ? "\n]\n" : "[]\n", file->out);
}
