/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/checkpoint.h"
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/transfer_journal.h"
#include "drivers/store/read_back.h"
#include "drivers/store/reason.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int dps_checkpoint_reserve(struct dps_checkpoint *checkpoint, uint32_t count)
{
	struct dps_checkpoint_item *items;
	struct dps_staged_file *synced;
	struct dps_publication *publications;
	uint32_t room = checkpoint->room ? checkpoint->room : 16;

	while (room < count)
		room *= 2;
	if (room == checkpoint->room)
		return 0;
	items = calloc(room, sizeof(*items));
	synced = calloc(room, sizeof(*synced));
	publications = calloc(room, sizeof(*publications));
	if (!items || !synced || !publications) {
		free(items);
		free(synced);
		free(publications);
		return -ENOMEM;
	}
	dps_checkpoint_fini(checkpoint);
	checkpoint->items = items;
	checkpoint->synced = synced;
	checkpoint->publications = publications;
	checkpoint->room = room;
	return 0;
}

void dps_checkpoint_fini(struct dps_checkpoint *checkpoint)
{
	free(checkpoint->items);
	free(checkpoint->synced);
	free(checkpoint->publications);
	checkpoint->items = NULL;
	checkpoint->synced = NULL;
	checkpoint->publications = NULL;
	checkpoint->room = 0;
}

static void finish_files(struct dps_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->count; i++) {
		struct dps_checkpoint_item *item = &checkpoint->items[i];

		item->error = 0;
		if ((item->wish == DPS_CHECKPOINT_PUBLISH || item->wish == DPS_CHECKPOINT_LEAVE) &&
		    !item->is_folder)
			item->error = dps_staging_finish_file(&item->staged, item->size_bytes,
							      item->mtime_ns);
	}
}

static bool wants_sync(const struct dps_checkpoint_item *item)
{
	return item->wish != DPS_CHECKPOINT_DROP && !item->is_folder && item->error == 0;
}

static void sync_files(struct dps_checkpoint *checkpoint)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < checkpoint->count; i++)
		if (wants_sync(&checkpoint->items[i]))
			checkpoint->synced[count++] = checkpoint->items[i].staged;
	if (count == 0)
		return;
	(void)dps_staging_checkpoint(checkpoint->staging, checkpoint->synced, count);
	count = 0;
	for (uint32_t i = 0; i < checkpoint->count; i++)
		if (wants_sync(&checkpoint->items[i]))
			checkpoint->items[i].error = checkpoint->synced[count++].error;
}

static void read_back(const struct dps_checkpoint *checkpoint, struct dps_checkpoint_item *item)
{
	const struct dps_read_back read_back = {
		.size_bytes = item->size_bytes,
		.chunk_bytes = checkpoint->read_back_bytes,
		.wanted = item->digest,
		.stop = checkpoint->must_hurry,
		.digester = &dps_transfer_digester,
	};

	item->error = dps_staging_read_back(&item->staged, &read_back);
	if (item->error != -ECANCELED)
		return;
	item->wish = DPS_CHECKPOINT_CLOSE; /* for another life */
	item->error = 0;
}

/* What is on the disk has to be what was verified when it came. */
static void read_files_back(struct dps_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->count && checkpoint->read_back_bytes > 0; i++) {
		struct dps_checkpoint_item *item = &checkpoint->items[i];

		if (item->wish == DPS_CHECKPOINT_PUBLISH && !item->is_folder && item->error == 0)
			read_back(checkpoint, item);
	}
}

static bool wants_name(const struct dps_checkpoint_item *item)
{
	return item->wish == DPS_CHECKPOINT_PUBLISH && item->error == 0 && !item->is_published;
}

/* One that found no space still wants its name. */
static void settle_name(struct dps_checkpoint *checkpoint, struct dps_checkpoint_item *item,
			int error)
{
	if (!checkpoint->is_final && dps_reason_is_space(error)) {
		checkpoint->lacks_space = true;
		return;
	}
	item->error = error;
	item->is_published = error == 0;
}

