/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/aead.h"
#include "drivers/aead/known_answers.h"
#include "drivers/aead/secret_memory.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BYTES_MAX = 16384,
	HEADER_BYTES = 40,
	GUARD_BYTES = 64,
	BURST = 32,
	ROUNDS = 400,
};

/* A packet with memory of its own, guarded on both sides of what is written. */
struct sample {
	struct dps_aead_packet packet;
	uint8_t header[HEADER_BYTES];
	uint8_t tag[DPS_AEAD_TAG_BYTES];
	uint32_t cut;
	uint32_t bytes;
	uint8_t plain[BYTES_MAX];
	uint8_t guarded[GUARD_BYTES + BYTES_MAX + GUARD_BYTES];
};

static struct sample samples[BURST];

static void make_key(struct dps_aead_key *key, const struct dps_aead *aead,
		     enum dps_aead_cipher cipher, const uint8_t *secret)
{
	assert_int_equal(dps_aead_key_init(key, aead, cipher), 0);
	dps_aead_key_change(key, secret);
}

static unsigned int back_ends(const struct dps_aead *list[2])
{
	unsigned int count = 0;

	if (dps_aead_ipsec_mb())
		list[count++] = dps_aead_ipsec_mb();
	list[count++] = dps_aead_openssl();
	return count;
}

static void fill(struct dps_random *random, uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)dps_random_next(random);
}

/* Sizes that occur: small packets, the usual ones, and any. */
static uint32_t draw_bytes(struct dps_random *random)
{
	switch (dps_random_below(random, 4)) {
	case 0:
		return (uint32_t)dps_random_below(random, 130);
	case 1:
		return 1408;
	case 2:
		return 8192;
	default:
		return (uint32_t)dps_random_below(random, BYTES_MAX + 1);
	}
}

static void draw(struct sample *sample, struct dps_random *random)
{
	struct dps_aead_packet *packet = &sample->packet;
	uint8_t *to = sample->guarded + GUARD_BYTES;

	sample->bytes = draw_bytes(random);
	sample->cut = (uint32_t)dps_random_below(random, sample->bytes + 1);
	fill(random, sample->header, sizeof(sample->header));
	fill(random, sample->plain, sample->bytes);
	memset(sample->guarded, 0xa5, sizeof(sample->guarded));
	memset(sample->tag, 0, sizeof(sample->tag));
	*packet = (struct dps_aead_packet){
		.header = sample->header,
		.header_bytes = HEADER_BYTES,
		.tag = sample->tag,
		.parts = { { to, sample->plain, sample->cut },
			   { to + sample->cut, sample->plain + sample->cut,
			     sample->bytes - sample->cut } },
	};
	fill(random, packet->nonce, sizeof(packet->nonce));
}

static void assert_guards(const struct sample *sample)
{
	for (unsigned int i = 0; i < GUARD_BYTES; i++) {
		assert_int_equal(sample->guarded[i], 0xa5);
		assert_int_equal(sample->guarded[GUARD_BYTES + sample->bytes + i], 0xa5);
	}
}

static void check__holds_for_each_back_end(void **state)
{
	const struct dps_aead *list[2];
	unsigned int count = back_ends(list);

	(void)state;
	for (unsigned int i = 0; i < count; i++)
		assert_null(dps_aead_check(list[i]));
}

/* What the first back end made of the samples, to hold the second against. */
static uint8_t sealed[BURST][BYTES_MAX];
static uint8_t sealed_tags[BURST][DPS_AEAD_TAG_BYTES];

static void seal_by_first(struct dps_aead_packet *burst, unsigned int count,
			  struct dps_aead_key *key, struct dps_random *random)
{
	for (unsigned int i = 0; i < count; i++) {
		draw(&samples[i], random);
		burst[i] = samples[i].packet;
	}
	key->aead->seal(key, burst, count);
	for (unsigned int i = 0; i < count; i++) {
		uint8_t *to = samples[i].guarded + GUARD_BYTES;

		assert_guards(&samples[i]);
		memcpy(sealed[i], to, samples[i].bytes);
		memcpy(sealed_tags[i], samples[i].tag, DPS_AEAD_TAG_BYTES);
		memset(to, 0xa5, samples[i].bytes);
	}
}

static void seal_by_second(struct dps_aead_packet *burst, unsigned int count,
			   struct dps_aead_key *key)
{
	key->aead->seal(key, burst, count);
	for (unsigned int i = 0; i < count; i++) {
		assert_guards(&samples[i]);
		assert_memory_equal(samples[i].guarded + GUARD_BYTES, sealed[i], samples[i].bytes);
		assert_memory_equal(samples[i].tag, sealed_tags[i], DPS_AEAD_TAG_BYTES);
	}
}

static void open_in_turn(struct dps_aead_packet *burst, unsigned int count,
			 struct dps_aead_key keys[2])
{
	for (unsigned int i = 0; i < count; i++) {
		uint8_t *to = samples[i].guarded + GUARD_BYTES;

		memset(to, 0xa5, samples[i].bytes);
		burst[i].parts[0] = (struct dps_aead_part){ to, sealed[i], samples[i].bytes };
		burst[i].parts[1] = (struct dps_aead_part){ NULL, NULL, 0 };
		assert_int_equal(keys[i % 2].aead->open(&keys[i % 2], &burst[i], 1), 1);
		assert_guards(&samples[i]);
		assert_memory_equal(to, samples[i].plain, samples[i].bytes);
	}
}

