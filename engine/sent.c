/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/sent.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number % DPS_SENT_WORD_BITS);
}

/* The word of a bitmap that holds the bits of numbers from word_number words on. */
static uint64_t word_at(const struct dps_sent *sent, uint64_t word_number)
{
	return word_number & (sent->capacity / DPS_SENT_WORD_BITS - 1);
}

static uint64_t summary_words(uint64_t capacity)
{
	return (capacity / DPS_SENT_WORD_BITS + DPS_SENT_WORD_BITS - 1) / DPS_SENT_WORD_BITS;
}

size_t dps_sent_bytes(uint64_t capacity)
{
	DPS_ASSERT(dps_is_power_of_two(capacity) && capacity >= DPS_SENT_WORD_BITS);
	return (size_t)(capacity * sizeof(struct dps_sent_packet) +
			(2 * (capacity / DPS_SENT_WORD_BITS) + summary_words(capacity)) *
				sizeof(uint64_t) +
			capacity);
}

void dps_sent_init(struct dps_sent *sent, void *memory, uint64_t capacity, uint64_t first_number)
{
	DPS_ASSERT(dps_is_power_of_two(capacity) && capacity >= DPS_SENT_WORD_BITS);
	*sent = (struct dps_sent){
		.packets = memory,
		.capacity = capacity,
		.next_number = first_number,
		.floor_number = first_number,
		.live_floor = first_number,
		.lost_floor = UINT64_MAX,
	};
	sent->live = (uint64_t *)(void *)(sent->packets + capacity);
	sent->lost = sent->live + capacity / DPS_SENT_WORD_BITS;
	sent->lost_words = sent->lost + capacity / DPS_SENT_WORD_BITS;
	sent->run_left = (uint8_t *)(sent->lost_words + summary_words(capacity));
	memset(sent->live, 0, dps_sent_bytes(capacity) - capacity * sizeof(*sent->packets));
}

/*
 * The first number in from..last, both within floor..next-1, whose bit is set in a map. The first
 * and last word may be the same one after a turn of the ring: their masks keep apart what belongs
 * to which, because from..last is shorter than a turn.
 */
static uint64_t find_live(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	uint64_t mask = UINT64_MAX << (from % DPS_SENT_WORD_BITS);

	for (uint64_t word = from / DPS_SENT_WORD_BITS; word <= last / DPS_SENT_WORD_BITS; word++) {
		uint64_t bits = sent->live[word_at(sent, word)] & mask;

		if (bits != 0) {
			uint64_t number =
				word * DPS_SENT_WORD_BITS + (uint64_t)__builtin_ctzll(bits);

			return number <= last ? number : UINT64_MAX;
		}
		mask = UINT64_MAX;
	}
	return UINT64_MAX;
}

/* The next word after this one that has lost packets; at the end of the map, the word there. */
static uint64_t next_lost_word(const struct dps_sent *sent, uint64_t word)
{
	uint64_t index = word_at(sent, ++word);
	uint64_t bits =
		sent->lost_words[index / DPS_SENT_WORD_BITS] >> (index % DPS_SENT_WORD_BITS);

	if (bits != 0)
		return word + (uint64_t)__builtin_ctzll(bits);
	return word + dps_min_u64(DPS_SENT_WORD_BITS - index % DPS_SENT_WORD_BITS,
				  sent->capacity / DPS_SENT_WORD_BITS - index);
}

static uint64_t find_lost(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	uint64_t mask = UINT64_MAX << (from % DPS_SENT_WORD_BITS);

	for (uint64_t word = from / DPS_SENT_WORD_BITS; word <= last / DPS_SENT_WORD_BITS;
	     word = next_lost_word(sent, word)) {
		uint64_t bits = sent->lost[word_at(sent, word)] & mask;

		if (bits != 0) {
			uint64_t number =
				word * DPS_SENT_WORD_BITS + (uint64_t)__builtin_ctzll(bits);

			return number <= last ? number : UINT64_MAX;
		}
		mask = UINT64_MAX;
	}
	return UINT64_MAX;
}

void dps_sent_raise_floors(struct dps_sent *sent)
{
	uint64_t live = sent->next_number;

	if (sent->packets_in_flight != 0)
		live = find_live(sent, sent->live_floor, live - 1);
	sent->live_floor = live;
	sent->floor_number = dps_min_u64(live, sent->lost_floor);
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
	uint64_t index = dps_sent_index(sent, number);

	DPS_ASSERT(number - sent->floor_number < sent->capacity);
	sent->packets[index] = *packet;
	sent->run_left[index] = 0;
	sent->live[dps_sent_word(sent, number)] |= bit_of(number);
	sent->bytes_in_flight += packet->wire_bytes;
	sent->packets_in_flight++;
	return number;
}

