/* SPDX-License-Identifier: BSD-3-Clause */
/* How a transfer gets to disk: when to make a checkpoint, and what comes of it. */
#include "apps/dpdk-streamd/index_ranges.h"
#include "apps/dpdk-streamd/intake.h"
#include <dps/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CHECKPOINT_MS = 100,
	CHECKPOINT_BYTES = 64 << 20,
	CHECKPOINT_FILES = 1024, /* so that descriptors come back before there are none */
};

/* ---- what was stored ---- */

static void say_stored(struct dps_intake *intake, uint32_t *files, uint32_t count)
{
	struct dps_message_range *ranges;
	struct dps_message message = {
		.type = DPS_MESSAGE_STORED,
		.stored = { .channel = intake->number, .batch = intake->batch_number },
	};
	uint32_t ranges_count;

	if (count == 0)
		return;
	ranges = malloc(count * sizeof(*ranges));
	if (!ranges)
		abort(); /* out of memory */
	ranges_count = dps_index_ranges_make(files, count, ranges);
	DPS_ASSERT(ranges_count <= DPS_MESSAGE_ITEMS_MAX);
	message.stored.ranges = ranges;
	message.stored.ranges_count = ranges_count;
	dps_intake_say(intake, &message);
	intake->batch_number++;
	free(ranges);
}

/* Credit goes on: bytes below are safe. */
static void tell_lane(struct dps_intake *intake, uint64_t written)
{
	if (written <= intake->stored || intake->channel_state != DPS_INTAKE_CHANNEL_OPEN)
		return;
	intake->stored = written;
	dps_node_command(intake->context->node, &(struct dps_lane_command){
							.type = DPS_COMMAND_STORED,
							.channel = intake->channel,
							.generation = intake->generation,
							.offset = written,
						});
}

/* ---- checkpoints ---- */

static bool is_failed(const struct dps_intake_open *open)
{
	return open->intake->manifest.files[open->file].state == DPS_MANIFEST_FAILED;
}

/* What came of a file that left its staging place: under its name, or gone. */
static void on_left(struct dps_intake *intake, const struct dps_checkpoint_item *item,
		    uint32_t *stored, uint32_t *stored_count, uint64_t now_ns)
{
	struct dps_intake_open *open = item->owner;
	uint32_t index = open->file;
	struct dps_digest digest = open->digest;
	bool is_published = item->wish == DPS_CHECKPOINT_PUBLISH && item->error == 0;

	dps_intake_free_open(open);
	intake->has_part |= item->wish == DPS_CHECKPOINT_LEAVE;
	if (is_published) {
		dps_intake_settle_file(intake, index, DPS_MANIFEST_STORED,
				       item->is_folder ? NULL : &digest);
		stored[(*stored_count)++] = index;
	} else if (item->wish == DPS_CHECKPOINT_PUBLISH) {
		dps_intake_lose_data(intake, index, item->error, now_ns);
	}
}

/* What cannot be written down is not stored, and nothing more of it is taken. */
static void fail_journal(struct dps_intake *intake, const struct dps_checkpoint *checkpoint,
			 uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	snprintf(text, sizeof(text), "%.900s; run the same command again after that",
		 checkpoint->trouble);
	dps_intake_cancel(intake,
			  dps_intake_code_of(checkpoint->journal_error) == DPS_CODE_SPACE
				  ? DPS_CODE_SPACE
				  : DPS_CODE_CANNOT_WRITE,
			  text, now_ns);
}

