/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoint pair: two endpoints of one user over loopback, turned by one thread, which sleeps on
 * their descriptors, and on nothing else: one that is not readable when there is something to do
 * fails the test. The far one listens, the near one dials.
 */
#pragma once
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <dps/endpoint.h>

enum { PAIR_STREAM_EVENTS = 1024, PAIR_KINDS = 32 };

struct pair_side {
	struct dps_endpoint_config config;
	struct dps_endpoint *endpoint; /* NULL: not open */
	struct dps_handle peer;	       /* the last that arrived, or was dialled */
	unsigned int arrived;
	unsigned int told[PAIR_KINDS]; /* events of peers, by kind */
	struct dps_peer_event last[PAIR_KINDS];
	unsigned int streams_told[PAIR_KINDS]; /* events of streams, by type */
	struct dps_stream_event streams_last[PAIR_KINDS];
	unsigned int troubles;
	char trouble[DPS_ENDPOINT_WHY_BYTES]; /* the last */
};

struct endpoint_pair {
	struct scratch scratch; /* the state folder of both */
	struct pair_side near, far;
};

/* A test of a pair that is configured, and not open: *state. */
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int pair_setup(void **state);
int pair_teardown(void **state);

void pair_open(struct pair_side *side);
void pair_close(struct pair_side *side);

/* The near one dials the far one: as dps_endpoint_dial() says, and why in the near one's trouble.
 */
int pair_dial(struct endpoint_pair *pair, const char *key);

/* Opens both, and dials; until both say that they are connected. */
void pair_connect(struct endpoint_pair *pair);

/* One turn of both; sleeps until a descriptor says that one of them has something to do. */
void pair_turn(struct endpoint_pair *pair);

/* Turns until it holds; fails when it does not within half a minute. */
#define PAIR_UNTIL(pair, condition)                                                                \
	do {                                                                                       \
		uint64_t pair_until_ns = pair_now_ns() + 30 * DPS_NS_PER_S;                        \
		while (!(condition)) {                                                             \
			if (pair_now_ns() > pair_until_ns)                                         \
				fail_msg("never: %s (near: %s; far: %s)", #condition,              \
					 (pair)->near.trouble, (pair)->far.trouble);               \
			pair_turn(pair);                                                           \
		}                                                                                  \
	} while (0)

uint64_t pair_now_ns(void);

/* The address of a listening side, as one dials it. */
const char *pair_address(const struct pair_side *side);
