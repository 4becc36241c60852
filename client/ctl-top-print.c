// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-top.h"

#include <inttypes.h>
#include <langinfo.h>
#include <string.h>

#include "ctl-json.h"
#include "ctl-text.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LEVELS 8

struct spark {
	char text[TOP_LOOKS * 3 + 1];
};

/* What was held at each look, the highest being as high as can be. */
static struct spark spark_of(const struct top_row *row)
{
	static const char *const blocks[LEVELS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[LEVELS] = { "_", ".", ":", "-", "=", "+", "*", "#" };
	const char *const *levels = strcmp(nl_langinfo(CODESET), "UTF-8") ? plain : blocks;
	size_t kept = row->looks < TOP_LOOKS ? row->looks : TOP_LOOKS;
	struct spark spark = { "" };
	uint64_t highest = 1;

	for (size_t i = 0; i < kept; i++)
		if (row->history[i].held_bytes > highest)
			highest = row->history[i].held_bytes;
	for (size_t i = row->looks - kept; i < row->looks; i++) {
		double share = (double)row->history[i % TOP_LOOKS].held_bytes / (double)highest;

		strcat(spark.text, levels[(size_t)(share * (LEVELS - 1) + 0.5)]);
	}
	return spark;
}

static void add_ns(struct table *table, uint64_t ns)
{
	table_add(table, ns ? human_ns(ns).text : NULL);
}

static void add_row(struct table *table, const struct top_row *row)
{
	table_add(table, row->domain);
	table_add(table, !row->whole ? "BROKEN" : row->holding ? "holding" : "passing");
	if (row->looks > 1)
		table_addf(table, "%.1f", row->epochs_per_s);
	else
		table_add(table, NULL);
	add_ns(table, row->pause_ns);
	table_addf(table, "%" PRIu64, row->outstanding);
	table_addf(table, "%" PRIu64, row->held_frames);
	table_add(table, human_bytes(row->held_bytes).text);
	add_ns(table, row->hold_p50_ns);
	add_ns(table, row->hold_p99_ns);
	table_addf(table, "%" PRIu64, row->drops);
	table_add(table, spark_of(row).text);
}

static uint64_t daemon_value(const struct top *top, const char *key)
{
	return top->sample.count ? scope_value(&top->sample.scopes[0], key) : 0;
}

static uint64_t refused(const struct top *top)
{
	uint64_t sum = 0;

	for (size_t i = 0; top->sample.count && i < SAMPLE_METRICS; i++)
		if (sample_metrics[i].error)
			sum += top->sample.scopes[0].values[i];
	return sum;
}

static void print_head(FILE *out, const struct top *top)
{
	struct human up = human_ns(daemon_value(top, "UPTIME_NS"));
	uint64_t held = 0;

	for (size_t i = 0; i < top->count; i++)
		held += top->rows[i].held_bytes;
	fprintf(out, "outcommitd %s, up %s, sch_plug: %s, domains: %" PRIu64 ", vifs: %" PRIu64
		     ", clients: %" PRIu64 "\n",
		top->sample.version, up.text, top->sample.module, daemon_value(top, "DOMAINS"),
		daemon_value(top, "VIFS"), daemon_value(top, "CLIENTS"));
	fprintf(out, "%.1f epochs/s, %s held; since the start: %" PRIu64 " commits, %" PRIu64
		     " requests refused, %" PRIu64 " netlink errors\n",
		top->epochs_per_s, human_bytes(held).text, daemon_value(top, "COMMITS"),
		refused(top), daemon_value(top, "NETLINK_ERRORS"));
	fprintf(out, "%s\n", top->trouble ? top->trouble : "");
}

void top_print(FILE *out, const struct top *top, int lines, bool legend)
{
	static const struct column columns[] = {
		{ "DOMAIN", false }, { "STATE", false }, { "EPOCHS/S", true }, { "PAUSE", true },
		{ "OUT", true }, { "FRAMES", true }, { "HELD", true }, { "HOLD P50", true },
		{ "P99", true }, { "DROPS", true }, { "HELD BEFORE", false },
	};
	struct table table = { .columns = columns, .width = ARRAY_SIZE(columns) };
	size_t room = lines > TOP_FIRST_ROW_LINE ? (size_t)(lines - TOP_FIRST_ROW_LINE) : 0;

	if (legend)
		print_head(out, top);
	for (size_t i = top->first; i < top->count && (!lines || i < top->first + room); i++)
		add_row(&table, &top->rows[i]);
	table_write(out, &table, "", legend);
	table_free(&table);
}

json_t *top_json(const struct top *top)
{
	json_t *json = json_top(), *domains = json_add_array(json, "domains");

	for (size_t i = 0; i < top->count; i++) {
		const struct top_row *row = &top->rows[i];
		json_t *object = json_append_object(domains);

		json_set_text(object, "domain", row->domain);
		json_set_flag(object, "holding", row->holding);
		json_set_flag(object, "whole", row->whole);
		json_object_set_new(object, "epochs_per_s", json_real(row->epochs_per_s));
		json_set_number(object, "pause_ns", row->pause_ns);
		json_set_number(object, "outstanding", row->outstanding);
		json_set_number(object, "held_frames", row->held_frames);
		json_set_number(object, "held_bytes", row->held_bytes);
		json_set_number(object, "hold_p50_ns", row->hold_p50_ns);
		json_set_number(object, "hold_p99_ns", row->hold_p99_ns);
		json_set_number(object, "drops", row->drops);
	}
	return json;
}
