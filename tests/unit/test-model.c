// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lives that the formal model led (tests/model), led again by the daemon's state machine over plugs without a kernel: every
 * reply, and after each what the domain, its vifs and their plugs are like, must be what the model says.
 *
 * usage: test-model [TRACE | DIRECTORY]...    default: the traces in the tree
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake-plug.h"

#define VIFS 2
#define DEPTH 2 /* as the traces' model has it */
#define LINE_BYTES 256

struct seat {
	struct vif vif;
	struct fake_plug plug;
	bool plugged; /* the interface is there */
	unsigned int lost; /* frames that went in any way but out */
};

static struct theatre {
	struct fake_world world;
	struct domain domain;
	struct seat seats[VIFS];
	const char *file;
	unsigned int line;
} theatre;

static const char *const *files;
static size_t file_count;

#define expect(t, condition, ...)                                                                                      \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print_error("%s:%u: ", (t)->file, (t)->line);                                                  \
			print_error(__VA_ARGS__);                                                                      \
			print_error("\n");                                                                             \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

static struct seat *seat_of(const struct vif *vif)
{
	return (struct seat *)((char *)vif - offsetof(struct seat, vif));
}

/* The plugs' operations, with what the fake leaves to others: our module refuses numbers that are out of order, and keeps its own. */

static const struct buffer_ops *fake_ops(const struct theatre *t)
{
	return t->world.mainline ? &fake_mainline_ops : &fake_outcommit_ops;
}

static bool refuses_close(const struct theatre *t, const struct fake_plug *plug, uint64_t epoch)
{
	if (t->world.mainline || epoch == plug->open)
		return false;
	return plug->holding ? epoch + 1 != plug->open : epoch < plug->open;
}

/* An epoch that ends the passing state has nothing outstanding in our module. */
static int model_close(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	bool passed[VIFS];
	int ret;

	for (size_t i = 0; i < count; i++) {
		passed[i] = !fake_of(vifs[i])->holding;
		if (refuses_close(&theatre, fake_of(vifs[i]), epoch))
			fake_of(vifs[i])->fail_before = true;
	}
	ret = fake_ops(&theatre)->close(ctx, vifs, count, epoch);
	for (size_t i = 0; i < count && !theatre.world.mainline; i++)
		if (passed[i] && fake_of(vifs[i])->holding)
			fake_of(vifs[i])->committed = epoch;
	return ret;
}

static int model_release(void *ctx, struct vif *const *vifs, size_t count, uint64_t epoch)
{
	return fake_ops(&theatre)->release(ctx, vifs, count, epoch);
}

static int model_discard(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	for (size_t i = 0; i < count; i++)
		if (!fake_of(vifs[i])->fail_before)
			seat_of(vifs[i])->lost += (unsigned int)fake_of(vifs[i])->count;
	return fake_ops(&theatre)->discard(ctx, vifs, count, open);
}

static int model_pass(void *ctx, struct vif *const *vifs, size_t count, uint64_t open)
{
	uint64_t own[VIFS];
	int ret;

	for (size_t i = 0; i < count; i++)
		own[i] = fake_of(vifs[i])->open;
	ret = fake_ops(&theatre)->pass(ctx, vifs, count, open);
	for (size_t i = 0; i < count && !theatre.world.mainline; i++) {
		fake_of(vifs[i])->open = own[i];
		fake_of(vifs[i])->committed = own[i] - 1;
	}
	return ret;
}

static struct buffer_ops model_ops(const struct theatre *t)
{
	struct buffer_ops ops = *fake_ops(t);

	ops.close = model_close;
	ops.release = model_release;
	ops.discard = model_discard;
	ops.pass = model_pass;
	return ops;
}

static struct buffer_ops ops;

/* What happens to plugs and daemon beside the requests. */

static void purge(struct seat *seat)
{
	seat->lost += (unsigned int)seat->plug.count;
	seat->plug.left += (unsigned int)seat->plug.count;
	seat->plug.count = 0;
}

static void new_plug(struct seat *seat, bool holding, uint64_t open)
{
	purge(seat);
	seat->plug.holding = holding;
	seat->plug.open = open;
	seat->plug.committed = open - 1;
	seat->plug.current = seat->plug.last = seat->plug.releasable = 0;
}

static void on_send(struct theatre *t, struct seat *seat, unsigned int epoch)
{
	fake_send(&t->world, &seat->plug, epoch);
}

static void on_reset(struct theatre *t, struct seat *seat, unsigned int unused)
{
	purge(seat);
}

