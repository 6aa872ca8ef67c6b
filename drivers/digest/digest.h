/* SPDX-License-Identifier: BSD-3-Clause */
/* Digest: XXH3-128 of a piece of a file, and of a whole file from its pieces. Not for secrets. */
#pragma once
#include <dps/types.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

/* XXH3-128 of bytes in canonical form (big-endian, as xxhsum prints it). Any thread. */
struct dps_digest dps_digest_of(const void *bytes, size_t count);

/* XXH3-64 of bytes, for checks inside one process. Any thread. */
uint64_t dps_digest_short_of(const void *bytes, size_t count);

/*
 * The digest of a file: XXH3-128 over its pieces' digests, one after the other from the file's
 * start. Pieces have one size but for the last. A file without bytes has no pieces: XXH3-128 of
 * nothing.
 */
struct dps_file_digest {
	alignas(64) uint8_t state[576]; /* the library's, not to be touched */
};

void dps_file_digest_init(struct dps_file_digest *file);
void dps_file_digest_add(struct dps_file_digest *file, const struct dps_digest *piece);

/* The digest of the pieces so far; more may be added after it. */
struct dps_digest dps_file_digest_finish(const struct dps_file_digest *file);
