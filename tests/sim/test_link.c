/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/link_world.h"

enum { START = LINK_WORLD_START_NS, COUNT = 100000 };

/* Sends COUNT packets of 1000 bytes, one a microsecond, and counts what arrives and in what order.
 */
static unsigned int pour(struct link_world *world, unsigned int *turned_count)
{
	uint64_t numbers[DPS_PORT_BURST], last = 0;
	unsigned int arrived = 0, count;

	*turned_count = 0;
	for (unsigned int i = 0; i < COUNT + 1000; i++) {
		if (i < COUNT)
			link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 1000);
		assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 1000));
		while ((count = link_world_receive(&world->b, numbers)) > 0) {
			for (unsigned int j = 0; j < count; j++) {
				*turned_count += numbers[j] < last;
				last = numbers[j] > last ? numbers[j] : last;
			}
			arrived += count;
		}
	}
	return arrived;
}

static void send__arrives_after_transmission_and_delay_to_the_ns(void **state)
{
	/* 1000 bytes + 66 at 10 Gb/s: 852.8 ns each; the fractions add up. */
	const struct dps_sim_way_config way = {
		.bits_per_s = UINT64_C(10000000000),
		.delay_ns = 5000000,
		.overhead_bytes = 66,
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	uint64_t numbers[DPS_PORT_BURST];

	(void)state;
	for (unsigned int i = 0; i < 5; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 1000);
	for (unsigned int i = 0; i < 5; i++) {
		uint64_t at_ns = START + 5000000 + 8528 * (i + 1) / 10;

		assert_true(dps_sim_run_until(&world->sim, at_ns - 1));
		assert_int_equal(link_world_receive(&world->b, numbers), 0);
		assert_true(dps_sim_run_until(&world->sim, at_ns));
		assert_int_equal(link_world_receive(&world->b, numbers), 1);
		assert_int_equal(numbers[0], i);
	}
	link_world_end(world, "");
}

static void send__over_an_odd_rate_keeps_every_fraction(void **state)
{
	/* 7 Gb/s of payload: 944 * 8 bits take 1078.857... ns; 70000 of them 75520000 ns. */
	const struct dps_sim_way_config way = {
		.bits_per_s = UINT64_C(7000000000),
		.overhead_bytes = -DPS_ENVELOPE_BYTES,
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);

	(void)state;
	for (unsigned int i = 0; i < 70000; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 1000);
	assert_int_equal(world->link.ways[0].free_at_ns, START + 75520000);
	link_world_end(world, "");
}

static void send__keeps_a_queue_within_its_bytes(void **state)
{
	/* 8 ns a byte; 10 packets of 1000 bytes fit, then one more for each that has left. */
	const struct dps_sim_way_config way = {
		.bits_per_s = UINT64_C(1000000000),
		.queue_bytes = 10000,
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	struct dps_sim_way_counters *counters = &world->link.ways[0].counters;

	(void)state;
	for (unsigned int i = 0; i < 15; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 1000);
	assert_int_equal(counters->lost_queue, 5);
	assert_true(dps_sim_run_until(&world->sim, START + 7999));
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 15, 1000);
	assert_int_equal(counters->lost_queue, 6);
	assert_true(dps_sim_run_until(&world->sim, START + 8000));
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 16, 1000);
	assert_int_equal(counters->lost_queue, 6);
	assert_true(dps_sim_run_until(&world->sim, START + DPS_NS_PER_S));
	assert_int_equal(counters->delivered, 11);
	link_world_end(world, "");
}

static void send__of_two_ports_shares_one_way(void **state)
{
	const struct dps_sim_way_config way = { .bits_per_s = UINT64_C(8000000000) };
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	struct dps_sim_port c, d;
	uint32_t to_b, to_d;
	uint64_t numbers[DPS_PORT_BURST];

	(void)state;
	dps_sim_port_open(&c, &world->link, 0, "c", &dps_sim_port_plain);
	dps_sim_port_open(&d, &world->link, 1, "d", &dps_sim_port_plain);
	to_b = (uint32_t)c.port.ops->add_remote(&c.port, &world->b.port.local);
	to_d = (uint32_t)c.port.ops->add_remote(&c.port, &d.port.local);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 1, 1000);
	link_world_send(world, &c, to_d, DPS_PACKET_PING, 2, 1000);
	link_world_send(world, &c, to_b, DPS_PACKET_PING, 3, 1000);

	assert_true(dps_sim_run_until(&world->sim, START + 2999));
	assert_int_equal(link_world_receive(&d, numbers), 1);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(link_world_receive(&world->b, numbers), 1);
	assert_true(dps_sim_run_until(&world->sim, START + 3000));
	assert_int_equal(link_world_receive(&world->b, numbers), 1);
	assert_int_equal(numbers[0], 3);
	c.port.ops->close(&c.port);
	d.port.ops->close(&d.port);
	link_world_end(world, "");
}

