/* SPDX-License-Identifier: BSD-3-Clause */
/* Piece digests: a file's digest from those of its pieces, which come in any order. */
#pragma once
#include "drivers/digest/digest.h"
#include <stdbool.h>
#include <stdint.h>

/* Those that came too early wait here; as many as a lane may hold chunks of a file. */
struct dps_piece_wait {
	uint64_t number;
	struct dps_digest digest;
};

struct dps_piece_digests {
	struct dps_file_digest file;
	struct dps_piece_wait *waiting;
	uint32_t waiting_count;
	uint32_t waiting_room;
	uint32_t chunk_bytes;
	uint64_t next_number; /* pieces below it are in the digest */
	uint64_t pieces_count;
	struct dps_digest *fresh; /* with keeps_fresh: the last of those, for a journal */
	uint32_t fresh_count;
	uint32_t fresh_room;
	bool keeps_fresh;
};

/* A run of pieces, without a gap. */
struct dps_piece_run {
	uint64_t first;
	struct dps_digest *digests; /* to be freed */
	uint32_t count;
};

/*
 * chunk_bytes: what every piece but the last has. size_bytes: UINT64_MAX when it is not known yet.
 */
void dps_piece_digests_init(struct dps_piece_digests *digests, uint64_t size_bytes,
			    uint32_t chunk_bytes);
void dps_piece_digests_fini(struct dps_piece_digests *digests);

/* The size is known now; not below what came. */
void dps_piece_digests_set_size(struct dps_piece_digests *digests, uint64_t size_bytes);

/* A piece that starts at this offset of the file; one that came before is ignored. -ENOMEM. */
int dps_piece_digests_add(struct dps_piece_digests *digests, uint64_t offset,
			  const struct dps_digest *digest);

/* Those that came too early did not come: they are sent again. */
void dps_piece_digests_forget_waiting(struct dps_piece_digests *digests);

/* The pieces that came in order since the last call, if keeps_fresh was set. count may be 0. */
struct dps_piece_run dps_piece_digests_take_fresh(struct dps_piece_digests *digests);

/* How much of a file of that size is in the digest, from its start. */
uint64_t dps_piece_digests_prefix_bytes(const struct dps_piece_digests *digests,
					uint64_t size_bytes);

bool dps_piece_digests_is_whole(const struct dps_piece_digests *digests);
struct dps_digest dps_piece_digests_finish(const struct dps_piece_digests *digests);
