/* SPDX-License-Identifier: BSD-3-Clause */
/* What is adopted moves: a second name, one commit, and the first name goes. */
#include "apps/dpdk-streamd/adoption.h"
#include <errno.h>
#include <stdlib.h>

void dps_adoption_link(struct dps_staging *staging, struct dps_staging_folder *folder,
		       struct dps_adoption_move *moves, uint32_t count)
{
	int err = count > 0 ? dps_staging_own_folder(staging, folder) : 0;

	for (uint32_t i = 0; i < count; i++)
		moves[i].error =
			err < 0 ? err
				: dps_staging_link_file(moves[i].donor, moves[i].row.from_file,
							folder, moves[i].row.to_file);
	if (count > 0 && err == 0)
		err = dps_staging_sync_folder(staging, folder);
	for (uint32_t i = 0; i < count && err < 0; i++)
		if (moves[i].error == 0)
			moves[i].error = err;
}

static int on_pieces(void *context, uint64_t first, const struct dps_digest *digests, size_t count)
{
	struct dps_piece_digests *pieces = context;

	for (size_t i = 0; i < count; i++)
		if (dps_piece_digests_add(pieces, (first + i) * pieces->chunk_bytes, &digests[i]) <
		    0)
			abort(); /* out of memory */
	return 0;
}

/* It was claimed since it was found, so nobody has changed it. */
static int write_one(struct dps_journal *journal, struct dps_adoption_move *move)
{
	int err = dps_journal_read_pieces(journal, &move->row.from, move->row.from_file, on_pieces,
					  move->pieces);

	if (err == 0 && dps_piece_digests_prefix_bytes(move->pieces, move->bytes) < move->bytes)
		move->error = -ESTALE;
	return err == 0 && move->error == 0 ? dps_journal_move_file(journal, &move->row) : err;
}

static int forget_empty(struct dps_journal *journal, struct dps_adoption_move *move)
{
	int result = dps_journal_has_staged(journal, &move->row.from);

	move->is_donor_empty = result == 0;
	return result == 0 ? dps_journal_forget_transfer(journal, &move->row.from)
			   : (result < 0 ? result : 0);
}

int dps_adoption_write(struct dps_journal *journal, struct dps_adoption_move *moves, uint32_t count)
{
	int err = 0;

	for (uint32_t i = 0; i < count && err == 0; i++)
		if (moves[i].error == 0)
			err = write_one(journal, &moves[i]);
	for (uint32_t i = 0; i < count && err == 0; i++)
		if (moves[i].error == 0)
			err = forget_empty(journal, &moves[i]);
	return err;
}

void dps_adoption_settle(struct dps_staging *staging, struct dps_staging_folder *folder,
			 struct dps_adoption_move *moves, uint32_t count, bool was_written)
{
	for (uint32_t i = 0; i < count; i++) {
		if (was_written && moves[i].error == 0)
			dps_staging_unlink_file(moves[i].donor, moves[i].row.from_file);
		else if (folder->fd >= 0)
			dps_staging_unlink_file(folder, moves[i].row.to_file);
		if (!was_written && moves[i].error == 0)
			moves[i].error = -EIO;
		if (was_written && moves[i].is_donor_empty)
			(void)dps_staging_remove(staging, &moves[i].row.from);
	}
}
