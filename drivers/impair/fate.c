/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/parts.h"
#include <string.h>

#define FLIPS_MAX 4

static bool happens(struct dps_random *random, uint32_t fraction)
{
	return fraction != 0 && dps_random_chance(random, fraction, DPS_IMPAIR_ALWAYS);
}

struct dps_impair_fate dps_impair_draw(struct dps_random *random,
				       const struct dps_impair_options *options)
{
	struct dps_impair_fate fate = { .is_lost = happens(random, options->loss) };

	fate.is_doubled = happens(random, options->dup);
	if (happens(random, options->reorder))
		fate.behind = (uint8_t)(1 + dps_random_below(random, DPS_LINE_BEHIND_MAX));
	if (happens(random, options->corrupt)) {
		fate.flips = (uint8_t)(1 + dps_random_below(random, FLIPS_MAX));
		fate.flips_seed = dps_random_next(random);
	}
	return fate;
}

bool dps_impair_needs_copy(const struct dps_impair_options *options,
			   const struct dps_impair_fate *fate)
{
	return options->delay_ns != 0 || fate->behind != 0 || fate->flips != 0;
}

bool dps_impair_is_blacked_out(struct dps_impair *impair)
{
	if (impair->blackout_at_ns == DPS_NEVER_NS)
		impair->blackout_at_ns = impair->now_ns + impair->options.blackout_start_ns;
	return impair->now_ns >= impair->blackout_at_ns &&
	       impair->now_ns - impair->blackout_at_ns < impair->options.blackout_ns;
}

/* Flips distinct bits: twice the same one would be none. */
void dps_impair_damage(const struct dps_impair_fate *fate, uint8_t *bytes, uint32_t count)
{
	uint64_t flipped[FLIPS_MAX];
	struct dps_random random;

	dps_random_init(&random, fate->flips_seed);
	for (unsigned int i = 0; i < fate->flips;) {
		uint64_t bit = dps_random_below(&random, (uint64_t)count * 8);
		bool is_new = true;

		for (unsigned int k = 0; k < i; k++)
			is_new = is_new && flipped[k] != bit;
		if (!is_new)
			continue;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		flipped[i++] = bit;
	}
}

void dps_impair_count_copied(struct dps_impair *impair, const struct dps_impair_fate *fate)
{
	impair->counters.held_back += fate->behind != 0;
	impair->counters.delayed += impair->options.delay_ns != 0;
}

void dps_impair_mirror_counters(struct dps_impair *impair)
{
	const struct dps_impair_counters *c = &impair->counters;

	impair->port.counters = impair->inner->counters;
	memcpy(impair->port.pools, impair->inner->pools, sizeof(impair->port.pools));
	impair->port.counters.impaired_datagrams =
		c->sent_lost + c->sent_damaged + c->received_lost + c->received_damaged;
}
