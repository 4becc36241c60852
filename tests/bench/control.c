// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control path: how long one BUFFER and one RELEASE_ONE over all vifs of a domain take; through the daemon, or with - for SOCKET for the
 * peers that work in process, in turns.
 *
 * usage: control SOCKET DOMAIN IFB-PREFIX VIFS ROUNDS
 * prints one JSON object per peer and operation, nanoseconds
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers.h"

#define WARM_UP 20

static void measure(struct bench *b, size_t rounds)
{
	size_t first = b->daemon ? PEER_DAEMON * OPERATIONS : 0;
	size_t end = b->daemon ? PEERS * OPERATIONS : PEER_DAEMON * OPERATIONS;
	uint64_t *ns = calloc(PEERS * OPERATIONS * rounds, sizeof(*ns));

	if (!ns)
		die("rounds", ENOMEM);
	for (size_t round = 0; round < WARM_UP + rounds; round++) {
		for (size_t i = first; i < end; i++) {
			uint64_t start = now_ns();

			peers[i / OPERATIONS].run(b, i % OPERATIONS);
			if (round >= WARM_UP)
				ns[i * rounds + round - WARM_UP] = now_ns() - start;
		}
	}
	for (size_t i = first; i < end; i++)
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
