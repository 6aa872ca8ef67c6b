/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacker stories: sealed worlds, and someone on the way who may do all but break the cipher. */
#include "tests/sim/attacker.h"
#include "tests/sim/story.h"

enum {
	FILE_BYTES = 30000000,
	FILES = 3,
	LINK_MBITS = 10000,
	DELAY_US = 500,
	SEEDS = 20,
	GARBAGE = 4, /* packets for each honest one */
	GOODPUT_PERCENT = 80,
};

static struct rig *begin_sealed(struct setting *setting)
{
	struct rig *rig = begin(setting);

	rig->is_sealed = true;
	return rig;
}

/* A way on which nothing else costs time, so that what an attacker costs shows. */
static struct rig *begin_fast(void)
{
	struct setting setting;
	struct rig *rig;

	setting_init(&setting);
	for (unsigned int i = 0; i < 2; i++) {
		setting.config.ways[i].bits_per_s = UINT64_C(1000000) * LINK_MBITS;
		setting.config.ways[i].delay_ns = DELAY_US * DPS_NS_PER_US;
		setting.config.ways[i].queue_bytes = 1 << 20;
		setting.hosts[i].limits.sent_packets = 4096;
	}
	rig = begin_sealed(&setting);
	for (unsigned int i = 0; i < FILES; i++)
		add_file(rig, FILE_BYTES + i);
	return rig;
}

/* Runs it to its end and tells how long all took until the exporter knew it stored. */
static uint64_t end_fast(struct rig *rig)
{
	end_within(rig, 20000);
	for (uint32_t i = 0; i < FILES; i++) {
		assert_true(rig->transfers[0].files[i].is_stored);
		assert_false(rig->transfers[0].files[i].is_skipped);
	}
	assert_int_equal(rig->transfers[0].refetches, 0);
	assert_true(rig_nonces_count() >= rig->check.data_packets);
	return rig->transfers[0].over_ns - rig->config.start_ns;
}

static uint64_t undisturbed_ns(void)
{
	struct rig *rig = begin_fast();
	uint64_t took_ns = end_fast(rig);

	rig_destroy(rig);
	return took_ns;
}

/* What each kind of attack must have met, or the story is about nothing. */
static void expect_met(struct rig *rig, enum attack attack)
{
	struct dps_engine_counters sender, receiver;
	uint64_t seal, duplicates;

	counters_of(rig, 0, &sender);
	counters_of(rig, 1, &receiver);
	seal = sender.dropped_seal + receiver.dropped_seal;
	duplicates = receiver.duplicate_packets;
	assert_int_equal(sender.anomalies + receiver.anomalies, 0);
	assert_true(rig->attacker->counts[attack] > 100);
	switch (attack) {
	case ATTACK_FLIP:
	case ATTACK_FORGE:
	case ATTACK_SPLICE:
	case ATTACK_ACK:
	case ATTACK_CREDIT:
	case ATTACK_RESET:
	case ATTACK_GARBAGE:
		assert_true(seal > 100);
		break;
	case ATTACK_TRUNCATE:
		assert_true(receiver.dropped_short > 100);
		break;
	case ATTACK_REPLAY:
	case ATTACK_SPOOF:
		assert_true(duplicates > 100);
		break;
	default:
		break;
	}
}

static void attack__of_each_kind_costs_little_and_changes_nothing(void **state)
{
	uint64_t undisturbed = undisturbed_ns();

	(void)state;
	for (unsigned int attack = 0; attack < ATTACKS_COUNT; attack++) {
		struct rig *rig = begin_fast();
		uint64_t took_ns;

		attacker_create(rig, 1U << attack, 1U << attack & ATTACKS_IN_PASSING ? 0 : 1, 1);
		took_ns = end_fast(rig);
		expect_met(rig, (enum attack)attack);
		print_message("attack %u: %u %% of the goodput\n", attack,
			      (unsigned int)(undisturbed * 100 / took_ns));
		assert_true(undisturbed * 100 >= took_ns * GOODPUT_PERCENT);
		rig_destroy(rig);
	}
}

static void attack__of_four_packets_for_each_honest_one_costs_little(void **state)
{
	uint64_t undisturbed = undisturbed_ns();
	struct rig *rig = begin_fast();
	uint64_t took_ns;

	(void)state;
	attacker_create(rig, ATTACKS_ALL, GARBAGE, 1);
	took_ns = end_fast(rig);
	for (unsigned int attack = 0; attack < ATTACKS_COUNT; attack++)
		assert_true(rig->attacker->counts[attack] > 100);
	print_message("all: %u %% of the goodput\n", (unsigned int)(undisturbed * 100 / took_ns));
	assert_true(undisturbed * 100 >= took_ns * GOODPUT_PERCENT);
	rig_destroy(rig);
}

