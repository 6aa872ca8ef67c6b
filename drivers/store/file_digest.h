/* SPDX-License-Identifier: BSD-3-Clause */
/* File digest: reads a whole file and digests it as a transfer would, to tell whether it is stored
 * already. */
#pragma once
#include <dps/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* How bytes are digested, and how the digests of a file's pieces become the file's. */
struct dps_digester {
	void (*digest_bytes)(const void *bytes, size_t bytes_count, struct dps_digest *digest);
	void (*digest_pieces)(const struct dps_digest *pieces, size_t pieces_count,
			      struct dps_digest *digest);
};

/*
 * Digests the first size_bytes of an open file, piece by piece of chunk_bytes (a power of two).
 * Waits for the disk. stop (may be NULL) is looked at between pieces. Errors: -ESTALE (the file is
 * shorter), -ECANCELED (stop was set), -ENOMEM, -EIO and others of read.
 */
int dps_file_digest_read(int fd, uint64_t size_bytes, uint32_t chunk_bytes,
			 const struct dps_digester *digester, const atomic_bool *stop,
			 struct dps_digest *digest);

/*
 * Digests bytes of an open file from offset on, a multiple of chunk_bytes, into one digest for each
 * piece. Otherwise as above.
 */
int dps_file_digest_read_pieces(int fd, uint64_t offset, uint64_t bytes, uint32_t chunk_bytes,
				const struct dps_digester *digester, const atomic_bool *stop,
				struct dps_digest *pieces);