/* What one seals is, bit for bit, what the other seals, and both open it. */
static void seal__of_one_back_end_is_that_of_the_other(void **state)
{
	static struct dps_aead_key keys[2];
	const struct dps_aead *const list[2] = { dps_aead_openssl(), dps_aead_ipsec_mb() };
	struct dps_random random;

	(void)state;
	if (!list[1]) {
		puts("skip: intel-ipsec-mb does not run on this processor");
		skip();
	}
	dps_random_init(&random, 5116);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		enum dps_aead_cipher cipher = round % DPS_AEAD_CIPHERS_COUNT;
		unsigned int count = 1 + (unsigned int)dps_random_below(&random, BURST);
		struct dps_aead_packet burst[BURST];
		uint8_t secret[DPS_AEAD_SECRET_BYTES_MAX];

		fill(&random, secret, sizeof(secret));
		for (unsigned int i = 0; i < 2; i++)
			make_key(&keys[i], list[i], cipher, secret);
		seal_by_first(burst, count, &keys[0], &random);
		seal_by_second(burst, count, &keys[1]);
		open_in_turn(burst, count, keys);
		for (unsigned int i = 0; i < 2; i++)
			dps_aead_key_fini(&keys[i]);
	}
}

/* One bit anywhere: in the header, the nonce, the body or the tag; and it is told of that packet.
 */
static void damage(struct sample *sample, struct dps_random *random)
{
	uint8_t bit = (uint8_t)(1u << dps_random_below(random, 8));

	switch (dps_random_below(random, 4)) {
	case 0:
		sample->header[dps_random_below(random, HEADER_BYTES)] ^= bit;
		break;
	case 1:
		sample->packet.nonce[dps_random_below(random, DPS_AEAD_NONCE_BYTES)] ^= bit;
		break;
	case 2:
		if (sample->bytes > 0) {
			sample->guarded[GUARD_BYTES + dps_random_below(random, sample->bytes)] ^=
				bit;
			break;
		} /* fall through */
	default:
		sample->tag[dps_random_below(random, DPS_AEAD_TAG_BYTES)] ^= bit;
	}
}

/* What lies behind the first bad packet is not opened at all. */
static void assert_untouched(uint8_t copies[BURST][BYTES_MAX], unsigned int from)
{
	for (unsigned int i = from; i < BURST; i++)
		for (uint32_t k = 0; k < samples[i].bytes; k += 97)
			assert_int_equal(copies[i][k], 0xa5);
}

static void open_damaged(const struct dps_aead *aead, enum dps_aead_cipher cipher,
			 struct dps_random *random)
{
	static const uint8_t secret[DPS_AEAD_SECRET_BYTES_MAX] = { 7 };
	static struct dps_aead_key key;
	static uint8_t copies[BURST][BYTES_MAX];
	struct dps_aead_packet burst[BURST];
	bool is_damaged[BURST];

	make_key(&key, aead, cipher, secret);
	for (unsigned int i = 0; i < BURST; i++) {
		draw(&samples[i], random);
		aead->seal(&key, &samples[i].packet, 1);
		is_damaged[i] = dps_random_chance(random, 1, 3);
		if (is_damaged[i])
			damage(&samples[i], random);
		burst[i] = samples[i].packet;
		burst[i].parts[0] =
			(struct dps_aead_part){ copies[i], samples[i].guarded + GUARD_BYTES,
						samples[i].bytes };
		burst[i].parts[1] = (struct dps_aead_part){ NULL, NULL, 0 };
	}
	memset(copies, 0xa5, sizeof(copies));
	for (unsigned int at = 0; at < BURST;) {
		unsigned int good = aead->open(&key, burst + at, BURST - at);

		for (; good > 0; good--, at++) {
			assert_false(is_damaged[at]);
			assert_memory_equal(copies[at], samples[at].plain, samples[at].bytes);
		}
		if (at == BURST)
			break;
		assert_true(is_damaged[at++]);
		assert_untouched(copies, at);
	}
	dps_aead_key_fini(&key);
}

static void open__tells_damage_of_each_packet(void **state)
{
	const struct dps_aead *list[2];
	unsigned int count = back_ends(list);
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 99);
	for (unsigned int round = 0; round < ROUNDS / 4; round++)
		for (unsigned int i = 0; i < count; i++)
			open_damaged(list[i], round % DPS_AEAD_CIPHERS_COUNT, &random);
}

