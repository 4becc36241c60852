/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays a checkpointer: drives one domain's epochs through the daemon, with a real guest to pause, and keeps a record
 * of its commits for the judge.
 *
 *   driver [-e EPOCHS] [-f FIRST] [-r RUN_MS] [-t TRANSFER_MS] [-d DEPTH] [-n] SOCKET DOMAIN GUEST_FD RECORD
 *
 * Each epoch: the guest runs for -r ms, is paused, postsuspend, preresume, runs on; -t ms later the commit is sent. With
 * -d up to that many epochs are outstanding. With -n nothing is said to the daemon: what the world would see without it.
 *
 * A request whose reply is lost because the daemon went away is repeated until it is answered. Any error reply ends the
 * run with status 1, the guest paused. SIGTERM ends it after the current epoch. On stdout: "epochs N", "reconnects N", and the median time of each request.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tag.h"

#define REPLY_SECONDS 30
#define RETRY_NS 2000000
#define REPLY_BYTES 65536U

enum verb { POSTSUSPEND, PRERESUME, COMMIT, VERBS };

static const char *const verb_names[] = {
	[POSTSUSPEND] = "postsuspend",
	[PRERESUME] = "preresume",
	[COMMIT] = "commit",
};

struct driver {
	const char *socket_path;
	const char *domain;
	int guest;
	FILE *record;
	bool off;
	uint64_t epochs;
	uint64_t first;
	uint64_t depth;
	unsigned long run_ms;
	unsigned long transfer_ms;
	int daemon; /* -1: not connected */
	uint64_t reconnects;
	uint64_t *times_ns[VERBS];
	size_t time_count[VERBS];
};

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	ending = 1;
}

