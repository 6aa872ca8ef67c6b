/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_check.h"
#include "drivers/sim/sim_filter.h"
#include "tests/sim/link_world.h"
#include <dps/engine.h>

enum { START = LINK_WORLD_START_NS };

static const struct dps_sim_way_config no_limits = { .delay_ns = 1000 };

static void receive__lends_what_was_sent(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	memset(world->memory, 0xab, 8192);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 5, 8000);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 32), 1);
	assert_int_equal(incoming[0].length, 8000);
	assert_memory_equal(incoming[0].bytes + DPS_ENVELOPE_BYTES, world->memory, 7944);
	assert_memory_equal(&incoming[0].from, &world->a.port.local, sizeof(incoming[0].from));
	world->b.port.ops->release(&world->b.port, incoming, 1);
	link_world_end(world, "");
}

static void receive__before_the_release_of_the_last_is_found(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 5, 100);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 32), 1);
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming + 1, 31), 0);
	world->b.port.ops->release(&world->b.port, incoming, 1);
	link_world_end(world, "receive before the last was released");
}

static void receive__has_a_ring_with_an_end(void **state)
{
	const struct dps_sim_port_config config = { .mtu = 1500, .rx_packets_max = 8 };
	struct link_world *world = link_world_new(1, &no_limits, &config);
	uint64_t numbers[DPS_PORT_BURST];

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 100);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->b.port.counters.dropped_no_buffer, 2);
	assert_int_equal(link_world_receive(&world->b, numbers), 8);
	assert_int_equal(numbers[7], 7);
	link_world_end(world, "");
}

static void send__gives_a_body_back_at_once_without_hold(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);

	(void)state;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 1, 5000);
	assert_int_equal(world->released_count, 1);
	assert_int_equal(world->released_last, 77);
	link_world_end(world, "");
}

static void send__gives_every_held_body_back_once(void **state)
{
	struct dps_sim_port_config config = dps_sim_port_plain;
	struct link_world *world;
	unsigned int early;

	(void)state;
	config.hold_ns_max = 2 * DPS_NS_PER_MS;
	world = link_world_new(1, &no_limits, &config);
	for (unsigned int i = 0; i < 100; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, i, 2000);
	assert_true(dps_sim_run_until(&world->sim, START + DPS_NS_PER_MS));
	world->a.port.ops->poll(&world->a.port, world->sim.now_ns);
	early = world->released_count;
	assert_in_range(early, 30, 70);
	assert_true(dps_sim_run_until(&world->sim, START + 2 * DPS_NS_PER_MS));
	assert_int_equal(world->released_count, early); /* only inside the port's calls */
	world->a.port.ops->poll(&world->a.port, world->sim.now_ns);
	assert_int_equal(world->released_count, 100);
	assert_int_equal(world->a.bodies_taken, world->a.bodies_released);
	link_world_end(world, "");
}

static void send__finds_a_body_that_changes_while_it_is_held(void **state)
{
	struct dps_sim_port_config config = dps_sim_port_plain;
	struct link_world *world;

	(void)state;
	config.hold_ns_max = DPS_NS_PER_MS;
	world = link_world_new(1, &no_limits, &config);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 1, 5000);
	world->memory[4000] ^= 1;
	assert_true(dps_sim_run_until(&world->sim, START + DPS_NS_PER_MS));
	world->a.port.ops->poll(&world->a.port, world->sim.now_ns);
	link_world_end(world, "changed while the port held it");
}

/* What a program lends to a stream may lie anywhere. */
static void send__copies_a_streams_body_outside_of_the_ports_memory(void **state)
{
	struct dps_sim_port_config config = dps_sim_port_plain;
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 }, own[1000] = { 0 };
	struct dps_outgoing out = {
		.head = head,
		.head_bytes = sizeof(head),
		.body = own,
		.body_bytes = sizeof(own),
		.token = DPS_TOKEN_STREAMS,
	};
	struct link_world *world;

	(void)state;
	config.hold_ns_max = DPS_NS_PER_MS;
	world = link_world_new(1, &no_limits, &config);
	out.remote = world->to_b;
	assert_int_equal(world->a.port.ops->send(&world->a.port, &out, 1), 1);
	assert_int_equal(world->a.bodies_released, 1);
	memset(own, 1, sizeof(own)); /* it is the program's again */
	assert_true(dps_sim_run_until(&world->sim, START + DPS_NS_PER_MS));
	link_world_end(world, "");
}

static void send__finds_a_body_outside_of_the_ports_memory(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);

	(void)state;
	world->memory += (1 << 16) - 1000;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 1, 5000);
	link_world_end(world, "not in the port's memory");
}

/* Makes room for a datagram of so many bytes in all, and fills it as the body at memory is. */
static struct dps_outgoing make_room(struct link_world *world, uint8_t *head, uint32_t length)
{
	struct dps_outgoing outgoing = {
		.head = head,
		.head_bytes = DPS_ENVELOPE_BYTES,
		.body = world->memory,
		.body_bytes = length - DPS_ENVELOPE_BYTES,
		.remote = world->to_b,
	};

