/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/channel.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 24 };

struct table {
	struct dps_channel channels[CHANNELS];
	struct dps_channel_table table;
	void *memory;
};

static void make(struct table *table)
{
	memset(table, 0, sizeof(*table));
	table->memory = malloc(dps_channel_table_bytes(CHANNELS));
	dps_channel_table_init(&table->table, table->memory, CHANNELS);
}

static uint32_t find(const struct table *table, uint32_t path, bool is_sender, uint32_t number)
{
	return dps_channel_table_find(&table->table, table->channels, path, is_sender, number);
}

static void add(struct table *table, uint32_t index, uint32_t path, bool is_sender, uint32_t number)
{
	table->channels[index].path = path;
	table->channels[index].is_sender = is_sender;
	table->channels[index].number = number;
	dps_channel_table_add(&table->table, table->channels, index);
}

static void table__tells_paths_directions_and_numbers_apart(void **state)
{
	struct table table;

	(void)state;
	make(&table);
	add(&table, 0, 1, true, 5);
	add(&table, 1, 1, false, 5);
	add(&table, 2, 2, true, 5);
	assert_int_equal(find(&table, 1, true, 5), 0);
	assert_int_equal(find(&table, 1, false, 5), 1);
	assert_int_equal(find(&table, 2, true, 5), 2);
	assert_int_equal(find(&table, 2, false, 5), DPS_CHANNEL_NONE);
	assert_int_equal(find(&table, 1, true, 6), DPS_CHANNEL_NONE);
	free(table.memory);
}

/* Few keys in a full table: long runs, whose holes have to be closed rightly. */
static void table__agrees_with_a_list(void **state)
{
	bool is_open[CHANNELS] = { false };
	struct dps_random random;
	struct table table;

	(void)state;
	make(&table);
	dps_random_init(&random, 1);
	for (unsigned int step = 0; step < 50000; step++) {
		uint32_t index = (uint32_t)dps_random_below(&random, CHANNELS);
		uint32_t path = (uint32_t)dps_random_below(&random, 3);
		bool is_sender = dps_random_chance(&random, 1, 2);
		uint32_t number = (uint32_t)dps_random_below(&random, 12) << 20;
		uint32_t expected = DPS_CHANNEL_NONE;

		for (uint32_t i = 0; i < CHANNELS; i++)
			if (is_open[i] && table.channels[i].path == path &&
			    table.channels[i].is_sender == is_sender &&
			    table.channels[i].number == number)
				expected = i;
		assert_int_equal(find(&table, path, is_sender, number), expected);
		if (is_open[index]) {
			dps_channel_table_remove(&table.table, table.channels, index);
			is_open[index] = false;
		} else if (expected == DPS_CHANNEL_NONE) {
			add(&table, index, path, is_sender, number);
			is_open[index] = true;
		}
	}
	free(table.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table__tells_paths_directions_and_numbers_apart),
		cmocka_unit_test(table__agrees_with_a_list),
	};

	return cmocka_run_group_tests_name("channel_table", tests, NULL, NULL);
}
