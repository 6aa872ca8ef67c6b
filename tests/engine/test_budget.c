/* SPDX-License-Identifier: BSD-3-Clause */
/* E53: many transfers, one connection: one budget, and everybody's turn. */
#include "engine/random.h"
#include "tests/support/transfer_rig.h"
#include <dps/budget.h>

enum { CHUNK = 256, WINDOW = 65536, MANY = 1000 };

struct fleet {
	struct dps_budget budget;
	struct dps_budget_member *members;
	struct transfer_rig *rigs;
	unsigned int count;
};

static void fleet_open(struct fleet *fleet, unsigned int count, uint64_t limit_bytes)
{
	struct dps_transfer_config config = rig_config(WINDOW, CHUNK);

	config.chunks = 512;
	config.epoch = 1;
	fleet->count = count;
	fleet->rigs = calloc(count, sizeof(*fleet->rigs));
	fleet->members = calloc(count, sizeof(*fleet->members));
	assert_non_null(fleet->rigs);
	assert_non_null(fleet->members);
	dps_budget_init(&fleet->budget, fleet->members, count, limit_bytes);
	for (unsigned int i = 0; i < count; i++) {
		rig_open(&fleet->rigs[i], &config);
		assert_int_equal(dps_budget_add(&fleet->budget, fleet->rigs[i].transfer, 1), 0);
	}
}

static void fleet_close(struct fleet *fleet)
{
	for (unsigned int i = 0; i < fleet->count; i++)
		rig_close(&fleet->rigs[i]);
	free(fleet->rigs);
	free(fleet->members);
}

static uint64_t in_flight(const struct transfer_rig *rig)
{
	struct dps_transfer_snapshot snapshot = rig_read(rig);

	return snapshot.posted - snapshot.acknowledged;
}

static uint64_t all_in_flight(const struct fleet *fleet)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < fleet->count; i++)
		sum += in_flight(&fleet->rigs[i]);
	return sum;
}

static void fill(struct transfer_rig *rig)
{
	while (rig_post(rig, CHUNK) == 0)
		;
}

static void drain(struct transfer_rig *rig)
{
	rig_send(rig, 1);
	rig_ack(rig, rig_posted(rig));
}

static void share__gives_equal_parts_to_equal_wants(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 4, 16384);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 4; i++)
			fill(&fleet.rigs[i]);
		dps_budget_share(&fleet.budget);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig_read(&fleet.rigs[i]).window_bytes, 4096);
	fleet_close(&fleet);
}

/* Who wants little leaves the rest, and gets more when it wants more. */
static void share__leaves_to_the_busy_what_the_idle_do_not_want(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 4, 16384);
	for (unsigned int round = 0; round < 12; round++) {
		fill(&fleet.rigs[0]);
		dps_budget_share(&fleet.budget);
	}
	assert_int_equal(in_flight(&fleet.rigs[0]), 16384 - 3 * CHUNK);
	for (unsigned int round = 0; round < 12; round++) {
		drain(&fleet.rigs[0]);
		for (unsigned int i = 0; i < 4; i++)
			fill(&fleet.rigs[i]);
		dps_budget_share(&fleet.budget);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig_read(&fleet.rigs[i]).window_bytes, 4096);
	fleet_close(&fleet);
}

/* What one has in flight above its share nobody else gets before it is acknowledged. */
static void share__grows_only_by_what_has_drained(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 2, 16384);
	for (unsigned int round = 0; round < 12; round++) {
		fill(&fleet.rigs[0]);
		dps_budget_share(&fleet.budget);
	}
	for (unsigned int round = 0; round < 12; round++) {
		fill(&fleet.rigs[1]);
		dps_budget_share(&fleet.budget);
		assert_true(all_in_flight(&fleet) <= 16384 + 2 * CHUNK);
	}
	assert_true(in_flight(&fleet.rigs[1]) <= 2 * CHUNK);
	for (unsigned int round = 0; round < 12; round++) {
		drain(&fleet.rigs[0]);
		fill(&fleet.rigs[0]);
		fill(&fleet.rigs[1]);
		dps_budget_share(&fleet.budget);
		assert_true(all_in_flight(&fleet) <= 16384 + 2 * CHUNK);
	}
	assert_int_equal(in_flight(&fleet.rigs[1]), 8192);
	fleet_close(&fleet);
}

/* What little drains in a round is for both who wait for it. */
static void share__gives_equal_parts_of_what_has_drained(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 3, 16384);
	for (unsigned int round = 0; round < 12; round++) {
		fill(&fleet.rigs[0]);
		dps_budget_share(&fleet.budget);
	}
	rig_send(&fleet.rigs[0], 1);
	for (unsigned int round = 0; round < 40; round++) {
		rig_ack(&fleet.rigs[0], rig_read(&fleet.rigs[0]).acknowledged + CHUNK);
		for (unsigned int i = 1; i < 3; i++)
			fill(&fleet.rigs[i]);
		dps_budget_share(&fleet.budget);
		assert_int_equal(rig_read(&fleet.rigs[1]).window_bytes,
				 rig_read(&fleet.rigs[2]).window_bytes);
	}
	assert_true(rig_read(&fleet.rigs[1]).window_bytes > 4096);
	fleet_close(&fleet);
}

