/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout: where each file of a transfer stands in its channel's offsets. Both sides compute it. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A file starts at a multiple of min(chunk, its size rounded up to a power of two, at least 4 KiB):
 * small files never straddle a chunk, large ones start on one. The padding between files is
 * never sent nor counted.
 */
struct dps_layout {
	uint32_t chunk_bytes; /* a power of two, at least 4 KiB */
	uint64_t next_offset; /* the end of the last file */
};

void dps_layout_init(struct dps_layout *layout, uint32_t chunk_bytes);

/*
 * Places the next file; an empty one takes no bytes and stands at the end of the one before.
 * Errors: -EFBIG when it would pass DPS_OFFSET_MAX; nothing changed.
 */
int dps_layout_place(struct dps_layout *layout, uint64_t size_bytes, uint64_t *offset);

#ifdef __cplusplus
}
#endif