/* How many follow, of each of the longest run: a shorter one's are the end of it. */
#define DOWN_8(from) (from), (from)-1, (from)-2, (from)-3, (from)-4, (from)-5, (from)-6, (from)-7
#define DOWN_64(from)                                                                              \
	DOWN_8(from), DOWN_8((from)-8), DOWN_8((from)-16), DOWN_8((from)-24), DOWN_8((from)-32),   \
		DOWN_8((from)-40), DOWN_8((from)-48), DOWN_8((from)-56)
static const uint8_t run_left_of[DPS_SENT_RUN_MAX] = { DOWN_64(255), DOWN_64(191), DOWN_64(127),
						       DOWN_64(63) };

void dps_sent_note_run(struct dps_sent *sent, uint64_t number, uint32_t count)
{
	uint64_t index = dps_sent_index(sent, number);
	uint64_t in_front = dps_min_u64(count, sent->capacity - index);
	const uint8_t *left = run_left_of + DPS_SENT_RUN_MAX - count;

	memcpy(sent->run_left + index, left, in_front);
	if (in_front < count)
		memcpy(sent->run_left, left + in_front, count - in_front);
}

bool dps_sent_is_lost(const struct dps_sent *sent, uint64_t number)
{
	return number - sent->floor_number < sent->next_number - sent->floor_number &&
	       (sent->lost[dps_sent_word(sent, number)] & bit_of(number)) != 0;
}

uint64_t dps_sent_find_live(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	if (sent->packets_in_flight == 0)
		return UINT64_MAX;
	from = dps_max_u64(from, sent->live_floor);
	last = dps_min_u64(last, sent->next_number - 1);
	return from <= last ? find_live(sent, from, last) : UINT64_MAX;
}

uint64_t dps_sent_find_lost(const struct dps_sent *sent, uint64_t from, uint64_t last)
{
	from = dps_max_u64(from, sent->lost_floor);
	last = dps_min_u64(last, sent->lost_last);
	return from <= last ? find_lost(sent, from, last) : UINT64_MAX;
}

static void leave_flight(struct dps_sent *sent, uint64_t number)
{
	DPS_ASSERT(dps_sent_is_live(sent, number));
	dps_sent_remove_bits(sent, number, bit_of(number), dps_sent_at(sent, number).wire_bytes);
}

void dps_sent_remove(struct dps_sent *sent, uint64_t number)
{
	leave_flight(sent, number);
	if (number == sent->live_floor)
		dps_sent_raise_floors(sent);
}

void dps_sent_mark_lost(struct dps_sent *sent, uint64_t number)
{
	uint64_t word = dps_sent_word(sent, number);

	leave_flight(sent, number);
	sent->lost[word] |= bit_of(number);
	sent->lost_words[word / DPS_SENT_WORD_BITS] |= bit_of(word);
	sent->lost_floor = dps_min_u64(sent->lost_floor, number);
	sent->lost_last = sent->packets_lost++ == 0 ? number : dps_max_u64(sent->lost_last, number);
}

void dps_sent_remove_lost(struct dps_sent *sent, uint64_t number)
{
	uint64_t word = dps_sent_word(sent, number);

	DPS_ASSERT(dps_sent_is_lost(sent, number));
	sent->lost[word] &= ~bit_of(number);
	if (sent->lost[word] == 0)
		sent->lost_words[word / DPS_SENT_WORD_BITS] &= ~bit_of(word);
	sent->packets_lost--;
	if (number == sent->lost_floor)
		sent->lost_floor = dps_sent_next_lost(sent, number, UINT64_MAX);
	if (number == sent->floor_number)
		dps_sent_raise_floors(sent);
}

void dps_sent_forget_lost(struct dps_sent *sent, uint64_t number)
{
	dps_sent_remove_lost(sent, number);
	sent->packets_missed++;
}

void dps_sent_forget_lost_before(struct dps_sent *sent, uint64_t sent_before_ns)
{
	/* Numbers ascend with time, so the first that is young enough ends it. */
	while (sent->packets_lost != 0 &&
	       dps_sent_at(sent, sent->lost_floor).sent_at_ns < sent_before_ns)
		dps_sent_forget_lost(sent, sent->lost_floor);
}
