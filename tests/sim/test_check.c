/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_check.h"
#include "drivers/sim/sim_filter.h"
#include "tests/sim/link_world.h"

enum { FROM_A = 11, FROM_B = 22, CHANNEL = 3 };

static const struct dps_sim_way_config no_limits = { .delay_ns = 1000 };

struct check_world {
	struct link_world *link;
	struct dps_sim_check check;
	uint32_t path;
	uint32_t to_a;
};

static struct check_world *new_world(void)
{
	struct check_world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->link = link_world_new(1, &no_limits, &dps_sim_port_plain);
	dps_sim_check_init(&world->check, &world->link->link);
	world->path = dps_sim_check_add_path(&world->check, FROM_A, FROM_B);
	dps_sim_check_add_channel(&world->check, world->path, CHANNEL, 0, 1000);
	world->to_a = (uint32_t)world->link->b.port.ops->add_remote(&world->link->b.port,
								    &world->link->a.port.local);
	return world;
}

static void end_world(struct check_world *world, const char *failure)
{
	link_world_end(world->link, failure);
	free(world);
}

static void send_data(struct check_world *world, uint64_t number, uint64_t offset)
{
	uint8_t head[DPS_ENVELOPE_BYTES + 100] = { 0 };
	const struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_DATA,
		.payload_bytes = 100,
		.connection_id = FROM_A,
		.packet_number = number,
		.offset = offset,
		.channel = CHANNEL,
	};
	const struct dps_outgoing outgoing = {
		.head = head,
		.head_bytes = sizeof(head),
		.remote = world->link->to_b,
	};

	dps_header_encode(&header, head);
	world->link->a.port.ops->send(&world->link->a.port, &outgoing, 1);
}

static void send_ack(struct check_world *world, uint64_t number, uint64_t largest,
		     uint64_t contiguous, uint64_t stored, uint64_t credit)
{
	uint8_t head[DPS_ENVELOPE_BYTES + DPS_WIRE_ACK_BYTES_MAX] = { 0 };
	const struct dps_ack ack = {
		.largest = largest,
		.ranges_count = 1,
		.channels_count = 1,
		.ranges = { { largest, largest } },
		.channels = { { CHANNEL, 0, credit, contiguous, stored } },
	};
	size_t bytes = dps_ack_encode(&ack, head + DPS_ENVELOPE_BYTES, DPS_WIRE_ACK_BYTES_MAX);
	const struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_ACK,
		.payload_bytes = (uint16_t)bytes,
		.connection_id = FROM_B,
		.packet_number = number,
	};
	const struct dps_outgoing outgoing = {
		.head = head,
		.head_bytes = (uint32_t)(DPS_ENVELOPE_BYTES + bytes),
		.remote = world->to_a,
	};

	dps_header_encode(&header, head);
	world->link->b.port.ops->send(&world->link->b.port, &outgoing, 1);
}

static void tap__is_silent_while_all_is_well(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 0);
	send_data(world, 8, 900);
	dps_sim_check_mark_stored(&world->check, world->path, CHANNEL, 0, 100);
	send_ack(world, 0, 8, 100, 100, 1100);
	send_data(world, 9, 1000);
	send_ack(world, 1, 9, 100, 100, 1100);
	assert_int_equal(world->check.data_packets, 3);
	end_world(world, "");
}

static void tap__finds_a_packet_number_that_comes_twice(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 0);
	send_data(world, 7, 100);
	end_world(world, "packet number 7 from side 0, expected 8");
}

static void tap__finds_data_beyond_the_credit(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 901);
	end_world(world, "901..1001 beyond the credit 1000");
}

static void tap__finds_an_ack_of_what_was_not_sent(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 0);
	send_ack(world, 0, 8, 0, 0, 1000);
	end_world(world, "ACK of packet 8, which was not sent");
}

static void tap__finds_credit_that_falls(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 0);
	send_ack(world, 0, 7, 100, 0, 999);
	end_world(world, "fell back to");
}

static void tap__finds_stored_that_is_not(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	send_data(world, 7, 0);
	send_ack(world, 0, 7, 100, 100, 1000);
	end_world(world, "says stored 100, only 0 is");
}

static void drops_filter__loses_every_new_credit_once(void **state)
{
	struct check_world *world = new_world();
	struct dps_sim_drops drops = { .loses_new_credit = true };

	(void)state;
	world->link->link.filter = dps_sim_drops_filter;
	world->link->link.filter_context = &drops;
	send_data(world, 7, 0);
	send_ack(world, 0, 7, 100, 0, 1000);
	assert_int_equal(drops.dropped, 1);
	send_ack(world, 1, 7, 100, 0, 1000);
	assert_int_equal(drops.dropped, 1);
	send_ack(world, 2, 7, 100, 0, 1001);
	assert_int_equal(drops.dropped, 2);
	end_world(world, "");
}

static void on_progress__finds_a_run_that_stands(void **state)
{
	struct check_world *world = new_world();
	struct dps_sim *sim = &world->link->sim;

	(void)state;
	dps_sim_check_on_progress(&world->check, 5, DPS_NS_PER_S);
	assert_true(dps_sim_run_until(sim, sim->now_ns + DPS_NS_PER_S));
	dps_sim_check_on_progress(&world->check, 5, DPS_NS_PER_S);
	assert_string_equal(sim->failure, "");
	assert_true(dps_sim_run_until(sim, sim->now_ns + 1));
	dps_sim_check_on_progress(&world->check, 5, DPS_NS_PER_S);
	end_world(world, "no progress for 1000 ms, at 5");
}

static void file__lacks_a_byte(void **state)
{
	struct dps_sim sim;
	struct dps_sim_disk disk;
	const struct dps_sim_file_config config = { .bytes = 10, .is_sink = true };
	int fd;

	(void)state;
	dps_sim_init(&sim, 1, 1);
	dps_sim_disk_open(&disk, &sim, "disk", &dps_sim_disk_plain);
	fd = dps_sim_disk_create(&disk, &config);
	dps_sim_check_file(&sim, &disk, fd, false);
	assert_non_null(strstr(sim.failure, "lacks 0..10"));
	dps_sim_disk_fini(&disk);
	dps_sim_fini(&sim);
}

static void port__has_not_given_a_body_back(void **state)
{
	struct check_world *world = new_world();

	(void)state;
	world->link->a.bodies_taken++;
	dps_sim_check_port(&world->link->sim, &world->link->a);
	end_world(world, "a took 1 bodies and gave back 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap__is_silent_while_all_is_well),
		cmocka_unit_test(tap__finds_a_packet_number_that_comes_twice),
		cmocka_unit_test(tap__finds_data_beyond_the_credit),
		cmocka_unit_test(tap__finds_an_ack_of_what_was_not_sent),
		cmocka_unit_test(tap__finds_credit_that_falls),
		cmocka_unit_test(tap__finds_stored_that_is_not),
		cmocka_unit_test(drops_filter__loses_every_new_credit_once),
		cmocka_unit_test(on_progress__finds_a_run_that_stands),
		cmocka_unit_test(file__lacks_a_byte),
		cmocka_unit_test(port__has_not_given_a_body_back),
	};

	return cmocka_run_group_tests_name("sim-check", tests, NULL, NULL);
}
