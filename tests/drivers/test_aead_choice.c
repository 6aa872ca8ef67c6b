/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/aead_choice.h"
#include "drivers/aead/known_answers.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <errno.h>
#include <string.h>

/* Virtual time: each look costs a microsecond, and a slow back end as much as it is slow. */
static uint64_t now_ns;

static uint64_t read_clock(struct dps_clock *clock)
{
	(void)clock;
	return now_ns += DPS_NS_PER_US;
}

static struct dps_clock test_clock = { .now_ns = read_clock };

static int real_init(struct dps_aead_key *key)
{
	return dps_aead_openssl()->init(key);
}

static void real_change(struct dps_aead_key *key, const uint8_t *secret)
{
	dps_aead_openssl()->change(key, secret);
}

static void real_fini(struct dps_aead_key *key)
{
	dps_aead_openssl()->fini(key);
}

static void slow_seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	now_ns += 100 * DPS_NS_PER_US;
	dps_aead_openssl()->seal(key, packets, count);
}

static void fast_seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	now_ns += 10 * DPS_NS_PER_US;
	dps_aead_openssl()->seal(key, packets, count);
}

/* Right but for one bit of one tag in a burst: the fault of a vector unit. */
static void wrong_seal(struct dps_aead_key *key, struct dps_aead_packet *packets,
		       unsigned int count)
{
	dps_aead_openssl()->seal(key, packets, count);
	packets[count - 1].tag[3] ^= 0x10;
}

static unsigned int real_open(struct dps_aead_key *key, struct dps_aead_packet *packets,
			      unsigned int count)
{
	return dps_aead_openssl()->open(key, packets, count);
}

static unsigned int trusting_open(struct dps_aead_key *key, struct dps_aead_packet *packets,
				  unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		dps_aead_openssl()->open(key, &packets[i], 1);
	return count;
}

/* Skips what does not fit instead of ending there. */
static unsigned int skipping_open(struct dps_aead_key *key, struct dps_aead_packet *packets,
				  unsigned int count)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < count; i++)
		good += dps_aead_openssl()->open(key, &packets[i], 1);
	return good;
}

static const struct dps_aead slow = {
	.name = "slow",
	.init = real_init,
	.change = real_change,
	.fini = real_fini,
	.seal = slow_seal,
	.open = real_open,
};
static const struct dps_aead fast = {
	.name = "fast",
	.init = real_init,
	.change = real_change,
	.fini = real_fini,
	.seal = fast_seal,
	.open = real_open,
};
static const struct dps_aead wrong = {
	.name = "wrong",
	.init = real_init,
	.change = real_change,
	.fini = real_fini,
	.seal = wrong_seal,
	.open = real_open,
};
static const struct dps_aead trusting = {
	.name = "trusting",
	.init = real_init,
	.change = real_change,
	.fini = real_fini,
	.seal = fast_seal,
	.open = trusting_open,
};
static const struct dps_aead skipping = {
	.name = "skipping",
	.init = real_init,
	.change = real_change,
	.fini = real_fini,
	.seal = fast_seal,
	.open = skipping_open,
};

static void choose_of__takes_the_fastest_in_any_order(void **state)
{
	const struct dps_aead *const orders[][2] = { { &slow, &fast }, { &fast, &slow } };
	char sentence[DPS_AEAD_SENTENCE_BYTES];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_ptr_equal(dps_aead_choose_of(orders[i], 2, &test_clock, DPS_AEAD_AES_128_GCM,
						    sentence),
				 &fast);
		assert_non_null(strstr(sentence, "aes-128-gcm by fast"));
	}
}

static void choose_of__leaves_out_what_is_wrong(void **state)
{
	const struct dps_aead *const list[] = { &wrong, NULL, &trusting, &slow };
	char sentence[DPS_AEAD_SENTENCE_BYTES];

	(void)state;
	assert_non_null(dps_aead_check(&wrong));
	assert_non_null(dps_aead_check(&trusting));
	assert_non_null(dps_aead_check(&skipping));
	assert_ptr_equal(dps_aead_choose_of(list, 4, &test_clock, DPS_AEAD_AES_256_GCM, sentence),
			 &slow);
}

static void choose_of__says_what_is_wrong_when_nothing_is_left(void **state)
{
	const struct dps_aead *const list[] = { &wrong, NULL };
	const struct dps_aead *const none[] = { NULL };
	char sentence[DPS_AEAD_SENTENCE_BYTES];

	(void)state;
	assert_null(dps_aead_choose_of(list, 2, &test_clock, DPS_AEAD_AES_128_GCM, sentence));
	assert_non_null(strstr(sentence, "wrong gives a wrong answer to GCM test case 1"));
	assert_null(dps_aead_choose_of(none, 1, &test_clock, DPS_AEAD_AES_128_GCM, sentence));
	assert_non_null(strstr(sentence, "no library here does aes-128-gcm"));
}

static void choose_of__is_done_within_its_time(void **state)
{
	const struct dps_aead *const list[] = { &slow, &fast, &slow, &fast };
	char sentence[DPS_AEAD_SENTENCE_BYTES];
	uint64_t start_ns = now_ns;

	(void)state;
	assert_non_null(dps_aead_choose_of(list, 4, &test_clock, DPS_AEAD_AES_128_GCM, sentence));
	assert_true(now_ns - start_ns <= 50 * DPS_NS_PER_MS);
}

static void choose__finds_one_here(void **state)
{
	char sentence[DPS_AEAD_SENTENCE_BYTES];
	struct dps_clock clock;
	const struct dps_aead *chosen;

	(void)state;
	dps_clock_init_real(&clock);
	chosen = dps_aead_choose(&clock, DPS_AEAD_AES_128_GCM, sentence);
	assert_non_null(chosen);
	assert_true(chosen == dps_aead_ipsec_mb() || chosen == dps_aead_openssl());
	print_message("%s\n", sentence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choose_of__takes_the_fastest_in_any_order),
		cmocka_unit_test(choose_of__leaves_out_what_is_wrong),
		cmocka_unit_test(choose_of__says_what_is_wrong_when_nothing_is_left),
		cmocka_unit_test(choose_of__is_done_within_its_time),
		cmocka_unit_test(choose__finds_one_here),
	};

	return cmocka_run_group_tests_name("aead_choice", tests, NULL, NULL);
}