static void on_gone(struct theatre *t, struct seat *seat, unsigned int unused)
{
	purge(seat);
	seat->plugged = false;
	if (t->domain.state == DOMAIN_HOLDING)
		seat->vif.state = VIF_GONE;
	else
		domain_remove(&t->domain, &seat->vif);
}

static void on_attached(struct theatre *t, struct seat *seat, unsigned int unused)
{
	if (seat->vif.domain)
		domain_remove(&t->domain, &seat->vif);
	new_plug(seat, t->domain.state == DOMAIN_HOLDING, t->domain.open);
	seat->plugged = true;
	expect(t, !domain_add(&t->domain, &seat->vif, VIFS), "no room");
}

/* As attach.c does: a plug that does not do what the domain does is replaced. */
static void on_mended(struct theatre *t, struct seat *seat, unsigned int unused)
{
	bool holding = t->domain.state == DOMAIN_HOLDING;

	if (seat->vif.unsure || seat->vif.holding != holding) {
		new_plug(seat, holding, t->domain.open);
		domain_vif_fresh(&seat->vif);
	}
	seat->vif.state = VIF_OK;
}

/* As health.c does: with mainline's, the counts are no longer to be trusted. */
static void on_noticed(struct theatre *t, struct seat *seat, unsigned int unused)
{
	if (t->domain.state == DOMAIN_PASSING)
		return;
	seat->vif.state = VIF_BROKEN;
	if (!t->world.mainline)
		return;
	new_plug(seat, seat->vif.holding, seat->vif.open);
	seat->vif.committed = seat->vif.open - 1;
}

static void on_adopt(struct theatre *t, struct seat *unused, unsigned int nothing)
{
	domain_init(&t->domain, "web", &ops, &t->world);
	for (size_t i = 0; i < VIFS; i++) {
		struct seat *seat = &t->seats[i];

		seat->vif = (struct vif){
			.buffer = (struct buffer *)&seat->plug,
			.holding = seat->plug.holding,
			.open = seat->plug.open,
			.committed = seat->plug.committed,
		};
		if (seat->plugged)
			expect(t, !domain_adopt(&t->domain, &seat->vif, 0), "no room");
	}
}

static void on_nothing(struct theatre *t, struct seat *unused, unsigned int nothing)
{
}

static const struct {
	const char *name;
	void (*happens)(struct theatre *t, struct seat *seat, unsigned int epoch);
} events[] = {
	{ "send", on_send },	   { "reset", on_reset },	    { "gone", on_gone },
	{ "attached", on_attached }, { "mended", on_mended },   { "noticed", on_noticed },
	{ "crash", on_nothing },	   { "adopt", on_adopt },	    { "orphan", on_nothing },
	{ "safe", on_nothing },	   { "attach", on_nothing },
};

/* Requests: "VERB EPOCH = ERROR FAULT VIF". */

static int do_postsuspend(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	return domain_postsuspend(domain, &epoch, DEPTH, 0, fault);
}

static int do_preresume(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	return domain_preresume(domain, epoch, fault);
}

static int do_discard(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	return domain_discard(domain, epoch, 0, fault);
}

static int do_release(struct domain *domain, uint64_t epoch, struct domain_fault *fault)
{
	return domain_release(domain, epoch, fault);
}

static const struct {
	const char *name;
	int (*run)(struct domain *domain, uint64_t epoch, struct domain_fault *fault);
} verbs[] = {
	{ "postsuspend", do_postsuspend }, { "preresume", do_preresume }, { "commit", domain_commit },
	{ "abort", domain_abort },	   { "discard", do_discard },	  { "release", do_release },
};

static void request(struct theatre *t, size_t verb, const char *arguments)
{
	unsigned int epoch, error, vif;
	struct domain_fault fault = { 0 };
	char kind[16];
	int ret;

	expect(t, sscanf(arguments, "%u = %u %15s %u", &epoch, &error, kind, &vif) == 4 && vif < VIFS, "not a request");
	t->seats[vif].plug.fail_before = !strcmp(kind, "before");
	t->seats[vif].plug.fail_after = !strcmp(kind, "after");
	ret = verbs[verb].run(&t->domain, epoch, &fault);
	for (size_t i = 0; i < VIFS; i++)
		t->seats[i].plug.fail_before = t->seats[i].plug.fail_after = false;
	expect(t, ret == -(int)error, "%s %u: %d (%s), the model says %d", verbs[verb].name, epoch, ret, fault.message,
	       -(int)error);
}

static void happen(struct theatre *t, const char *name, const char *arguments)
{
	unsigned int vif = 0, epoch = 0;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(name, verbs[i].name)) {
			request(t, i, arguments);
			return;
		}
	sscanf(arguments, "%u %u", &vif, &epoch);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (!strcmp(name, events[i].name)) {
			events[i].happens(t, &t->seats[vif < VIFS ? vif : 0], epoch);
			return;
		}
	expect(t, false, "no event %s", name);
}

