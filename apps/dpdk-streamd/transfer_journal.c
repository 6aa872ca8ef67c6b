/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/transfer_journal.h"
#include "drivers/store/identity.h"
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 64 }; /* of one call */

/* ---- the list of files ---- */

static struct dps_journal_file row_of(const struct dps_message_file *file, uint32_t index)
{
	return (struct dps_journal_file){
		.index = index,
		.path = file->path,
		.path_bytes = file->path_bytes,
		.size_bytes = file->size_bytes,
		.mtime_ns = file->mtime_ns,
		.mode = file->mode,
		.is_folder = file->kind == DPS_FILE_DIRECTORY,
		.state = DPS_JOURNAL_FILE_WAITING,
	};
}

/* A file that waits and has a digest is one that may be there already, with that content. */
static int write_batch(struct dps_checkpoint *checkpoint, const struct dps_manifest_batch *batch)
{
	struct dps_journal_file rows[ROWS_MAX];
	uint32_t count = 0, have = 0;
	int err = 0;

	for (uint32_t i = 0; i < batch->count && err == 0; i++) {
		struct dps_journal_file *row = &rows[count++];

		*row = row_of(&batch->files[i], batch->first + i);
		if (have < batch->have_count && batch->have[have].file == row->index) {
			row->has_digest = row->has_head = true;
			row->head = batch->have_stamps[have];
			row->digest = batch->have[have++].digest;
		}
		if (count < ROWS_MAX && i + 1 < batch->count)
			continue;
		err = dps_journal_put_files(checkpoint->journal, &checkpoint->transfer.id, rows,
					    count);
		count = 0;
	}
	return err;
}

/* ---- what is open, or about to get its name ---- */

static bool is_durable(const struct dps_checkpoint_item *item)
{
	return item->wish != DPS_CHECKPOINT_DROP && !item->is_folder && item->error == 0;
}

static int change(struct dps_checkpoint *checkpoint, const struct dps_checkpoint_item *item)
{
	struct dps_journal_change change = {
		.index = item->staged.index,
		.state = DPS_JOURNAL_FILE_OPEN,
		.has_identity = true,
		.size_bytes = DPS_JOURNAL_UNKNOWN,
	};
	struct dps_file_identity identity;
	int err = dps_identity_of_fd(item->staged.fd, &identity);

	if (err < 0)
		return err;
	change.device = identity.device;
	change.inode = identity.inode;
	if (item->wish == DPS_CHECKPOINT_PUBLISH) {
		change.state = DPS_JOURNAL_FILE_PUBLISHING;
		change.has_digest = true;
		change.digest = item->digest;
	}
	return dps_journal_change_files(checkpoint->journal, &checkpoint->transfer.id, &change, 1);
}

static int write_item(struct dps_checkpoint *checkpoint, const struct dps_checkpoint_item *item)
{
	bool is_published = item->wish == DPS_CHECKPOINT_PUBLISH;
	int err = 0;

	if (is_published || (item->is_new && item->run.count > 0))
		err = change(checkpoint, item);
	/* What is whole is known by its own digest. */
	if (err == 0 && !is_published && item->run.count > 0)
		err = dps_journal_add_pieces(checkpoint->journal, &checkpoint->transfer.id,
					     item->staged.index, item->run.first, item->run.digests,
					     item->run.count);
	return err;
}

/* ---- one commit ---- */

static bool has_news(const struct dps_checkpoint *checkpoint)
{
	if (checkpoint->is_last)
		return checkpoint->is_kept || checkpoint->is_journalled;
	if (checkpoint->changes_count > 0 || checkpoint->moves_count > 0)
		return true;
	for (uint32_t i = 0; i < checkpoint->count; i++)
		if (is_durable(&checkpoint->items[i]) &&
		    (checkpoint->items[i].run.count > 0 ||
		     checkpoint->items[i].wish == DPS_CHECKPOINT_PUBLISH))
			return true;
	return false;
}

static int write_all(struct dps_checkpoint *checkpoint)
{
	struct dps_journal *journal = checkpoint->journal;
	const struct dps_transfer_id *id = &checkpoint->transfer.id;
	int err = 0;

	if (!checkpoint->is_journalled || (checkpoint->is_last && !checkpoint->is_kept))
		err = dps_journal_forget_transfer(journal, id);
	if (checkpoint->is_last && !checkpoint->is_kept)
		return err;
	if (err == 0)
		err = dps_journal_put_transfer(journal, &checkpoint->transfer);
	for (uint32_t i = 0; i < checkpoint->batches_count && err == 0; i++)
		err = write_batch(checkpoint, checkpoint->batches[i]);
	if (err == 0)
		err = dps_journal_change_files(journal, id, checkpoint->changes,
					       checkpoint->changes_count);
	if (err == 0)
		err = dps_adoption_write(journal, checkpoint->moves, checkpoint->moves_count);
	for (uint32_t i = 0; i < checkpoint->count && err == 0; i++)
		if (is_durable(&checkpoint->items[i]))
			err = write_item(checkpoint, &checkpoint->items[i]);
	return err;
}

int dps_transfer_journal_write(struct dps_checkpoint *checkpoint)
{
	struct dps_journal *journal = checkpoint->journal;
	int err;

	checkpoint->was_written = false;
	if (!journal || !has_news(checkpoint))
		return 0;
	err = dps_journal_begin(journal);
	if (err == 0)
		err = write_all(checkpoint);
	if (err == 0)
		err = dps_journal_commit(journal);
	checkpoint->was_written = err == 0;
	if (err == 0)
		return 0;
	snprintf(checkpoint->trouble, sizeof(checkpoint->trouble), "%s",
		 dps_journal_trouble(journal));
	dps_journal_roll_back(journal);
	return err;
}
