/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { START_NS = 1000 };

struct ticker {
	struct dps_sim_node node;
	uint64_t every_ns;
	char letter;
	char *log;
};

static void tick(struct dps_sim_node *node, uint64_t now_ns)
{
	struct ticker *ticker = (struct ticker *)(void *)node;
	size_t length = strlen(ticker->log);

	ticker->log[length] = ticker->letter;
	ticker->log[length + 1] = '\0';
	dps_sim_wake(node, now_ns + ticker->every_ns);
}

static void add_ticker(struct dps_sim *sim, struct ticker *ticker, const char *name, char letter,
		       uint64_t every_ns, char *log)
{
	*ticker = (struct ticker){ .every_ns = every_ns, .letter = letter, .log = log };
	dps_sim_add(sim, &ticker->node, name, tick);
	dps_sim_wake(&ticker->node, sim->now_ns + every_ns);
}

static struct dps_sim *new_sim(uint64_t seed)
{
	struct dps_sim *sim = malloc(sizeof(*sim));

	assert_non_null(sim);
	dps_sim_init(sim, seed, START_NS);
	return sim;
}

static void end_sim(struct dps_sim *sim)
{
	dps_sim_fini(sim);
	assert_string_equal(sim->failure, "");
	free(sim);
}

static void step__runs_the_earliest_and_at_one_moment_the_oldest(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct ticker a, b, c;
	char log[64] = "";

	(void)state;
	add_ticker(sim, &b, "b", 'b', 20, log);
	add_ticker(sim, &a, "a", 'a', 10, log);
	add_ticker(sim, &c, "c", 'c', 60, log);

	assert_true(dps_sim_run_until(sim, START_NS + 60));

	assert_string_equal(log, "abaabaabac");
	assert_int_equal(sim->now_ns, START_NS + 60);
	end_sim(sim);
}

static void step__ends_when_all_sleep(void **state)
{
	struct dps_sim *sim = new_sim(1);

	(void)state;
	assert_false(dps_sim_step(sim));
	assert_true(dps_sim_run_until(sim, START_NS + 5));
	assert_int_equal(dps_clock_now_ns(&sim->clock), START_NS + 5);
	end_sim(sim);
}

static void step__finds_a_world_that_stands_still(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct ticker ticker;
	char *log = calloc(1, 2000002);

	(void)state;
	assert_non_null(log);
	add_ticker(sim, &ticker, "mad", 'm', 0, log);
	ticker.log = log;
	/* An empty log each time keeps the ticker's strlen short. */
	while (dps_sim_step(sim))
		log[0] = '\0';
	assert_non_null(strstr(sim->failure, "mad"));
	free(log);
	dps_sim_fini(sim);
	free(sim);
}

static void keep_busy__moves_wakes_behind_it(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct ticker ticker;
	char log[64] = "";

	(void)state;
	add_ticker(sim, &ticker, "a", 'a', 1000, log);
	dps_sim_wake(&ticker.node, START_NS + 10);
	dps_sim_keep_busy(&ticker.node, START_NS + 50);
	dps_sim_wake(&ticker.node, START_NS + 20);
	assert_int_equal(ticker.node.next_run_at_ns, START_NS + 50);
	dps_sim_wake(&ticker.node, START_NS + 60);
	assert_int_equal(ticker.node.next_run_at_ns, START_NS + 50);
	end_sim(sim);
}

static void count_call(void *context)
{
	++*(unsigned int *)context;
}

static void call_at__calls_once_at_its_moment(void **state)
{
	struct dps_sim *sim = new_sim(1);
	unsigned int calls = 0;

	(void)state;
	dps_sim_call_at(sim, START_NS + 10, count_call, &calls);
	dps_sim_call_at(sim, START_NS + 5, count_call, &calls);
	dps_sim_call_at(sim, START_NS + 99, count_call, &calls);
	assert_true(dps_sim_run_until(sim, START_NS + 9));
	assert_int_equal(calls, 1);
	assert_true(dps_sim_run_until(sim, START_NS + 98));
	assert_int_equal(calls, 2);
	end_sim(sim); /* and the third is not leaked */
}

