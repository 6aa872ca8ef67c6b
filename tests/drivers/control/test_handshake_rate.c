/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/handshake_rate.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <string.h>

static const uint64_t one_ns = DPS_NS_PER_S / DPS_HANDSHAKES_PER_S;
static const uint64_t begun_ns = 1000 * DPS_NS_PER_S;

static struct dps_handshake_rate rate;

static uint64_t take(uint32_t address, uint64_t now_ns)
{
	uint8_t bytes[DPS_HANDSHAKE_ADDRESS_BYTES] = { 1 };

	memcpy(bytes + 4, &address, sizeof(address));
	return dps_handshake_rate_take(&rate, bytes, now_ns);
}

static void take_burst(uint32_t address, uint64_t now_ns)
{
	for (unsigned int i = 0; i < DPS_HANDSHAKES_BURST; i++)
		assert_true(take(address, now_ns) == 0);
}

static void take__grants_a_burst_and_then_one_at_a_time(void **state)
{
	(void)state;
	dps_handshake_rate_init(&rate);
	take_burst(1, begun_ns);
	assert_true(take(1, begun_ns) == begun_ns + one_ns);
	/* Asking costs nothing. */
	assert_true(take(1, begun_ns) == begun_ns + one_ns);
	assert_true(take(1, begun_ns + one_ns - 1) == begun_ns + one_ns);
	assert_true(take(1, begun_ns + one_ns) == 0);
	assert_true(take(1, begun_ns + one_ns) == begun_ns + 2 * one_ns);
}

static void take__gives_the_burst_back_with_time(void **state)
{
	const uint64_t whole_ns = begun_ns + DPS_HANDSHAKES_BURST * one_ns;

	(void)state;
	dps_handshake_rate_init(&rate);
	take_burst(1, begun_ns);
	take_burst(1, whole_ns);
	assert_true(take(1, whole_ns) > whole_ns);
	/* And no more than that, however long it was away. */
	take_burst(1, whole_ns + 3600 * DPS_NS_PER_S);
	assert_true(take(1, whole_ns + 3600 * DPS_NS_PER_S) > 0);
}

static void take__is_of_each_address(void **state)
{
	(void)state;
	dps_handshake_rate_init(&rate);
	take_burst(1, begun_ns);
	assert_true(take(1, begun_ns) > begun_ns);
	take_burst(2, begun_ns);
	assert_true(take(2, begun_ns) > begun_ns);
}

static void take__forgets_who_is_missed_least(void **state)
{
	(void)state;
	dps_handshake_rate_init(&rate);
	take_burst(1, begun_ns);
	for (uint32_t i = 0; i < 4 * DPS_HANDSHAKE_ADDRESSES; i++)
		assert_true(take(1000 + i, begun_ns) == 0);
	assert_true(take(1, begun_ns) > begun_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__grants_a_burst_and_then_one_at_a_time),
		cmocka_unit_test(take__gives_the_burst_back_with_time),
		cmocka_unit_test(take__is_of_each_address),
		cmocka_unit_test(take__forgets_who_is_missed_least),
	};

	return cmocka_run_group_tests_name("handshake_rate", tests, NULL, NULL);
}
