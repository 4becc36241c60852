// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * outcommitctl's frame: from the command line to the exit code. The commands that are a mere
 * request are here too.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-json.h"
#include "ctl-text.h"
#include "ctl.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static enum exit_code exit_code_of(const struct outcommit_error *err)
{
	static const struct {
		int error;
		bool from_daemon;
		enum exit_code code;
	} codes[] = {
		{ -ENOENT, true, EXIT_NO_SUCH },
		{ -ENODEV, true, EXIT_NO_SUCH },
		{ -EPROTO, true, EXIT_ORDER },
		{ -ENOTCONN, false, EXIT_UNREACHABLE },
		{ -ECONNRESET, false, EXIT_UNREACHABLE },
		{ -ETIMEDOUT, false, EXIT_UNREACHABLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].error == err->code && codes[i].from_daemon == err->from_daemon)
			return codes[i].code;
	return EXIT_FAILED;
}

static json_t *error_json(const struct outcommit_error *err)
{
	json_t *error = json_object();

	json_set_text(error, "message", err->message);
	json_set_text(error, "errno", strerrorname_np(-err->code) ?: "unknown");
	json_object_set_new(error, "from_daemon", json_boolean(err->from_daemon));
	if (*err->field)
		json_set_text(error, "field", err->field);
	if (*err->value)
		json_set_text(error, "value", err->value);
	if (*err->vif)
		json_set_text(error, "vif", err->vif);
	if (err->expected)
		json_object_set_new(error, "expected", json_integer((json_int_t)err->expected));
	return error;
}

enum exit_code ctl_fail(const struct ctl *ctl, const struct outcommit_error *err)
{
	char *message = text_clean(err->message);
	json_t *top;

	fprintf(stderr, PROGRAM ": %s%s%s: %s\n", ctl->command->verb, ctl->domain ? " " : "",
		ctl->domain ? ctl->domain : "", message);
	free(message);
	if (ctl->json) {
		top = json_top();
		json_object_set_new(top, "error", error_json(err));
		json_print(top);
	}
	return exit_code_of(err);
}

enum exit_code ctl_connect(struct ctl *ctl)
{
	struct outcommit_error err = { .code = -ENOTCONN };
	int ret = outcommit_connect(ctl->socket, ctl->timeout_ms, &ctl->connection);

	if (!ret)
		return EXIT_DONE;
	snprintf(err.message, sizeof(err.message), "cannot reach outcommitd at %s: %s",
		 ctl->socket ? ctl->socket : OUTCOMMIT_SOCKET, strerror(-ret));
	return ctl_fail(ctl, &err);
}

enum exit_code run_request(struct ctl *ctl)
{
	struct outcommit_error err;
	struct outcommit_reply *reply;
	const char *value;

	if (outcommit_request(ctl->connection, ctl->command->verb, ctl->fields, ctl->field_count,
			      &reply, &err))
		return ctl_fail(ctl, &err);
	value = ctl->command->prints ? outcommit_reply_get(reply, ctl->command->prints) : NULL;
	if (ctl->json) {
		json_t *top = json_top();

		json_add_reply(top, reply);
		json_print(top);
	} else if (value) {
		text_print_line(value);
	}
	outcommit_reply_free(reply);
	return EXIT_DONE;
}

enum exit_code run_version(struct ctl *ctl)
{
	struct outcommit_error err;
	unsigned int protocol;
	char version[64];

	if (outcommit_version(ctl->connection, version, sizeof(version), &protocol, &err))
		return ctl_fail(ctl, &err);
	if (ctl->json) {
		json_t *top = json_top();

		json_set_text(top, "version", version);
		json_object_set_new(top, "protocol", json_integer(protocol));
		json_set_text(top, "client_version", OUTCOMMIT_VERSION);
		json_object_set_new(top, "client_protocol", json_integer(WIRE_PROTOCOL));
		json_print(top);
		return EXIT_DONE;
	}
	printf(PROGRAM " %s, protocol %d\n", OUTCOMMIT_VERSION, WIRE_PROTOCOL);
	printf("outcommitd %s, protocol %u\n", version, protocol);
	return EXIT_DONE;
}

/* A full disk or a reader that went away must not look like success. */
static enum exit_code close_stdout(enum exit_code code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	fprintf(stderr, PROGRAM ": cannot write: %s\n", strerror(errno));
	return code ? code : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	enum exit_code code = EXIT_DONE;

	setlocale(LC_CTYPE, "");
	if (ctl_parse(&ctl, argc, argv, &code)) {
		if (!ctl.command->without_daemon)
			code = ctl_connect(&ctl);
		if (!code)
			code = ctl.command->run(&ctl);
		outcommit_close(ctl.connection);
	}
	return (int)close_stdout(code);
}
