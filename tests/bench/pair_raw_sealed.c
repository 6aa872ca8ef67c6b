/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "tests/bench/pair_raw.h"
#include <errno.h>
#include <string.h>

enum {
	LINE_BYTES = 64,
	/* A body begins on a line of the cache. */
	BODY_AT = (RTE_PKTMBUF_HEADROOM + PAIR_RAW_HEAD_BYTES + LINE_BYTES - 1) / LINE_BYTES *
		  LINE_BYTES,
	NUMBER_AT = 16, /* in the header, as in ours */
};

int pair_raw_sealed_init(struct pair_raw *raw)
{
	static const uint8_t secret[DPS_AEAD_SECRET_BYTES_MAX] = { 1 };
	const struct dps_aead *aead = dps_aead_ipsec_mb();
	int result;

	raw->plain_pool =
		rte_pktmbuf_pool_create("pair_plain", PAIR_POOL_COUNT, PAIR_POOL_CACHE, 0,
					(uint16_t)(BODY_AT + raw->payload_bytes), SOCKET_ID_ANY);
	if (raw->plain_pool == NULL)
		return -ENOMEM;
	result = dps_aead_key_init(&raw->key, aead ? aead : dps_aead_openssl(),
				   DPS_AEAD_AES_128_GCM);
	if (result == 0)
		dps_aead_key_change(&raw->key, secret);
	return result;
}

static void describe(struct dps_aead_packet *packet, const uint8_t *header, uint8_t *tag,
		     uint8_t *to, const uint8_t *from, uint32_t bytes)
{
	packet->header = header;
	packet->header_bytes = DPS_HEADER_BYTES;
	packet->tag = tag;
	packet->parts[0] = (struct dps_aead_part){ to, from, bytes };
	packet->parts[1] = (struct dps_aead_part){ NULL, NULL, 0 };
	memset(packet->nonce, 0, sizeof(packet->nonce));
	memcpy(packet->nonce + 4, header + NUMBER_AT, 8);
}

bool pair_raw_build_sealed(struct pair_raw *raw)
{
	struct dps_aead_packet packets[PAIR_BURST_MAX];
	uint32_t burst = raw->plan.burst;

	if (rte_pktmbuf_alloc_bulk(raw->plain_pool, raw->unsent, burst) != 0)
		return false;
	for (uint32_t i = 0; i < burst; i++) {
		struct rte_mbuf *mbuf = raw->unsent[i];
		uint32_t bytes = pair_raw_next_bytes(raw);
		uint8_t *frame;

		if (raw->at % PAIR_CHUNK_BYTES == 0)
			pair_raw_digest_chunk(raw, raw->at);
		mbuf->data_off = BODY_AT - PAIR_RAW_HEAD_BYTES;
		mbuf->data_len = (uint16_t)(PAIR_RAW_HEAD_BYTES + bytes);
		mbuf->pkt_len = mbuf->data_len;
		frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
		memset(frame, 0, PAIR_RAW_HEAD_BYTES);
		memcpy(frame + PAIR_RAW_FRAME_BYTES, &raw->take, sizeof(raw->take));
		dps_store_be64(frame + PAIR_RAW_FRAME_BYTES + NUMBER_AT, raw->number++);
		describe(&packets[i], frame + PAIR_RAW_FRAME_BYTES,
			 frame + PAIR_RAW_FRAME_BYTES + DPS_HEADER_BYTES,
			 frame + PAIR_RAW_HEAD_BYTES, raw->slots + raw->at, bytes);
		raw->bytes += bytes;
		pair_raw_advance(raw, bytes);
	}
	raw->key.aead->seal(&raw->key, packets, burst);
	return true;
}

/* Those that were gathered, and the digest of the chunk that ended with them. */
static void open_gathered(struct pair_raw *raw, struct dps_aead_packet *packets, unsigned int count,
			  bool is_chunk_over)
{
	raw->damaged += count - raw->key.aead->open(&raw->key, packets, count);
	if (is_chunk_over)
		pair_raw_digest_chunk(raw, (raw->at ? raw->at : raw->plan.slots_bytes) -
						   PAIR_CHUNK_BYTES);
}

void pair_raw_take_in_sealed(struct pair_raw *raw, struct rte_mbuf **mbufs, unsigned int count)
{
	struct dps_aead_packet packets[PAIR_BURST_MAX];
	uint8_t headers[PAIR_BURST_MAX][DPS_HEADER_BYTES];
	unsigned int gathered = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		uint32_t bytes = pair_raw_next_bytes(raw), take;

		if (i + 1 < count)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
		memcpy(headers[gathered], frame + PAIR_RAW_FRAME_BYTES, DPS_HEADER_BYTES);
		memcpy(&take, headers[gathered], sizeof(take));
		if (take != raw->take)
			continue;
		if (mbufs[i]->data_len != PAIR_RAW_HEAD_BYTES + bytes) {
			raw->damaged++;
			continue;
		}
		describe(&packets[gathered], headers[gathered],
			 frame + PAIR_RAW_FRAME_BYTES + DPS_HEADER_BYTES, raw->slots + raw->at,
			 frame + PAIR_RAW_HEAD_BYTES, bytes);
		gathered++;
		raw->bytes += bytes;
		pair_raw_advance(raw, bytes);
		if (raw->at % PAIR_CHUNK_BYTES != 0)
			continue;
		open_gathered(raw, packets, gathered, true);
		gathered = 0;
	}
	if (gathered > 0)
		open_gathered(raw, packets, gathered, false);
}