	assert_int_equal(world->a.port.ops->reserve(&world->a.port, &outgoing, 1), 1);
	memcpy(outgoing.room, outgoing.body, outgoing.body_bytes);
	outgoing.body = outgoing.room;
	return outgoing;
}

static struct link_world *lending_world(void)
{
	struct dps_sim_port_config config = dps_sim_port_plain;

	config.lends_rooms = true;
	return link_world_new(1, &no_limits, &config);
}

static void reserve__lends_rooms_until_they_are_sent_or_forgone(void **state)
{
	struct link_world *world = lending_world();
	struct dps_port *port = &world->a.port;
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 };
	struct dps_incoming incoming[1];

	(void)state;
	memset(world->memory, 0xab, 8192);
	for (unsigned int i = 0; i < 3 * DPS_SIM_ROOMS; i++) {
		struct dps_outgoing outgoing = make_room(world, head, 8000);

		if (i % 3 == 0)
			port->ops->forgo(port, &outgoing, 1);
		else
			assert_int_equal(port->ops->send(port, &outgoing, 1), 1);
	}
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 1), 1);
	assert_int_equal(incoming[0].length, 8000);
	assert_memory_equal(incoming[0].bytes + DPS_ENVELOPE_BYTES, world->memory, 7944);
	world->b.port.ops->release(&world->b.port, incoming, 1);
	assert_int_equal(world->released_count, 0); /* no token of theirs comes back */
	link_world_end(world, "");
}

static void reserve__lends_no_more_than_there_are(void **state)
{
	struct link_world *world = lending_world();
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 };
	struct dps_outgoing outgoing[DPS_PORT_BURST] = { { .head = head } };

	(void)state;
	for (unsigned int i = 0; i < DPS_SIM_ROOMS - 2; i++)
		make_room(world, head, 100);
	assert_int_equal(world->a.port.ops->reserve(&world->a.port, outgoing, 5), 2);
	assert_int_equal(world->a.port.ops->reserve(&world->a.port, outgoing + 2, 3), 0);
	link_world_end(world, "");
}

static void send__finds_a_room_that_is_not_lent(void **state)
{
	struct link_world *world = lending_world();
	struct dps_port *port = &world->a.port;
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 };
	struct dps_outgoing outgoing = make_room(world, head, 5000);

	(void)state;
	port->ops->send(port, &outgoing, 1);
	assert_string_equal(world->sim.failure, "");
	port->ops->send(port, &outgoing, 1);
	link_world_end(world, "a room that is not lent");
}

static void send__finds_paths_that_are_mixed(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 };
	struct dps_outgoing outgoing[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		outgoing[i] = (struct dps_outgoing){ .head = head,
						     .head_bytes = sizeof(head),
						     .remote = world->to_b,
						     .path = i / 2 };
	world->a.port.ops->send(&world->a.port, outgoing, 5);
	assert_string_equal(world->sim.failure, "");
	outgoing[4].path = 0;
	world->a.port.ops->send(&world->a.port, outgoing, 5);
	link_world_end(world, "those of path 0 do not lie together");
}

static void send__finds_a_datagram_that_is_too_long(void **state)
{
	const struct dps_sim_port_config config = { .mtu = 1500, .rx_packets_max = 8 };
	struct link_world *world = link_world_new(1, &no_limits, &config);

	(void)state;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 1, 1472);
	assert_string_equal(world->sim.failure, "");
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 2, 1473);
	link_world_end(world, "datagram of 1473+0 bytes");
}

static void send__refuses_and_takes_again_later(void **state)
{
	const struct dps_sim_port_config config = {
		.mtu = 9000,
		.rx_packets_max = 1024,
		.refuse_ppm = 100000,
		.refuse_ns_max = 5000,
	};
	struct link_world *world = link_world_new(1, &no_limits, &config);
	unsigned int refused = 0;
	uint64_t numbers[DPS_PORT_BURST], expected = 0;

	(void)state;
	for (unsigned int sent = 0; sent < 1000;) {
		if (link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, sent, 100)) {
			sent++;
		} else {
			refused++;
			assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 1000));
		}
	}
	assert_in_range(refused, 100, 1000);
	assert_int_equal(world->a.port.counters.refused_sends, refused);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 1000));
	for (unsigned int count; (count = link_world_receive(&world->b, numbers)) > 0;)
		for (unsigned int i = 0; i < count; i++)
			assert_int_equal(numbers[i], expected++);
	assert_int_equal(expected, 1000);
	link_world_end(world, "");
}

static void send__to_nobody_is_taken_and_lost(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_address nobody = world->b.port.local;
	uint32_t remote;

	(void)state;
	nobody.ip[3] = 99;
	remote = (uint32_t)world->a.port.ops->add_remote(&world->a.port, &nobody);
	assert_int_equal(link_world_send(world, &world->a, remote, DPS_PACKET_DATA, 1, 5000), 1);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->released_count, 1);
	link_world_end(world, "");
}

