// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control path: how long one BUFFER and one RELEASE_ONE over all vifs of a domain take, for all peers in turns.
 *
 * Requests of libxl's kind are announced to whoever listens, the daemon among them: it reads what the others' requests caused before a
 * clock runs, so that nobody pays for somebody else's.
 *
 * usage: control SOCKET DOMAIN IFB-PREFIX VIFS ROUNDS
 * prints one JSON object per peer and operation, nanoseconds
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "outcommit.h"
#include "peers.h"

#define WARM_UP 20

/* Whatever the answer: before it answers this verb, the daemon has read all announcements. */
static void settle(struct bench *b)
{
	struct outcommit_error error;

	outcommit_preresume(b->daemon, b->domain, b->epoch, &error);
}

static void measure(struct bench *b, size_t rounds)
{
	uint64_t *ns = calloc(PEERS * OPERATIONS * rounds, sizeof(*ns));

	if (!ns)
		die("rounds", ENOMEM);
	for (size_t round = 0; round < WARM_UP + rounds; round++) {
		for (size_t i = 0; i < PEERS * OPERATIONS; i++) {
			uint64_t start;

			settle(b);
			start = now_ns();
			peers[i / OPERATIONS].run(b, i % OPERATIONS);
			if (round >= WARM_UP)
				ns[i * rounds + round - WARM_UP] = now_ns() - start;
		}
	}
	for (size_t i = 0; i < PEERS * OPERATIONS; i++)
		print(b, peers[i / OPERATIONS].name, operation_names[i % OPERATIONS], &ns[i * rounds], rounds);
	free(ns);
}

int main(int argc, char **argv)
{
	static struct bench b;
	size_t rounds;

	if (argc != 6) {
		fprintf(stderr, "usage: control SOCKET DOMAIN IFB-PREFIX VIFS ROUNDS\n");
		return 2;
	}
	rounds = strtoul(argv[5], NULL, 10);
	if (!rounds)
		die("ROUNDS", ERANGE);
	bench_init(&b, argv[1], argv[2], argv[3], strtoul(argv[4], NULL, 10));
	measure(&b, rounds);
	bench_fini(&b);
	return 0;
}