static void on_checkpoint(struct dps_job *job, uint64_t now_ns)
{
	struct dps_checkpoint *checkpoint = (struct dps_checkpoint *)job;
	struct dps_intake *intake = checkpoint->owner;
	uint32_t *stored, stored_count = 0;

	if (checkpoint->lacks_space) {
		dps_intake_lack_space(intake, DPS_INTAKE_PART_CHECKPOINT, now_ns);
		return;
	}
	dps_intake_find_space(intake, DPS_INTAKE_PART_CHECKPOINT, now_ns);
	stored = malloc((checkpoint->count + 1) * sizeof(*stored));
	if (!stored)
		abort(); /* out of memory */
	intake->is_checkpointing = false;
	intake->is_put_away |= checkpoint->is_last;
	for (uint32_t i = 0; i < checkpoint->count; i++) {
		const struct dps_checkpoint_item *item = &checkpoint->items[i];
		struct dps_intake_open *open = item->owner;

		open->is_journalled |= checkpoint->was_written && item->run.count > 0;
		if (item->wish != DPS_CHECKPOINT_SYNC)
			on_left(intake, item, stored, &stored_count, now_ns);
		else if (item->error < 0)
			dps_intake_lose_data(intake, open->file, item->error, now_ns);
		else if (open->grows && checkpoint->journal_error == 0)
			dps_intake_say_held(open, open->checked_bytes);
	}
	dps_intake_on_journalled(intake, checkpoint);
	dps_intake_on_moved(intake, checkpoint);
	say_stored(intake, stored, stored_count);
	if (checkpoint->journal_error < 0)
		fail_journal(intake, checkpoint, now_ns);
	else
		tell_lane(intake, intake->written_checked);
	free(stored);
}

/* False: nothing is to be done for it now. */
static bool find_wish(const struct dps_intake *intake, const struct dps_intake_open *open,
		      enum dps_checkpoint_wish *wish)
{
	bool is_leaving = intake->state != DPS_INTAKE_ACTIVE;

	*wish = DPS_CHECKPOINT_SYNC;
	if (!is_leaving && !open->is_ready)
		return open->is_dirty && !is_failed(open);
	if (dps_intake_keeps_part(open))
		*wish = DPS_CHECKPOINT_LEAVE;
	else if (is_leaving)
		*wish = intake->is_kept && !is_failed(open) ? DPS_CHECKPOINT_CLOSE
							    : DPS_CHECKPOINT_DROP;
	else
		*wish = is_failed(open) ? DPS_CHECKPOINT_DROP : DPS_CHECKPOINT_PUBLISH;
	return true;
}

/* Adds what a checkpoint has to do for an open file, if anything. */
static void add_item(struct dps_intake *intake, struct dps_intake_open *open)
{
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];
	struct dps_checkpoint_item *item;
	enum dps_checkpoint_wish wish;

	if (!find_wish(intake, open, &wish))
		return;
	open->is_dirty = false;
	open->checked_bytes = dps_piece_digests_prefix_bytes(&open->pieces, file->size_bytes);
	item = &intake->checkpoint.items[intake->checkpoint.count++];
	*item = (struct dps_checkpoint_item){
		.owner = open,
		.name = file->name,
		.size_bytes = wish == DPS_CHECKPOINT_LEAVE ? open->checked_bytes : file->size_bytes,
		.mtime_ns = file->mtime_ns,
		.staged = open->staged,
		.digest = open->digest,
		.wish = (uint8_t)wish,
		.is_new = !open->is_journalled,
		.is_folder = file->is_folder,
	};
	if (open->pieces.keeps_fresh && wish != DPS_CHECKPOINT_LEAVE)
		item->run = dps_piece_digests_take_fresh(&open->pieces);
}

static void start_checkpoint(struct dps_intake *intake, bool is_last, uint64_t now_ns)
{
	struct dps_collect_context *context = intake->context;
	struct dps_checkpoint *checkpoint = &intake->checkpoint;

	if (dps_checkpoint_reserve(checkpoint, intake->opens_count) < 0)
		abort(); /* out of memory */
	checkpoint->job = (struct dps_job){ .run = dps_checkpoint_run, .done = on_checkpoint };
	checkpoint->owner = intake;
	checkpoint->staging = context->staging;
	checkpoint->folder = &intake->folder;
	checkpoint->may_overwrite = context->options->may_overwrite;
	checkpoint->read_back_bytes = context->options->verifies_disk ? context->chunk_bytes : 0;
	checkpoint->must_hurry = &context->store->is_hurried;
	checkpoint->is_last = is_last;
	checkpoint->is_kept = intake->is_kept;
	checkpoint->is_final = is_last || intake->space.is_final;
	checkpoint->count = 0;
	for (struct dps_intake_open *open = intake->opens; open; open = open->next)
		add_item(intake, open);
	dps_intake_fill_journal(intake, checkpoint);
	dps_intake_fill_moves(intake, checkpoint);
	intake->written_checked = intake->written;
	intake->dirty_bytes = 0;
	intake->ready_count = 0;
	intake->checkpoint_at_ns = now_ns;
	intake->is_checkpointing = true;
	dps_worker_push(context->store, &checkpoint->job);
}

