/* SPDX-License-Identifier: BSD-3-Clause */
/* Small arithmetic that several modules share: bounds, rounding, big-endian loads and stores. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t dps_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t dps_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t dps_clamp_u64(uint64_t value, uint64_t low, uint64_t high)
{
	return dps_max_u64(low, dps_min_u64(value, high));
}

static inline bool dps_is_power_of_two(uint64_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/*
 * Whether so much more fits a limit beside what is taken. What is longer than the limit fits where
 * nothing is taken, or it never would.
 */
static inline bool dps_fits_limit(uint64_t taken, uint64_t more, uint64_t limit)
{
	return taken == 0 || (taken <= limit && more <= limit - taken);
}

/* The next multiple of alignment, a power of two; the caller knows that it fits. */
static inline uint64_t dps_round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t dps_round_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

/* How many bits are set; where the processor has no instruction, the compiler's would be a call. */
static inline uint64_t dps_count_bits(uint64_t bits)
{
	bits -= bits >> 1 & UINT64_C(0x5555555555555555);
	bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
	bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return bits * UINT64_C(0x0101010101010101) >> 56;
}

/* To the order of the wire and back. */
static inline uint16_t dps_be16(uint16_t value)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap16(value);
}

static inline uint32_t dps_be32(uint32_t value)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap32(value);
}

static inline uint64_t dps_be64(uint64_t value)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap64(value);
}

/* Not byte by byte: gcc 12 makes one swapped load or store of that only where it stands alone. */
static inline uint16_t dps_load_be16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return dps_be16(value);
}

static inline uint32_t dps_load_be32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return dps_be32(value);
}

static inline uint64_t dps_load_be64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return dps_be64(value);
}

static inline void dps_store_be16(uint8_t *at, uint16_t value)
{
	value = dps_be16(value);
	memcpy(at, &value, sizeof(value));
}

static inline void dps_store_be32(uint8_t *at, uint32_t value)
{
	value = dps_be32(value);
	memcpy(at, &value, sizeof(value));
}

static inline void dps_store_be64(uint8_t *at, uint64_t value)
{
	value = dps_be64(value);
	memcpy(at, &value, sizeof(value));
}
