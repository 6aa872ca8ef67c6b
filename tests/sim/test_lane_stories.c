/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lane stories: two processes of two lanes each, with a path from lane to lane. All four lanes have
 * the same secret from TLS and number their packets alike, and both paths carry the same channel
 * and the same files; only connection ids, with the lane in them, keep them apart.
 */
#include "tests/sim/attacker.h"
#include "tests/sim/story.h"

enum {
	LANES = 2,
	FILES = 4,
	FILE_BYTES = 3000000,
	GARBAGE = 4, /* packets for each honest one */
	SEEDS = 10,
};

static void add_lanes(struct rig *rig, const struct setting *setting)
{
	for (unsigned int lane = 0; lane < LANES; lane++) {
		for (unsigned int side = 0; side < 2; side++) {
			struct rig_host_config host = setting->hosts[side];

			host.lane = lane;
			host.beside = side;
			rig_add_host(rig, &host);
		}
	}
}

/* A transfer on each path, or a stripe of one. */
static void add_transfers(struct rig *rig, const struct setting *setting, bool is_striped)
{
	for (unsigned int lane = 0; lane < LANES; lane++) {
		const struct rig_transfer_config transfer = {
			.path = rig_add_path(rig, 2 * lane, 2 * lane + 1),
			.number = 1,
			.window_bytes = setting->window_bytes,
			.content_seed = SEED,
			.announced_max = 64,
			.stripe = is_striped ? (uint16_t)lane : 0,
			.stripes = is_striped ? LANES : 0,
		};

		rig_add_transfer(rig, &transfer);
		for (unsigned int i = 0; i < FILES; i++)
			rig_add_file(rig, lane, FILE_BYTES + i, FILE_BYTES + i, NULL);
	}
}

static struct rig *begin_lanes(uint64_t seed, bool is_striped)
{
	struct setting setting;
	struct rig *rig;

	setting_init(&setting);
	setting.config.seed = seed;
	setting.config.silence_ns = DPS_NS_PER_S;
	rig = rig_create(&setting.config);
	rig->is_sealed = true;
	add_lanes(rig, &setting);
	add_transfers(rig, &setting, is_striped);
	return rig;
}

static void end_lanes(struct rig *rig)
{
	end_within(rig, 60000);
	for (unsigned int lane = 0; lane < LANES; lane++)
		for (unsigned int i = 0; i < FILES; i++)
			assert_true(rig->transfers[lane].files[i].is_stored);
	/* Each was sealed under a key and nonce that no other packet of any lane had. */
	assert_true(rig_nonces_count() >= rig->check.data_packets);
}

static void lanes__are_told_apart_by_their_connection_ids_alone(void **state)
{
	struct rig *rig = begin_lanes(1, false);

	(void)state;
	end_lanes(rig);
	for (unsigned int end = 0; end < 2; end++) {
		const struct dps_address *first = &rig->hosts[end].port.port.local,
					 *second = &rig->hosts[end + 2].port.port.local;

		assert_int_equal(rig->paths[0].ids[end] >> 56, 0);
		assert_int_equal(rig->paths[1].ids[end] >> 56, 1);
		assert_memory_equal(first->ip, second->ip, sizeof(first->ip));
		assert_int_equal(first->udp_port + 1, second->udp_port);
	}
	rig_destroy(rig);
}

/* A packet of one lane with what another lane sealed in its place: it opens nowhere. */
static void splices__between_lanes_open_nothing(void **state)
{
	struct dps_engine_counters counters;
	struct rig *rig = begin_lanes(1, false);

	(void)state;
	attacker_create(rig, 1U << ATTACK_SPLICE, GARBAGE, 1);
	end_lanes(rig);
	assert_true(rig->attacker->crossed_count > 1000);
	for (unsigned int i = 0; i < 2 * LANES; i++) {
		counters_of(rig, i, &counters);
		assert_true(counters.dropped_seal > 100);
		assert_int_equal(counters.anomalies, 0);
	}
	rig_destroy(rig);
}

/* Every other chunk of the same channel is the other lane's, and would fit where it is put. */
static void splices__between_stripes_open_nothing(void **state)
{
	struct rig *rig = begin_lanes(1, true);
	struct dps_engine_counters counters;

	(void)state;
	attacker_create(rig, ATTACKS_ALL, GARBAGE, 1);
	end_lanes(rig);
	assert_true(rig->attacker->crossed_count > 100);
	for (unsigned int i = 0; i < 2 * LANES; i++) {
		counters_of(rig, i, &counters);
		assert_true(counters.dropped_seal > 100);
	}
	/* Together they have sent what one would have. */
	assert_in_range(rig->check.data_packets, (uint64_t)FILES * FILE_BYTES / MTU,
			(uint64_t)FILES * FILE_BYTES / MTU * 3 / 2);
	rig_destroy(rig);
}

/* Also while processes die, with all their lanes, and one lane's connection is lost. */
static void attack__over_lives_of_lanes_changes_nothing(void **state)
{
	uint64_t crossed = 0, resumes = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		const struct rig_fault faults[] = {
			{ .type = RIG_FAULT_CONTROL, .index = 1, .after_packets = 900 + seed * 31 },
			{ .type = RIG_FAULT_KILL,
			  .index = seed % (2 * LANES),
			  .after_packets = 3000 + seed * 31,
			  .for_ns = seed * 5 * DPS_NS_PER_MS },
			{ .type = RIG_FAULT_KILL_ALL, .after_packets = 7000 + seed * 31 },
		};
		struct rig *rig = begin_lanes(seed, false);

		for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			rig_add_fault(rig, &faults[i]);
		attacker_create(rig, ATTACKS_ALL, GARBAGE, 1);
		end_lanes(rig);
		crossed += rig->attacker->crossed_count;
		resumes += rig->resumes_count;
		rig_destroy(rig);
	}
	assert_true(crossed > 1000);
	assert_true(resumes >= LANES * SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes__are_told_apart_by_their_connection_ids_alone),
		cmocka_unit_test(splices__between_lanes_open_nothing),
		cmocka_unit_test(splices__between_stripes_open_nothing),
		cmocka_unit_test(attack__over_lives_of_lanes_changes_nothing),
	};

	return cmocka_run_group_tests_name("lane stories", tests, NULL, NULL);
}
