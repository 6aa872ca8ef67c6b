/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sequence lock: one writer changes several fields, any thread reads them as of one moment. The
 * writer never waits; a reader tries again when a change fell into its reading.
 *
 * After H. Boehm, "Can seqlocks get along with programming language memory models?" (2012), in
 * the form without fences, which thread checkers do not follow: each field is stored with
 * release and loaded with acquire. On x86 both are plain moves.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { DPS_SEQUENCE_TRIES = 256 };

struct dps_sequence {
	_Atomic uint32_t count; /* writer: the fields' owner; odd: a change is under way */
};

/* What a field's owner itself reads of it. */
static inline uint64_t dps_own(const _Atomic uint64_t *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static inline void dps_sequence_change(struct dps_sequence *sequence)
{
	/* relaxed: the stores of the fields that follow release it */
	atomic_store_explicit(&sequence->count,
			      atomic_load_explicit(&sequence->count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static inline void dps_sequence_put(_Atomic uint64_t *field, uint64_t value)
{
	/* release: pairs with the acquire in get(): who sees this value sees the odd count */
	atomic_store_explicit(field, value, memory_order_release);
}

static inline void dps_sequence_done(struct dps_sequence *sequence)
{
	/* release: pairs with the acquire in begin(): an even count comes with its fields */
	atomic_store_explicit(&sequence->count,
			      atomic_load_explicit(&sequence->count, memory_order_relaxed) + 1,
			      memory_order_release);
}

static inline uint32_t dps_sequence_begin(const struct dps_sequence *sequence)
{
	/* acquire: pairs with the release in done() */
	return atomic_load_explicit(&sequence->count, memory_order_acquire);
}

static inline uint64_t dps_sequence_get(const _Atomic uint64_t *field)
{
	/* acquire: pairs with the release in put(); keeps the count's second reading behind it */
	return atomic_load_explicit(field, memory_order_acquire);
}

/* Whether all that was read since begin() is of one moment. */
static inline bool dps_sequence_is_whole(const struct dps_sequence *sequence, uint32_t begun)
{
	return begun % 2 == 0 &&
	       atomic_load_explicit(&sequence->count, memory_order_relaxed) == begun;
}
