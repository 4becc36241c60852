// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames from one CPU against commands from another. First, epochs in quick succession: no frame
 * may leave before its epoch, none may be lost, none overtaken. Then anything goes: resets,
 * deletion, dumps. Then network namespaces that end while they hold frames. One line per promise:
 * "ok NAME: figures" or "not ok NAME: why".
 *
 * usage: races MILLISECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/rig.h"

#define LIMIT (4 << 20) /* some 40,000 frames: more is a test of memory */
#define DEPTH 8 /* epochs outstanding at most */
#define FRAME_BYTES 100
#define NAMESPACES 8
#define NAMESPACE_GONE_MS 10000

struct race {
	struct rig rig;
	bool ours;
	int milliseconds;
	atomic_bool stop;
	atomic_ulong opened;	/* an epoch that is open or closed: what is sent from now on is no older */
	atomic_ulong committed; /* one more than the last epoch whose release was begun */
	atomic_ulong accepted, refused;
	unsigned long epochs, arrived, early, overtaken;
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* one CPU only: no race, still a test */
}

static void *keep_sending(void *arg)
{
	struct race *race = arg;
	uint64_t seq = 0;

	pin(0);
	while (!atomic_load(&race->stop)) {
		uint64_t note = atomic_load(&race->opened);

		if (frames_send(race->rig.tx, ++seq, note, FRAME_BYTES))
			atomic_fetch_add(&race->refused, 1);
		else
			atomic_fetch_add(&race->accepted, 1);
	}
	return NULL;
}

static void *keep_receiving(void *arg)
{
	struct race *race = arg;
	struct frame_mark mark;
	uint64_t last = 0;

	/* Ends when nothing came for a while after the stop. */
	while (frames_recv(race->rig.rx, 500, &mark) == 1 || !atomic_load(&race->stop)) {
		if (mark.seq == last)
			continue;
		race->arrived++;
		race->early += mark.note >= atomic_load(&race->committed);
		race->overtaken += mark.seq < last;
		last = mark.seq;
	}
	return NULL;
}

static uint64_t tag(const struct race *race, uint64_t epoch)
{
	return race->ours ? epoch : RIG_UNTAGGED;
}

static int close_epoch(struct race *race, uint64_t epoch)
{
	int err = rig_change(&race->rig, TCQ_PLUG_BUFFER, 0, tag(race, epoch));

	if (!err)
		atomic_store(&race->opened, epoch + 1);
	return err;
}

static int release_epoch(struct race *race, uint64_t epoch)
{
	atomic_store(&race->committed, epoch + 1);
	return rig_change(&race->rig, TCQ_PLUG_RELEASE_ONE, 0, tag(race, epoch));
}

/* Mainline can have one epoch outstanding, ours a random number of them. */
static int drive_epochs(struct race *race)
{
	long end_ms = now_ms() + race->milliseconds;
	uint64_t open = 0, oldest = 0;
	int err = 0;

	while (!err && now_ms() < end_ms) {
		if (open - oldest < (race->ours ? DEPTH : 1) && (open == oldest || random() % 2))
			err = close_epoch(race, open++);
		else
			err = release_epoch(race, oldest++);
	}
	race->epochs = open;
	atomic_store(&race->stop, true);
	while (!err && oldest < open)
		err = release_epoch(race, oldest++);
	return err;
}

static int run_threads(struct race *race, int (*control)(struct race *race))
{
	pthread_t sender, receiver;
	int err;

	atomic_store(&race->stop, false);
	pin(1);
	if (pthread_create(&sender, NULL, keep_sending, race) ||
	    pthread_create(&receiver, NULL, keep_receiving, race))
		return -EAGAIN;
	err = control(race);
	atomic_store(&race->stop, true);
	pthread_join(sender, NULL);
	if (!err) {
		/* what the sender put into the last epoch meanwhile */
		atomic_store(&race->committed, UINT64_MAX);
		err = rig_change(&race->rig, TCQ_PLUG_RELEASE_INDEFINITE, 0, RIG_UNTAGGED);
	}
	pthread_join(receiver, NULL);
	return err;
}

static int failures;

static void result(bool good, const char *name, const char *figures)
{
	printf("%sok %s: %s\n", good ? "" : "not ", name, figures);
	failures += !good;
}

