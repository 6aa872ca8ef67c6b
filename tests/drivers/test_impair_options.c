/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/options.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <errno.h>
#include <string.h>

static void parse__reads_everything_at_once(void **state)
{
	struct dps_impair_options o;
	char error[256] = "";

	(void)state;
	assert_int_equal(dps_impair_parse("loss=0.01,dup=.5,reorder=1,corrupt=0.000000001,"
					  "delay=200us,blackout=2s+500ms,hold=1m,seed=42",
					  &o, error, sizeof(error)),
			 0);
	assert_int_equal(o.loss, 10000000);
	assert_int_equal(o.dup, 500000000);
	assert_int_equal(o.reorder, DPS_IMPAIR_ALWAYS);
	assert_int_equal(o.corrupt, 1);
	assert_int_equal(o.delay_ns, 200 * DPS_NS_PER_US);
	assert_int_equal(o.blackout_start_ns, 2 * DPS_NS_PER_S);
	assert_int_equal(o.blackout_ns, 500 * DPS_NS_PER_MS);
	assert_int_equal(o.hold_ns, 60 * DPS_NS_PER_S);
	assert_int_equal(o.seed, 42);
	assert_string_equal(error, "");
}

static void parse__leaves_off_what_is_not_named(void **state)
{
	struct dps_impair_options o;
	char error[256];

	(void)state;
	memset(&o, 0xff, sizeof(o));
	assert_int_equal(dps_impair_parse("blackout=0s+24h", &o, error, sizeof(error)), 0);
	assert_int_equal(o.loss, 0);
	assert_int_equal(o.dup, 0);
	assert_int_equal(o.reorder, 0);
	assert_int_equal(o.corrupt, 0);
	assert_int_equal(o.delay_ns, 0);
	assert_int_equal(o.blackout_start_ns, 0);
	assert_int_equal(o.blackout_ns, 24 * 3600 * DPS_NS_PER_S);
	assert_int_equal(o.hold_ns, 0);
	assert_int_equal(o.seed, 1);
}

static void parse__knows_the_edges_of_numbers(void **state)
{
	static const struct {
		const char *text;
		uint32_t loss;
	} good[] = {
		{ "loss=0", 0 },
		{ "loss=1", DPS_IMPAIR_ALWAYS },
		{ "loss=1.000000000", DPS_IMPAIR_ALWAYS },
		{ "loss=0.999999999", DPS_IMPAIR_ALWAYS - 1 },
		{ "loss=00.5", 500000000 },
	};
	struct dps_impair_options o;
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(dps_impair_parse(good[i].text, &o, error, sizeof(error)), 0);
		assert_int_equal(o.loss, good[i].loss);
	}
	assert_int_equal(dps_impair_parse("seed=18446744073709551615", &o, error, sizeof(error)),
			 0);
	assert_true(o.seed == UINT64_MAX);
}

static void parse__says_in_a_sentence_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} bad[] = {
		{ "", "does not know \"\"" },
		{ "loss", "does not know \"loss\"" },
		{ "loss=0.1,", "does not know \"\"" },
		{ "lose=0.1", "does not know \"lose\"" },
		{ "loss=0.1,loss=0.2", "loss twice" },
		{ "loss=1.1", "loss=1.1 is not a fraction" },
		{ "loss=2", "is not a fraction" },
		{ "loss=-0.1", "is not a fraction" },
		{ "loss=1%", "is not a fraction" },
		{ "loss=0,1", "does not know \"1\"" },
		{ "loss=", "is not a fraction" },
		{ "loss=.", "is not a fraction" },
		{ "loss=0.", "is not a fraction" },
		{ "loss=1e-3", "is not a fraction" },
		{ "loss= 0.1", "is not a fraction" },
		{ "loss=0.0000000001", "is not a fraction" },
		{ "loss=1.000000001", "is not a fraction" },
		{ "delay=5", "delay=5 is not a time" },
		{ "delay=ms", "is not a time" },
		{ "delay=1.5s", "is not a time" },
		{ "delay=5 ms", "is not a time" },
		{ "delay=5msx", "is not a time" },
		{ "delay=5M", "is not a time" },
		{ "hold=25h", "is not a time" },
		{ "hold=99999999999999999999s", "is not a time" },
		{ "blackout=2s", "is not START+LENGTH" },
		{ "blackout=2s+", "is not START+LENGTH" },
		{ "blackout=+2s", "is not START+LENGTH" },
		{ "blackout=2s-1s", "is not START+LENGTH" },
		{ "blackout=2s+1s+1s", "is not START+LENGTH" },
		{ "seed=x", "is not a whole number" },
		{ "seed=18446744073709551616", "is not a whole number" },
		{ "seed=-1", "is not a whole number" },
		{ "seed=11111111111111111111111111111111111111111111111111111111111111111",
		  "seed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dps_impair_options o;
		char error[256] = "";

		assert_int_equal(dps_impair_parse(bad[i].text, &o, error, sizeof(error)), -EINVAL);
		if (strstr(error, bad[i].part) == NULL)
			fail_msg("\"%s\" gave \"%s\"", bad[i].text, error);
	}
}

static void parse__cuts_the_sentence_to_its_room(void **state)
{
	struct dps_impair_options o;
	char error[8];

	(void)state;
	memset(error, 'x', sizeof(error));
	assert_int_equal(dps_impair_parse("no", &o, error, 4), -EINVAL);
	assert_string_equal(error, "--i");
	assert_int_equal(error[4], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__reads_everything_at_once),
		cmocka_unit_test(parse__leaves_off_what_is_not_named),
		cmocka_unit_test(parse__knows_the_edges_of_numbers),
		cmocka_unit_test(parse__says_in_a_sentence_what_is_wrong),
		cmocka_unit_test(parse__cuts_the_sentence_to_its_room),
	};

	return cmocka_run_group_tests_name("impair options", tests, NULL, NULL);
}
