/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_frame.h"
#include "engine/bits.h"
#include "engine/blocks.h"
#include <dps/assert.h>
#include <dps/stream_carriage.h>

enum { LENGTH_MIN = DPS_PEER_HEAD_BYTES - DPS_PEER_LENGTH_BYTES };

_Static_assert((int)DPS_PEER_BODY_BYTES_LIMIT == (int)DPS_PEER_LENGTH_MAX - (int)LENGTH_MIN,
	       "the longest body fills the longest frame");

/* What a notice is charged, in the order of the wire. Answers are asked for, and cost nothing. */
static const uint8_t charged[] = { DPS_PEER_CONTROL, DPS_PEER_CALL, DPS_PEER_BULK };

uint32_t dps_peer_cost(uint32_t body_bytes)
{
	return dps_blocks_for(body_bytes) * DPS_BLOCK_BYTES;
}

void dps_peer_head_encode(const struct dps_peer_head *head, uint8_t bytes[DPS_PEER_HEAD_BYTES])
{
	DPS_ASSERT(head->body_bytes <= DPS_PEER_BODY_BYTES_LIMIT);
	dps_store_be32(bytes, head->body_bytes + LENGTH_MIN);
	bytes[4] = head->kind;
	bytes[5] = head->class;
	bytes[6] = (uint8_t)(head->code >> 8);
	bytes[7] = (uint8_t)head->code;
	dps_store_be64(bytes + 8, head->id);
}

bool dps_peer_head_decode(struct dps_peer_head *head, const uint8_t bytes[DPS_PEER_HEAD_BYTES])
{
	uint32_t length = dps_load_be32(bytes);

	if (length < LENGTH_MIN || length > DPS_PEER_LENGTH_MAX)
		return false;
	*head = (struct dps_peer_head){
		.body_bytes = length - LENGTH_MIN,
		.kind = bytes[4],
		.class = bytes[5],
		.code = dps_load_be16(bytes + 6),
		.id = dps_load_be64(bytes + 8),
	};
	return true;
}

void dps_peer_credit_encode(const struct dps_peer_credit *credit, uint8_t *body)
{
	for (unsigned int i = 0; i < sizeof(charged); i++)
		dps_store_be64(body + 8 * i, credit->up_to[charged[i]]);
}

bool dps_peer_credit_decode(struct dps_peer_credit *credit, const uint8_t *body, uint32_t bytes)
{
	if (bytes < DPS_PEER_CREDIT_BYTES)
		return false;
	*credit = (struct dps_peer_credit){ 0 };
	for (unsigned int i = 0; i < sizeof(charged); i++)
		credit->up_to[charged[i]] = dps_load_be64(body + 8 * i);
	return true;
}

void dps_peer_hello_encode(const struct dps_peer_hello *hello, uint8_t *body)
{
	dps_store_be32(body, (uint32_t)hello->version_min << 16 | hello->version_max);
	dps_store_be32(body + 4, hello->body_bytes_max);
	dps_peer_credit_encode(&hello->credit, body + 8);
	dps_store_be32(body + 8 + DPS_PEER_CREDIT_BYTES, hello->block_bytes);
}

bool dps_peer_hello_decode(struct dps_peer_hello *hello, const uint8_t *body, uint32_t bytes)
{
	if (bytes < DPS_PEER_HELLO_BYTES)
		return false;
	hello->version_min = dps_load_be16(body);
	hello->version_max = dps_load_be16(body + 2);
	hello->body_bytes_max = dps_load_be32(body + 4);
	hello->block_bytes = dps_load_be32(body + 8 + DPS_PEER_CREDIT_BYTES);
	return dps_peer_credit_decode(&hello->credit, body + 8, bytes - 8);
}

void dps_peer_word_encode(const struct dps_stream_message *word, uint8_t *body)
{
	dps_store_be32(body, (uint32_t)word->type << 24 | (uint32_t)word->flags << 16);
	dps_store_be32(body + 4, word->number);
	dps_store_be64(body + 8, word->value);
}

bool dps_peer_word_decode(struct dps_stream_message *word, const uint8_t *body, uint32_t bytes)
{
	if (bytes < DPS_PEER_WORD_BYTES)
		return false;
	*word = (struct dps_stream_message){
		.type = body[0],
		.flags = body[1],
		.number = dps_load_be32(body + 4),
		.value = dps_load_be64(body + 8),
	};
	return true;
}
