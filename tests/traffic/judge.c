/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a run's logs and says what is true of it: KEY=value lines on stdout, the first faults on stderr, exit status 1
 * if there are faults.
 *
 *   judge CAPTURES DOMAIN=RECORD...
 *
 * CAPTURES is the observer's log. A RECORD is what is known of domain number DOMAIN, a text of lines
 *   commit EPOCH TIME_NS   in the order of their times
 *   sent VIF FRAMES
 *   destroyed VIF FROM TO  somebody else did away with frames of these sequence numbers, TO excluded: not lost by us
 *   leaked VIF FROM TO     somebody else opened the buffer: what was sent in these nanoseconds may be early
 *   # anything else that a reader may want to know
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

#define SHOWN_FAULTS 20U

struct tally {
	unsigned int shown;
	uint64_t by_ethertype[UINT16_MAX + 1];
};

static void show_fault(void *data, const char *fault, uint16_t domain, uint16_t vif,
		       uint64_t sequence, const struct capture *frame)
{
	struct tally *tally = data;

	if (tally->shown++ >= SHOWN_FAULTS)
		return;
	fprintf(stderr, "%s: domain %u vif %u sequence %" PRIu64, fault, domain, vif, sequence);
	if (frame)
		fprintf(stderr, " epoch %" PRIu64 " ethertype %04x captured %" PRIu64 " held %" PRIu64,
			frame->epoch, frame->ethertype, frame->time_ns,
			frame->time_ns - frame->sent_ns);
	fputc('\n', stderr);
}

static void add_commit(struct record *record, uint64_t epoch, uint64_t time_ns)
{
	/* grow at powers of two */
	if (!(record->commit_count & (record->commit_count - 1))) {
		size_t room = record->commit_count ? record->commit_count * 2 : 1;

		record->commits = realloc(record->commits, room * sizeof(*record->commits));
		if (!record->commits)
			err(2, "realloc");
	}
	record->commits[record->commit_count++] = (struct commit){ epoch, time_ns };
}

static bool add_exception(struct record *record, const char *word, uint64_t vif, uint64_t from, uint64_t to)
{
	bool leaked = !strcmp(word, "leaked");

	if ((!leaked && strcmp(word, "destroyed")) || vif >= VERDICT_VIFS_MAX)
		return false;
	record->exceptions = realloc(record->exceptions, (record->exception_count + 1) * sizeof(*record->exceptions));
	if (!record->exceptions)
		err(2, "realloc");
	record->exceptions[record->exception_count++] = (struct exception){
		.kind = leaked ? EXCEPTION_LEAKED : EXCEPTION_DESTROYED,
		.vif = (uint16_t)vif,
		.from = from,
		.to = to,
	};
	return true;
}

static bool read_line(struct record *record, const char *line)
{
	uint64_t first, second, third;
	char word[16];
	int read;

	if (*line == '#')
		return true;
	read = sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %" SCNu64, word, &first, &second, &third);
	if (read == 4)
		return add_exception(record, word, first, second, third);
	if (read != 3)
		return false;
	if (!strcmp(word, "commit")) {
		add_commit(record, first, second);
		return true;
	}
	if (strcmp(word, "sent") || first >= VERDICT_VIFS_MAX)
		return false;
	record->sent[first] = second;
	if (first >= record->vif_count)
		record->vif_count = (uint16_t)(first + 1);
	return true;
}

static void read_record(struct judge *judge, const char *argument)
{
	struct record record = { 0 };
	char line[128], *end;
	unsigned long domain = strtoul(argument, &end, 10);
	FILE *file = *end == '=' ? fopen(end + 1, "re") : NULL;
	int error;

	if (!file)
		err(2, "%s", argument);
	while (fgets(line, sizeof(line), file))
		if (!read_line(&record, line))
			errx(2, "%s: bad line: %s", argument, line);
	fclose(file);
	error = judge_add_record(judge, (uint16_t)domain, &record);
	if (error)
		errx(2, "%s: %s", argument, strerror(-error));
	free(record.commits);
	free(record.exceptions);
}

static void read_captures(struct judge *judge, struct tally *tally, const char *path)
{
	struct capture frame;
	FILE *file = fopen(path, "re");

	if (!file)
		err(2, "%s", path);
	while (fread(&frame, sizeof(frame), 1, file) == 1) {
		tally->by_ethertype[frame.ethertype]++;
		judge_frame(judge, &frame);
	}
	fclose(file);
}

static void print(const struct verdict *verdict, const struct tally *tally)
{
	const uint64_t held = verdict->captured - verdict->unprotected;
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{ "sent", verdict->sent },
		{ "captured", verdict->captured },
		{ "premature", verdict->premature },
		{ "lost", verdict->lost },
		{ "reordered", verdict->reordered },
		{ "stranded", verdict->stranded },
		{ "duplicates", verdict->duplicates },
		{ "foreign", verdict->foreign },
		{ "unprotected", verdict->unprotected },
		{ "destroyed", verdict->destroyed },
		{ "leaked", verdict->leaked },
		{ "gso", verdict->gso },
		{ "hold_mean_ns", held ? verdict->hold_sum_ns / held : 0 },
		{ "hold_max_ns", verdict->hold_max_ns },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		printf("%s=%" PRIu64 "\n", lines[i].name, lines[i].value);
	for (unsigned int type = 0; type <= UINT16_MAX; type++)
		if (tally->by_ethertype[type])
			printf("ethertype_%04x=%" PRIu64 "\n", type, tally->by_ethertype[type]);
}

int main(int argc, char **argv)
{
	static struct tally tally;
	struct judge *judge = judge_new(show_fault, &tally);
	struct verdict verdict;

	if (!judge)
		err(2, "judge");
	if (argc < 3)
		errx(2, "usage: judge CAPTURES DOMAIN=RECORD...");
	for (int i = 2; i < argc; i++)
		read_record(judge, argv[i]);
	read_captures(judge, &tally, argv[1]);
	verdict = judge_end(judge);
	print(&verdict, &tally);
	judge_free(judge);
	return verdict_faults(&verdict) ? 1 : 0;
}
