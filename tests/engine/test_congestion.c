/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/congestion.h"
#include "tests/support/cmocka.h"

static void init__takes_the_controller_of_the_mode(void **state)
{
	struct dps_congestion_config config = {
		.mode = DPS_CONGESTION_FAIR,
		.rate_bytes_per_s = 1250000000,
		.packet_bytes = 1464,
	};
	struct dps_congestion congestion;

	(void)state;
	dps_congestion_init(&congestion, &config, 7);
	assert_string_equal(congestion.ops->name, "fair");
	assert_int_equal(congestion.config.packet_bytes, 1464);
	assert_int_equal(congestion.events_count, 0);
	config.mode = DPS_CONGESTION_FIXED;
	dps_congestion_init(&congestion, &config, 7);
	assert_string_equal(congestion.ops->name, "fixed");
}

static void init__every_controller_does_everything(void **state)
{
	const struct dps_congestion_ops *all[] = { &dps_congestion_fair_ops,
						   &dps_congestion_fixed_ops };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_non_null(all[i]->name);
		assert_non_null(all[i]->init);
		assert_non_null(all[i]->on_acked);
		assert_non_null(all[i]->on_lost);
		assert_non_null(all[i]->on_persistent);
		assert_non_null(all[i]->on_spurious);
		assert_non_null(all[i]->on_idle);
		assert_non_null(all[i]->pacing_rate_bytes_per_s);
		assert_non_null(all[i]->is_broken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__takes_the_controller_of_the_mode),
		cmocka_unit_test(init__every_controller_does_everything),
	};

	return cmocka_run_group_tests_name("congestion", tests, NULL, NULL);
}
