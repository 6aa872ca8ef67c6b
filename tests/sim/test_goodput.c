/* SPDX-License-Identifier: BSD-3-Clause */
/* Goodput: how much of a link of 10 Gb/s of payload and 10 ms round trip the lanes make use of. */
#include "tests/sim/rig.h"
#include "tests/support/cmocka.h"
#include "tests/support/full.h"
#include <stdio.h>

#define LINK_BITS_PER_S UINT64_C(10000000000)
#define LINK_BYTES_PER_S (LINK_BITS_PER_S / 8)

enum {
	WINDOW_BYTES = 64 << 20,
	CHUNK_BYTES = 256 << 10,
	QUEUE_BYTES = 12500000, /* what is under way in one round trip */
	JUMBO_MTU = 9000,
	PLAIN_MTU = 1500,
};

static uint32_t payload_bytes(uint32_t mtu)
{
	return mtu == JUMBO_MTU ? 8192 : 1408;
}

static void config_init(struct rig_config *config)
{
	rig_config_init(config, 1);
	config->is_thin = true;
	for (unsigned int i = 0; i < 2; i++) {
		config->ways[i].bits_per_s = LINK_BITS_PER_S;
		config->ways[i].queue_bytes = QUEUE_BYTES;
		config->ways[i].overhead_bytes = -DPS_ENVELOPE_BYTES;
	}
}

static void add_host(struct rig *rig, unsigned int side, uint32_t mtu)
{
	struct rig_host_config host;

	rig_host_config_init(&host, side, mtu, WINDOW_BYTES, CHUNK_BYTES);
	host.limits.paths = 4;
	host.limits.channels = 4;
	host.port.is_thin = true;
	host.disk.is_thin = true;
	rig_add_host(rig, &host);
}

/* A transfer of one file that does not end, over a path of its own. */
static void add_transfer(struct rig *rig, unsigned int from, unsigned int to,
			 uint64_t start_after_ns)
{
	const struct rig_transfer_config transfer = {
		.path = rig_add_path(rig, from, to),
		.number = 1,
		.window_bytes = WINDOW_BYTES,
		.start_after_ns = start_after_ns,
		.content_seed = DPS_SIM_CONTENT_ZEROS,
		.announced_max = 1,
	};

	rig_add_file(rig, rig_add_transfer(rig, &transfer), UINT64_C(1) << 40, UINT64_C(1) << 40,
		     NULL);
}

static uint64_t written_by(const struct rig *rig, unsigned int host)
{
	return rig->hosts[host].disk.disk.counters.write_bytes;
}

static void run_until_s(struct rig *rig, uint64_t seconds)
{
	rig_run(rig, rig->config.start_ns + seconds * DPS_NS_PER_S);
	assert_string_equal(rig->sim.failure, "");
}

/* Seconds 1 to 6 of a fixed transfer at the link's rate, with so much random loss. */
static void check_fixed(uint32_t mtu, uint32_t loss_ppm)
{
	struct rig_config config;
	struct rig *rig;
	uint64_t before, bytes, least;

	config_init(&config);
	config.congestion_mode = DPS_CONGESTION_FIXED;
	config.rate_bytes_per_s =
		LINK_BYTES_PER_S * (payload_bytes(mtu) + DPS_ENVELOPE_BYTES) / payload_bytes(mtu);
	config.ways[0].faults.loss_ppm = loss_ppm;
	rig = rig_create(&config);
	add_host(rig, 0, mtu);
	add_host(rig, 1, mtu);
	add_transfer(rig, 0, 1, 0);

	run_until_s(rig, 1);
	before = written_by(rig, 1);
	run_until_s(rig, 6);
	bytes = written_by(rig, 1) - before;

	least = 5 * LINK_BYTES_PER_S / 100 * 95 / 1000000 * (1000000 - loss_ppm);
	print_message("%u bytes, %u ppm lost: %u.%u %% of the link\n", payload_bytes(mtu), loss_ppm,
		      (unsigned int)(bytes * 100 / (5 * LINK_BYTES_PER_S)),
		      (unsigned int)(bytes * 1000 / (5 * LINK_BYTES_PER_S) % 10));
	assert_true(bytes >= least);
	rig_destroy(rig);
}

static void fixed__fills_the_link_with_jumbo_frames(void **state)
{
	(void)state;
	check_fixed(JUMBO_MTU, 0);
	check_fixed(JUMBO_MTU, 1000);
	check_fixed(JUMBO_MTU, 10000);
}

static void fixed__fills_the_link_with_plain_frames(void **state)
{
	(void)state;
	check_fixed(PLAIN_MTU, 0);
	check_fixed(PLAIN_MTU, 1000);
	check_fixed(PLAIN_MTU, 10000);
}

/* Two minutes of 10 Gb/s take one of ours: with --full. What is fair is
 * engine/congestion_fair_share's. */
static void fair__shares_the_link(void **state)
{
	struct rig_config config;
	struct rig *rig;
	uint64_t before[2], bytes[2], sum;

	(void)state;
	if (!is_full_run()) {
		print_message("skip: two minutes of a link at full speed are for --full\n");
		skip();
	}
	config_init(&config);
	rig = rig_create(&config);
	for (unsigned int i = 0; i < 4; i++)
		add_host(rig, i / 2, JUMBO_MTU);
	add_transfer(rig, 0, 2, 0);
	add_transfer(rig, 1, 3, 5 * DPS_NS_PER_S);

	run_until_s(rig, 60);
	for (unsigned int i = 0; i < 2; i++)
		before[i] = written_by(rig, 2 + i);
	run_until_s(rig, 120);
	for (unsigned int i = 0; i < 2; i++)
		bytes[i] = written_by(rig, 2 + i) - before[i];

	sum = bytes[0] + bytes[1];
	print_message("%u and %u %% of the link, seconds 60 to 120\n",
		      (unsigned int)(bytes[0] * 100 / (60 * LINK_BYTES_PER_S)),
		      (unsigned int)(bytes[1] * 100 / (60 * LINK_BYTES_PER_S)));
	assert_true(sum >= 60 * LINK_BYTES_PER_S / 100 * 90);
	assert_true(bytes[0] >= sum / 10 * 4 && bytes[1] >= sum / 10 * 4);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed__fills_the_link_with_jumbo_frames),
		cmocka_unit_test(fixed__fills_the_link_with_plain_frames),
		cmocka_unit_test(fair__shares_the_link),
	};

	return cmocka_run_group_tests_name("goodput", tests, NULL, NULL);
}
