/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss stories: what is lost on purpose, and how the lanes come out of it. */
#include "tests/sim/story.h"

struct nth {
	unsigned int direction;
	uint64_t number; /* of the datagram in that direction that is lost */
	uint64_t count;
	uint64_t seen[2];
};

static bool lose_nth(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	struct nth *nth = context;
	uint64_t number = nth->seen[direction]++;

	(void)bytes, (void)length;
	return direction == nth->direction && number >= nth->number &&
	       number < nth->number + nth->count;
}

/* Loses each stretch of so many datagrams of one way in its turn, in a run of its own. */
static void lose_each(unsigned int direction, uint64_t count)
{
	struct setting setting;
	uint64_t runs = 1;

	setting_init(&setting);
	for (uint64_t i = 0; i < runs; i++) {
		struct nth nth = { .direction = direction, .number = i, .count = count };
		struct rig *rig = begin(&setting);

		add_file(rig, 1);
		add_file(rig, 30000);
		add_file(rig, 0);
		add_file(rig, 100000);
		rig->link.filter = lose_nth;
		rig->link.filter_context = &nth;
		end_within(rig, 3000);
		if (i == 0)
			runs = nth.seen[direction];
		rig_destroy(rig);
	}
	assert_true(runs > 20);
}

static void loss__of_any_one_datagram_is_repaired(void **state)
{
	(void)state;
	lose_each(0, 1);
	lose_each(1, 1);
}

static void loss__of_any_five_in_a_row_is_repaired(void **state)
{
	(void)state;
	lose_each(0, 5);
	lose_each(1, 5);
}

static void loss__of_every_credit_update_once_does_not_stop_it(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	setting.window_bytes = 4 * CHUNK_BYTES;
	rig = begin(&setting);
	add_file(rig, 3000000);
	rig->drops.loses_new_credit = true;
	end_within(rig, 60000);
	assert_true(rig->drops.dropped >= 10);
	rig_destroy(rig);
}

static bool lose_all(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	(void)context, (void)direction, (void)bytes, (void)length;
	return true;
}

/* More is under way than can be remembered, and all of it is lost. */
static void loss__of_all_that_can_be_remembered_is_repaired(void **state)
{
	struct setting setting;

	(void)state;
	for (uint64_t at_ms = 20; at_ms < 100; at_ms += 10) {
		struct rig *rig;

		setting_init(&setting);
		setting.config.congestion_mode = DPS_CONGESTION_FIXED;
		setting.config.rate_bytes_per_s = 100000000;
		setting.hosts[0].limits.sent_packets = 256;
		rig = begin(&setting);
		add_file(rig, 10000000);
		rig_run(rig, rig->config.start_ns + at_ms * DPS_NS_PER_MS);
		rig->link.filter = lose_all;
		rig_run(rig, rig->sim.now_ns + 300 * DPS_NS_PER_MS);
		rig->link.filter = NULL;
		end_within(rig, 10000);
		rig_destroy(rig);
	}
}

/* The same again and again, so that nearly all that can be queued for repair is. */
static void loss__of_all_again_and_again_is_repaired(void **state)
{
	struct setting setting;

	(void)state;
	for (uint64_t through_ms = 1; through_ms < 40; through_ms += 3) {
		struct rig *rig;

		setting_init(&setting);
		setting.config.congestion_mode = DPS_CONGESTION_FIXED;
		setting.config.rate_bytes_per_s = 20000000;
		setting.hosts[0].limits.sent_packets = 256;
		rig = begin(&setting);
		add_file(rig, 3000000);
		rig_run(rig, rig->config.start_ns + 30 * DPS_NS_PER_MS);
		for (unsigned int i = 0; i < 10; i++) {
			rig->link.filter = lose_all;
			rig_run(rig, rig->sim.now_ns + 20 * i * DPS_NS_PER_MS);
			rig->link.filter = NULL;
			rig_run(rig, rig->sim.now_ns + through_ms * DPS_NS_PER_MS);
		}
		end_within(rig, 10000);
		rig_destroy(rig);
	}
}

static bool lose_from_side_1(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	(void)context, (void)bytes, (void)length;
	return direction == 1;
}

