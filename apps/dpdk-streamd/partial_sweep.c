/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/partial_sweep.h"
#include "drivers/store/sweep.h"
#include <stdlib.h>
#include <string.h>

static bool has(const struct dps_transfer_id *ids, uint32_t count, const struct dps_transfer_id *id)
{
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(&ids[i], id, sizeof(*id)) == 0)
			return true;
	return false;
}

static void append(struct dps_transfer_id **ids, uint32_t *count, uint32_t *room,
		   const struct dps_transfer_id *id)
{
	if (*count == *room) {
		*room = *room ? *room * 2 : 16;
		*ids = realloc(*ids, *room * sizeof(**ids));
		if (!*ids)
			abort(); /* out of memory */
	}
	(*ids)[(*count)++] = *id;
}

/* ---- of one peer ---- */

struct dps_partial_kept {
	struct dps_transfer_id id;
	int64_t touched_at_s;
	uint32_t chunk_bytes;
};

static void note_kept(struct dps_partial_sweep *sweep, const struct dps_journal_transfer *transfer)
{
	uint32_t count = sweep->kept_count;

	if (!sweep->owner_text[0] ||
	    !dps_transfer_owner_is_same_peer(transfer->key, transfer->key_bytes, sweep->owner_text,
					     strlen(sweep->owner_text)))
		return;
	if ((count & (count - 1)) == 0) { /* it grows at powers of two */
		sweep->kept = realloc(sweep->kept, (count ? 2 * count : 1) * sizeof(*sweep->kept));
		if (!sweep->kept)
			abort(); /* out of memory */
	}
	sweep->kept[sweep->kept_count++] = (struct dps_partial_kept){
		.id = transfer->id,
		.touched_at_s = transfer->touched_at_s,
		.chunk_bytes = transfer->chunk_bytes,
	};
}

static int compare_kept(const void *left, const void *right)
{
	const struct dps_partial_kept *a = left, *b = right;

	return (a->touched_at_s < b->touched_at_s) - (a->touched_at_s > b->touched_at_s);
}

/* The last in use first, as far as the limits go. */
static int bound_kept(struct dps_partial_sweep *sweep)
{
	uint64_t bytes = 0, pieces;
	int err = 0;

	if (sweep->kept_count > 1)
		qsort(sweep->kept, sweep->kept_count, sizeof(*sweep->kept), compare_kept);
	for (uint32_t i = 0; i < sweep->kept_count && err == 0; i++) {
		const struct dps_partial_kept *kept = &sweep->kept[i];

		err = dps_journal_count_staged(sweep->journal, &kept->id, &pieces);
		if (__builtin_mul_overflow(pieces, kept->chunk_bytes, &pieces) ||
		    __builtin_add_overflow(bytes, pieces, &bytes))
			bytes = UINT64_MAX;
		if (err == 0 && ((sweep->owner_bytes > 0 && bytes > sweep->owner_bytes) ||
				 (sweep->owner_transfers > 0 && i >= sweep->owner_transfers)))
			append(&sweep->old, &sweep->old_count, &sweep->old_room, &kept->id);
	}
	return err;
}

/* ---- all of them ---- */

static int on_transfer(void *context, const struct dps_journal_transfer *transfer)
{
	struct dps_partial_sweep *sweep = context;

	bool is_active = has(sweep->active, sweep->active_count, &transfer->id);
	bool is_young = transfer->touched_at_s + sweep->keep_s > sweep->now_s;

	if (is_young && !is_active)
		note_kept(sweep, transfer);
	if (is_young || is_active)
		append(&sweep->known, &sweep->known_count, &sweep->known_room, &transfer->id);
	else
		append(&sweep->old, &sweep->old_count, &sweep->old_room, &transfer->id);
	return 0;
}

static int forget(struct dps_partial_sweep *sweep, const struct dps_transfer_id *id)
{
	int err = dps_journal_begin(sweep->journal);

	if (err == 0)
		err = dps_journal_forget_transfer(sweep->journal, id);
	if (err == 0)
		err = dps_journal_commit(sweep->journal);
	if (err < 0)
		dps_journal_roll_back(sweep->journal);
	return err;
}

/* Another collector with the same folder may be at it: it has claimed what is staged. */
static int remove_old(struct dps_partial_sweep *sweep, const struct dps_transfer_id *id)
{
	struct dps_staging_folder folder;
	int err = dps_staging_open_folder(sweep->staging, id, &folder);

	if (err < 0)
		return err;
	err = dps_staging_claim_folder(&folder);
	if (err == 0)
		err = forget(sweep, id);
	if (err == 0)
		err = dps_staging_remove(sweep->staging, id);
	sweep->removed += err == 0;
	dps_staging_close_folder(&folder);
	return 0;
}

static bool is_known(void *context, const struct dps_transfer_id *id)
{
	const struct dps_partial_sweep *sweep = context;

	return has(sweep->known, sweep->known_count, id) || has(sweep->old, sweep->old_count, id);
}

void dps_partial_sweep_run(struct dps_job *job)
{
	struct dps_partial_sweep *sweep = (struct dps_partial_sweep *)job;
	int err = dps_journal_read_transfers(sweep->journal, on_transfer, sweep);
	int swept = 0;

	sweep->removed = 0;
	if (err == 0)
		err = bound_kept(sweep);
	for (uint32_t i = 0; i < sweep->old_count && err == 0; i++)
		err = remove_old(sweep, &sweep->old[i]);
	if (err == 0 && sweep->is_start)
		swept = dps_staging_sweep(sweep->staging, is_known, sweep);
	if (swept < 0)
		err = swept;
	sweep->removed = err < 0 ? err : sweep->removed + swept;
	free(sweep->known);
	free(sweep->old);
	free(sweep->kept);
	sweep->kept = NULL;
	sweep->kept_count = 0;
	sweep->known = sweep->old = NULL;
	sweep->known_count = sweep->known_room = sweep->old_count = sweep->old_room = 0;
}
