/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/pair_raw.h"
#include "drivers/digest/digest.h"
#include "drivers/seal/seal.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <string.h>

int pair_raw_init(struct pair_raw *raw, uint8_t *slots, uint32_t payload_bytes)
{
	*raw = (struct pair_raw){ .slots = slots, .payload_bytes = payload_bytes };
	raw->head_pool =
		rte_pktmbuf_pool_create("pair_head", PAIR_POOL_COUNT, PAIR_POOL_CACHE, 0,
					RTE_PKTMBUF_HEADROOM + PAIR_RAW_HEAD_BYTES, SOCKET_ID_ANY);
	raw->body_pool = rte_pktmbuf_pool_create("pair_body", PAIR_POOL_COUNT, PAIR_POOL_CACHE, 0,
						 0, SOCKET_ID_ANY);
	return raw->head_pool != NULL && raw->body_pool != NULL ? pair_raw_sealed_init(raw)
								: -ENOMEM;
}

void pair_raw_begin(struct pair_raw *raw, const struct pair_plan *plan, uint32_t take)
{
	rte_pktmbuf_free_bulk(raw->unsent + raw->unsent_at, raw->unsent_count);
	raw->unsent_count = 0;
	raw->plan = *plan;
	raw->take = take;
	raw->at = 0;
}

/* The slots stay where they are, whoever still points to them. */
static void on_freed(void *memory, void *context)
{
	(void)memory, (void)context;
}

uint32_t pair_raw_next_bytes(const struct pair_raw *raw)
{
	uint32_t left = PAIR_CHUNK_BYTES - raw->at % PAIR_CHUNK_BYTES;

	return left < raw->payload_bytes ? left : raw->payload_bytes;
}

void pair_raw_digest_chunk(struct pair_raw *raw, uint32_t at)
{
	struct dps_digest digest = dps_digest_of(raw->slots + at, PAIR_CHUNK_BYTES);

	raw->digests += digest.bytes[0];
}

void pair_raw_advance(struct pair_raw *raw, uint32_t bytes)
{
	raw->at += bytes;
	if (raw->at >= raw->plan.slots_bytes)
		raw->at = 0;
}

static void build(struct pair_raw *raw, uint32_t index, struct rte_mbuf *segment)
{
	struct rte_mbuf_ext_shared_info *info = &raw->infos[index];
	struct rte_mbuf *head = raw->unsent[index];
	uint8_t *frame = rte_pktmbuf_mtod(head, uint8_t *);
	uint8_t *body = raw->slots + raw->at;
	uint32_t bytes = pair_raw_next_bytes(raw);

	if (raw->plan.passes == PAIR_CLEAR && raw->at % PAIR_CHUNK_BYTES == 0)
		pair_raw_digest_chunk(raw, raw->at);
	memset(frame, 0, PAIR_RAW_HEAD_BYTES);
	memcpy(frame + PAIR_RAW_FRAME_BYTES, &raw->take, sizeof(raw->take));
	if (raw->plan.passes == PAIR_CLEAR)
		dps_seal_clear_make(frame + PAIR_RAW_FRAME_BYTES, DPS_ENVELOPE_BYTES, body, bytes);
	info->free_cb = on_freed;
	rte_mbuf_ext_refcnt_set(info, 1);
	rte_pktmbuf_attach_extbuf(segment, body, (rte_iova_t)(uintptr_t)body, (uint16_t)bytes,
				  info);
	segment->data_off = 0;
	segment->data_len = (uint16_t)bytes;
	head->data_len = PAIR_RAW_HEAD_BYTES;
	head->pkt_len = PAIR_RAW_HEAD_BYTES + bytes;
	head->nb_segs = 2;
	head->next = segment;
	raw->bytes += bytes;
	pair_raw_advance(raw, bytes);
}

static bool build_burst(struct pair_raw *raw)
{
	struct rte_mbuf *segments[PAIR_BURST_MAX];
	uint32_t burst = raw->plan.burst;

	if (raw->plan.passes == PAIR_SEALED)
		return pair_raw_build_sealed(raw);
	if (rte_pktmbuf_alloc_bulk(raw->head_pool, raw->unsent, burst) != 0)
		return false;
	if (rte_pktmbuf_alloc_bulk(raw->body_pool, segments, burst) != 0) {
		rte_pktmbuf_free_bulk(raw->unsent, burst);
		return false;
	}
	for (uint32_t i = 0; i < burst; i++)
		build(raw, i, segments[i]);
	return true;
}

unsigned int pair_raw_send(struct pair_raw *raw)
{
	unsigned int sent;

	if (raw->unsent_count == 0) {
		if (!build_burst(raw))
			return 0;
		raw->unsent_at = 0;
		raw->unsent_count = raw->plan.burst;
	}
	sent = rte_eth_tx_burst(raw->devices[raw->plan.ring], 0, raw->unsent + raw->unsent_at,
				(uint16_t)raw->unsent_count);
	raw->unsent_at += sent;
	raw->unsent_count -= sent;
	return sent;
}

static void take_in(struct pair_raw *raw, const struct rte_mbuf *mbuf)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint8_t *to = raw->slots + raw->at;
	uint8_t header[DPS_HEADER_BYTES];
	uint32_t bytes = pair_raw_next_bytes(raw), take;

	memcpy(header, frame + PAIR_RAW_FRAME_BYTES, sizeof(header));
	memcpy(&take, header, sizeof(take));
	if (take != raw->take)
		return;
	if (mbuf->data_len != PAIR_RAW_HEAD_BYTES + bytes) {
		raw->damaged++;
		return;
	}
	if (raw->plan.passes == PAIR_COPY)
		memcpy(to, frame + PAIR_RAW_HEAD_BYTES, bytes);
	else if (!dps_seal_clear_open(header, frame + PAIR_RAW_FRAME_BYTES + DPS_HEADER_BYTES, to,
				      frame + PAIR_RAW_HEAD_BYTES, bytes))
		raw->damaged++;
	raw->bytes += bytes;
	if (raw->plan.passes == PAIR_CLEAR && (raw->at + bytes) % PAIR_CHUNK_BYTES == 0)
		pair_raw_digest_chunk(raw, raw->at + bytes - PAIR_CHUNK_BYTES);
	pair_raw_advance(raw, bytes);
}

unsigned int pair_raw_receive(struct pair_raw *raw)
{
	struct rte_mbuf *mbufs[PAIR_BURST_MAX];
	unsigned int count =
		rte_eth_rx_burst(raw->devices[raw->plan.ring], 0, mbufs, (uint16_t)raw->plan.burst);

	if (raw->plan.passes == PAIR_SEALED)
		pair_raw_take_in_sealed(raw, mbufs, count);
	for (unsigned int i = 0; i < count && raw->plan.passes != PAIR_SEALED; i++) {
		if (i + 1 < count)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
		take_in(raw, mbufs[i]);
	}
	if (count > 0)
		rte_pktmbuf_free_bulk(mbufs, count);
	return count;
}
