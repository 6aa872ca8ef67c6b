/* SPDX-License-Identifier: BSD-3-Clause */
/* Random: a small seeded generator (xoshiro256**, Blackman and Vigna 2018). Not for secrets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dps_random {
	uint64_t state[4];
};

/* Any seed will do, zero too (expanded with splitmix64). */
void dps_random_init(struct dps_random *random, uint64_t seed);

uint64_t dps_random_next(struct dps_random *random);

/* Uniform in 0..bound-1 without bias; bound is not zero. */
uint64_t dps_random_below(struct dps_random *random, uint64_t bound);

/* True in numerator of denominator cases. Probabilities are ratios so that runs repeat exactly. */
bool dps_random_chance(struct dps_random *random, uint64_t numerator, uint64_t denominator);