/* One end hears everything and is not heard: its acknowledgements use up numbers as well. */
static void loss__of_all_from_one_end_is_repaired(void **state)
{
	const struct rig_transfer_config back = {
		.sender = 1,
		.number = 2,
		.window_bytes = WINDOW_BYTES,
		.content_seed = SEED + 100,
		.announced_max = 64,
	};
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	setting.config.congestion_mode = DPS_CONGESTION_FIXED;
	setting.config.rate_bytes_per_s = 10000000;
	setting.hosts[1].limits.sent_packets = 256;
	rig = begin(&setting);
	rig_add_transfer(rig, &back);
	add_file(rig, 3000000);
	rig_add_file(rig, 1, 3000000, 3000000, NULL);
	rig_run(rig, rig->config.start_ns + 100 * DPS_NS_PER_MS);
	rig->link.filter = lose_from_side_1;
	rig_run(rig, rig->sim.now_ns + 2000 * DPS_NS_PER_MS);
	rig->link.filter = NULL;
	end_within(rig, 10000);
	rig_destroy(rig);
}

static void link__may_go_down_and_up_again(void **state)
{
	struct setting setting;

	(void)state;
	for (unsigned int takes = 0; takes < 2; takes++) {
		struct rig *rig;

		setting_init(&setting);
		setting.hosts[0].port.takes_when_down = takes;
		setting.hosts[1].port.takes_when_down = takes;
		rig = begin(&setting);
		add_file(rig, 20000000);
		for (unsigned int i = 0; i < 3; i++) {
			rig_run(rig, rig->sim.now_ns + 60 * DPS_NS_PER_MS);
			dps_sim_link_set_up(&rig->link, false);
			rig_run(rig, rig->sim.now_ns + 1000 * DPS_NS_PER_MS);
			dps_sim_link_set_up(&rig->link, true);
		}
		end_within(rig, 20000);
		rig_destroy(rig);
	}
}

/* The last word of a path cannot be said, and nobody waits for it. */
static void link__that_is_down_keeps_no_lane_from_stopping(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin(&setting);
	add_file(rig, 1000000);
	rig_run(rig, rig->config.start_ns + 5000 * DPS_NS_PER_MS);
	dps_sim_link_set_up(&rig->link, false);
	end_within(rig, 5000);
	rig_destroy(rig);
}

/* Loses, doubles, reorders and damages as the end-to-end tests do; little is sent in vain. */
static void repair__sends_little_that_was_not_lost(void **state)
{
	struct dps_engine_counters counters;
	struct setting setting;
	struct rig *rig;
	uint64_t harmed;

	(void)state;
	setting_init(&setting);
	setting.hosts[0].port.hold_ns_max = 2 * DPS_NS_PER_MS;
	for (unsigned int i = 0; i < 2; i++)
		setting.config.ways[i].faults = (struct dps_sim_faults){
			.loss_ppm = 10000,
			.duplicate_ppm = 10000,
			.reorder_ppm = 10000,
			.reorder_ns_max = 8 * 12000, /* eight packets at this rate */
			.corrupt_ppm = 1000,
		};
	rig = begin(&setting);
	add_file(rig, 50000000);
	end_within(rig, 30000);
	counters_of(rig, 0, &counters);
	harmed = rig->link.ways[0].counters.lost_random + rig->link.ways[0].counters.corrupted;
	print_message("%u data packets, %u sent again, %u lost or damaged\n",
		      (unsigned int)counters.data_packets,
		      (unsigned int)counters.retransmitted_packets, (unsigned int)harmed);
	assert_true(counters.retransmitted_packets <= harmed + counters.data_packets * 3 / 100);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss__of_any_one_datagram_is_repaired),
		cmocka_unit_test(loss__of_any_five_in_a_row_is_repaired),
		cmocka_unit_test(loss__of_every_credit_update_once_does_not_stop_it),
		cmocka_unit_test(loss__of_all_that_can_be_remembered_is_repaired),
		cmocka_unit_test(loss__of_all_again_and_again_is_repaired),
		cmocka_unit_test(loss__of_all_from_one_end_is_repaired),
		cmocka_unit_test(link__may_go_down_and_up_again),
		cmocka_unit_test(link__that_is_down_keeps_no_lane_from_stopping),
		cmocka_unit_test(repair__sends_little_that_was_not_lost),
	};

	return cmocka_run_group_tests_name("loss stories", tests, NULL, NULL);
}
