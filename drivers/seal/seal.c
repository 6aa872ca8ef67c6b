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

enum { COUNT_MAX = 1 << 30 }; /* crc32_iscsi counts in int */

/*
 * ISA-L's crc32_iscsi neither inverts its start nor its result (its crc32_ieee does both), so that
 * parts chain as they are: start with all ones, invert once at the end.
 */
static inline uint32_t add(uint32_t crc, const uint8_t *bytes, size_t count)
{
	for (; __builtin_expect(count > COUNT_MAX, 0); count -= COUNT_MAX) {
		crc = crc32_iscsi((unsigned char *)(uintptr_t)bytes, COUNT_MAX, crc);
		bytes += COUNT_MAX;
	}
	return crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)count, crc);
}

static inline uint32_t add_copying(uint32_t crc, uint8_t *to, const uint8_t *from, size_t count)
{
	for (; count > STEP_BYTES; count -= STEP_BYTES) {
		memcpy(to, from, STEP_BYTES);
		crc = add(crc, to, STEP_BYTES);
		to += STEP_BYTES;
		from += STEP_BYTES;
	}
	memcpy(to, from, count);
	return add(crc, to, count);
}

/* The first half of a tag; the other is zero. */
static inline uint64_t front_of(uint32_t crc)
{
	return (uint64_t)~crc << 32;
}

static inline void make(uint8_t *head, size_t head_bytes, const uint8_t *body, size_t body_bytes)
{
	uint32_t crc = add(UINT32_MAX, head, DPS_HEADER_BYTES);

	if (head_bytes > DPS_ENVELOPE_BYTES)
		crc = add(crc, head + DPS_ENVELOPE_BYTES, head_bytes - DPS_ENVELOPE_BYTES);
	if (body_bytes > 0)
		crc = add(crc, body, body_bytes);
	dps_store_be64(head + DPS_HEADER_BYTES, front_of(crc));
	memset(head + DPS_HEADER_BYTES + 8, 0, DPS_SEAL_BYTES - 8);
}

void dps_seal_clear_make(uint8_t *head, size_t head_bytes, const uint8_t *body, size_t body_bytes)
{
	DPS_ASSERT(head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(body != NULL || body_bytes == 0);
	make(head, head_bytes, body, body_bytes);
	dps_vector_leave_clean();
}

static inline bool is_tag(const uint8_t *tag, uint32_t crc)
{
	return dps_load_be64(tag) == front_of(crc) && dps_load_be64(tag + 8) == 0;
}

bool dps_seal_clear_open(const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
			 void *to, const uint8_t *from, size_t bytes)
{
	uint32_t crc = add(UINT32_MAX, header, DPS_HEADER_BYTES);

	if (to == NULL || to == from)
		crc = add(crc, from, bytes);
	else
		crc = add_copying(crc, to, from, bytes);
	dps_vector_leave_clean();
	return is_tag(tag, crc);
}

static void clear_make(struct dps_seal *seal, struct dps_outgoing *packets, unsigned int count)
{
	(void)seal;
	for (unsigned int i = 0; i < count; i++)
		make(packets[i].head, packets[i].head_bytes, packets[i].body,
		     packets[i].body_bytes);
	if (count > 0)
		dps_vector_leave_clean();
}

static bool clear_open(struct dps_seal *seal, uint64_t packet_number,
		       const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		       void *to, const uint8_t *from, size_t bytes)
{
	(void)seal, (void)packet_number;
	return dps_seal_clear_open(header, tag, to, from, bytes);
}

static unsigned int clear_open_run(struct dps_seal *seal, const struct dps_run_placement *run,
				   const struct dps_incoming *incoming)
{
	uint32_t payload_bytes = run->payload_bytes;
	uint8_t *to = run->to;
	unsigned int i;

	(void)seal;
	for (i = 0; i < run->count; i++) {
		const uint8_t *bytes = incoming[i].bytes;
		uint32_t crc = add(UINT32_MAX, run->headers[i], DPS_HEADER_BYTES);

		crc = add_copying(crc, to, bytes + DPS_ENVELOPE_BYTES, payload_bytes);
		if (!is_tag(bytes + DPS_HEADER_BYTES, crc))
			break;
		to += payload_bytes;
	}
	dps_vector_leave_clean();
	return i;
}

void dps_seal_init_clear(struct dps_seal *seal)
{
	*seal = (struct dps_seal){ .make = clear_make,
				   .open = clear_open,
				   .open_run = clear_open_run };
}
