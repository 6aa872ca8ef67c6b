/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include <dps/assert.h>

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t value, unsigned int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

void dps_random_init(struct dps_random *random, uint64_t seed)
{
	for (unsigned int i = 0; i < 4; i++)
		random->state[i] = splitmix64(&seed);
}

uint64_t dps_random_next(struct dps_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t dps_random_below(struct dps_random *random, uint64_t bound)
{
	uint64_t threshold, value;

	DPS_ASSERT(bound != 0);
	threshold = -bound % bound; /* numbers below it would favour small results */
	do
		value = dps_random_next(random);
	while (value < threshold);
	return value % bound;
}

bool dps_random_chance(struct dps_random *random, uint64_t numerator, uint64_t denominator)
{
	return dps_random_below(random, denominator) < numerator;
}