/* What is known after an event: "STATE OPEN COMMITTED", then "HEALTH HOLDING OPEN COMMITTED HELD LEFT" of each vif. */

static void compare_domain(struct theatre *t, const char *text)
{
	unsigned int holding, open, committed;

	expect(t, sscanf(text, "%u %u %u", &holding, &open, &committed) == 3, "not a domain");
	expect(t, t->domain.state == (holding ? DOMAIN_HOLDING : DOMAIN_PASSING), "state %d", t->domain.state);
	expect(t, t->domain.open == open, "epoch %llu is open", (unsigned long long)t->domain.open);
	expect(t, t->domain.committed == committed, "epoch %llu is committed", (unsigned long long)t->domain.committed);
}

static void compare_vif(struct theatre *t, const struct seat *seat, const char *text)
{
	static const char *const health[] = { [VIF_OK] = "ok", [VIF_GONE] = "gone", [VIF_BROKEN] = "broken" };
	unsigned int there, holding, open, committed, held, left;
	const struct vif *vif = &seat->vif;
	char state[16];

	expect(t, sscanf(text, "%15s %u %u %u %u %u %u", state, &there, &holding, &open, &committed, &held, &left) == 7,
	       "not a vif");
	expect(t, seat->plug.count == held, "%zu frames are held", seat->plug.count);
	expect(t, seat->plug.left - seat->lost == left, "%u frames left", seat->plug.left - seat->lost);
	expect(t, there == (vif->domain != NULL), "attached or not");
	if (!there)
		return;
	expect(t, !strcmp(state, health[vif->state]), "health %s", health[vif->state]);
	expect(t, vif->holding == holding, "holding or not");
	expect(t, vif->open == open, "epoch %llu is open on the vif", (unsigned long long)vif->open);
	expect(t, vif->committed == committed, "epoch %llu is committed on the vif",
	       (unsigned long long)vif->committed);
}

static void play_line(struct theatre *t, char *line)
{
	char *rest = line, *event = strsep(&rest, "|"), *name;

	name = strsep(&event, " \n");
	happen(t, name, event ? event : "");
	if (!rest)
		return;
	compare_domain(t, strsep(&rest, "|"));
	for (size_t i = 0; i < VIFS; i++) {
		expect(t, rest, "a vif is missing");
		compare_vif(t, &t->seats[i], strsep(&rest, "|"));
	}
}

static void set_stage(struct theatre *t, const char *kind, unsigned int vifs)
{
	memset(&t->world, 0, sizeof(t->world));
	memset(t->seats, 0, sizeof(t->seats));
	t->world.mainline = !strcmp(kind, "mainline");
	t->world.allowed = UINT64_MAX;
	ops = model_ops(t);
	for (size_t i = 0; i < VIFS; i++) {
		t->seats[i].plugged = i < vifs;
		t->seats[i].plug.open = 1;
	}
	on_adopt(t, NULL, 0);
}

static void play(const char *path)
{
	struct theatre *t = &theatre;
	FILE *file = fopen(path, "re");
	char line[LINE_BYTES], kind[16] = "";
	unsigned int vifs = 0;

	t->file = path;
	t->line = 1;
	expect(t, file, "%s", strerror(errno));
	expect(t, fgets(line, sizeof(line), file) && sscanf(line, "%15s %u", kind, &vifs) == 2, "not a trace");
	set_stage(t, kind, vifs);
	while (fgets(line, sizeof(line), file)) {
		t->line++;
		play_line(t, line);
	}
	expect(t, t->line > 10, "a trace of %u lines", t->line);
	expect(t, !t->world.reordered, "frames left in another order");
	fclose(file);
}

static size_t play_all(const char *path)
{
	struct dirent **entries;
	struct stat st;
	size_t played = 0;
	int count;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		play(path);
		return 1;
	}
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char full[512];

		snprintf(full, sizeof(full), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			play(full);
			played++;
		}
		free(entries[i]);
	}
	free(entries);
	return played;
}

static void the_code_lives_as_the_model_does(void **state)
{
	size_t played = 0;

	for (size_t i = 0; i < file_count; i++)
		played += play_all(files[i]);
	assert_true(played > 0);
	print_message("%zu traces\n", played);
}

int main(int argc, char **argv)
{
	static const char *const kept[] = { MODEL_TRACES };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_lives_as_the_model_does),
	};

	files = argc > 1 ? (const char *const *)&argv[1] : kept;
	file_count = argc > 1 ? (size_t)(argc - 1) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