static void epochs_in_succession(struct race *race)
{
	unsigned long accepted;
	char figures[160];
	int err;

	if (rig_open(&race->rig, "") || rig_add(&race->rig, TCQ_PLUG_BUFFER, LIMIT, RIG_UNTAGGED))
		exit(2);
	err = run_threads(race, drive_epochs);
	accepted = atomic_load(&race->accepted);
	snprintf(figures, sizeof(figures), "%lu epochs, %lu frames, %lu early, %lu lost, %lu overtaken",
		 race->epochs, accepted, race->early, accepted - race->arrived, race->overtaken);
	result(!err && !race->early && !race->overtaken && accepted == race->arrived &&
		       race->epochs > 10 && accepted > 100,
	       "frames and commands on two CPUs", figures);
	rig_close(&race->rig);
}

static int anything(struct race *race)
{
	struct rig *rig = &race->rig;
	struct qdisc_view view;
	long end_ms = now_ms() + race->milliseconds;
	unsigned long rounds = 0;
	int err = 0;

	for (; !err && now_ms() < end_ms; rounds++) {
		switch (random() % 64) {
		case 0:
			err = rig_down_up(rig);
			break;
		case 1:
			err = rig_txqlen(rig);
			break;
		case 2:
			err = rig_clsact(rig);
			break;
		case 3:
			err = rig_del(rig) ?:
			      rig_add(rig, random() % 3, LIMIT, RIG_UNTAGGED);
			break;
		case 4 ... 9:
			err = rig_view(rig, &view);
			break;
		case 10 ... 14:
			if (race->ours)
				err = rig_change(rig, TC_PLUG_DISCARD, 0, RIG_UNTAGGED);
			break;
		default:
			err = rig_change(rig, random() % 3, 0, RIG_UNTAGGED);
			if (err == -ENOSPC)
				err = 0;
			break;
		}
	}
	race->epochs = rounds;
	return err;
}

static void anything_goes(struct race *race)
{
	struct qdisc_view view = { .qlen = 1 };
	char figures[160];
	int err;

	if (rig_open(&race->rig, "") || rig_add(&race->rig, TCQ_PLUG_BUFFER, LIMIT, RIG_UNTAGGED))
		exit(2);
	err = run_threads(race, anything);
	rig_view(&race->rig, &view);
	snprintf(figures, sizeof(figures), "%lu commands and resets, %lu frames, %u queued at the end%s%s",
		 race->epochs, atomic_load(&race->accepted), view.qlen, err ? ", " : "",
		 err ? strerror(-err) : "");
	result(!err && !view.qlen && !view.backlog_bytes && race->epochs > 10,
	       "frames against resets and deletion", figures);
	rig_close(&race->rig);
}

/* The far end of the namespace's device goes when the namespace does. */
static bool gone_in_time(const char *device)
{
	long end_ms = now_ms() + NAMESPACE_GONE_MS;

	while (if_nametoindex(device)) {
		if (now_ms() > end_ms)
			return false;
		usleep(20000);
	}
	return true;
}

static int into(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : setns(fd, CLONE_NEWNET) ? -errno : 0;

	close(fd);
	return err;
}

/* A namespace with a plug that holds @n frames; its socket is closed while more are on their way. */
static int leave_frames_behind(int n)
{
	int fd, err;

	err = rig_sh("ip netns add going && ip link add plug1 netns going type veth peer name seen1 && "
		     "ip link set seen1 up && ip -n going link set plug1 up && "
		     "tc -n going qdisc add dev plug1 root plug limit 10000000");
	err = err ?: into("/run/netns/going");
	if (err)
		return err;
	fd = frames_tx_open(if_nametoindex("plug1"));
	while (n-- > 0)
		frames_send(fd, n, 0, FRAME_BYTES);
	close(fd);
	return into("/proc/1/ns/net") ?: rig_sh("ip netns del going");
}

static void namespaces_end(void)
{
	int i, gone = 0;
	char figures[80];

	for (i = 0; i < NAMESPACES; i++) {
		if (leave_frames_behind(100 * i + 1) || !gone_in_time("seen1"))
			break;
		gone++;
	}
	snprintf(figures, sizeof(figures), "%d of %d went", gone, NAMESPACES);
	result(gone == NAMESPACES, "namespaces that hold frames can end", figures);
	rig_sh("ip link del seen1 2>/dev/null");
}

int main(int argc, char **argv)
{
	struct race race = { .ours = rig_is_ours(), .milliseconds = argc > 1 ? atoi(argv[1]) : 3000 };
	struct race chaos = { .ours = race.ours, .milliseconds = race.milliseconds };

	setvbuf(stdout, NULL, _IOLBF, 0);
	epochs_in_succession(&race);
	anything_goes(&chaos);
	namespaces_end();
	return failures ? 1 : 0;
}
