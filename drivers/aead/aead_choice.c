/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/aead_choice.h"
#include "drivers/aead/known_answers.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <stdio.h>
#include <string.h>

enum {
	CANDIDATES_MAX = 4,
	PACKET_BYTES = 8192,
	HEADER_BYTES = DPS_HEADER_BYTES,
	ROUNDS = 8, /* in turns: a machine that others use is not the same for long */
};

#define ROUND_NS (DPS_NS_PER_MS)
#define MEASURE_NS_MAX (45 * DPS_NS_PER_MS)

struct trial {
	const struct dps_aead *aead;
	struct dps_aead_key key;
	uint64_t best_bytes_per_s;
	uint64_t number;
};

static void seal_one(struct trial *trial, const uint8_t *from, uint8_t *to)
{
	static const uint8_t header[HEADER_BYTES];
	uint8_t tag[DPS_AEAD_TAG_BYTES];
	struct dps_aead_packet packet = {
		.header = header,
		.header_bytes = sizeof(header),
		.tag = tag,
		.parts = { { to, from, PACKET_BYTES } },
	};

	trial->number++;
	memcpy(packet.nonce, &trial->number, sizeof(trial->number));
	trial->aead->seal(&trial->key, &packet, 1);
}

/* The best round counts: what else runs on the machine only ever makes a round slower. */
static void measure(struct trial *trial, struct dps_clock *clock)
{
	uint8_t from[PACKET_BYTES] = { 0 }, to[PACKET_BYTES];
	uint64_t start_ns = dps_clock_now_ns(clock), end_ns, count = 0, rate;

	do {
		seal_one(trial, from, to);
		count++;
		end_ns = dps_clock_now_ns(clock);
	} while (end_ns - start_ns < ROUND_NS);
	rate = count * PACKET_BYTES * DPS_NS_PER_S / (end_ns - start_ns);
	if (rate > trial->best_bytes_per_s)
		trial->best_bytes_per_s = rate;
}

static unsigned int begin_trials(const struct dps_aead *const *candidates, unsigned int count,
				 enum dps_aead_cipher cipher, struct trial *trials,
				 char sentence[DPS_AEAD_SENTENCE_BYTES])
{
	static const uint8_t secret[DPS_AEAD_SECRET_BYTES_MAX] = { 1 };
	unsigned int good = 0;

	snprintf(sentence, DPS_AEAD_SENTENCE_BYTES, "no library here does %s",
		 dps_aead_cipher_name(cipher));
	for (unsigned int i = 0; i < count; i++) {
		const char *wrong = candidates[i] ? dps_aead_check(candidates[i]) : NULL;

		if (wrong)
			snprintf(sentence, DPS_AEAD_SENTENCE_BYTES,
				 "%s gives a wrong answer to %s: this processor or library is "
				 "broken",
				 candidates[i]->name, wrong);
		if (!candidates[i] || wrong ||
		    dps_aead_key_init(&trials[good].key, candidates[i], cipher) < 0)
			continue;
		dps_aead_key_change(&trials[good].key, secret);
		trials[good].aead = candidates[i];
		trials[good].best_bytes_per_s = trials[good].number = 0;
		good++;
	}
	return good;
}

const struct dps_aead *dps_aead_choose_of(const struct dps_aead *const *candidates,
					  unsigned int count, struct dps_clock *clock,
					  enum dps_aead_cipher cipher,
					  char sentence[DPS_AEAD_SENTENCE_BYTES])
{
	struct trial trials[CANDIDATES_MAX];
	uint64_t start_ns = dps_clock_now_ns(clock);
	const struct trial *best = NULL;
	const struct dps_aead *chosen;
	unsigned int good;

	DPS_ASSERT(count <= CANDIDATES_MAX);
	good = begin_trials(candidates, count, cipher, trials, sentence);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (unsigned int i = 0;
		     i < good && dps_clock_now_ns(clock) - start_ns < MEASURE_NS_MAX; i++)
			measure(&trials[i], clock);
	for (unsigned int i = 0; i < good; i++) {
		if (!best || trials[i].best_bytes_per_s > best->best_bytes_per_s)
			best = &trials[i];
		dps_aead_key_fini(&trials[i].key);
	}
	if (!best)
		return NULL;
	chosen = best->aead;
	snprintf(sentence, DPS_AEAD_SENTENCE_BYTES, "%s by %s, %llu.%llu Gb/s a core",
		 dps_aead_cipher_name(cipher), chosen->name,
		 (unsigned long long)(best->best_bytes_per_s * 8 / 1000000000),
		 (unsigned long long)(best->best_bytes_per_s * 8 / 100000000 % 10));
	return chosen;
}

const struct dps_aead *dps_aead_choose(struct dps_clock *clock, enum dps_aead_cipher cipher,
				       char sentence[DPS_AEAD_SENTENCE_BYTES])
{
	const struct dps_aead *const candidates[] = { dps_aead_ipsec_mb(), dps_aead_openssl() };

	return dps_aead_choose_of(candidates, sizeof(candidates) / sizeof(candidates[0]), clock,
				  cipher, sentence);
}