static void send__when_thin_carries_head_and_tail(void **state)
{
	struct dps_sim_port_config config = dps_sim_port_plain;
	struct link_world *world;
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	config.is_thin = true;
	world = link_world_new(1, &no_limits, &config);
	memset(world->memory + 4944 - 16, 0xcd, 16);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 5, 5000);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 32), 1);
	assert_memory_equal(incoming[0].bytes + DPS_ENVELOPE_BYTES, world->memory, 4944);
	world->b.port.ops->release(&world->b.port, incoming, 1);
	link_world_end(world, "");
}

static void inject__arrives_at_once_from_anyone(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_address stranger = { .family = DPS_ADDRESS_IPV4, .ip = { 6, 6, 6, 6 } };
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	dps_sim_port_inject(&world->b, &stranger, (const uint8_t *)"boo", 3);
	assert_int_equal(world->b.port.ops->receive(&world->b.port, incoming, 32), 1);
	assert_int_equal(incoming[0].length, 3);
	assert_memory_equal(incoming[0].bytes, "boo", 3);
	assert_int_equal(incoming[0].from.ip[0], 6);
	world->b.port.ops->release(&world->b.port, incoming, 1);
	link_world_end(world, "");
}

static void close__loses_what_still_flies_to_it(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_sim_port c;
	uint32_t to_c;

	(void)state;
	dps_sim_port_open(&c, &world->link, 1, "c", &dps_sim_port_plain);
	to_c = (uint32_t)world->a.port.ops->add_remote(&world->a.port, &c.port.local);
	link_world_send(world, &world->a, to_c, DPS_PACKET_PING, 1, 100);
	c.port.ops->close(&c.port);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	link_world_end(world, "");
}

static void drops_filter__loses_the_next_of_a_type(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct dps_sim_drops drops = { 0 };
	uint64_t numbers[DPS_PORT_BURST];

	(void)state;
	world->link.filter = dps_sim_drops_filter;
	world->link.filter_context = &drops;
	drops.next[0][DPS_PACKET_DATA] = 1;
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, 1, 100);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 2, 100);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 3, 100);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(link_world_receive(&world->b, numbers), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 3);
	assert_int_equal(drops.dropped, 1);
	link_world_end(world, "");
}

/* What was sent goes on its way; what arrives meanwhile is lost, and later comes through again. */
static void kill__takes_all_the_port_had_and_revive_brings_the_address_back(void **state)
{
	struct dps_sim_port_config config = dps_sim_port_plain;
	const uint8_t bytes[100] = { 0 };
	struct link_world *world;
	uint64_t numbers[DPS_PORT_BURST];
	unsigned int released;

	(void)state;
	config.hold_ns_max = DPS_NS_PER_S;
	world = link_world_new(1, &no_limits, &config);
	link_world_send(world, &world->a, world->to_b, DPS_PACKET_DATA, 1, 5000);
	released = world->released_count;
	dps_sim_port_kill(&world->a);
	assert_int_equal(world->released_count, released); /* the dead do not ask */
	dps_sim_check_port(&world->sim, &world->a);
	assert_true(dps_sim_run_until(&world->sim, START + 1000));
	assert_int_equal(link_world_receive(&world->b, numbers), 1);
	dps_sim_port_kill(&world->b);
	dps_sim_port_inject(&world->b, &world->a.port.local, bytes, sizeof(bytes));
	dps_sim_port_revive(&world->b);
	assert_int_equal(link_world_receive(&world->b, numbers), 0);
	dps_sim_port_inject(&world->b, &world->a.port.local, bytes, sizeof(bytes));
	assert_int_equal(link_world_receive(&world->b, numbers), 1);
	link_world_end(world, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receive__lends_what_was_sent),
		cmocka_unit_test(receive__before_the_release_of_the_last_is_found),
		cmocka_unit_test(receive__has_a_ring_with_an_end),
		cmocka_unit_test(send__gives_a_body_back_at_once_without_hold),
		cmocka_unit_test(send__gives_every_held_body_back_once),
		cmocka_unit_test(send__finds_a_body_that_changes_while_it_is_held),
		cmocka_unit_test(send__finds_a_body_outside_of_the_ports_memory),
		cmocka_unit_test(send__copies_a_streams_body_outside_of_the_ports_memory),
		cmocka_unit_test(reserve__lends_rooms_until_they_are_sent_or_forgone),
		cmocka_unit_test(reserve__lends_no_more_than_there_are),
		cmocka_unit_test(send__finds_a_room_that_is_not_lent),
		cmocka_unit_test(send__finds_paths_that_are_mixed),
		cmocka_unit_test(send__finds_a_datagram_that_is_too_long),
		cmocka_unit_test(send__refuses_and_takes_again_later),
		cmocka_unit_test(send__to_nobody_is_taken_and_lost),
		cmocka_unit_test(send__when_thin_carries_head_and_tail),
		cmocka_unit_test(inject__arrives_at_once_from_anyone),
		cmocka_unit_test(close__loses_what_still_flies_to_it),
		cmocka_unit_test(drops_filter__loses_the_next_of_a_type),
		cmocka_unit_test(kill__takes_all_the_port_had_and_revive_brings_the_address_back),
	};

	return cmocka_run_group_tests_name("sim-port", tests, NULL, NULL);
}
