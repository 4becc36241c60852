/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon that says what it is told to: a thread on a socket of its own which plays a script,
 * and notes the first request that is not the one expected. For the logic of clients only; the
 * real daemon is tested in tests/integration.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stddef.h>

enum fake_act {
	FAKE_REPLY,	/* take a packet, which must be @request, and answer with @reply */
	FAKE_SAY,	/* send @reply, unasked */
	FAKE_IGNORE,	/* take a packet, which must be @request; let the client give up */
	FAKE_HANG_UP,	/* take a packet, which must be @request, and close the connection */
	FAKE_CLOSE,	/* close the connection, having read nothing */
	FAKE_RESTART,	/* close the connection and the socket; come back a little later */
	FAKE_LEAVE,	/* close the connection and the socket for good */
	FAKE_END,	/* wait for the client to close the connection: nothing more may come */
};

struct fake_step {
	enum fake_act act;
	const char *request;
	const char *reply;
};

#define SCRIPT(...) ((const struct fake_step[]){ __VA_ARGS__, { .act = FAKE_END } })
#define ANSWER(ask, answer) { .act = FAKE_REPLY, .request = (ask), .reply = (answer) }
#define SAY(text) { .act = FAKE_SAY, .reply = (text) }
#define IGNORE(ask) { .act = FAKE_IGNORE, .request = (ask) }
#define HANG_UP(ask) { .act = FAKE_HANG_UP, .request = (ask) }
#define CLOSE { .act = FAKE_CLOSE }
#define RESTART { .act = FAKE_RESTART }

struct fake_server;

/* Play @steps up to FAKE_END or FAKE_LEAVE. NULL: answer each request with 0 and its own fields. */
struct fake_server *fake_start(const struct fake_step *steps);
const char *fake_path(const struct fake_server *server);
/*
 * Wait until the script is played; NULL if all went by it, else what did not, valid until the
 * next call.
 */
const char *fake_stop(struct fake_server *server);

#endif
