/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File past: what an earlier connection left of a file that is not open now: the digest that the
 * exporter told, and the pieces that are on disk.
 *
 * Owner: the control core, as the manifest it belongs to.
 */
#pragma once
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/piece_digests.h"

struct dps_file_past {
	bool has_told;
	bool is_whole; /* it is staged and verified; told is its digest */
	struct dps_digest told;
	struct dps_piece_digests *pieces; /* of what is staged; NULL: nothing is */
};

/* Made when there is none; NULL without memory. */
struct dps_file_past *dps_file_past_of(struct dps_manifest_file *file);
/* Makes room for its pieces, none yet; NULL without memory. */
struct dps_piece_digests *dps_file_past_make_pieces(struct dps_manifest_file *file,
						    uint32_t chunk_bytes);
void dps_file_past_forget(struct dps_manifest_file *file);

/* How many of the file's first bytes need not come again. */
uint64_t dps_file_past_bytes(const struct dps_manifest_file *file);