bool dps_intake_has_unstored(const struct dps_intake *intake)
{
	if (!intake->context->staging)
		return false;
	return intake->ready_count > 0 || intake->agreed_count > 0 || intake->dirty_bytes > 0 ||
	       intake->written > intake->stored;
}

/* Nobody waits for more than what is ready: the end of the transfer, or of the program. */
static bool is_urgent(const struct dps_intake *intake)
{
	if (intake->is_parked)
		return dps_intake_has_unstored(intake);
	if (intake->agreed_count > 0)
		return true;
	if (intake->ready_count == 0)
		return false;
	return intake->context->is_stopping || intake->ready_count >= CHECKPOINT_FILES ||
	       (intake->has_last && !intake->is_opening &&
		intake->next_file == intake->offered_end &&
		intake->ready_count == intake->opens_count);
}

/* With --discard: verified is all there is to be. */
static void settle_at_once(struct dps_intake *intake)
{
	uint32_t *stored = malloc((intake->ready_count + 1) * sizeof(*stored));
	struct dps_intake_open *open = intake->opens, *next;
	uint32_t count = 0;

	if (!stored)
		abort(); /* out of memory */
	if (open && open->grows)
		dps_intake_say_held(open, dps_piece_digests_prefix_bytes(
						  &open->pieces,
						  intake->manifest.files[open->file].size_bytes));
	for (; open && intake->ready_count > 0; open = next) {
		uint32_t index = open->file;
		struct dps_digest digest = open->digest;

		next = open->next;
		if (!open->is_ready)
			continue;
		intake->ready_count--;
		dps_intake_free_open(open);
		if (intake->manifest.files[index].state == DPS_MANIFEST_FAILED)
			continue;
		dps_intake_settle_file(intake, index, DPS_MANIFEST_STORED, &digest);
		stored[count++] = index;
	}
	say_stored(intake, stored, count);
	tell_lane(intake, intake->written);
	free(stored);
}

void dps_intake_store(struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (!intake->context->staging)
		settle_at_once(intake);
	else if (intake->is_checkpointing)
		return;
	else if (is_urgent(intake) || intake->dirty_bytes >= CHECKPOINT_BYTES ||
		 (dps_intake_has_unstored(intake) &&
		  now_ns >= intake->checkpoint_at_ns + CHECKPOINT_MS * DPS_NS_PER_MS))
		start_checkpoint(intake, false, now_ns);
}

uint64_t dps_intake_store_deadline_ns(const struct dps_intake *intake)
{
	if (!intake->context->staging)
		return DPS_NEVER_NS; /* --discard: settled with each event, there is no later */
	if (intake->is_checkpointing)
		return DPS_NEVER_NS;
	return dps_intake_has_unstored(intake)
		       ? intake->checkpoint_at_ns + CHECKPOINT_MS * DPS_NS_PER_MS
		       : DPS_NEVER_NS;
}

bool dps_intake_clean_up(struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->is_opening || intake->is_checkpointing || intake->space.is_looking ||
	    intake->checks || intake->lane_fds_count > 0 ||
	    intake->search == DPS_INTAKE_SEARCHING ||
	    intake->channel_state == DPS_INTAKE_CHANNEL_OPENING)
		return false;
	if (intake->context->staging && !intake->is_put_away &&
	    (intake->opens || intake->folder.fd >= 0 || intake->is_journalled || intake->is_kept)) {
		start_checkpoint(intake, true, now_ns);
		return false;
	}
	while (intake->opens)
		dps_intake_free_open(intake->opens);
	return true;
}
