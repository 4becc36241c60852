// SPDX-License-Identifier: GPL-2.0-or-later
#include "turns.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

static bool is_urgent(const char *request, size_t bytes)
{
	static const char *const verbs[] = { "postsuspend", "preresume", "commit", "abort", "discard", "release" };
	const char *end = memchr(request, '\n', bytes);
	size_t len = end ? (size_t)(end - request) : bytes;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (len == strlen(verbs[i]) && !memcmp(request, verbs[i], len))
			return true;
	return false;
}

static struct turn *take_first(struct turns *turns)
{
	struct turn *turn = turns->first;

	turns->first = turn->next;
	if (!turns->first)
		turns->last = &turns->first;
	return turn;
}

static void run_first(struct turns *turns)
{
	struct turn *turn = take_first(turns);
	char *request = turn->request;

	turn->request = NULL;
	turns->run(turn, request, turn->bytes);
	free(request);
}

/* Just before the loop looks at the connections. */
static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct turns *turns = prepare->data;

	if (!turns->taken && turns->first)
		run_first(turns);
	turns->taken = false;
	if (turns->first)
		return;
	ev_prepare_stop(loop, &turns->prepare);
	ev_idle_stop(loop, &turns->awake);
}

static void on_idle(struct ev_loop *loop, ev_idle *idle, int events)
{
}

void turns_init(struct turns *turns, struct ev_loop *loop, turns_run run)
{
	*turns = (struct turns){ .loop = loop, .run = run };
	turns->last = &turns->first;
	ev_prepare_init(&turns->prepare, on_prepare);
	turns->prepare.data = turns;
	ev_idle_init(&turns->awake, on_idle);
}

void turns_fini(struct turns *turns)
{
	if (!turns->loop)
		return;
	while (turns->first) {
		struct turn *turn = take_first(turns);

		free(turn->request);
		turn->request = NULL;
	}
	ev_prepare_stop(turns->loop, &turns->prepare);
	ev_idle_stop(turns->loop, &turns->awake);
}

static bool enqueue(struct turns *turns, struct turn *turn, const char *request, size_t bytes)
{
	size_t kept = bytes < WIRE_REQUEST_MAX ? bytes : WIRE_REQUEST_MAX; /* what is longer is refused by its length */

	turn->request = malloc(kept + 1);
	if (!turn->request)
		return false;
	memcpy(turn->request, request, kept);
	turn->bytes = bytes;
	turn->next = NULL;
	*turns->last = turn;
	turns->last = &turn->next;
	ev_idle_start(turns->loop, &turns->awake);
	return true;
}

bool turns_wait(struct turns *turns, struct turn *turn, const char *request, size_t bytes)
{
	if (is_urgent(request, bytes < WIRE_REQUEST_MAX ? bytes : WIRE_REQUEST_MAX))
		return false;
	ev_prepare_start(turns->loop, &turns->prepare);
	if (turns->taken || turns->first)
		return enqueue(turns, turn, request, bytes);
	turns->taken = true;
	return false;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
	struct turn **at = &turns->first;

	if (!turn->request)
		return;
	while (*at != turn)
		at = &(*at)->next;
	*at = turn->next;
	if (!*at)
		turns->last = at;
	free(turn->request);
	turn->request = NULL;
}
