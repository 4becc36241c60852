// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Short sequences of commands and frames, and what must have left at their end. Run on either
 * module: one line per sequence, "defect|name|sequence|wanted|seen", the first field 1 where
 * mainline is known to go wrong. The suite compares.
 *
 * Words of a sequence. Creation: hold, pass, plain (no options), nolimit (as libnl sends it), slow
 * (hold, below a 160 kbit/s tbf). Commands: B R RI D, with a tag B=0 R=0 D=0, L=bytes. Resets: down,
 * txq, clsact, carrier. f3 sends three frames of 1,000 bytes; short makes the device's queue 32
 * frames long; dump shows how many are held; a ! before a command: it must be refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "lib/rig.h"

#define IDLE_MS 400
#define FRAME_BYTES 1000

struct sequence {
	bool defect;
	const char *name;
	const char *words;
	const char *want;
};

static const struct sequence sequences[] = {
	{ 0, "one epoch at a time", "hold f2 B f3 R f1 B R", "1-6" },
	{ 0, "a BUFFER to begin with, then one per epoch", "hold B f1 B R", "1" },
	{ 0, "what is open stays", "hold f2 R", "-" },
	{ 0, "limit at run time", "hold L=2500 f4 B R", "1-2" },
	{ 0, "a lower limit trims nothing", "hold f4 L=2000 f1 B R", "1-4" },
	{ 0, "released while the one before still leaves", "slow f3 B R f3 B R f1 B R", "1-7" },
	{ 0, "passing while the one before still leaves", "slow f3 B R RI f2", "1-5" },
	{ 0, "passing again", "hold f1 RI f1 B f1", "1-2" },
	{ 1, "second BUFFER: small epoch, then large", "hold f1 B f5 B R", "1" },
	{ 1, "second BUFFER: large epoch, then small", "hold f5 B f1 B R R", "1-6" },
	{ 1, "three epochs outstanding", "hold f1 B f2 B f3 B R R R", "1-6" },
	{ 1, "link down and up", "hold f5 B down f3 R", "-" },
	{ 1, "txqueuelen changed", "hold f5 B txq f3 R", "-" },
	{ 1, "clsact added and removed", "hold f5 B clsact f3 R", "-" },
	{ 1, "carrier lost and back", "hold f5 B carrier f3 R", "-" },
	{ 1, "RELEASE repeated after a lost reply", "hold f2 B R=0 f3 B R=0", "1-2" },
	{ 1, "BUFFER repeated after a lost reply", "hold f2 B=0 B=0 f1 R=0", "1-2" },
	{ 1, "passed on, but still queued when held again", "slow f5 RI B f2", "1-5" },
	{ 1, "created passing", "pass f2", "1-2" },
	{ 1, "created without a limit", "nolimit f2 B R", "1-2" },
	{ 1, "default limit of a device with a short queue", "short plain f60 B R", "1-60" },
	{ 1, "dump", "hold f3 B f1 dump", "- held=4" },
	{ 1, "discard", "hold f2 B f2 D f1 B R", "5" },
	{ 1, "discard by epoch", "hold f2 B f3 B f1 D=0 R=1", "3-5" },
	{ 1, "release of an epoch that is open", "hold f2 B f2 !R=1", "-" },
};

struct run {
	struct rig rig;
	char seen[512];
	size_t used;
};

static void note(struct run *run, const char *text)
{
	run->used += snprintf(run->seen + run->used, sizeof(run->seen) - run->used, "%s%s",
			      run->used ? " " : "", text);
}

/* The kernel acts on a carrier's change in a work item, and shows when it has. */
static int await_operstate(struct rig *rig, const char *want)
{
	struct qdisc_view view;
	char state[32];
	int i;

	for (i = 0; i < 1000; i++) {
		FILE *file = fopen("/sys/class/net/plug0/operstate", "r");
		bool reached = file && fgets(state, sizeof(state), file) &&
			       !strncmp(state, want, strlen(want));

		if (file)
			fclose(file);
		if (reached) /* the work item still holds the lock that this waits for */
			return rig_view(rig, &view);
		usleep(5000);
	}
	return -ETIMEDOUT;
}

static int carrier(struct rig *rig)
{
	return rig_sh("ip link set seen0 down") ?:
	       await_operstate(rig, "lowerlayerdown") ?:
	       rig_sh("ip link set seen0 up") ?:
	       await_operstate(rig, "up");
}

static int slow(struct rig *rig)
{
	rig->parent = TC_H_MAKE(2 << 16, 1);
	return rig_sh("tc qdisc add dev plug0 root handle 2: tbf rate 160kbit burst 1100 "
		      "limit 1000000") ?:
	       rig_add(rig, TCQ_PLUG_BUFFER, 1 << 20, RIG_UNTAGGED);
}

