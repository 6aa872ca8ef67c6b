/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Head: the beginning of a file, by whose digest it is told from another of the same name, size and
 * time without reading all of it.
 *
 * It is the file's first piece, the first chunk or all of a smaller file: who moved it has its
 * digest already, so that nothing is read to know it, and only little to compare it.
 */
#pragma once
#include <dps/types.h>
#include <stdatomic.h>
#include <stdint.h>

static inline uint64_t dps_head_bytes(uint64_t size_bytes, uint32_t chunk_bytes)
{
	return size_bytes < chunk_bytes ? size_bytes : chunk_bytes;
}

/* Reads it from an open file; waits for the disk. 0 or -errno as dps_file_digest_read(). */
int dps_head_read(int fd, uint64_t size_bytes, uint32_t chunk_bytes, const atomic_bool *stop,
		  struct dps_digest *head);
