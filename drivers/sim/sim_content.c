/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each page is one table of random words, xored with a key that is hashed from the file's seed
 * and the page's number. That runs at memory speed, and any byte that comes from another file, page
 * or place in its page is seen.
 */
#include "drivers/sim/sim_content.h"
#include "engine/bits.h"
#include "engine/random.h"
#include <dps/types.h>
#include <stdbool.h>
#include <string.h>

enum { PAGE_WORDS = DPS_PAGE_BYTES / 8 };

static uint64_t table[PAGE_WORDS];
static bool has_table;

static void make_table(void)
{
	struct dps_random random;

	if (has_table)
		return;
	dps_random_init(&random, 1);
	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		table[i] = dps_random_next(&random);
	has_table = true;
}

/* The finalizer of MurmurHash3, over both. */
static uint64_t page_key(uint64_t seed, uint64_t page)
{
	uint64_t key = seed + page * UINT64_C(0x9e3779b97f4a7c15);

	key = (key ^ (key >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	key = (key ^ (key >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return key ^ (key >> 33);
}

static void fill_page(uint64_t key, unsigned int start, uint8_t *memory, size_t bytes)
{
	uint64_t words[PAGE_WORDS];

	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		words[i] = table[i] ^ key;
	memcpy(memory, (const uint8_t *)words + start, bytes);
}

void dps_sim_content_fill(uint64_t seed, uint64_t offset, uint8_t *memory, size_t bytes)
{
	if (seed == DPS_SIM_CONTENT_ZEROS) {
		memset(memory, 0, bytes);
		return;
	}
	make_table();
	while (bytes > 0) {
		unsigned int start = (unsigned int)(offset % DPS_PAGE_BYTES);
		size_t count = dps_min_u64(bytes, DPS_PAGE_BYTES - start);

		fill_page(page_key(seed, offset / DPS_PAGE_BYTES), start, memory, count);
		offset += count;
		memory += count;
		bytes -= count;
	}
}

size_t dps_sim_content_check(uint64_t seed, uint64_t offset, const uint8_t *memory, size_t bytes)
{
	uint8_t page[DPS_PAGE_BYTES];
	size_t done = 0;

	while (done < bytes) {
		size_t count = dps_min_u64(bytes - done,
					   DPS_PAGE_BYTES - (offset + done) % DPS_PAGE_BYTES);

		dps_sim_content_fill(seed, offset + done, page, count);
		if (memcmp(page, memory + done, count) != 0) {
			for (size_t i = 0; i < count; i++)
				if (page[i] != memory[done + i])
					return done + i;
		}
		done += count;
	}
	return bytes;
}

uint64_t dps_sim_content_print(const uint8_t *memory, size_t bytes)
{
	uint64_t sums[4] = { bytes, 0, 0, 0 }, turns[4] = { 0 };
	uint64_t words[4], print = 0;
	size_t at;

	/* Four Fletcher sums side by side: a changed word changes one, swapped words the second. */
	for (at = 0; at + sizeof(words) <= bytes; at += sizeof(words)) {
		memcpy(words, memory + at, sizeof(words));
		for (unsigned int i = 0; i < 4; i++) {
			sums[i] += words[i];
			turns[i] += sums[i];
		}
	}
	memset(words, 0, sizeof(words));
	memcpy(words, memory + at, bytes - at);
	for (unsigned int i = 0; i < 4; i++) {
		sums[i] += words[i];
		turns[i] += sums[i];
	}
	for (unsigned int i = 0; i < 4; i++)
		print = page_key(page_key(print ^ sums[i], 1) ^ turns[i], 1);
	return print;
}
