// SPDX-License-Identifier: GPL-2.0-or-later
/* See model.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "linux/sch_plug.h"
#include "model.h"

void model_create(struct model *m, bool holding, uint64_t open, uint64_t limit_bytes)
{
	model_free(m);
	m->holding = m->untouched = holding;
	m->open = m->oldest = open;
	m->limit_bytes = limit_bytes;
}

void model_free(struct model *m)
{
	free(m->held);
	free(m->leaving);
	memset(m, 0, sizeof(*m));
}

static void append(struct model_frame **list, size_t *n, size_t *room, struct model_frame frame)
{
	if (*n == *room) {
		*room = *room ? 2 * *room : 256;
		*list = realloc(*list, *room * sizeof(**list));
		if (!*list)
			abort();
	}
	(*list)[(*n)++] = frame;
}

static void leave(struct model *m, struct model_frame frame)
{
	append(&m->leaving, &m->n_leaving, &m->leaving_room, frame);
}

int model_send(struct model *m, uint64_t seq, uint32_t bytes)
{
	struct model_frame frame = { .seq = seq, .epoch = m->open, .bytes = bytes };

	if (m->held_bytes + bytes > m->limit_bytes) {
		m->drop_limit++;
		return -ENOBUFS;
	}
	if (!m->holding) {
		leave(m, frame);
		return 0;
	}
	append(&m->held, &m->n_held, &m->room, frame);
	m->held_bytes += bytes;
	m->buffered++;
	m->buffered_bytes += bytes;
	return 0;
}

static void begin_to_hold(struct model *m, uint64_t epoch)
{
	m->holding = true;
	m->untouched = false;
	m->open = m->oldest = m->released_end = epoch + 1;
}

int model_buffer(struct model *m, bool tagged, uint64_t epoch)
{
	if (!tagged)
		epoch = m->open;
	if (epoch == UINT64_MAX)
		return -ERANGE;
	if (!m->holding || (!tagged && m->untouched && !m->n_held)) {
		if (epoch < m->open)
			return -EPROTO;
		begin_to_hold(m, epoch);
		return 0;
	}
	if (epoch + 1 == m->open)
		return 0;
	if (epoch != m->open)
		return -EPROTO;
	if (m->open - m->oldest == TC_PLUG_MAX_EPOCHS)
		return -ENOSPC;
	m->untouched = false;
	m->open++;
	return 0;
}

/* The number of frames at the front that belong to epochs <= @epoch. */
static size_t front(const struct model *m, uint64_t epoch)
{
	size_t n = 0;

	while (n < m->n_held && m->held[n].epoch <= epoch)
		n++;
	return n;
}

static void remove_front(struct model *m, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		m->held_bytes -= m->held[i].bytes;
	m->n_held -= n;
	if (m->n_held)
		memmove(m->held, m->held + n, m->n_held * sizeof(*m->held));
}

static void release_front(struct model *m, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		leave(m, m->held[i]);
		m->released++;
		m->released_bytes += m->held[i].bytes;
	}
	remove_front(m, n);
}

int model_release(struct model *m, bool tagged, uint64_t epoch)
{
	if (!tagged && m->oldest == m->open)
		return 0;
	if (!tagged)
		epoch = m->oldest;
	if (epoch >= m->open)
		return -EPROTO;
	release_front(m, front(m, epoch));
	if (epoch >= m->oldest)
		m->oldest = m->released_end = epoch + 1;
	return 0;
}

int model_release_all(struct model *m)
{
	release_front(m, m->n_held);
	if (m->holding)
		m->released_end = m->open;
	m->oldest = m->open;
	m->holding = false;
	return 0;
}

int model_discard(struct model *m, bool tagged, uint64_t epoch)
{
	size_t n;

	if (!tagged)
		epoch = m->open;
	if (epoch > m->open)
		return -EPROTO;
	n = front(m, epoch);
	m->drop_discard += n;
	remove_front(m, n);
	if (epoch >= m->oldest)
		m->oldest = epoch < m->open ? epoch + 1 : m->open;
	return 0;
}

void model_reset(struct model *m)
{
	m->drop_reset += m->n_held;
	remove_front(m, m->n_held);
}

void model_count(const struct model *m, uint64_t epoch, uint64_t *frames, uint64_t *bytes)
{
	size_t i;

	*frames = *bytes = 0;
	for (i = 0; i < m->n_held; i++) {
		if (m->held[i].epoch != epoch)
			continue;
		++*frames;
		*bytes += m->held[i].bytes;
	}
}

bool model_holds(const struct model *m, uint64_t seq)
{
	size_t i;

	for (i = 0; i < m->n_held; i++)
		if (m->held[i].seq == seq)
			return true;
	return false;
}
