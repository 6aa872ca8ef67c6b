/* SPDX-License-Identifier: BSD-3-Clause */
/* Sent: what a path has in flight, by packet number, until it is acknowledged or lost. */
#pragma once
#include "engine/bits.h"
#include <dps/assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_sent_flag {
	DPS_SENT_DATA = 1,   /* carries bytes of a channel */
	DPS_SENT_DIGEST = 2, /* ... and the digest of the piece that ends with them */
	DPS_SENT_RESENT = 4,
	DPS_SENT_PROBE = 8,  /* carries no data: a probe or a ping */
	DPS_SENT_SLICE = 16, /* of a stream: channel is its number, generation the carrier's life */
	DPS_SENT_END = 32,   /* ... and its end */
	DPS_SENT_TOLD = 64,  /* acknowledgements of streams: offset is their sequence */
};

struct dps_sent_packet {
	uint64_t sent_at_ns;
	uint64_t offset;     /* in the channel */
	uint32_t channel;    /* index of the engine's channel */
	uint32_t generation; /* of that channel: an older one moves nothing */
	uint32_t wire_bytes; /* counted by congestion control */
	uint16_t data_bytes;
	uint8_t flags;	  /* enum dps_sent_flag */
	uint8_t run_left; /* so many more of its run follow: like it, each where the last ends */
};

enum { DPS_SENT_WORD_BITS = 64 }; /* packets that a word of a bitmap is about */

/*
 * A ring over packet numbers floor..next-1: of a run only its last packet has a record, and each
 * how many follow it. The last stays as long as any of them is remembered. And two bitmaps of the
 * same span: live (in flight) and lost (declared lost; an acknowledgement that still comes shows
 * that it was spurious). Scans go a word at a time. Nothing is live below live_floor, and a map of
 * the lost map's words tells which of them have any: what is remembered is long and nearly empty,
 * and every acknowledgement names all of it again.
 *
 * Owner: the lane.
 */
struct dps_sent {
	struct dps_sent_packet *packets; /* dps_sent_at */
	uint8_t *run_left;		 /* of each number */
	uint64_t *live;
	uint64_t *lost;
	uint64_t *lost_words; /* a bit for each word of lost */
	uint64_t capacity;    /* a power of two, at least DPS_SENT_WORD_BITS */
	uint64_t next_number;
	uint64_t floor_number; /* the lowest that is live or still remembered as lost */
	uint64_t live_floor;   /* no number below it is live */
	uint64_t lost_floor;   /* the lowest that is remembered as lost; UINT64_MAX: none is */
	uint64_t lost_last;    /* while any is: none above it */
	uint64_t bytes_in_flight;
	uint64_t packets_in_flight;
	uint64_t packets_lost;	 /* how many are remembered as lost */
	uint64_t packets_missed; /* how many were, and nothing was heard of them as long */
};

/* Bytes of 8-byte aligned memory for a capacity: a power of two, at least DPS_SENT_WORD_BITS. */
size_t dps_sent_bytes(uint64_t capacity);
void dps_sent_init(struct dps_sent *sent, void *memory, uint64_t capacity, uint64_t first_number);

/* Whether one more fits; when the oldest is only remembered as lost, it is forgotten for it. */
bool dps_sent_has_room(struct dps_sent *sent);

/* Records a packet under the next number and returns that number; there must be room. */
uint64_t dps_sent_push(struct dps_sent *sent, const struct dps_sent_packet *packet);

enum { DPS_SENT_RUN_MAX = 256 };

/* The same for 1..DPS_SENT_RUN_MAX: a run, each carries data_bytes from where the last ended. */
static inline void dps_sent_push_run(struct dps_sent *sent, const struct dps_sent_packet *first,
				     uint32_t count);

/* The packet of a number within floor..next-1. */
static inline struct dps_sent_packet dps_sent_at(const struct dps_sent *sent, uint64_t number);

static inline bool dps_sent_is_live(const struct dps_sent *sent, uint64_t number);
bool dps_sent_is_lost(const struct dps_sent *sent, uint64_t number);

/* The first live number in from..last, or UINT64_MAX. */
static inline uint64_t dps_sent_next_live(const struct dps_sent *sent, uint64_t from,
					  uint64_t last);

/* The first number in from..last that is remembered as lost, or UINT64_MAX. */
static inline uint64_t dps_sent_next_lost(const struct dps_sent *sent, uint64_t from,
					  uint64_t last);

/* A live packet was acknowledged. */
void dps_sent_remove(struct dps_sent *sent, uint64_t number);

/*
 * The same for many: the live numbers of from..last (both within floor..next-1) that share from's
 * word, as bits of it; they leave with so many bytes in all, and when all have left, the floors
 * follow.
 */
static inline uint64_t dps_sent_live_bits(const struct dps_sent *sent, uint64_t from,
					  uint64_t last);
