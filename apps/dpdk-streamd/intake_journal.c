/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a transfer is for the journal, until a checkpoint takes it there. */
#include "apps/dpdk-streamd/intake.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

void dps_intake_note_change(struct dps_intake *intake, const struct dps_journal_change *change)
{
	uint32_t room = intake->changes_room ? intake->changes_room * 2 : 64;

	if (!intake->context->journal)
		return;
	if (intake->changes_count == intake->changes_room) {
		void *changes = realloc(intake->changes, room * sizeof(*intake->changes));

		if (!changes)
			abort(); /* out of memory */
		intake->changes = changes;
		intake->changes_room = room;
	}
	intake->changes[intake->changes_count++] = *change;
}

/* The manifest has them in the order they came, the last first. */
static struct dps_manifest_batch **take_batches(const struct dps_intake *intake, uint32_t count)
{
	struct dps_manifest_batch **batches =
		malloc((count + 1) * sizeof(struct dps_manifest_batch *));
	struct dps_manifest_batch *batch = intake->manifest.batches;

	if (!batches)
		abort(); /* out of memory */
	for (uint32_t i = count; i > 0; i--, batch = batch->next)
		batches[i - 1] = batch;
	return batches;
}

void dps_intake_fill_journal(struct dps_intake *intake, struct dps_checkpoint *checkpoint)
{
	checkpoint->journal = intake->context->journal;
	checkpoint->was_written = false;
	checkpoint->journal_error = 0;
	if (!checkpoint->journal)
		return;
	dps_intake_format_owner(intake, checkpoint->owner_text);
	checkpoint->transfer = (struct dps_journal_transfer){
		.id = intake->id,
		.key = checkpoint->owner_text,
		.key_bytes = strlen(checkpoint->owner_text),
		.chunk_bytes = intake->context->chunk_bytes,
		.total_files = intake->total_files,
		.total_bytes = intake->total_bytes,
		.has_last = intake->has_last,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
		.created_at_s = intake->created_at_s,
		.touched_at_s = time(NULL),
	};
	checkpoint->is_journalled = intake->is_journalled;
	checkpoint->batches = take_batches(intake, intake->new_batches);
	checkpoint->batches_count = intake->new_batches;
	checkpoint->changes = intake->changes;
	checkpoint->changes_count = intake->changes_count;
	intake->changes = NULL;
	intake->changes_count = intake->changes_room = 0;
}

/* Nothing was said that it was to say: those from before are in front of those since. */
static void take_back(struct dps_intake *intake, const struct dps_checkpoint *checkpoint)
{
	struct dps_journal_change *since = intake->changes;
	uint32_t count = intake->changes_count;

	intake->changes = NULL;
	intake->changes_count = intake->changes_room = 0;
	for (uint32_t i = 0; i < checkpoint->changes_count; i++)
		dps_intake_note_change(intake, &checkpoint->changes[i]);
	for (uint32_t i = 0; i < count; i++)
		dps_intake_note_change(intake, &since[i]);
	free(since);
}

void dps_intake_on_journalled(struct dps_intake *intake, struct dps_checkpoint *checkpoint)
{
	if (!checkpoint->journal)
		return;
	if (checkpoint->was_written) {
		intake->is_journalled = true;
		intake->new_batches -= checkpoint->batches_count;
	} else if (!checkpoint->is_last) {
		take_back(intake, checkpoint);
	}
	for (uint32_t i = 0; i < checkpoint->count; i++)
		free(checkpoint->items[i].run.digests);
	free(checkpoint->batches);
	free(checkpoint->changes);
	checkpoint->batches = NULL;
	checkpoint->changes = NULL;
	checkpoint->batches_count = checkpoint->changes_count = 0;
}
