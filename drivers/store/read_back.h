/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read back: whether the disk gives back what was written to it, past the page cache.
 *
 * Owner: the store thread; waits for the disk.
 */
#pragma once
#include "drivers/store/file_digest.h"
#include "drivers/store/staging.h"

struct dps_read_back {
	uint64_t size_bytes;
	uint32_t chunk_bytes;	  /* a power of two, at least a page */
	struct dps_digest wanted; /* of the file */
	const atomic_bool *stop;  /* looked at between pieces; NULL: none */
	const struct dps_digester *digester;
};

/*
 * Reads a staged file that was synced, with O_DIRECT where that is possible, else after its pages
 * were dropped from the cache; where they stay, as on tmpfs, memory is the disk. 0, or -errno:
 * -EILSEQ (other bytes than were written), -ECANCELED (stop was set), -EIO and others of open and
 * read.
 */
int dps_staging_read_back(const struct dps_staged_file *file,
			  const struct dps_read_back *read_back);