static void faults__lose_by_their_ratio(void **state)
{
	const struct dps_sim_way_config way = { .faults.loss_ppm = 10000 };
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	unsigned int turned, arrived = pour(world, &turned);

	(void)state;
	assert_in_range(COUNT - arrived, 850, 1150);
	assert_int_equal(turned, 0);
	assert_int_equal(world->link.ways[0].counters.lost_random, COUNT - arrived);
	link_world_end(world, "");
}

static void faults__lose_in_bursts(void **state)
{
	/* Bad for 1 in 101 packets on average, for 10 at a time; then half of them are lost. */
	const struct dps_sim_way_config way = {
		.faults = { .burst_enter_ppm = 1000,
			    .burst_leave_ppm = 100000,
			    .burst_loss_ppm = 500000 },
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	unsigned int turned, arrived = pour(world, &turned);

	(void)state;
	assert_in_range(COUNT - arrived, 350, 650);
	link_world_end(world, "");
}

static void faults__duplicate_and_reorder(void **state)
{
	const struct dps_sim_way_config way = {
		.faults = { .duplicate_ppm = 5000, .reorder_ppm = 20000, .reorder_ns_max = 100000 },
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	unsigned int turned, arrived = pour(world, &turned);

	(void)state;
	assert_in_range(arrived - COUNT, 400, 600);
	assert_in_range(turned, 1800, 2700);
	link_world_end(world, "");
}

static void faults__flip_bits_and_cut_ends(void **state)
{
	const struct dps_sim_way_config way = {
		.faults = { .corrupt_ppm = 500000, .truncate_ppm = 100000 },
	};
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int cut = 0, flipped = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int bits = 0;

		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 0, 600);
		assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 1));
		assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 32), 1);
		for (unsigned int j = DPS_HEADER_BYTES; j < incoming[0].length; j++)
			bits += (unsigned int)__builtin_popcount(incoming[0].bytes[j] ^ 0x5a);
		assert_in_range(bits, 0, 3);
		flipped += bits > 0;
		cut += incoming[0].length < 600;
		world->b.port.ops->release(&world->b.port, incoming, 1);
	}
	assert_in_range(flipped, 350, 550);
	assert_in_range(cut, 60, 140);
	link_world_end(world, "");
}

static void faults__black_out(void **state)
{
	/* Every 10 ms on average, for 1 ms on average. */
	const struct dps_sim_way_config way = {
		.faults = { .blackout_every_ns = 10000000, .blackout_ns_max = 2000000 },
	};
	struct link_world *world = link_world_new(3, &way, &dps_sim_port_plain);
	unsigned int turned, arrived = pour(world, &turned);

	(void)state;
	assert_in_range(COUNT - arrived, COUNT / 40, COUNT / 5);
	link_world_end(world, "");
}

static void faults__repeat_with_the_seed(void **state)
{
	const struct dps_sim_way_config way = {
		.faults = { .loss_ppm = 10000, .duplicate_ppm = 5000 },
	};
	unsigned int turned, arrived[3];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct link_world *world = link_world_new(i / 2, &way, &dps_sim_port_plain);

		arrived[i] = pour(world, &turned);
		link_world_end(world, "");
	}
	assert_int_equal(arrived[0], arrived[1]);
	assert_int_not_equal(arrived[0], arrived[2]);
}

static void set_up__loses_what_is_under_way_at_a_cut(void **state)
{
	const struct dps_sim_way_config way = { .delay_ns = 1000 };
	struct link_world *world = link_world_new(1, &way, &dps_sim_port_plain);
	uint64_t numbers[DPS_PORT_BURST];

	(void)state;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 1, 100);
	dps_sim_link_set_up(&world->link, false);
	assert_false(world->a.port.ops->is_up(&world->a.port));
	assert_int_equal(link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 2, 100),
			 0);
	dps_sim_link_set_up(&world->link, true);
	assert_int_equal(link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 3, 100),
			 1);
	assert_true(dps_sim_run_until(&world->sim, START + 2000));
	assert_int_equal(link_world_receive(&world->b, numbers), 1);
	assert_int_equal(numbers[0], 3);
	link_world_end(world, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__arrives_after_transmission_and_delay_to_the_ns),
		cmocka_unit_test(send__over_an_odd_rate_keeps_every_fraction),
		cmocka_unit_test(send__keeps_a_queue_within_its_bytes),
		cmocka_unit_test(send__of_two_ports_shares_one_way),
		cmocka_unit_test(faults__lose_by_their_ratio),
		cmocka_unit_test(faults__lose_in_bursts),
		cmocka_unit_test(faults__duplicate_and_reorder),
		cmocka_unit_test(faults__flip_bits_and_cut_ends),
		cmocka_unit_test(faults__black_out),
		cmocka_unit_test(faults__repeat_with_the_seed),
		cmocka_unit_test(set_up__loses_what_is_under_way_at_a_cut),
	};

	return cmocka_run_group_tests_name("sim-link", tests, NULL, NULL);
}
