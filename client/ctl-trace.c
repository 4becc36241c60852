// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace: the daemon's events as spans, until enough time has passed or somebody interrupts. Either
 * way the file is then a whole one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctl-json.h"
#include "ctl-text.h"
#include "ctl-trace.h"
#include "ctl-wait.h"
#include "ctl.h"

/* Take every event that is there. 0 when there is none left, or what ended it. */
static int take_events(struct ctl *ctl, struct trace *trace)
{
	for (;;) {
		struct outcommit_reply *event;
		int ret = outcommit_next_event(ctl->connection, 0, &event);

		if (ret)
			return ret == -EAGAIN ? 0 : ret;
		if (outcommit_reply_event(event))
			trace_take(trace, event);
		outcommit_reply_free(event);
	}
}

/* 0 when it was ended, or what else did. */
static int follow(struct ctl *ctl, struct trace *trace, FILE *out)
{
	uint64_t end_ns = ctl->look.duration_ns ? wait_now_ns() + ctl->look.duration_ns : 0;
	int ret = 0;

	while (!ret && !ferror(out)) {
		enum wait_event event = wait_for(outcommit_fd(ctl->connection), end_ns);

		if (event == WAIT_END || (event == WAIT_TIME && end_ns && wait_now_ns() >= end_ns))
			break;
		ret = take_events(ctl, trace);
		fflush(out);
	}
	return ret;
}

static enum exit_code fail(struct ctl *ctl, int ret, const char *what)
{
	struct outcommit_error err = { .code = ret };

	snprintf(err.message, sizeof(err.message), "%s: %s", what, strerror(-ret));
	return ctl_fail(ctl, &err);
}

static enum exit_code report(struct ctl *ctl, const struct trace_file *file)
{
	if (ctl->json) {
		json_t *top = json_top();

		json_set_text(top, "file", ctl->look.perfetto);
		json_set_number(top, "spans", file->spans);
		json_print(top);
	} else {
		char *path = text_clean(ctl->look.perfetto);

		printf("%s: %" PRIu64 " spans\n", path, file->spans);
		free(path);
	}
	return EXIT_DONE;
}

static enum exit_code write_trace(struct ctl *ctl, struct trace_file *file)
{
	struct trace *trace = trace_new(file);
	int ret = follow(ctl, trace, file->out);

	trace_end(trace, wait_now_ns(), "end of the trace");
	trace_free(trace);
	trace_close(file);
	if (fflush(file->out) || ferror(file->out))
		return fail(ctl, errno ? -errno : -EIO, ctl->look.perfetto);
	return ret ? fail(ctl, ret, "no more events") : report(ctl, file);
}

enum exit_code run_trace(struct ctl *ctl)
{
	struct trace_file file = { 0 };
	struct outcommit_error err;
	enum exit_code code;
	int ret;

	if (!ctl->look.perfetto)
		return ctl_usage("trace: no --perfetto FILE given");
	code = ctl_connect(ctl);
	if (code)
		return code;
	ret = wait_begin(false);
	if (ret)
		return fail(ctl, ret, "signals");
	file.out = fopen(ctl->look.perfetto, "we");
	if (!file.out)
		return fail(ctl, -errno, ctl->look.perfetto);
	if (outcommit_monitor(ctl->connection, &err))
		code = ctl_fail(ctl, &err);
	else
		code = write_trace(ctl, &file);
	fclose(file.out);
	return code;
}
