/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Grant: what a peer that exports to us may take of this collector, as its line in authorized_peers
 * says it:
 *
 *     into=lab/probe-3 rate=2G bytes=500G files=100000 transfers=4 memory=64M
 *
 * Each option stands once or not at all. What is not said is not limited here, so a grant of zeros
 * is one without limits.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_grant_limits {
	DPS_GRANT_INTO_BYTES = 256,
	DPS_GRANT_RATE_MIN = 1000000, /* bit/s: below, a chunk takes longer than peers wait */
};

/* All of its transfers that are under way or parked count together; 0 or "": no limit. */
struct dps_grant {
	char into[DPS_GRANT_INTO_BYTES]; /* folder beneath the collector's own, of whole names */
	uint64_t rate_bits_per_s;	 /* of new data */
	uint64_t bytes;			 /* of files, those that are stored already too */
	uint64_t files;			 /* and folders */
	uint64_t transfers;
	uint64_t memory_bytes; /* of slots that wait for its data, or hold them */
};

/*
 * Reads one option, not ended by NUL. NULL: done. Else what is wrong with it, as a part of a
 * sentence.
 */
const char *dps_grant_read_option(struct dps_grant *grant, const char *text, size_t bytes);

bool dps_grant_is_limited(const struct dps_grant *grant);

/*
 * What both allow: the lower of two limits. False when they name different folders: then nothing
 * is allowed by both.
 */
bool dps_grant_narrow(struct dps_grant *grant, const struct dps_grant *other);

bool dps_grant_is_equal(const struct dps_grant *one, const struct dps_grant *other);
