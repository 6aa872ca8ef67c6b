/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the fault-injecting port, as written behind --impair. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DPS_IMPAIR_ALWAYS UINT32_C(1000000000) /* the fraction 1 */

struct dps_impair_options {
	uint32_t loss; /* fractions of DPS_IMPAIR_ALWAYS */
	uint32_t dup;
	uint32_t reorder;
	uint32_t corrupt;
	uint64_t delay_ns;
	uint64_t blackout_start_ns; /* after the first datagram in either direction */
	uint64_t blackout_ns;	    /* 0: none */
	uint64_t hold_ns;
	uint64_t seed;
};

/*
 * Reads "loss=P,dup=P,reorder=P,corrupt=P,delay=T,blackout=START+LENGTH,hold=T,seed=N", each at
 * most once and in any order; what is not named is off, the seed 1. P is 0 to 1 with at most nine
 * decimals; T is whole us, ms, s, m or h, at most 24h.
 * Errors: -EINVAL, and a sentence in error (cut to error_bytes) that says what to write instead.
 */
int dps_impair_parse(const char *text, struct dps_impair_options *options, char *error,
		     size_t error_bytes);