static void pause_ns(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static void ask_guest(const struct driver *driver, const char *answer, const char *format, ...)
{
	char text[64];
	va_list arguments;
	ssize_t len;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (send(driver->guest, text, strlen(text), MSG_NOSIGNAL) < 0)
		err(1, "guest");
	len = recv(driver->guest, text, sizeof(text), 0);
	if (len < 0)
		err(1, "guest");
	if (len != (ssize_t)strlen(answer) || memcmp(text, answer, (size_t)len))
		errx(1, "guest: no answer %s", answer);
}

static bool try_connect(struct driver *driver)
{
	const struct timeval limit = { .tv_sec = REPLY_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(driver->socket_path) >= sizeof(address.sun_path))
		errx(2, "%s: too long", driver->socket_path);
	strcpy(address.sun_path, driver->socket_path);
	driver->daemon = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (driver->daemon < 0)
		err(1, "socket");
	setsockopt(driver->daemon, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (!connect(driver->daemon, (struct sockaddr *)&address, sizeof(address)))
		return true;
	close(driver->daemon);
	driver->daemon = -1;
	return false;
}

/* A socket appears with bind and can be connected to from listen on: there is no one event to wait for. */
static void connect_daemon(struct driver *driver)
{
	uint64_t deadline_ns = now_ns() + REPLY_SECONDS * 1000000000ULL;

	while (!try_connect(driver)) {
		if (now_ns() > deadline_ns)
			err(1, "%s", driver->socket_path);
		pause_ns(RETRY_NS);
	}
}

/* Length of the reply, 0 if the connection broke: then it is not known what became of the request. */
static size_t exchange(struct driver *driver, const char *request, char *reply)
{
	ssize_t len = send(driver->daemon, request, strlen(request), MSG_NOSIGNAL);

	if (len >= 0)
		len = recv(driver->daemon, reply, REPLY_BYTES - 1, 0);
	if (len > 0) {
		reply[len] = '\0';
		return (size_t)len;
	}
	if (len < 0 && errno == EAGAIN)
		errx(1, "no reply in %d s to: %s", REPLY_SECONDS, request);
	close(driver->daemon);
	driver->daemon = -1;
	return 0;
}

static void ask_daemon(struct driver *driver, enum verb verb, uint64_t epoch)
{
	char request[256], reply[REPLY_BYTES];
	uint64_t start_ns = now_ns(), reconnects = driver->reconnects;

	if (driver->off)
		return;
	snprintf(request, sizeof(request), "%s\nDOMAIN=%s\nEPOCH=%" PRIu64 "\n", verb_names[verb],
		 driver->domain, epoch);
	while (!exchange(driver, request, reply)) {
		driver->reconnects++;
		connect_daemon(driver);
	}
	if (strcmp(reply, "0") && strncmp(reply, "0\n", 2))
		errx(1, "%s %s %" PRIu64 ": %s", verb_names[verb], driver->domain, epoch, reply);
	if (reconnects == driver->reconnects)
		driver->times_ns[verb][driver->time_count[verb]++] = now_ns() - start_ns;
}

static void commit(struct driver *driver, uint64_t epoch)
{
	/* before it is sent: from here on nobody can say that a frame is too early */
	if (fprintf(driver->record, "commit %" PRIu64 " %" PRIu64 "\n", epoch, now_ns()) < 0 ||
	    fflush(driver->record))
		err(1, "record");
	ask_daemon(driver, COMMIT, epoch);
}

static void run_epoch(struct driver *driver, uint64_t epoch)
{
	pause_ns(driver->run_ms * 1000000);
	ask_guest(driver, "paused", "pause");
	ask_daemon(driver, POSTSUSPEND, epoch);
	fprintf(driver->record, "# closed %" PRIu64 " %" PRIu64 "\n", epoch, now_ns());
	ask_daemon(driver, PRERESUME, epoch);
	ask_guest(driver, "running", "resume %" PRIu64, epoch + 1);
	pause_ns(driver->transfer_ms * 1000000);
	if (epoch + 1 >= driver->first + driver->depth)
		commit(driver, epoch + 1 - driver->depth);
}

static void drive(struct driver *driver)
{
	uint64_t epoch = driver->first;

	for (; epoch < driver->first + driver->epochs && !ending; epoch++)
		run_epoch(driver, epoch);
	driver->epochs = epoch - driver->first;
	ask_guest(driver, "paused", "pause");
	ask_daemon(driver, POSTSUSPEND, epoch);
	commit(driver, epoch);
}

static int compare(const void *a, const void *b)
{
	const uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

static void report(struct driver *driver)
{
	printf("epochs %" PRIu64 "\nreconnects %" PRIu64 "\n", driver->epochs, driver->reconnects);
	for (enum verb verb = 0; verb < VERBS; verb++) {
		size_t count = driver->time_count[verb];

		if (!count)
			continue;
		qsort(driver->times_ns[verb], count, sizeof(uint64_t), compare);
		printf("%s_p50_ns %" PRIu64 "\n", verb_names[verb], driver->times_ns[verb][count / 2]);
		printf("%s_max_ns %" PRIu64 "\n", verb_names[verb], driver->times_ns[verb][count - 1]);
	}
}

static void parse_options(struct driver *driver, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "e:f:r:t:d:n")) != -1)
		switch (option) {
		case 'e':
			driver->epochs = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			driver->first = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			driver->run_ms = strtoul(optarg, NULL, 10);
			break;
		case 't':
			driver->transfer_ms = strtoul(optarg, NULL, 10);
			break;
		case 'd':
			driver->depth = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			driver->off = true;
			break;
		default:
			exit(2);
		}
	if (argc - optind != 4 || !driver->depth || !driver->first)
		errx(2, "usage: driver [OPTION...] SOCKET DOMAIN GUEST_FD RECORD");
}

int main(int argc, char **argv)
{
	struct driver driver = { .epochs = 100, .first = 1, .depth = 1, .run_ms = 20,
				 .transfer_ms = 20, .daemon = -1 };
	const struct sigaction term = { .sa_handler = on_term, .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &term, NULL);
	parse_options(&driver, argc, argv);
	driver.socket_path = argv[optind];
	driver.domain = argv[optind + 1];
	driver.guest = atoi(argv[optind + 2]);
	driver.record = fopen(argv[optind + 3], "we");
	if (!driver.record)
		err(1, "%s", argv[optind + 3]);
	for (enum verb verb = 0; verb < VERBS; verb++) {
		driver.times_ns[verb] = calloc(driver.epochs + 1, sizeof(uint64_t));
		if (!driver.times_ns[verb])
			err(1, "calloc");
	}
	if (!driver.off)
		connect_daemon(&driver);
	drive(&driver);
	report(&driver);
}
