/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_host.h"
#include "tests/sim/link_world.h"

/* A lane of the simplest kind: counts what its port receives. */
struct counter {
	struct dps_sim_host host;
	struct dps_sim_port *port;
	uint64_t turns_at_ns[64];
	unsigned int turns_count;
	unsigned int packets_count;
	uint64_t deadline_ns;
};

static struct dps_sim_turn count_packets(void *context)
{
	struct counter *counter = context;
	struct dps_incoming incoming[DPS_PORT_BURST];
	struct dps_port *port = &counter->port->port;
	uint64_t now_ns = counter->host.node.sim->now_ns;
	unsigned int count = port->ops->receive(port, incoming, DPS_PORT_BURST);

	port->ops->release(port, incoming, count);
	if (counter->turns_count < 64)
		counter->turns_at_ns[counter->turns_count] = now_ns;
	counter->turns_count++;
	counter->packets_count += count;
	if (counter->deadline_ns <= now_ns)
		counter->deadline_ns = DPS_NEVER_NS;
	return (struct dps_sim_turn){ count, counter->deadline_ns };
}

static struct counter *new_counter(struct link_world *world,
				   const struct dps_sim_host_config *config, uint64_t deadline_ns)
{
	struct counter *counter = calloc(1, sizeof(*counter));

	assert_non_null(counter);
	counter->port = &world->b;
	counter->deadline_ns = deadline_ns;
	dps_sim_host_init(&counter->host, &world->sim, "host", config, count_packets, counter);
	world->b.host = &counter->host.node;
	return counter;
}

static const struct dps_sim_way_config no_limits = { .delay_ns = 10000 };

static void host__turns_for_packets_and_takes_its_time(void **state)
{
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct counter *counter =
		new_counter(world, &dps_sim_host_plain, world->sim.now_ns + 50000);
	const uint64_t start = LINK_WORLD_START_NS;

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 100);
	assert_true(dps_sim_run_until(&world->sim, start + DPS_NS_PER_MS));

	/* At once; 32 packets; the other 8 after 1 us + 32 * 100 ns; an idle turn; the deadline. */
	assert_int_equal(counter->packets_count, 40);
	assert_int_equal(counter->turns_count, 5);
	assert_int_equal(counter->turns_at_ns[0], start);
	assert_int_equal(counter->turns_at_ns[1], start + 10000);
	assert_int_equal(counter->turns_at_ns[2], start + 14200);
	assert_int_equal(counter->turns_at_ns[3], start + 16000);
	assert_int_equal(counter->turns_at_ns[4], start + 50000);
	free(counter);
	link_world_end(world, "");
}

static void host__stalls_at_random(void **state)
{
	struct dps_sim_host_config config = dps_sim_host_plain;
	struct link_world *world = link_world_new(1, &no_limits, &dps_sim_port_plain);
	struct counter *counter;

	(void)state;
	config.stall_ppm = 100000;
	config.stall_ns_min = DPS_NS_PER_MS;
	config.stall_ns_max = 20 * DPS_NS_PER_MS;
	counter = new_counter(world, &config, DPS_NEVER_NS);
	for (unsigned int i = 0; i < 1000; i++) {
		link_world_send(world, &world->a, world->to_b, DPS_PACKET_PING, i, 100);
		assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 25 * DPS_NS_PER_MS));
	}
	assert_int_equal(counter->packets_count, 1000);
	assert_in_range(counter->host.stalls_count, 120, 280); /* of a busy and an idle turn each */
	free(counter);
	link_world_end(world, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host__turns_for_packets_and_takes_its_time),
		cmocka_unit_test(host__stalls_at_random),
	};

	return cmocka_run_group_tests_name("sim-host", tests, NULL, NULL);
}
