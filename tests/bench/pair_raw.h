/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw: the ceiling. Frames as large as ours, over the same kind of port, and the same passes over
 * every byte; no protocol: nothing is acknowledged, paced, credited or repeated. The port drops
 * nothing, so what is sent arrives in order.
 *
 * Owner: the thread that turns it.
 */
#pragma once
#include "drivers/aead/aead.h"
#include "tests/bench/pair_shared.h"
#include <rte_mbuf.h>

struct pair_raw {
	uint16_t devices[PAIR_RINGS];
	struct rte_mempool *head_pool; /* the sender's */
	struct rte_mempool *body_pool;
	struct rte_mempool *plain_pool; /* of whole frames, that bodies are encrypted into */
	struct dps_aead_key key;
	uint64_t number; /* of the next packet that is encrypted */
	struct rte_mbuf_ext_shared_info infos[PAIR_BURST_MAX]; /* of the unsent */
	uint8_t *slots;
	uint32_t payload_bytes;
	struct pair_plan plan;
	uint32_t take;
	uint32_t at; /* in the slots */
	struct rte_mbuf *unsent[PAIR_BURST_MAX];
	uint32_t unsent_at;
	uint32_t unsent_count;
	uint64_t bytes;	  /* that went out, or arrived whole */
	uint64_t damaged; /* packets whose sum did not fit */
	uint64_t digests; /* so that none of them can be left out */
};

/* How many buffers of one burst after the other. */
enum { PAIR_POOL_COUNT = 8 * PAIR_BURST_MAX - 1, PAIR_POOL_CACHE = 64 };

/* Returns 0 or -errno. slots: PAIR_SLOTS_BYTES_MAX that the devices know. */
int pair_raw_init(struct pair_raw *raw, uint8_t *slots, uint32_t payload_bytes);

/* Starts anew: what is left of another take is dropped, here and on arrival. */
void pair_raw_begin(struct pair_raw *raw, const struct pair_plan *plan, uint32_t take);

/* One turn; returns how many frames moved. */
unsigned int pair_raw_send(struct pair_raw *raw);
unsigned int pair_raw_receive(struct pair_raw *raw);

/* ---- what its files share ---- */

enum pair_raw_sizes {
	/* In front of the payload: Ethernet, IPv4 and UDP, then what is sealed with it. */
	PAIR_RAW_FRAME_BYTES = 14 + 20 + 8,
	PAIR_RAW_HEAD_BYTES = PAIR_RAW_FRAME_BYTES + DPS_ENVELOPE_BYTES,
};

/* As in a transfer, no packet crosses a chunk. */
uint32_t pair_raw_next_bytes(const struct pair_raw *raw);
void pair_raw_advance(struct pair_raw *raw, uint32_t bytes);
void pair_raw_digest_chunk(struct pair_raw *raw, uint32_t at);

/* pair_raw_sealed.c: a burst encrypted from the slots, and what arrived decrypted into them. */
int pair_raw_sealed_init(struct pair_raw *raw);
bool pair_raw_build_sealed(struct pair_raw *raw);
void pair_raw_take_in_sealed(struct pair_raw *raw, struct rte_mbuf **mbufs, unsigned int count);