static void add__gives_luck_by_name_and_seed_alone(void **state)
{
	struct dps_sim *one = new_sim(7), *other = new_sim(7), *third = new_sim(8);
	struct ticker a, b, a_again, a_of_8;
	char log[8] = "";

	(void)state;
	add_ticker(one, &a, "a", 'a', 1, log);
	add_ticker(other, &b, "b", 'b', 1, log);
	add_ticker(other, &a_again, "a", 'a', 1, log);
	add_ticker(third, &a_of_8, "a", 'a', 1, log);
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t number = dps_random_next(&a.node.random);

		assert_int_equal(number, dps_random_next(&a_again.node.random));
		assert_int_not_equal(number, dps_random_next(&b.node.random));
		assert_int_not_equal(number, dps_random_next(&a_of_8.node.random));
	}
	end_sim(one);
	end_sim(other);
	end_sim(third);
}

static void fail__stops_the_world_and_keeps_the_first_reason(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct ticker ticker;
	char log[64] = "";

	(void)state;
	add_ticker(sim, &ticker, "a", 'a', 10, log);
	dps_sim_fail(sim, "the %s", "first");
	dps_sim_fail(sim, "the second");
	assert_false(dps_sim_run_until(sim, START_NS + 100));
	assert_string_equal(log, "");
	assert_string_equal(sim->failure, "the first");
	dps_sim_fini(sim);
	free(sim);
}

static void fini__finds_packets_that_were_not_given_back(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct dps_sim_packet *packets[200];

	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		packets[i] = dps_sim_packet_take(&sim->packets, i * 80);
	for (unsigned int i = 1; i < 200; i++)
		dps_sim_packet_give(&sim->packets, packets[i]);
	dps_sim_fini(sim);
	assert_string_equal(sim->failure, "1 packet buffers were not given back");
	free(sim);
}

static void packets__of_a_thin_pool_are_zeros_again(void **state)
{
	struct dps_sim *sim = new_sim(1);
	struct dps_sim_packet *packet;

	(void)state;
	sim->packets.is_thin = true;
	packet = dps_sim_packet_take(&sim->packets, 8000);
	memset(packet->bytes, 1, 100);
	memset(packet->bytes + 7984, 1, 16);
	packet->zeros_from = 100;
	packet->zeros_to = 7984;
	dps_sim_packet_give(&sim->packets, packet);
	assert_ptr_equal(dps_sim_packet_take(&sim->packets, 9000), packet);
	for (unsigned int i = 0; i < 9000; i++)
		assert_int_equal(packet->bytes[i], 0);
	dps_sim_packet_give(&sim->packets, packet);
	end_sim(sim);
}

static void trace__tells_the_last_events_in_words(void **state)
{
	struct dps_sim *sim = new_sim(1);
	uint8_t ping[56] = { 0x14, 0, 0, 0 };
	char text[512] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(file);
	for (unsigned int i = 0; i < 1000; i++)
		dps_sim_trace_note(&sim->trace, START_NS, "x", "before", i, 0);
	ping[23] = 9;
	dps_sim_trace_datagram(&sim->trace, START_NS + 250500, "a", ">", ping, 56);
	dps_sim_trace_note(&sim->trace, START_NS + 251000, "disk", "read", 4096, 10);
	dps_sim_trace_print(&sim->trace, file, 2);
	fclose(file);
	assert_string_equal(text, "[      250.500 us] a            > ping 9 0 bytes\n"
				  "[      251.000 us] disk         read 4096 10\n");
	end_sim(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step__runs_the_earliest_and_at_one_moment_the_oldest),
		cmocka_unit_test(step__ends_when_all_sleep),
		cmocka_unit_test(step__finds_a_world_that_stands_still),
		cmocka_unit_test(keep_busy__moves_wakes_behind_it),
		cmocka_unit_test(call_at__calls_once_at_its_moment),
		cmocka_unit_test(add__gives_luck_by_name_and_seed_alone),
		cmocka_unit_test(fail__stops_the_world_and_keeps_the_first_reason),
		cmocka_unit_test(fini__finds_packets_that_were_not_given_back),
		cmocka_unit_test(packets__of_a_thin_pool_are_zeros_again),
		cmocka_unit_test(trace__tells_the_last_events_in_words),
	};

	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