/* Parked it keeps its bytes and asks for no more; ended it gives everything back. */
static void share__takes_back_what_an_ended_transfer_had(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 2, 16384);
	for (unsigned int round = 0; round < 10; round++) {
		fill(&fleet.rigs[0]);
		fill(&fleet.rigs[1]);
		dps_budget_share(&fleet.budget);
	}
	assert_int_equal(dps_transfer_park(fleet.rigs[0].transfer, 1, 0), 0);
	dps_budget_share(&fleet.budget);
	assert_int_equal(rig_read(&fleet.rigs[0]).window_bytes, 8192);
	dps_transfer_cancel(fleet.rigs[0].transfer, "gone");
	dps_budget_share(&fleet.budget);
	assert_int_equal(rig_read(&fleet.rigs[0]).window_bytes, 0);
	assert_int_equal(dps_budget_remove(&fleet.budget, fleet.rigs[0].transfer), 0);
	assert_int_equal(dps_budget_remove(&fleet.budget, fleet.rigs[0].transfer), -ENOENT);
	assert_int_equal(dps_budget_set_epoch(&fleet.budget, fleet.rigs[0].transfer, 2), -ENOENT);
	dps_budget_share(&fleet.budget);
	assert_int_equal(rig_read(&fleet.rigs[1]).window_bytes, 16384);
	fleet_close(&fleet);
}

static void add__refuses_what_is_there_or_has_no_room(void **state)
{
	struct fleet fleet;

	(void)state;
	fleet_open(&fleet, 2, 16384);
	assert_int_equal(dps_budget_add(&fleet.budget, fleet.rigs[0].transfer, 1), -EEXIST);
	dps_budget_remove(&fleet.budget, fleet.rigs[0].transfer);
	fleet.budget.room = 1;
	assert_int_equal(dps_budget_add(&fleet.budget, fleet.rigs[0].transfer, 1), -ENOSPC);
	fleet_close(&fleet);
}

/* One slice each in turn, however much one of them has, from one call to the next. */
static void emit_slices__goes_round(void **state)
{
	struct dps_budget_slice slices[5];
	struct fleet fleet;
	unsigned int sent[3] = { 0 };

	(void)state;
	fleet_open(&fleet, 3, 65536);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 3; i++)
			fill(&fleet.rigs[i]);
		dps_budget_share(&fleet.budget);
	}
	assert_int_equal(dps_budget_set_epoch(&fleet.budget, fleet.rigs[2].transfer, 7), 0);
	for (unsigned int call = 0; call < 4; call++) {
		assert_int_equal(dps_budget_emit_slices(&fleet.budget, slices, 5, 100), 5);
		for (unsigned int i = 0; i < 5; i++)
			for (unsigned int rig = 0; rig < 3; rig++)
				sent[rig] += slices[i].transfer == fleet.rigs[rig].transfer;
	}
	assert_int_equal(sent[0], 10);
	assert_int_equal(sent[1], 10);
	assert_int_equal(sent[2], 0); /* not its epoch */
	fleet_close(&fleet);
}

/* A thousand of them, coming and going: within the budget, nobody starves, nothing is lost. */
static void budget__holds_for_a_thousand_transfers(void **state)
{
	const uint64_t limit = MANY * UINT64_C(1024);
	struct dps_budget_slice slices[64];
	struct dps_random random;
	struct fleet fleet;
	unsigned int count;

	(void)state;
	dps_random_init(&random, 5);
	fleet_open(&fleet, MANY, limit);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < MANY; i++)
			if (i % 3 == 0 || dps_random_chance(&random, 1, 4))
				fill(&fleet.rigs[i]);
		assert_true(all_in_flight(&fleet) <= limit + MANY * UINT64_C(256));
		while ((count = dps_budget_emit_slices(&fleet.budget, slices, 64, CHUNK)) > 0)
			for (unsigned int i = 0; i < count; i++)
				dps_transfer_on_released(slices[i].transfer, slices[i].slice.chunk);
		for (unsigned int i = 0; i < MANY; i++)
			if (dps_random_chance(&random, 1, 3))
				rig_ack(&fleet.rigs[i], rig_posted(&fleet.rigs[i]));
		dps_budget_share(&fleet.budget);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		rig_ack(&fleet.rigs[i], rig_posted(&fleet.rigs[i]));
		assert_true(rig_posted(&fleet.rigs[i]) >= 10 * CHUNK);
		assert_int_equal(rig_held(&fleet.rigs[i]), 0);
	}
	fleet_close(&fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share__gives_equal_parts_to_equal_wants),
		cmocka_unit_test(share__leaves_to_the_busy_what_the_idle_do_not_want),
		cmocka_unit_test(share__grows_only_by_what_has_drained),
		cmocka_unit_test(share__gives_equal_parts_of_what_has_drained),
		cmocka_unit_test(share__takes_back_what_an_ended_transfer_had),
		cmocka_unit_test(add__refuses_what_is_there_or_has_no_room),
		cmocka_unit_test(emit_slices__goes_round),
		cmocka_unit_test(budget__holds_for_a_thousand_transfers),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
