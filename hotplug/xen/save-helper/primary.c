/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "primary.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "progress.h"
#include "report.h"

#define SECOND_NS INT64_C(1000000000)
#define PROGRESS_NS (SECOND_NS / 2)

void primary_init(struct primary *primary, const struct settings *settings, int back_fd)
{
	const struct save_limits limits = {
		.hello_ns = (int64_t)settings->hello_timeout_s * SECOND_NS,
		.ack_ns = (int64_t)settings->ack_timeout_s * SECOND_NS,
		.any_peer = settings->any_peer,
	};

	*primary = (struct primary){
		.settings = settings,
		.back_fd = back_fd,
		.driver.settings = settings,
	};
	save_init(&primary->save, &driver_ops, &primary->driver, &limits);
	if (back_fd < 0)
		save_peer_lost(&primary->save, -ENOTCONN);
}

static void write_progress(const struct primary *primary, const char *phase)
{
	const struct save *save = &primary->save;
	const struct progress progress = {
		.phase = phase,
		.epoch = save->closed ? save_epoch(save, save->closed) : 0,
		.committed = save->acked ? save_epoch(save, save->acked) : 0,
		.checkpoints = save->acked,
		.ack_latency_ns = save->ack_latency_ns,
		.reason = save->failed,
	};

	progress_write(primary->settings->status, &progress);
}

static void tell_failure(struct primary *primary)
{
	const struct save *save = &primary->save;

	if (!save->failed || primary->told)
		return;
	primary->told = true;
	report(LOG_ERR, "domain %s: %s (%s); protection ends; %s", primary->settings->domain,
	       save->failed, strerror(-save->error),
	       save->closed ? "its output stays held until you decide" : "no epoch was closed");
}

static void tell_blind(struct primary *primary)
{
	if (!primary->save.blind || primary->told_blind)
		return;
	primary->told_blind = true;
	report(LOG_CRIT,
	       "domain %s: the backup does not run outcommit's save helper: epochs are committed "
	       "when their "
	       "checkpoint is WRITTEN, not when it is safe; what is on the way is lost with this "
	       "host",
	       primary->settings->domain);
}

static void tell(struct primary *primary, int64_t now_ns)
{
	tell_blind(primary);
	tell_failure(primary);
	if (now_ns < primary->progress_ns + PROGRESS_NS)
		return;
	primary->progress_ns = now_ns;
	write_progress(primary, primary->save.failed  ? "failed"
				: primary->save.acked ? "protecting"
						      : "copying");
}

static enum relay_verdict on_message(void *data, const struct message *message, int64_t now_ns)
{
	static const enum relay_verdict verdicts[] = {
		[VERDICT_PASS] = RELAY_PASS,
		[VERDICT_WAIT] = RELAY_WAIT,
		[VERDICT_REFUSE] = RELAY_REFUSE,
	};
	struct primary *primary = data;
	enum verdict verdict = save_message(&primary->save, message_type(message), now_ns);

	tell(primary, now_ns);
	return verdicts[verdict];
}

static int on_reply(void *data, unsigned int type, int value, int64_t now_ns)
{
	struct primary *primary = data;
	int told = save_reply(&primary->save, type, value, now_ns);

	tell(primary, now_ns);
	return told;
}

static int peer_fd(void *data)
{
	return ((struct primary *)data)->back_fd;
}

static void peer_ready(void *data, int64_t now_ns)
{
	struct primary *primary = data;
	struct frame frame;
	int got = frame_read(&primary->reader, primary->back_fd, &frame);

	if (got > 0) {
		save_frame(&primary->save, &frame, now_ns);
	} else if (got < 0) {
		save_peer_lost(&primary->save, got);
		primary->back_fd = -1;
	}
	tell(primary, now_ns);
}

static int64_t deadline(void *data)
{
	return save_deadline(&((struct primary *)data)->save);
}

static void tick(void *data, int64_t now_ns)
{
	struct primary *primary = data;

	save_tick(&primary->save, now_ns);
	tell_failure(primary);
}

const struct relay_side primary_side = {
	.message = on_message,
	.reply = on_reply,
	.peer_fd = peer_fd,
	.peer_ready = peer_ready,
	.deadline = deadline,
	.tick = tick,
};

void primary_end(struct primary *primary)
{
	write_progress(primary, "ended");
	report(LOG_NOTICE, "domain %s: %" PRIu64 " checkpoints made, %" PRIu64 " safe",
	       primary->settings->domain, primary->save.closed, primary->save.acked);
	driver_close(&primary->driver);
}
