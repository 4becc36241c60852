// SPDX-License-Identifier: GPL-2.0-or-later
/* See group_race.h. */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "group.h"
#include "group_race.h"

#define LIMIT_BYTES (1 << 20)
#define N_ASKERS 2
#define N_TAGS 6
#define LEAST_ROUNDS 3 /* of each that goes, however slow the machine */
#define NAMESPACE_GONE_MS 10000

/* Indexes that a link gets again whenever it comes back. */
enum { LINK = 4101, MOVER };
enum { N_TARGETS = 3 };

struct race {
	struct rig *rig;
	int32_t targets[N_TARGETS]; /* the rig's, LINK and MOVER */
	atomic_bool time_over, stop;
};

struct asker {
	struct race *race;
	pthread_t thread;
	unsigned int seed;
	int err;
	unsigned long requests, found[N_TARGETS], missed[N_TARGETS];
};

struct taker {
	struct race *race;
	pthread_t thread;
	int (*round)(struct race *race);
	int err;
	unsigned long rounds;
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int note_results(struct asker *asker, const struct group *group)
{
	size_t i;

	for (i = 0; i < N_TARGETS; i++) {
		int result = group->results[i];

		if (result && result != -ENODEV && result != -EPROTO)
			return result;
		asker->missed[i] += result == -ENODEV;
		asker->found[i] += result != -ENODEV;
	}
	return 0;
}

static int ask_once(struct asker *asker, struct group *group)
{
	int cmd = PLUG_CMD_BUFFER + rand_r(&asker->seed) % PLUG_CMD_MAX;
	bool tagged = cmd == PLUG_CMD_BUFFER || cmd == PLUG_CMD_RELEASE;
	uint64_t tag = rand_r(&asker->seed) % N_TAGS;
	int err = group_ask(group, cmd, tagged ? tag : GROUP_NO_EPOCH, asker->race->targets,
			    N_TARGETS);

	asker->requests++;
	return err ? err : note_results(asker, group);
}

static void *keep_asking(void *arg)
{
	struct asker *asker = arg;
	struct group group;

	asker->err = group_open(&group);
	while (!asker->err && !atomic_load(&asker->race->stop))
		asker->err = ask_once(asker, &group);
	group_close(&group);
	return NULL;
}

/* Frames are there when the plug goes; the limit drops what nobody releases. */
static int plug_goes(struct race *race)
{
	int i, err = rig_del(race->rig);

	err = err ?: rig_add(race->rig, TCQ_PLUG_BUFFER, LIMIT_BYTES, RIG_UNTAGGED);
	for (i = 0; i < 20; i++)
		rig_send(race->rig, 100);
	return err;
}

static int link_goes(struct race *race)
{
	(void)race;
	return rig_sh("ip link add group1 index %d type dummy && ip link set group1 up && "
		      "tc qdisc add dev group1 root plug && ip link del group1",
		      LINK);
}

/* A plug goes when its link changes its namespace, and another one with the namespace. */
static int namespace_goes(struct race *race)
{
	long end_ms = now_ms() + NAMESPACE_GONE_MS;
	int err = rig_sh("ip netns add group && "
			 "ip link add group2 index %d type veth peer name group3 && "
			 "tc qdisc add dev group2 root plug && ip link set group2 up && "
			 "ip link set group2 netns group && ip -n group link set group2 up && "
			 "tc -n group qdisc add dev group2 root plug && ip netns del group",
			 MOVER);

	(void)race;
	/* the far end goes with it */
	while (!err && if_nametoindex("group3")) {
		if (now_ms() > end_ms)
			return -ETIMEDOUT;
		usleep(2000);
	}
	return err;
}

static void *keep_taking(void *arg)
{
	struct taker *taker = arg;

	while (!taker->err &&
	       (taker->rounds < LEAST_ROUNDS || !atomic_load(&taker->race->time_over))) {
		taker->err = taker->round(taker->race);
		taker->rounds++;
	}
	return NULL;
}

static int start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	return pthread_create(thread, NULL, run, arg) ? -EAGAIN : 0;
}

static int run_all(struct race *race, struct asker *askers, struct taker *takers, int milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	int i, err = 0;

	for (i = 0; !err && i < N_ASKERS; i++)
		err = start(&askers[i].thread, keep_asking, &askers[i]);
	for (i = 0; !err && i < N_TARGETS; i++)
		err = start(&takers[i].thread, keep_taking, &takers[i]);
	if (err)
		return err;
	nanosleep(&time, NULL);
	atomic_store(&race->time_over, true);
	for (i = 0; i < N_TARGETS; i++)
		pthread_join(takers[i].thread, NULL);
	atomic_store(&race->stop, true);
	for (i = 0; i < N_ASKERS; i++)
		pthread_join(askers[i].thread, NULL);
	return 0;
}

static const char *const target_names[N_TARGETS] = { "plug", "link", "namespace" };

/* What all the askers saw of one target; false: not both of what there is to see. */
static bool seen(const struct asker *askers, const struct taker *taker, int target, char *why,
		 size_t why_bytes)
{
	unsigned long found = 0, missed = 0;
	int i;

	for (i = 0; i < N_ASKERS; i++) {
		found += askers[i].found[target];
		missed += askers[i].missed[target];
	}
	printf("# %s: gone %lu times, found %lu times, missed %lu times\n", target_names[target],
	       taker->rounds, found, missed);
	snprintf(why, why_bytes, "%s: gone %lu times, found %lu, missed %lu, error %d",
		 target_names[target], taker->rounds, found, missed, taker->err);
	return found && missed && !taker->err;
}

/* Everything is as it was: a new plug is found, and the links that came and went are not. */
static bool still_right(struct race *race)
{
	struct group group;
	int err = rig_del(race->rig) ?:
		  rig_add(race->rig, TCQ_PLUG_BUFFER, LIMIT_BYTES, RIG_UNTAGGED) ?:
		  group_open(&group) ?:
		  group_ask(&group, PLUG_CMD_BUFFER, 0, race->targets, N_TARGETS);

	if (err)
		return false;
	group_close(&group);
	return !group.results[0] && group.results[1] == -ENODEV && group.results[2] == -ENODEV;
}

bool group_race(struct rig *rig, int milliseconds, char *why, size_t why_bytes)
{
	struct race race = { .rig = rig, .targets = { rig->ifindex, LINK, MOVER } };
	struct asker askers[N_ASKERS] = { { &race, .seed = 1 }, { &race, .seed = 2 } };
	struct taker takers[N_TARGETS] = {
		{ &race, .round = plug_goes },
		{ &race, .round = link_goes },
		{ &race, .round = namespace_goes },
	};
	bool good = true;
	int i;

	if (run_all(&race, askers, takers, milliseconds))
		return false;
	for (i = 0; good && i < N_TARGETS; i++)
		good = seen(askers, &takers[i], i, why, why_bytes);
	for (i = 0; good && i < N_ASKERS; i++) {
		snprintf(why, why_bytes, "request %lu: %d", askers[i].requests, askers[i].err);
		good = !askers[i].err;
	}
	if (!good)
		return false;
	snprintf(why, why_bytes, "the plugs are not found as they should be afterwards");
	return still_right(&race);
}
