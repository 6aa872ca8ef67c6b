/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/channel.h"
#include <dps/assert.h>

static uint32_t places_count(uint32_t channels)
{
	uint32_t count = 4;

	while (count < 2 * channels)
		count *= 2;
	return count;
}

static uint32_t hash(uint32_t path, bool is_sender, uint32_t number)
{
	uint64_t key = (uint64_t)path << 33 | (uint64_t)is_sender << 32 | number;

	/* Fibonacci hashing: the product's high bits mix all of the key. */
	return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint32_t home_of(const struct dps_channel_table *table, const struct dps_channel *channel)
{
	return hash(channel->path, channel->is_sender, channel->number) & table->mask;
}

size_t dps_channel_table_bytes(uint32_t channels)
{
	return places_count(channels) * sizeof(uint32_t);
}

void dps_channel_table_init(struct dps_channel_table *table, void *memory, uint32_t channels)
{
	table->places = memory;
	table->mask = places_count(channels) - 1;
	for (uint32_t i = 0; i <= table->mask; i++)
		table->places[i] = DPS_CHANNEL_NONE;
}

uint32_t dps_channel_table_find(const struct dps_channel_table *table,
				const struct dps_channel *channels, uint32_t path, bool is_sender,
				uint32_t number)
{
	uint32_t place = hash(path, is_sender, number) & table->mask;

	for (;; place = (place + 1) & table->mask) {
		uint32_t index = table->places[place];
		const struct dps_channel *channel;

		if (index == DPS_CHANNEL_NONE)
			return DPS_CHANNEL_NONE;
		channel = &channels[index];
		if (channel->number == number && channel->path == path &&
		    channel->is_sender == is_sender)
			return index;
	}
}

void dps_channel_table_add(struct dps_channel_table *table, const struct dps_channel *channels,
			   uint32_t index)
{
	uint32_t place = home_of(table, &channels[index]);

	while (table->places[place] != DPS_CHANNEL_NONE)
		place = (place + 1) & table->mask;
	table->places[place] = index;
}

void dps_channel_table_remove(struct dps_channel_table *table, const struct dps_channel *channels,
			      uint32_t index)
{
	uint32_t place = home_of(table, &channels[index]);
	uint32_t hole;

	while (table->places[place] != index) {
		DPS_ASSERT(table->places[place] != DPS_CHANNEL_NONE);
		place = (place + 1) & table->mask;
	}
	/* Close the hole: whatever probing would have to cross it to find moves into it. */
	hole = place;
	for (;;) {
		uint32_t moved, home;

		place = (place + 1) & table->mask;
		moved = table->places[place];
		if (moved == DPS_CHANNEL_NONE)
			break;
		home = home_of(table, &channels[moved]);
		if (((place - home) & table->mask) >= ((place - hole) & table->mask)) {
			table->places[hole] = moved;
			hole = place;
		}
	}
	table->places[hole] = DPS_CHANNEL_NONE;
}
