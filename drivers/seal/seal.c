/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/seal/seal.h"
#include "drivers/vector.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <isa-l/crc.h>
#include <string.h>

/*
 * Copied and summed in turn: small enough that the sum reads the first cache, what was just copied;
 * what a jumbo frame carries is one step.
 */
#define STEP_BYTES 9216u

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

/* As add, for what a packet can hold. */
static inline uint32_t add_short(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
	return crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)count, crc);
}

/* Out of the way of what fits one step, as nearly every packet does. */
__attribute__((noinline)) static uint32_t add_copying_steps(uint32_t crc, uint8_t *to,
							    const uint8_t *from, size_t count)
{
	for (; count > STEP_BYTES; count -= STEP_BYTES) {
		memcpy(to, from, STEP_BYTES);
		crc = add_short(crc, to, STEP_BYTES);
		to += STEP_BYTES;
		from += STEP_BYTES;
	}
	memcpy(to, from, count);
	return add_short(crc, to, (uint32_t)count);
}

static inline uint32_t add_copying(uint32_t crc, uint8_t *to, const uint8_t *from, size_t count)
{
	if (count > STEP_BYTES)
		return add_copying_steps(crc, to, from, count);
	memcpy(to, from, count);
	return add_short(crc, to, (uint32_t)count);
}

typedef uint32_t header_sum(const uint8_t *header);

static inline uint32_t sum_header(const uint8_t *header)
{
	return add_short(UINT32_MAX, header, DPS_HEADER_BYTES);
}

#ifdef __x86_64__
/* ISA-L is made for long input: of a header, five instructions take a third of its time. */
__attribute__((target("sse4.2"))) static inline uint32_t sum_header_sse42(const uint8_t *header)
{
	uint64_t crc = UINT32_MAX;

	for (unsigned int i = 0; i < DPS_HEADER_BYTES; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, header + i, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	return (uint32_t)crc;
}
#endif

/* The first half of a tag, as it lies in memory; the other is zero. */
static inline uint64_t front_of(uint32_t crc)
{
	return dps_be64((uint64_t)~crc << 32);
}

static inline bool is_tag(const uint8_t *tag, uint32_t crc)
{
	uint64_t halves[2];

	memcpy(halves, tag, sizeof(halves));
	return ((halves[0] ^ front_of(crc)) | halves[1]) == 0;
}

static inline void put_tag(uint8_t *tag, uint32_t crc)
{
	const uint64_t halves[2] = { front_of(crc), 0 };

	memcpy(tag, halves, sizeof(halves));
}

void dps_seal_clear_make(uint8_t *head, size_t head_bytes, const uint8_t *body, size_t body_bytes)
{
	uint32_t crc = sum_header(head);

	DPS_ASSERT(head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(body != NULL || body_bytes == 0);
	if (head_bytes > DPS_ENVELOPE_BYTES)
		crc = add(crc, head + DPS_ENVELOPE_BYTES, head_bytes - DPS_ENVELOPE_BYTES);
	if (body_bytes > 0)
		crc = add(crc, body, body_bytes);
	put_tag(head + DPS_HEADER_BYTES, crc);
	dps_vector_leave_clean();
}

bool dps_seal_clear_open(const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
			 void *to, const uint8_t *from, size_t bytes)
{
	uint32_t crc = sum_header(header);

	if (to == NULL || to == from)
		crc = add(crc, from, bytes);
	else
		crc = add_copying(crc, to, from, bytes);
	dps_vector_leave_clean();
	return is_tag(tag, crc);
}

/* What runs for packets stands here once, and in a function for each way to sum a header. */
__attribute__((always_inline)) static inline bool open_one(const uint8_t *header,
							   const uint8_t *tag, void *to,
							   const uint8_t *from, size_t bytes,
							   header_sum *sum)
{
	uint32_t crc = sum(header);

	DPS_ASSERT(bytes <= DPS_PAYLOAD_BYTES_MAX);
	crc = to == NULL || to == from ? add_short(crc, from, (uint32_t)bytes)
				       : add_copying(crc, to, from, bytes);
	dps_vector_leave_clean();
	return is_tag(tag, crc);
}

__attribute__((always_inline)) static inline void make_each(struct dps_outgoing *packets,
							    unsigned int count, header_sum *sum)
{
	const struct dps_outgoing *end = packets + count;

	for (; packets < end; packets++) {
		uint8_t *head = packets->head;
		uint32_t crc = sum(head);

		if (packets->head_bytes > DPS_ENVELOPE_BYTES)
			crc = add_short(crc, head + DPS_ENVELOPE_BYTES,
					packets->head_bytes - DPS_ENVELOPE_BYTES);
		if (packets->body_bytes > 0)
			crc = add_short(crc, packets->body, packets->body_bytes);
		put_tag(head + DPS_HEADER_BYTES, crc);
	}
	if (count > 0)
		dps_vector_leave_clean();
}

__attribute__((always_inline)) static inline unsigned int
open_each(const struct dps_run_placement *run, const struct dps_incoming *incoming, header_sum *sum)
{
	const struct dps_incoming *at = incoming, *end = incoming + run->count;
	const uint8_t(*header)[DPS_HEADER_BYTES] = run->headers;
	uint32_t payload_bytes = run->payload_bytes;
	uint8_t *to = run->to;

	for (; at < end; at++, header++) {
		const uint8_t *bytes = at->bytes;
		uint32_t crc = sum(*header);

		crc = add_copying(crc, to, bytes + DPS_ENVELOPE_BYTES, payload_bytes);
		if (!is_tag(bytes + DPS_HEADER_BYTES, crc))
			break;
		to += payload_bytes;
	}
	dps_vector_leave_clean();
	return (unsigned int)(at - incoming);
}

static void clear_make(struct dps_seal *seal, struct dps_outgoing *packets, unsigned int count)
{
	(void)seal;
	make_each(packets, count, sum_header);
}

static bool clear_open(struct dps_seal *seal, uint64_t packet_number,
		       const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		       void *to, const uint8_t *from, size_t bytes)
{
	(void)seal, (void)packet_number;
	return open_one(header, tag, to, from, bytes, sum_header);
}

static unsigned int clear_open_run(struct dps_seal *seal, const struct dps_run_placement *run,
				   const struct dps_incoming *incoming)
{
	(void)seal;
	return open_each(run, incoming, sum_header);
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static void
clear_make_sse42(struct dps_seal *seal, struct dps_outgoing *packets, unsigned int count)
{
	(void)seal;
	make_each(packets, count, sum_header_sse42);
}

__attribute__((target("sse4.2"))) static bool
clear_open_sse42(struct dps_seal *seal, uint64_t packet_number,
		 const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		 void *to, const uint8_t *from, size_t bytes)
{
	(void)seal, (void)packet_number;
	return open_one(header, tag, to, from, bytes, sum_header_sse42);
}

__attribute__((target("sse4.2"))) static unsigned int
clear_open_run_sse42(struct dps_seal *seal, const struct dps_run_placement *run,
		     const struct dps_incoming *incoming)
{
	(void)seal;
	return open_each(run, incoming, sum_header_sse42);
}
#endif

void dps_seal_init_clear(struct dps_seal *seal)
{
	*seal = (struct dps_seal){ .make = clear_make,
				   .open = clear_open,
				   .open_run = clear_open_run };
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2")) {
		seal->make = clear_make_sse42;
		seal->open = clear_open_sse42;
		seal->open_run = clear_open_run_sse42;
	}
#endif
}