static int hold(struct rig *rig)
{
	return rig_add(rig, TCQ_PLUG_BUFFER, 1 << 20, RIG_UNTAGGED);
}

static int pass(struct rig *rig)
{
	return rig_add(rig, TCQ_PLUG_RELEASE_INDEFINITE, 1 << 20, RIG_UNTAGGED);
}

static int plain(struct rig *rig)
{
	return rig_add(rig, RIG_NO_OPTIONS, 0, RIG_UNTAGGED);
}

static int nolimit(struct rig *rig)
{
	return rig_add(rig, TCQ_PLUG_BUFFER, 0, RIG_UNTAGGED);
}

static int short_queue(struct rig *rig)
{
	return rtnl_link_txqlen(&rig->nl, rig->ifindex, 32);
}

static const struct {
	const char *word;
	int (*run)(struct rig *rig);
} words[] = {
	{ "hold", hold },	{ "pass", pass },	  { "plain", plain },
	{ "nolimit", nolimit }, { "slow", slow },	  { "short", short_queue },
	{ "down", rig_down_up }, { "txq", rig_txqlen },	  { "clsact", rig_clsact },
	{ "carrier", carrier },
};

static const struct {
	const char *word;
	int action;
} commands[] = {
	{ "B", TCQ_PLUG_BUFFER },
	{ "R", TCQ_PLUG_RELEASE_ONE },
	{ "RI", TCQ_PLUG_RELEASE_INDEFINITE },
	{ "D", TC_PLUG_DISCARD },
	{ "L", TCQ_PLUG_LIMIT },
};

static int command(struct rig *rig, const char *word)
{
	size_t i, length = strcspn(word, "=");
	uint64_t value = word[length] ? strtoull(word + length + 1, NULL, 0) : RIG_UNTAGGED;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strlen(commands[i].word) != length || strncmp(commands[i].word, word, length))
			continue;
		if (commands[i].action == TCQ_PLUG_LIMIT)
			return rig_change(rig, TCQ_PLUG_LIMIT, value, RIG_UNTAGGED);
		return rig_change(rig, commands[i].action, 0, value);
	}
	return -EINVAL;
}

static void send_frames(struct run *run, int n)
{
	while (n-- > 0)
		rig_send(&run->rig, FRAME_BYTES);
}

static void show_dump(struct run *run)
{
	struct qdisc_view view;
	char text[64];

	if (rig_view(&run->rig, &view) || !view.options_bytes)
		snprintf(text, sizeof(text), "no dump");
	else
		snprintf(text, sizeof(text), "held=%llu", (unsigned long long)view.info.held.frames);
	note(run, text);
}

/* What left, as ranges of numbers, is put before what a dump showed. */
static void show_leavers(struct run *run)
{
	char dump[512], text[64];
	struct frame_mark mark;
	uint64_t first = 0, last = 0;

	snprintf(dump, sizeof(dump), "%s", run->seen);
	run->used = 0;
	while (frames_recv(run->rig.rx, IDLE_MS, &mark) == 1) {
		if (first && mark.seq == last + 1) {
			last++;
			continue;
		}
		if (first) {
			snprintf(text, sizeof(text), first == last ? "%lu" : "%lu-%lu", first, last);
			note(run, text);
		}
		first = last = mark.seq;
	}
	snprintf(text, sizeof(text), !first ? "-" : first == last ? "%lu" : "%lu-%lu", first, last);
	note(run, text);
	if (dump[0])
		note(run, dump);
}

static int do_word(struct run *run, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].word, word))
			return words[i].run(&run->rig);
	if (word[0] == 'f')
		return send_frames(run, atoi(word + 1)), 0;
	if (!strcmp(word, "dump"))
		return show_dump(run), 0;
	if (word[0] == '!')
		return command(&run->rig, word + 1) ? 0 : -EBADE;
	return command(&run->rig, word);
}

static int run_sequence(const struct sequence *sequence)
{
	struct run run = { .used = 0 };
	char copy[256], *word, *save;
	int err = rig_open(&run.rig, "");

	if (err)
		return err;
	snprintf(copy, sizeof(copy), "%s", sequence->words);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		err = do_word(&run, word);
		if (err)
			break;
	}
	if (err)
		snprintf(run.seen, sizeof(run.seen), "%s: %s", word, strerror(-err));
	else
		show_leavers(&run);
	rig_close(&run.rig);
	printf("%d|%s|%s|%s|%s\n", sequence->defect, sequence->name, sequence->words, sequence->want,
	       run.seen);
	return 0;
}

int main(void)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if (run_sequence(&sequences[i]))
			return 1;
	return 0;
}
