/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/file_past.h"
#include <stdalign.h>
#include <stdlib.h>

struct dps_file_past *dps_file_past_of(struct dps_manifest_file *file)
{
	if (!file->past)
		file->past = calloc(1, sizeof(*file->past));
	return file->past;
}

struct dps_piece_digests *dps_file_past_make_pieces(struct dps_manifest_file *file,
						    uint32_t chunk_bytes)
{
	struct dps_file_past *past = dps_file_past_of(file);
	struct dps_piece_digests *pieces =
		past ? aligned_alloc(alignof(struct dps_piece_digests), sizeof(*pieces)) : NULL;

	if (!pieces)
		return NULL;
	dps_piece_digests_init(pieces, file->size_bytes, chunk_bytes);
	past->pieces = pieces;
	return pieces;
}

void dps_file_past_forget(struct dps_manifest_file *file)
{
	if (!file->past)
		return;
	if (file->past->pieces)
		dps_piece_digests_fini(file->past->pieces);
	free(file->past->pieces);
	free(file->past);
	file->past = NULL;
}

uint64_t dps_file_past_bytes(const struct dps_manifest_file *file)
{
	if (!file->past)
		return 0;
	if (file->past->is_whole)
		return file->size_bytes;
	return file->past->pieces
		       ? dps_piece_digests_prefix_bytes(file->past->pieces, file->size_bytes)
		       : 0;
}
