/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backup.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <syslog.h>

#include "frame.h"
#include "incoming.h"
#include "report.h"
#include "write-whole.h"

/*
 * A primary that does not read must not keep us from failing over: what does not fit is left out,
 * since the next ack says it too. A pipe with room has room for a frame.
 */
static void say(struct backup *backup, enum frame_type type, uint64_t number)
{
	const struct frame frame = {.type = type, .number = number};
	struct pollfd ready = {.fd = backup->back_fd, .events = POLLOUT};
	uint8_t bytes[FRAME_BYTES];

	if (backup->back_fd < 0 || poll(&ready, 1, 0) <= 0 || !(ready.revents & POLLOUT))
		return;
	frame_encode(&frame, bytes);
	/* One that is gone is found out by what libxl reads, not here. */
	write_whole(backup->back_fd, bytes, sizeof(bytes));
}

void backup_init(struct backup *backup, const struct settings *settings, int io_fd, int back_fd)
{
	*backup = (struct backup){.settings = settings, .io_fd = io_fd, .back_fd = back_fd};
	fence_init(&backup->fence, settings);
	if (back_fd < 0)
		report(LOG_ERR,
		       "domain %s: there is no way back to the primary: it will refuse to be "
		       "protected",
		       settings->domain);
	say(backup, FRAME_HELLO, 0);
}

static enum relay_verdict ask_fence(struct backup *backup, int64_t now_ns)
{
	switch (fence_ask(&backup->fence, now_ns)) {
	case FENCE_START:
		report(LOG_WARNING, "domain %s: starts here from checkpoint %" PRIu64,
		       backup->settings->domain, backup->restore.complete);
		return RELAY_PASS;
	case FENCE_GIVE_UP:
		return RELAY_ABANDON;
	case FENCE_WAIT:
		break;
	}
	return RELAY_WAIT;
}

/* libxl cannot tell a checkpoint that was cut off from one that goes on, see incoming.h */
static enum relay_verdict ask_stream(struct backup *backup)
{
	static const enum relay_verdict verdicts[] = {
		[INCOMING_NOTHING] = RELAY_WAIT,
		[INCOMING_DATA] = RELAY_PASS,
		[INCOMING_END] = RELAY_FAIL_OVER,
	};
	enum incoming incoming = incoming_look(backup->io_fd);

	backup->awaiting = incoming == INCOMING_NOTHING;
	return verdicts[incoming];
}

static int stream_fd(void *data)
{
	const struct backup *backup = data;

	return backup->awaiting ? backup->io_fd : -1;
}

/* The message that waits is asked about again, which is all there is to do. */
static void stream_ready(void *data, int64_t now_ns)
{
	(void)data;
	(void)now_ns;
}

static enum relay_verdict on_message(void *data, const struct message *message, int64_t now_ns)
{
	struct backup *backup = data;

	if (message_type(message) == MESSAGE_CHECKPOINT)
		return ask_stream(backup);
	switch (restore_message(&backup->restore, message)) {
	case GATE_KEEP:
		return RELAY_KEEP;
	case GATE_FENCE:
		return ask_fence(backup, now_ns);
	case GATE_OPEN:
		break;
	}
	return RELAY_PASS;
}

static int on_reply(void *data, unsigned int type, int value, int64_t now_ns)
{
	struct backup *backup = data;

	backup->to_ack = restore_reply(&backup->restore, type, value);
	return value;
}

/* Only now: were the ack out and we then killed, the helper would never take the checkpoint that it
 * speaks of. */
static void replied(void *data)
{
	struct backup *backup = data;

	if (backup->to_ack)
		say(backup, FRAME_ACK, backup->to_ack);
	backup->to_ack = 0;
}

static int64_t deadline(void *data)
{
	return ((struct backup *)data)->fence.deadline_ns;
}

static void child(void *data, pid_t pid, int status, int64_t now_ns)
{
	fence_child(&((struct backup *)data)->fence, pid, status, now_ns);
}

const struct relay_side backup_side = {
	.message = on_message,
	.reply = on_reply,
	.replied = replied,
	.peer_fd = stream_fd,
	.peer_ready = stream_ready,
	.deadline = deadline,
	.child = child,
};

void backup_end(struct backup *backup)
{
	fence_end(&backup->fence);
}
