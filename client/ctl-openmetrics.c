// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl-openmetrics.h"

#include <inttypes.h>
#include <string.h>

#include "ctl-text.h"

#define BUILD_HELP "The daemon's version, and whose sch_plug it runs on"

static const char *const prefixes[SCOPE_LEVELS] = {
	[SCOPE_DAEMON] = "outcommit_",
	[SCOPE_DOMAIN] = "outcommit_domain_",
	[SCOPE_VIF] = "outcommit_vif_",
};

static const char *const types[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

struct writer {
	FILE *out;
	enum text_format format;
	const struct sample *sample;
	const struct metric *metric;
	enum scope_level level;
};

static const char *suffix(const struct metric *metric)
{
	return metric->type == METRIC_COUNTER ? "_total" : "";
}

/* OpenMetrics names a counter without its suffix here, the older format with it. */
static void print_family(const struct writer *writer)
{
	const struct metric *metric = writer->metric;
	bool open = writer->format == FORMAT_OPENMETRICS;
	const char *prefix = prefixes[writer->level], *end = open ? "" : suffix(metric);

	fprintf(writer->out, "# HELP %s%s%s %s\n", prefix, metric->name, end, metric->help);
	fprintf(writer->out, "# TYPE %s%s%s %s\n", prefix, metric->name, end, types[metric->type]);
	if (open && metric->unit)
		fprintf(writer->out, "# UNIT %s%s %s\n", prefix, metric->name, metric->unit);
}

static void print_label(FILE *out, char *separator, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	fprintf(out, "%c%s=\"", *separator, name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
	*separator = ',';
}

/* A sample up to its value. */
static void print_name(const struct writer *writer, const struct scope *scope, const char *end,
		       const char *le)
{
	char separator = '{';

	fprintf(writer->out, "%s%s%s", prefixes[writer->level], writer->metric->name, end);
	print_label(writer->out, &separator, "domain", scope->domain);
	print_label(writer->out, &separator, "vif", scope->vif);
	print_label(writer->out, &separator, "errno", writer->metric->error);
	print_label(writer->out, &separator, "le", le);
	fputs(separator == ',' ? "} " : " ", writer->out);
}

static void print_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void print_buckets(const struct writer *writer, const struct scope *scope,
			  const struct sample_histogram *time)
{
	const struct sample *sample = writer->sample;
	uint64_t sum = 0;

	for (size_t i = 0; i < sample->bounds; i++) {
		double bound = (double)sample->bounds_ns[i] / 1e9;
		char le[32];

		snprintf(le, sizeof(le), bound >= 1 ? "%.1f" : "%g", bound);
		print_name(writer, scope, "_bucket", le);
		sum += time->buckets[i];
		fprintf(writer->out, "%" PRIu64 "\n", sum);
	}
	print_name(writer, scope, "_bucket", "+Inf");
	fprintf(writer->out, "%" PRIu64 "\n", time->count);
}

static void print_histogram(const struct writer *writer, const struct scope *scope)
{
	const struct sample_histogram *time = &scope->times[writer->metric->time];

	print_buckets(writer, scope, time);
	print_name(writer, scope, "_sum", NULL);
	print_seconds(writer->out, time->sum_ns);
	print_name(writer, scope, "_count", NULL);
	fprintf(writer->out, "%" PRIu64 "\n", time->count);
}

static void print_value(const struct writer *writer, const struct scope *scope)
{
	const struct metric *metric = writer->metric;
	uint64_t value = scope->values[metric - sample_metrics];

	print_name(writer, scope, suffix(metric), NULL);
	if (metric->unit && !strcmp(metric->unit, "seconds"))
		print_seconds(writer->out, value);
	else
		fprintf(writer->out, "%" PRIu64 "\n", value);
}

/* One metric of all that have it. Of a family with a label, the first one begins the family. */
static void print_metric(const struct writer *writer)
{
	const struct metric *metric = writer->metric;
	bool begins = metric == sample_metrics || strcmp(metric[-1].name, metric->name);

	for (size_t i = 0; i < writer->sample->count; i++) {
		const struct scope *scope = &writer->sample->scopes[i];

		if (scope->level != writer->level || !scope->present[metric - sample_metrics])
			continue;
		if (begins)
			print_family(writer);
		begins = false;
		if (metric->type == METRIC_HISTOGRAM)
			print_histogram(writer, scope);
		else
			print_value(writer, scope);
	}
}

static void print_build(FILE *out, const struct sample *sample, enum text_format format)
{
	bool open = format == FORMAT_OPENMETRICS;
	char separator = '{';

	fprintf(out, "# HELP outcommit_build%s " BUILD_HELP "\n", open ? "" : "_info");
	fprintf(out, "# TYPE outcommit_build%s\n", open ? " info" : "_info gauge");
	fputs("outcommit_build_info", out);
	print_label(out, &separator, "version", sample->version);
	print_label(out, &separator, "module", sample->module);
	fputs(separator == ',' ? "} 1\n" : " 1\n", out);
}

void openmetrics_print(FILE *out, const struct sample *sample, enum text_format format)
{
	struct writer writer = { .out = out, .format = format, .sample = sample };

	print_build(out, sample, format);
	for (int level = 0; level < SCOPE_LEVELS; level++) {
		writer.level = (enum scope_level)level;
		for (size_t i = 0; i < SAMPLE_METRICS; i++) {
			writer.metric = &sample_metrics[i];
			if (writer.metric->levels & 1U << level)
				print_metric(&writer);
		}
	}
	if (format == FORMAT_OPENMETRICS)
		fputs("# EOF\n", out);
}

void openmetrics_describe(bool legend)
{
	static const struct column columns[] = {
		{ "NAME", false }, { "TYPE", false }, { "MEANING", false },
	};
	struct table table = { .columns = columns, .width = 3 };

	table_add(&table, "outcommit_build_info");
	table_add(&table, "info");
	table_add(&table, BUILD_HELP);
	for (int level = 0; level < SCOPE_LEVELS; level++)
		for (size_t i = 0; i < SAMPLE_METRICS; i++) {
			const struct metric *metric = &sample_metrics[i];

			if (!(metric->levels & 1U << level) ||
			    (i && !strcmp(metric[-1].name, metric->name)))
				continue;
			table_addf(&table, "%s%s%s", prefixes[level], metric->name, suffix(metric));
			table_add(&table, types[metric->type]);
			table_add(&table, metric->help);
		}
	table_print(&table, "", legend);
	table_free(&table);
}
