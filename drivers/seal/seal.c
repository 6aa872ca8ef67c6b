/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/seal/seal.h"
#include "drivers/vector.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <isa-l/crc.h>
#include <string.h>

/* Copied and summed in turn: small enough that the sum reads the first cache, what was just copied.
 */
#define STEP_BYTES 8192u

/*
 * ISA-L's crc32_iscsi neither inverts its start nor its result (its crc32_ieee does both), so that
 * parts chain as they are: start with all ones, invert once at the end.
 */
static uint32_t add(uint32_t crc, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		size_t step = dps_min_u64(count, 1u << 30); /* it counts in int */

		crc = crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)step, crc);
		bytes += step;
		count -= step;
	}
	return crc;
}

static uint32_t add_copying(uint32_t crc, uint8_t *to, const uint8_t *from, size_t count)
{
	while (count > 0) {
		size_t step = dps_min_u64(count, STEP_BYTES);

		memcpy(to, from, step);
		crc = add(crc, to, step);
		to += step;
		from += step;
		count -= step;
	}
	return crc;
}

void dps_seal_clear_make(uint8_t *head, size_t head_bytes, const uint8_t *body, size_t body_bytes)
{
	uint32_t crc = UINT32_MAX;

	DPS_ASSERT(head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(body != NULL || body_bytes == 0);
	crc = add(crc, head, DPS_HEADER_BYTES);
	crc = add(crc, head + DPS_ENVELOPE_BYTES, head_bytes - DPS_ENVELOPE_BYTES);
	crc = add(crc, body, body_bytes);
	dps_vector_leave_clean();
	dps_store_be32(head + DPS_HEADER_BYTES, ~crc);
	memset(head + DPS_HEADER_BYTES + 4, 0, DPS_SEAL_BYTES - 4);
}

bool dps_seal_clear_open(const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
			 void *to, const uint8_t *from, size_t bytes)
{
	uint8_t expected[DPS_SEAL_BYTES] = { 0 };
	uint32_t crc = add(UINT32_MAX, header, DPS_HEADER_BYTES);

	if (to == NULL || to == from)
		crc = add(crc, from, bytes);
	else
		crc = add_copying(crc, to, from, bytes);
	dps_vector_leave_clean();
	dps_store_be32(expected, ~crc);
	return memcmp(expected, tag, sizeof(expected)) == 0;
}

static const uint8_t *clear_make(struct dps_seal *seal, uint64_t packet_number, uint8_t *head,
				 size_t head_bytes, const uint8_t *body, size_t body_bytes,
				 uint8_t *room)
{
	(void)seal, (void)packet_number, (void)room;
	dps_seal_clear_make(head, head_bytes, body, body_bytes);
	return body;
}

static bool clear_open(struct dps_seal *seal, uint64_t packet_number,
		       const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		       void *to, const uint8_t *from, size_t bytes)
{
	(void)seal, (void)packet_number;
	return dps_seal_clear_open(header, tag, to, from, bytes);
}

void dps_seal_init_clear(struct dps_seal *seal)
{
	*seal = (struct dps_seal){ .make = clear_make, .open = clear_open };
}
