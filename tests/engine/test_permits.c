/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/permits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"

static unsigned int granted_to[16]; /* by what the owner points to */
static unsigned int last;

static void on_granted(void *owner)
{
	last = *(unsigned int *)owner;
	granted_to[last]++;
}

/* Each a peer of its own number. */
static void waiter_init(struct dps_permits_waiter *waiter, unsigned int number)
{
	static unsigned int numbers[16];

	numbers[number] = number;
	granted_to[number] = 0;
	dps_permits_waiter_init(waiter, on_granted, &numbers[number]);
}

static void take__as_many_as_there_are(void **state)
{
	struct dps_permits_waiter waiter;
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 2);
	waiter_init(&waiter, 0);
	assert_true(dps_permits_take(&permits, &waiter));
	assert_true(dps_permits_take(&permits, &waiter));
	assert_false(dps_permits_take(&permits, &waiter));
	assert_int_equal(granted_to[0], 0);
	dps_permits_give(&permits);
	assert_int_equal(granted_to[0], 1);
	assert_int_equal(permits.taken, 2);
	assert_int_equal(permits.granted, 3);
	assert_int_equal(permits.taken_max, 2);
}

/* A peer that has had its permit stands behind who waits for the first. */
static void take__does_not_jump_the_line(void **state)
{
	struct dps_permits_waiter first, second;
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 1);
	waiter_init(&first, 0);
	waiter_init(&second, 1);
	assert_true(dps_permits_take(&permits, &second));
	assert_false(dps_permits_take(&permits, &first));
	assert_false(dps_permits_take(&permits, &second));
	dps_permits_give(&permits);
	assert_int_equal(granted_to[0], 1);
	assert_int_equal(granted_to[1], 0);
}

/* One peer with a thousand calls does not keep the others out. */
static void give__goes_round(void **state)
{
	struct dps_permits_waiter waiters[3];
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 1);
	for (unsigned int i = 0; i < 3; i++)
		waiter_init(&waiters[i], i);
	assert_true(dps_permits_take(&permits, &waiters[0]));
	for (unsigned int i = 0; i < 10; i++)
		dps_permits_take(&permits, &waiters[0]);
	for (unsigned int i = 0; i < 2; i++) {
		dps_permits_take(&permits, &waiters[1]);
		dps_permits_take(&permits, &waiters[2]);
	}
	for (unsigned int i = 0; i < 6; i++) {
		dps_permits_give(&permits);
		assert_int_equal(last, i % 3);
	}
	dps_permits_give(&permits);
	assert_int_equal(last, 0);
	assert_int_equal(granted_to[0], 3);
}

static void set_limit__holds_at_once(void **state)
{
	struct dps_permits_waiter waiter;
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 2);
	waiter_init(&waiter, 0);
	for (unsigned int i = 0; i < 4; i++)
		dps_permits_take(&permits, &waiter);
	dps_permits_set_limit(&permits, 1);
	dps_permits_give(&permits);
	assert_int_equal(granted_to[0], 0);
	dps_permits_give(&permits);
	assert_int_equal(granted_to[0], 1);
	dps_permits_set_limit(&permits, 0);
	assert_false(dps_permits_take(&permits, &waiter));
	dps_permits_set_limit(&permits, 5);
	assert_int_equal(granted_to[0], 3);
	assert_int_equal(permits.taken, 3);
}

/* Any order of all of it: none is lost, none is made, and nobody waits while one is free. */
static void permits__are_never_lost_nor_made(void **state)
{
	enum { PEERS = 5 };
	struct dps_permits_waiter waiters[PEERS];
	uint32_t has[PEERS] = { 0 }, wants[PEERS] = { 0 };
	struct dps_permits permits;
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 1);
	dps_permits_init(&permits, 7);
	for (unsigned int i = 0; i < PEERS; i++)
		waiter_init(&waiters[i], i);
	for (unsigned int step = 0; step < 100000; step++) {
		unsigned int i = (unsigned int)dps_random_below(&random, PEERS);
		uint32_t all = 0, waiting = 0;

		switch (dps_random_below(&random, 4)) {
		case 0:
			if (dps_permits_take(&permits, &waiters[i]))
				has[i]++;
			else
				wants[i]++;
			break;
		case 1:
			if (has[i] == 0)
				break;
			has[i]--;
			dps_permits_give(&permits);
			break;
		case 2:
			if (wants[i] == 0)
				break;
			wants[i]--;
			dps_permits_withdraw(&waiters[i]);
			break;
		default:
			if (dps_random_chance(&random, 1, 50))
				dps_permits_set_limit(&permits,
						      (uint32_t)dps_random_below(&random, 10));
		}
		for (unsigned int at = 0; at < PEERS; at++) {
			assert_true(granted_to[at] <= wants[at]);
			wants[at] -= granted_to[at];
			has[at] += granted_to[at];
			granted_to[at] = 0;
			all += has[at];
			waiting += wants[at];
			assert_int_equal(waiters[at].wants, wants[at]);
		}
		assert_int_equal(permits.taken, all);
		assert_true(all >= permits.limit || waiting == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__as_many_as_there_are),
		cmocka_unit_test(take__does_not_jump_the_line),
		cmocka_unit_test(give__goes_round),
		cmocka_unit_test(set_limit__holds_at_once),
		cmocka_unit_test(permits__are_never_lost_nor_made),
	};

	return cmocka_run_group_tests_name("permits", tests, NULL, NULL);
}
