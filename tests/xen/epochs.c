/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives a domain's epochs as Remus would, but copies nothing and stops nobody: what is left is the
 * cost of being held. SIGTERM releases.
 *
 *   epochs DOMAIN INTERVAL_MS ACK_MS     each epoch is committed ACK_MS after it was closed
 */
#include <err.h>
#include <outcommit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t ending;

static void end(int number)
{
	(void)number;
	ending = 1;
}

static void must(int result, const struct outcommit_error *error)
{
	if (result)
		errx(1, "%s", error->message);
}

static void run(struct outcommit *daemon, const char *domain, useconds_t interval_us,
		useconds_t ack_us)
{
	struct outcommit_error error;
	uint64_t epoch;

	while (!ending) {
		must(outcommit_postsuspend(daemon, domain, 0, &epoch, &error), &error);
		must(outcommit_preresume(daemon, domain, epoch, &error), &error);
		usleep(ack_us);
		must(outcommit_commit(daemon, domain, epoch, NULL, &error), &error);
		usleep(interval_us - ack_us);
	}
	must(outcommit_release(daemon, domain, &error), &error);
}

int main(int argc, char *argv[])
{
	struct outcommit *daemon;
	int result;

	if (argc != 4)
		errx(2, "usage: epochs DOMAIN INTERVAL_MS ACK_MS");
	signal(SIGTERM, end);
	result = outcommit_connect(NULL, 10000, &daemon);
	if (result)
		errx(1, "the daemon: %s", strerror(-result));
	run(daemon, argv[1], (useconds_t)atoi(argv[2]) * 1000, (useconds_t)atoi(argv[3]) * 1000);
	outcommit_close(daemon);
	return 0;
}