static inline void dps_sent_remove_bits(struct dps_sent *sent, uint64_t from, uint64_t bits,
					uint64_t wire_bytes);
void dps_sent_raise_floors(struct dps_sent *sent);

/* A live packet is taken for lost: out of flight, remembered. */
void dps_sent_mark_lost(struct dps_sent *sent, uint64_t number);

/* A lost packet was acknowledged after all. */
void dps_sent_remove_lost(struct dps_sent *sent, uint64_t number);

/* Nobody waits for a lost packet any more: it counts as missed. */
void dps_sent_forget_lost(struct dps_sent *sent, uint64_t number);

/* Forgets every lost packet that was sent before a moment. */
void dps_sent_forget_lost_before(struct dps_sent *sent, uint64_t sent_before_ns);

/* inline definitions */

uint64_t dps_sent_find_live(const struct dps_sent *sent, uint64_t from, uint64_t last);
uint64_t dps_sent_find_lost(const struct dps_sent *sent, uint64_t from, uint64_t last);
void dps_sent_note_run(struct dps_sent *sent, uint64_t number, uint32_t count);

/* The last number whose bit shares the word of this one's. */
static inline uint64_t dps_sent_word_end(uint64_t number)
{
	return number | (DPS_SENT_WORD_BITS - 1);
}

static inline uint64_t dps_sent_index(const struct dps_sent *sent, uint64_t number)
{
	return number & (sent->capacity - 1);
}

/* The word of a bitmap that holds a number's bit, which is number % DPS_SENT_WORD_BITS. */
static inline uint64_t dps_sent_word(const struct dps_sent *sent, uint64_t number)
{
	return dps_sent_index(sent, number) / DPS_SENT_WORD_BITS;
}

/* Inline, as what all of a run share is made up where it is recorded, and copied nowhere. */
static inline void dps_sent_push_run(struct dps_sent *sent, const struct dps_sent_packet *first,
				     uint32_t count)
{
	uint64_t number = sent->next_number, end = number + count;
	struct dps_sent_packet *last = &sent->packets[dps_sent_index(sent, end - 1)];

	DPS_ASSERT(end - sent->floor_number <= sent->capacity && count - 1 < DPS_SENT_RUN_MAX);
	*last = *first;
	last->offset += (uint64_t)(count - 1) * first->data_bytes;
	dps_sent_note_run(sent, number, count);
	while (number < end) {
		uint64_t next = dps_min_u64(dps_sent_word_end(number) + 1, end);
		uint64_t ones = UINT64_MAX >> (DPS_SENT_WORD_BITS - (next - number));

		sent->live[dps_sent_word(sent, number)] |= ones << number % DPS_SENT_WORD_BITS;
		number = next;
	}
	sent->next_number = end;
	sent->bytes_in_flight += (uint64_t)count * first->wire_bytes;
	sent->packets_in_flight += count;
}

static inline struct dps_sent_packet dps_sent_at(const struct dps_sent *sent, uint64_t number)
{
	uint8_t left = sent->run_left[dps_sent_index(sent, number)];
	struct dps_sent_packet packet = sent->packets[dps_sent_index(sent, number + left)];

	DPS_ASSERT(number - sent->floor_number < sent->next_number - sent->floor_number);
	packet.offset -= (uint64_t)left * packet.data_bytes;
	packet.run_left = left;
	return packet;
}

static inline bool dps_sent_is_live(const struct dps_sent *sent, uint64_t number)
{
	return number - sent->floor_number < sent->next_number - sent->floor_number &&
	       (sent->live[dps_sent_word(sent, number)] >> number % DPS_SENT_WORD_BITS & 1) != 0;
}

/* Where most is acknowledged in order, the number that is asked for is the answer. */
static inline uint64_t dps_sent_next_live(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	if (from <= last && dps_sent_is_live(sent, from))
		return from;
	return dps_sent_find_live(sent, from, last);
}

/* Nearly always there is none, or all are older. */
static inline uint64_t dps_sent_next_lost(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	if (sent->packets_lost == 0 || from > sent->lost_last)
		return UINT64_MAX;
	return dps_sent_find_lost(sent, from, last);
}

static inline uint64_t dps_sent_live_bits(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	uint64_t bits =
		sent->live[dps_sent_word(sent, from)] & UINT64_MAX << from % DPS_SENT_WORD_BITS;

	if (last > dps_sent_word_end(from))
		return bits;
	return bits & UINT64_MAX >> (dps_sent_word_end(last) - last);
}

static inline void dps_sent_remove_bits(struct dps_sent *sent, uint64_t from, uint64_t bits,
					uint64_t wire_bytes)
{
	sent->live[dps_sent_word(sent, from)] &= ~bits;
	sent->bytes_in_flight -= wire_bytes;
	sent->packets_in_flight -= dps_count_bits(bits);
}