/*
 * Who is quicker than the way makes what he has not copied look late by as much as the way is long:
 * hundreds of packets, whatever share of them he sends ahead.
 */
static void replay__ahead_of_what_it_copies_costs_little(void **state)
{
	static const uint32_t one_in[] = { 2, 5, 20, 50, 100, 300, 1000 };
	uint64_t undisturbed = undisturbed_ns();

	(void)state;
	for (unsigned int i = 0; i < sizeof(one_in) / sizeof(one_in[0]); i++) {
		struct rig *rig = begin_fast();
		uint64_t took_ns;

		attacker_create(rig, 1U << ATTACK_AHEAD, 0, 1)->ahead_one_in = one_in[i];
		took_ns = end_fast(rig);
		assert_true(rig->attacker->counts[ATTACK_AHEAD] > 40);
		print_message("one in %u ahead: %u %% of the goodput\n", one_in[i],
			      (unsigned int)(undisturbed * 100 / took_ns));
		assert_true(undisturbed * 100 >= took_ns * GOODPUT_PERCENT);
		rig_destroy(rig);
	}
}

/* Nothing was ever to be sent but to who was told on the control connection. */
static void expect_unmoved(const struct rig *rig)
{
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		const struct dps_address *remotes = rig->hosts[i].port.remotes;

		for (unsigned int j = 0; j < DPS_SIM_PORT_REMOTES; j++)
			if (remotes[j].family != 0)
				assert_memory_equal(&remotes[j], &rig->hosts[!i].port.port.local,
						    sizeof(remotes[j]));
	}
}

static void spoofed_source__moves_nothing(void **state)
{
	struct rig *rig = begin_fast();

	(void)state;
	attacker_create(rig, 1U << ATTACK_SPOOF, 3, 1);
	end_fast(rig);
	assert_true(rig->attacker->counts[ATTACK_SPOOF] > 10000);
	expect_unmoved(rig);
	/* What has no port to arrive at counts as lost. */
	assert_int_equal(rig->link.ways[0].counters.lost_random, 0);
	assert_int_equal(rig->link.ways[1].counters.lost_random, 0);
	rig_destroy(rig);
}

/* Connections are lost and either host is killed, and he has packets of all that was before. */
static void attack__over_epochs_and_restarts_changes_nothing(void **state)
{
	static const enum rig_fault_type faults[] = { RIG_FAULT_CONTROL, RIG_FAULT_KILL,
						      RIG_FAULT_BOTH, RIG_FAULT_KILL,
						      RIG_FAULT_KILL_ALL };
	uint64_t resumes = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = seed;
		setting.config.silence_ns = DPS_NS_PER_S;
		rig = begin_sealed(&setting);
		for (unsigned int i = 0; i < 4; i++)
			add_file(rig, 3000000 + i);
		for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			const struct rig_fault fault = {
				.type = faults[i],
				.index = faults[i] == RIG_FAULT_KILL ? i / 2 % 2 : 0,
				.after_packets = 700 + 1400 * i + seed * 31,
				.for_ns = seed * 5 * DPS_NS_PER_MS,
			};

			rig_add_fault(rig, &fault);
		}
		rig->config.never_attaches = seed % 2 == 0;
		attacker_create(rig, ATTACKS_ALL, GARBAGE, 1);
		end_within(rig, 60000);
		for (uint32_t i = 0; i < 4; i++)
			assert_true(rig->transfers[0].files[i].is_stored);
		/* Each of these was sealed under a key and nonce that no other had. */
		assert_true(rig_nonces_count() >= rig->check.data_packets);
		expect_unmoved(rig);
		resumes += rig->resumes_count;
		rig_destroy(rig);
	}
	assert_true(resumes >= 2 * SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attack__of_each_kind_costs_little_and_changes_nothing),
		cmocka_unit_test(attack__of_four_packets_for_each_honest_one_costs_little),
		cmocka_unit_test(replay__ahead_of_what_it_copies_costs_little),
		cmocka_unit_test(attack__over_epochs_and_restarts_changes_nothing),
		cmocka_unit_test(spoofed_source__moves_nothing),
	};

	return cmocka_run_group_tests_name("attacker stories", tests, NULL, NULL);
}