static void open__is_of_no_other_key(void **state)
{
	static const uint8_t secrets[2][DPS_AEAD_SECRET_BYTES_MAX] = { { 1 }, { 2 } };
	static struct dps_aead_key keys[2];
	const struct dps_aead *list[2];
	unsigned int count = back_ends(list);
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int i = 0; i < count; i++) {
		struct dps_aead_packet *packet = &samples[0].packet;

		for (unsigned int k = 0; k < 2; k++)
			make_key(&keys[k], list[i], DPS_AEAD_AES_128_GCM, secrets[k]);
		draw(&samples[0], &random);
		list[i]->seal(&keys[0], packet, 1);
		packet->parts[0].from = packet->parts[0].to;
		packet->parts[1].from = packet->parts[1].to;
		assert_int_equal(list[i]->open(&keys[1], packet, 1), 0);
		for (unsigned int k = 0; k < 2; k++)
			dps_aead_key_fini(&keys[k]);
	}
}

/* A key that was another before is the same as one that never was, in both directions. */
static void key_change__leaves_nothing_of_the_old_key(void **state)
{
	static const uint8_t old[DPS_AEAD_SECRET_BYTES_MAX] = { 1 };
	static const uint8_t new[DPS_AEAD_SECRET_BYTES_MAX] = { 2 };
	static struct dps_aead_key changed, fresh;
	const struct dps_aead *list[2];
	unsigned int count = back_ends(list);
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 4);
	for (unsigned int i = 0; i < count * DPS_AEAD_CIPHERS_COUNT; i++) {
		const struct dps_aead *aead = list[i % count];
		struct dps_aead_packet packet, again;
		uint8_t tag[DPS_AEAD_TAG_BYTES];

		make_key(&changed, aead, i / count, old);
		make_key(&fresh, aead, i / count, new);
		draw(&samples[0], &random);
		packet = again = samples[0].packet;
		again.tag = tag;
		aead->seal(&changed, &packet, 1); /* with the old one, and so into its contexts */
		dps_aead_key_change(&changed, new);
		aead->seal(&changed, &packet, 1);
		aead->seal(&fresh, &again, 1);
		assert_memory_equal(tag, packet.tag, sizeof(tag));
		packet.parts[0].from = packet.parts[0].to;
		packet.parts[1].from = packet.parts[1].to;
		assert_int_equal(aead->open(&changed, &packet, 1), 1);
		dps_aead_key_fini(&changed);
		dps_aead_key_fini(&fresh);
	}
}

static void key_fini__leaves_nothing_behind(void **state)
{
	static const uint8_t secret[DPS_AEAD_SECRET_BYTES_MAX] = { 0x5a, 0x11, 0x77 };
	static const uint8_t zeros[DPS_AEAD_KEY_MEMORY_BYTES];
	static struct dps_aead_key key;

	(void)state;
	if (!dps_aead_ipsec_mb()) {
		puts("skip: intel-ipsec-mb does not run on this processor");
		skip();
	}
	make_key(&key, dps_aead_ipsec_mb(), DPS_AEAD_AES_128_GCM, secret);
	assert_memory_not_equal(key.memory, zeros, sizeof(zeros));
	dps_aead_key_fini(&key);
	assert_memory_equal(key.memory, zeros, sizeof(zeros));
	assert_null(key.aead);
}

static void cipher_name__goes_both_ways(void **state)
{
	enum dps_aead_cipher cipher = DPS_AEAD_CIPHERS_COUNT;

	(void)state;
	for (unsigned int i = 0; i < DPS_AEAD_CIPHERS_COUNT; i++) {
		assert_true(dps_aead_cipher_from_name(dps_aead_cipher_name(i), &cipher));
		assert_int_equal(cipher, i);
	}
	assert_false(dps_aead_cipher_from_name("clear", &cipher));
	assert_null(dps_aead_cipher_name(DPS_AEAD_CIPHERS_COUNT));
}

/* Reads VmFlags of the mapping that holds an address. */
static void read_flags(const void *memory, char flags[256])
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512];
	bool is_here = false;

	assert_non_null(file);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		unsigned long first, end;

		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			is_here = (uintptr_t)memory >= first && (uintptr_t)memory < end;
		else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, 256, "%.250s ", line);
	}
	fclose(file);
}

static void secret_create__keeps_out_of_core_dumps(void **state)
{
	uint8_t *memory = dps_secret_create(5000);
	char flags[256];

	(void)state;
	assert_non_null(memory);
	for (unsigned int i = 0; i < 5000; i++)
		assert_int_equal(memory[i], 0);
	read_flags(memory, flags);
	assert_non_null(strstr(flags, " dd "));			    /* do not dump */
	assert_non_null(strstr(flags, " wf "));			    /* wipe on fork */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* whose mlock does nothing */
	assert_non_null(strstr(flags, " lo ")); /* locked: a page or two are within any limit */
#endif
	dps_secret_destroy(memory, 5000);
	dps_secret_destroy(NULL, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check__holds_for_each_back_end),
		cmocka_unit_test(seal__of_one_back_end_is_that_of_the_other),
		cmocka_unit_test(open__tells_damage_of_each_packet),
		cmocka_unit_test(open__is_of_no_other_key),
		cmocka_unit_test(key_change__leaves_nothing_of_the_old_key),
		cmocka_unit_test(key_fini__leaves_nothing_behind),
		cmocka_unit_test(cipher_name__goes_both_ways),
		cmocka_unit_test(secret_create__keeps_out_of_core_dumps),
	};

	return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
