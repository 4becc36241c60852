// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * metrics: what the daemon counts, for monitoring systems. A file is replaced in one step, so that
 * a collector reads a whole one, whenever it looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl-json.h"
#include "ctl-sample.h"
#include "ctl.h"
#include "wire.h"

static void add_time(json_t *object, const struct sample *sample, const struct metric *metric,
		     const struct sample_histogram *time)
{
	char key[WIRE_KEY_MAX + 1];
	json_t *json, *buckets;

	json_lower(key, metric->key);
	json = json_add_object(object, key);
	json_set_number(json, "count", time->count);
	json_set_number(json, "sum_ns", time->sum_ns);
	buckets = json_add_array(json, "buckets");
	for (size_t i = 0; i <= sample->bounds; i++)
		json_append_number(buckets, time->buckets[i]);
}

static void add_scope(json_t *object, const struct sample *sample, const struct scope *scope)
{
	for (size_t i = 0; i < SAMPLE_METRICS; i++) {
		const struct metric *metric = &sample_metrics[i];
		char key[WIRE_KEY_MAX + 1];

		if (!scope->present[i])
			continue;
		json_lower(key, metric->key);
		if (metric->type == METRIC_HISTOGRAM)
			add_time(object, sample, metric, &scope->times[metric->time]);
		else if (metric->yes)
			json_set_flag(object, metric->name, scope->values[i]);
		else
			json_set_number(object, key, scope->values[i]);
	}
}

/* A new object at the end of the array @key of @parent, which gets one with the first. */
static json_t *append(json_t *parent, const char *key)
{
	json_t *array = json_object_get(parent, key);

	return json_append_object(array ? array : json_add_array(parent, key));
}

static void print_json(const struct sample *sample)
{
	json_t *top = json_top(), *domain = NULL, *object, *bounds;

	json_set_text(top, "version", sample->version);
	json_set_text(top, "module", sample->module);
	bounds = json_add_array(top, "bounds_ns");
	for (size_t i = 0; i < sample->bounds; i++)
		json_append_number(bounds, sample->bounds_ns[i]);
	add_scope(top, sample, &sample->scopes[0]);
	json_add_array(top, "domains");
	/* that name is the number of domains, which is the array's length */
	for (size_t i = 1; i < sample->count; i++) {
		const struct scope *scope = &sample->scopes[i];

		if (scope->level == SCOPE_DOMAIN) {
			domain = object = append(top, "domains");
			json_set_text(object, "domain", scope->domain);
			json_add_array(object, "vifs");
		} else if (domain) {
			object = append(domain, "vifs");
			json_set_text(object, "vif", scope->vif);
		} else {
			continue;
		}
		add_scope(object, sample, scope);
	}
	json_print(top);
}

static enum exit_code cannot_write(const char *path)
{
	fprintf(stderr, PROGRAM ": metrics: cannot write %s: %s\n", path, strerror(errno));
	return EXIT_FAILED;
}

/* Whatever goes wrong, what was at @path is still there, and nothing new beside it. */
static enum exit_code write_file(const char *path, const struct sample *sample,
				 enum text_format format)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	enum exit_code code = EXIT_DONE;
	char *fresh;
	FILE *file;
	int fd;

	if (asprintf(&fresh, "%.*s.%s.XXXXXX", (int)(name - path), path, name) < 0)
		return cannot_write(path);
	fd = mkostemp(fresh, O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		code = cannot_write(path);
	} else {
		openmetrics_print(file, sample, format);
		if (fchmod(fd, 0644) || fflush(file) || ferror(file) || rename(fresh, path)) {
			code = cannot_write(path);
			unlink(fresh);
		}
		fclose(file);
	}
	free(fresh);
	return code;
}

static enum exit_code print(const struct ctl *ctl, const struct sample *sample)
{
	if (ctl->look.output)
		return write_file(ctl->look.output, sample, ctl->look.format);
	if (ctl->json)
		print_json(sample);
	else
		openmetrics_print(stdout, sample, ctl->look.format);
	return EXIT_DONE;
}

enum exit_code run_metrics(struct ctl *ctl)
{
	struct outcommit_error err;
	struct sample sample;
	enum exit_code code;

	if (ctl->look.describe) {
		openmetrics_describe(!ctl->no_legend);
		return EXIT_DONE;
	}
	if (ctl->json && ctl->look.output)
		return ctl_usage("metrics: --output is not for JSON");
	code = ctl_connect(ctl);
	if (code)
		return code;
	if (sample_fetch(ctl->connection, &sample, &err))
		code = ctl_fail(ctl, &err);
	else
		code = print(ctl, &sample);
	sample_free(&sample);
	return code;
}
