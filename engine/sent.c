/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/sent.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

enum { WORD_BITS = 64 };

static uint64_t index_of(const struct dps_sent *sent, uint64_t number)
{
	return number & (sent->capacity - 1);
}

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number % WORD_BITS);
}

/* The word of a bitmap that holds the bits of numbers word_number * 64 and up. */
static uint64_t word_at(const struct dps_sent *sent, uint64_t word_number)
{
	return word_number & (sent->capacity / WORD_BITS - 1);
}

size_t dps_sent_bytes(uint64_t capacity)
{
	DPS_ASSERT(dps_is_power_of_two(capacity) && capacity >= WORD_BITS);
	return (size_t)(capacity * sizeof(struct dps_sent_packet) + 2 * (capacity / 8));
}

void dps_sent_init(struct dps_sent *sent, void *memory, uint64_t capacity, uint64_t first_number)
{
	DPS_ASSERT(dps_is_power_of_two(capacity) && capacity >= WORD_BITS);
	*sent = (struct dps_sent){
		.packets = memory,
		.capacity = capacity,
		.next_number = first_number,
		.floor_number = first_number,
	};
	sent->live = (uint64_t *)(void *)(sent->packets + capacity);
	sent->lost = sent->live + capacity / WORD_BITS;
	memset(sent->live, 0, (size_t)(2 * (capacity / 8)));
}

/*
 * The first number in from..last, both within floor..next-1, whose bit is set in one of the maps.
 * The first and last word may be the same one after a turn of the ring: their masks keep apart
 * what belongs to which, because from..last is shorter than a turn.
 */
static uint64_t find(const struct dps_sent *sent, const uint64_t *map, const uint64_t *other,
		     uint64_t from, uint64_t last)
{
	uint64_t mask = UINT64_MAX << (from % WORD_BITS);

	for (uint64_t word = from / WORD_BITS; word <= last / WORD_BITS; word++) {
		uint64_t bits = (map[word_at(sent, word)] | other[word_at(sent, word)]) & mask;

		if (bits != 0) {
			uint64_t number = word * WORD_BITS + (uint64_t)__builtin_ctzll(bits);

			return number <= last ? number : UINT64_MAX;
		}
		mask = UINT64_MAX;
	}
	return UINT64_MAX;
}

static uint64_t find_within(const struct dps_sent *sent, const uint64_t *map, uint64_t from,
			    uint64_t last)
{
	if (sent->next_number == sent->floor_number)
		return UINT64_MAX;
	from = dps_max_u64(from, sent->floor_number);
	last = dps_min_u64(last, sent->next_number - 1);
	return from <= last ? find(sent, map, map, from, last) : UINT64_MAX;
}

/* Moves the floor up to what is still live or lost. */
static void raise_floor(struct dps_sent *sent)
{
	uint64_t number = UINT64_MAX;

	if (sent->packets_in_flight + sent->packets_lost != 0)
		number = find(sent, sent->live, sent->lost, sent->floor_number,
			      sent->next_number - 1);
	sent->floor_number = number != UINT64_MAX ? number : sent->next_number;
}

bool dps_sent_has_room(struct dps_sent *sent)
{
	if (sent->next_number - sent->floor_number < sent->capacity)
		return true;
	if (!dps_sent_is_lost(sent, sent->floor_number))
		return false;
	dps_sent_forget_lost(sent, sent->floor_number);
	return true;
}

uint64_t dps_sent_push(struct dps_sent *sent, const struct dps_sent_packet *packet)
{
	uint64_t number = sent->next_number++;
	uint64_t index = index_of(sent, number);

	DPS_ASSERT(number - sent->floor_number < sent->capacity);
	sent->packets[index] = *packet;
	sent->live[index / WORD_BITS] |= bit_of(number);
	sent->bytes_in_flight += packet->wire_bytes;
	sent->packets_in_flight++;
	return number;
}

const struct dps_sent_packet *dps_sent_at(const struct dps_sent *sent, uint64_t number)
{
	DPS_ASSERT(number - sent->floor_number < sent->next_number - sent->floor_number);
	return &sent->packets[index_of(sent, number)];
}

bool dps_sent_is_lost(const struct dps_sent *sent, uint64_t number)
{
	return number - sent->floor_number < sent->next_number - sent->floor_number &&
	       (sent->lost[index_of(sent, number) / WORD_BITS] & bit_of(number)) != 0;
}

uint64_t dps_sent_find_live(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	return find_within(sent, sent->live, from, last);
}

uint64_t dps_sent_next_lost(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	return sent->packets_lost != 0 ? find_within(sent, sent->lost, from, last) : UINT64_MAX;
}

static void leave_flight(struct dps_sent *sent, uint64_t number)
{
	uint64_t index = index_of(sent, number);

	DPS_ASSERT(dps_sent_is_live(sent, number));
	sent->live[index / WORD_BITS] &= ~bit_of(number);
	sent->bytes_in_flight -= sent->packets[index].wire_bytes;
	sent->packets_in_flight--;
}

void dps_sent_remove(struct dps_sent *sent, uint64_t number)
{
	leave_flight(sent, number);
	if (number == sent->floor_number)
		raise_floor(sent);
}

void dps_sent_mark_lost(struct dps_sent *sent, uint64_t number)
{
	leave_flight(sent, number);
	sent->lost[index_of(sent, number) / WORD_BITS] |= bit_of(number);
	sent->packets_lost++;
}

void dps_sent_forget_lost(struct dps_sent *sent, uint64_t number)
{
	DPS_ASSERT(dps_sent_is_lost(sent, number));
	sent->lost[index_of(sent, number) / WORD_BITS] &= ~bit_of(number);
	sent->packets_lost--;
	if (number == sent->floor_number)
		raise_floor(sent);
}

void dps_sent_forget_lost_before(struct dps_sent *sent, uint64_t sent_before_ns)
{
	uint64_t number = dps_sent_next_lost(sent, sent->floor_number, UINT64_MAX);

	/* Numbers ascend with time, so the first that is young enough ends it. */
	while (number != UINT64_MAX && dps_sent_at(sent, number)->sent_at_ns < sent_before_ns) {
		dps_sent_forget_lost(sent, number);
		number = dps_sent_next_lost(sent, number, UINT64_MAX);
	}
}