static void publish_files(struct dps_checkpoint *checkpoint)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < checkpoint->count; i++) {
		const struct dps_checkpoint_item *item = &checkpoint->items[i];

		if (!wants_name(item))
			continue;
		checkpoint->publications[count++] = (struct dps_publication){
			.name = item->name,
			.folder = checkpoint->folder,
			.index = item->staged.index,
			.is_folder = item->is_folder,
			.is_overwrite = checkpoint->may_overwrite,
		};
	}
	if (count == 0)
		return;
	(void)dps_publish(checkpoint->staging, checkpoint->publications, count);
	count = 0;
	for (uint32_t i = 0; i < checkpoint->count; i++)
		if (wants_name(&checkpoint->items[i]))
			settle_name(checkpoint, &checkpoint->items[i],
				    checkpoint->publications[count++].error);
}

/* What found no space may go on from what the journal knows of it. */
static bool is_dropped(const struct dps_checkpoint_item *item)
{
	return item->wish == DPS_CHECKPOINT_DROP ||
	       (item->wish == DPS_CHECKPOINT_PUBLISH && item->error < 0 &&
		!dps_reason_is_space(item->error));
}

static void close_files(struct dps_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->count; i++) {
		struct dps_checkpoint_item *item = &checkpoint->items[i];

		if (item->is_folder || item->wish == DPS_CHECKPOINT_SYNC)
			continue;
		if (is_dropped(item))
			dps_staging_drop_file(&item->staged);
		else
			close(item->staged.fd);
		item->staged.fd = -1;
	}
}

/* The journal knew nothing of them: they wait for another checkpoint, perhaps of another life. */
static void keep_files(struct dps_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->count; i++) {
		struct dps_checkpoint_item *item = &checkpoint->items[i];

		if (item->wish == DPS_CHECKPOINT_PUBLISH && item->error == 0) {
			item->wish = DPS_CHECKPOINT_CLOSE;
			item->error = checkpoint->journal_error;
		}
	}
}

static void leave_folder(struct dps_checkpoint *checkpoint)
{
	struct dps_transfer_id id = checkpoint->folder->id;

	if (checkpoint->folder->fd < 0)
		return; /* never made */
	dps_staging_close_folder(checkpoint->folder);
	if (!checkpoint->is_kept)
		(void)dps_staging_remove(checkpoint->staging, &id);
}

static void bring_data(struct dps_checkpoint *checkpoint)
{
	finish_files(checkpoint);
	dps_adoption_link(checkpoint->staging, checkpoint->folder, checkpoint->moves,
			  checkpoint->moves_count);
	sync_files(checkpoint);
	read_files_back(checkpoint);
	checkpoint->is_synced = true;
}

/* False when the journal found no space, and it is to be done again. */
static bool commit(struct dps_checkpoint *checkpoint)
{
	if (!checkpoint->is_synced)
		bring_data(checkpoint);
	checkpoint->journal_error = dps_transfer_journal_write(checkpoint);
	if (!checkpoint->is_final && dps_reason_is_space(checkpoint->journal_error))
		return false;
	if (checkpoint->journal_error < 0)
		keep_files(checkpoint);
	checkpoint->is_committed = true;
	return true;
}

void dps_checkpoint_run(struct dps_job *job)
{
	struct dps_checkpoint *checkpoint = (struct dps_checkpoint *)job;

	checkpoint->lacks_space = !checkpoint->is_committed && !commit(checkpoint);
	if (checkpoint->lacks_space)
		return;
	publish_files(checkpoint);
	if (checkpoint->lacks_space)
		return;
	close_files(checkpoint);
	dps_adoption_settle(checkpoint->staging, checkpoint->folder, checkpoint->moves,
			    checkpoint->moves_count, checkpoint->was_written);
	checkpoint->is_synced = checkpoint->is_committed = false; /* the next one's */
	if (checkpoint->is_last)
		leave_folder(checkpoint);
}
