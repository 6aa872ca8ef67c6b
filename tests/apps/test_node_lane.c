/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of paths and channels among several lanes, and what lanes count together. */
#include "apps/dpdk-streamd/node_lane.h"
#include "apps/dpdk-streamd/node_snapshot.h"
#include "tests/support/cmocka.h"
#include <string.h>

static void name__tells_the_lane_and_comes_back(void **state)
{
	(void)state;
	for (uint32_t lane = 0; lane < DPS_NODE_LANES_MAX; lane++) {
		struct dps_node_lane self = { .index = lane };
		struct dps_lane_event event = { .engine = { .path = 7 << 16 | 63, .channel = 90 } };
		struct dps_lane_command command = { .type = DPS_COMMAND_CLOSE_PATH };

		dps_node_lane_name_event(&self, &event);
		command.path = event.engine.path;
		command.channel = event.engine.channel;
		assert_int_equal(dps_node_lane_of_command(&command), lane);
		command.type = DPS_COMMAND_ANNOUNCE;
		assert_int_equal(dps_node_lane_of_command(&command), lane);
		dps_node_lane_unname(&command);
		assert_int_equal(command.path, 7 << 16 | 63);
		assert_int_equal(command.channel, 90);
	}
}

static void name__of_a_channel_to_open_is_its_paths(void **state)
{
	struct dps_node_lane self = { .index = 5 };
	struct dps_lane_event event = { .engine = { .path = 3 } };
	struct dps_lane_command command = { .type = DPS_COMMAND_OPEN_CHANNEL };

	(void)state;
	dps_node_lane_name_event(&self, &event);
	command.open_channel.path = event.engine.path;
	assert_int_equal(dps_node_lane_of_command(&command), 5);
	dps_node_lane_unname(&command);
	assert_int_equal(command.open_channel.path, 3);
}

static void add__sums_counters_and_keeps_the_firsts_path(void **state)
{
	struct dps_lane_snapshot sum, lane;

	(void)state;
	memset(&sum, 0, sizeof(sum));
	memset(&lane, 0, sizeof(lane));
	sum.engine.data_packets = 5;
	sum.engine.limited_ns[DPS_LIMITS_COUNT - 1] = 7;
	sum.port.handed_datagrams = 1;
	sum.path.window_bytes = 1000;
	sum.now_ns = 50;
	sum.is_link_up = 1;
	lane.engine.data_packets = UINT64_C(1) << 40;
	lane.engine.limited_ns[DPS_LIMITS_COUNT - 1] = 3;
	lane.port.send_errors = 2;
	lane.disk.syscalls = 9;
	lane.path.window_bytes = 1;
	lane.turns = 11;
	lane.now_ns = 60;
	dps_node_snapshot_add(&sum, &lane);
	assert_true(sum.engine.data_packets == (UINT64_C(1) << 40) + 5);
	assert_int_equal(sum.engine.limited_ns[DPS_LIMITS_COUNT - 1], 10);
	assert_int_equal(sum.port.handed_datagrams, 1);
	assert_int_equal(sum.port.send_errors, 2);
	assert_int_equal(sum.disk.syscalls, 9);
	assert_int_equal(sum.turns, 11);
	assert_int_equal(sum.path.window_bytes, 1000);
	assert_int_equal(sum.now_ns, 60);
	assert_int_equal(sum.is_link_up, 0); /* one lane cannot send */
}

static void add__keeps_the_least_that_was_free_and_adds_cycles(void **state)
{
	struct dps_lane_snapshot sum, lane;

	(void)state;
	memset(&sum, 0, sizeof(sum));
	memset(&lane, 0, sizeof(lane));
	sum.cycles.spent[DPS_STAGE_RX] = 100;
	lane.cycles.spent[DPS_STAGE_RX] = 11;
	lane.cycles.spent[DPS_STAGE_IDLE] = 5;
	sum.metered_packets = 3;
	lane.metered_packets = 4;
	sum.slots = lane.slots = 64;
	sum.free_slots_low = 10;
	lane.free_slots_low = 9;
	sum.pools[DPS_PORT_POOL_RX] = (struct dps_port_pool){ 512, 100 };
	lane.pools[DPS_PORT_POOL_RX] = (struct dps_port_pool){ 512, 101 };
	sum.pools[DPS_PORT_POOL_HEAD] = (struct dps_port_pool){ 512, 100 };
	lane.pools[DPS_PORT_POOL_HEAD] = (struct dps_port_pool){ 256, 99 };
	dps_node_snapshot_add(&sum, &lane);
	assert_int_equal(sum.cycles.spent[DPS_STAGE_RX], 111);
	assert_int_equal(sum.cycles.spent[DPS_STAGE_IDLE], 5);
	assert_int_equal(sum.metered_packets, 7);
	assert_int_equal(sum.slots, 128);
	assert_int_equal(sum.free_slots_low, 9);
	assert_int_equal(sum.pools[DPS_PORT_POOL_RX].free_low, 100);
	assert_int_equal(sum.pools[DPS_PORT_POOL_HEAD].free_low, 99);
	assert_int_equal(sum.pools[DPS_PORT_POOL_HEAD].count, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name__tells_the_lane_and_comes_back),
		cmocka_unit_test(name__of_a_channel_to_open_is_its_paths),
		cmocka_unit_test(add__sums_counters_and_keeps_the_firsts_path),
		cmocka_unit_test(add__keeps_the_least_that_was_free_and_adds_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
