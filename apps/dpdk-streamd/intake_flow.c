/* SPDX-License-Identifier: BSD-3-Clause */
/* The files that data come for: opened in order, verified, or given up. */
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPENS_MAX = 2048, /* of one transfer: those of 100 ms between two checkpoints */
	IN_LANE_MAX = 256,
};

/* ---- the record of an open file ---- */

static struct dps_intake_open *create_open(struct dps_intake *intake, uint32_t index)
{
	struct dps_manifest_file *file = &intake->manifest.files[index];
	struct dps_intake_open *open =
		aligned_alloc(alignof(struct dps_intake_open), sizeof(*open));

	if (!open)
		abort(); /* out of memory */
	memset(open, 0, sizeof(*open));
	open->intake = intake;
	open->file = index;
	open->staged.fd = -1;
	if (!file->is_folder)
		dps_piece_digests_init(&open->pieces, file->size_bytes,
				       intake->context->chunk_bytes);
	open->previous = intake->last_open;
	if (intake->last_open)
		intake->last_open->next = open;
	else
		intake->opens = open;
	intake->last_open = open;
	intake->opens_count++;
	file->open = open;
	return open;
}

void dps_intake_free_open(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;

	DPS_ASSERT(open->lane_fds == 0);
	dps_intake_leave_lane(open, open->in_lane);
	if (open->previous)
		open->previous->next = open->next;
	else
		intake->opens = open->next;
	if (open->next)
		open->next->previous = open->previous;
	else
		intake->last_open = open->previous;
	if (intake->next_again == open)
		intake->next_again = open->next;
	intake->opens_count--;
	intake->context->open_files_count--;
	intake->manifest.files[open->file].open = NULL;
	dps_piece_digests_fini(&open->pieces);
	free(open);
}

/* ---- opening ---- */

/* What the exporter told before its turn came. */
static void take_past(struct dps_intake_open *open, struct dps_manifest_file *file)
{
	const struct dps_file_past *past = file->past;

	if (past->has_told) {
		open->has_wanted = true;
		open->wanted = past->told;
	}
	if (past->is_whole)
		open->digest = past->told;
	open->is_verified = past->is_whole;
	open->is_journalled = open->has_past = past->pieces != NULL;
	if (past->pieces) {
		dps_piece_digests_fini(&open->pieces);
		open->pieces = *past->pieces;
		past->pieces->waiting = NULL; /* taken */
		past->pieces->fresh = NULL;
	}
	open->received_bytes = dps_file_past_bytes(file);
	dps_file_past_forget(file);
}

/* A staged file is there, or what stands for it: its data may come. */
static void on_open(struct dps_intake *intake, const struct dps_file_opening_item *item,
		    uint64_t now_ns)
{
	struct dps_manifest_file *file = &intake->manifest.files[item->file];
	struct dps_intake_open *open = create_open(intake, item->file);
	bool is_wanted;

	open->staged = item->staged;
	open->offset = item->offset;
	if (!item->is_continued)
		dps_intake_release_promise(intake, file->size_bytes);
	if (file->past)
		take_past(open, file);
	open->grows = item->size_bytes == DPS_NUMBER_NONE || intake->has_grown;
	open->pieces.keeps_fresh = intake->context->journal != NULL;
	is_wanted = file->state == DPS_MANIFEST_OPENING && intake->state == DPS_INTAKE_ACTIVE;
	intake->context->lane_files_count -= item->size_bytes > 0; /* its place there was kept */
	if (!is_wanted) {
		dps_intake_settle_open(open); /* given up meanwhile: the exporter sends none */
		return;
	}
	file->state = DPS_MANIFEST_OPEN;
	/* Parked meanwhile: its turn comes again. */
	dps_intake_announce_more(open);
	/* The exporter may send what it has announced: it is taken and thrown away. */
	if (item->error < 0)
		dps_intake_fail_disk(intake, item->file, item->error, now_ns);
	if (open->staged.fd < 0 && item->error < 0)
		dps_intake_cancel(intake, DPS_CODE_CANNOT_WRITE,
				  "the collector cannot open any file; see its log", now_ns);
	if (file->size_bytes == 0 && file->has_digest) {
		open->has_wanted = true;
		open->wanted = dps_piece_digests_finish(&open->pieces);
	}
	dps_intake_skip_late(open);
	dps_intake_settle_open(open);
}

static void on_opened(struct dps_job *job, uint64_t now_ns)
{
	struct dps_file_opening *opening = (struct dps_file_opening *)job;
	struct dps_intake *intake = opening->owner;

	for (; opening->taken < opening->first; opening->taken++)
		on_open(intake, &opening->items[opening->taken], now_ns);
	if (opening->lacks_space) {
		dps_intake_lack_space(intake, DPS_INTAKE_PART_OPENING, now_ns);
		return;
	}
	intake->is_opening = false;
	dps_intake_find_space(intake, DPS_INTAKE_PART_OPENING, now_ns);
}

/* Nothing is stored: there is nothing to be opened. */
static void open_at_once(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_file_opening *opening = intake->opening;

	for (uint32_t i = 0; i < opening->count; i++) {
		opening->items[i].staged = (struct dps_staged_file){ .fd = -1 };
		opening->items[i].error = 0;
		on_open(intake, &opening->items[i], now_ns);
	}
}

/* Enough for two chunks of the smallest files, so that one is always full; less when many share. */
static uint32_t in_lane_max(const struct dps_collect_context *context)
{
	uint32_t chunk_files = context->chunk_bytes / DPS_PAGE_BYTES;
	uint32_t most = chunk_files * 2 > IN_LANE_MAX ? chunk_files * 2 : IN_LANE_MAX;
	uint32_t share =
		context->lane_files_max / (context->channels_count ? context->channels_count : 1);

	if (share < chunk_files)
		share = chunk_files;
	return share < most ? share : most;
}

bool dps_intake_has_lane_room(const struct dps_intake *intake, uint32_t count)
{
	const struct dps_collect_context *context = intake->context;

	return intake->in_lane_count + count < in_lane_max(context) &&
	       context->lane_files_count < context->lane_files_max;
}

static bool has_room(const struct dps_intake *intake)
{
	const struct dps_collect_context *context = intake->context;
	uint32_t count = intake->opening->count;

	return count < DPS_FILE_OPENING_ITEMS_MAX && dps_intake_has_lane_room(intake, count) &&
	       intake->opens_count + count < OPENS_MAX &&
	       context->open_files_count < context->open_files_max;
}

/* Takes the next file in its turn; false when it has to wait, and with it all that follow. */
static bool take_file(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_file_opening *opening = intake->opening;
	struct dps_manifest_file *file = &intake->manifest.files[intake->next_file];
	bool is_wanted = file->state == DPS_MANIFEST_WAITING;
	uint64_t offset = 0;

	if (file->state == DPS_MANIFEST_HELD ||
	    (file->size_bytes == DPS_NUMBER_NONE && !dps_intake_is_growing(intake)) ||
	    (is_wanted && !has_room(intake)))
		return false;
	/* Also those that are not sent have a place. */
	if (!file->is_folder && !dps_intake_is_growing(intake) &&
	    dps_layout_place(&intake->layout, file->size_bytes, &offset) < 0) {
		dps_intake_cancel(intake, DPS_CODE_LIMIT,
				  "the files are larger than a transfer can be", now_ns);
		return false;
	}
	intake->next_file++;
	if (!is_wanted)
		return true;
	intake->context->open_files_count++;
	if (file->is_folder) {
		file->state = DPS_MANIFEST_OPEN;
		dps_intake_settle_open(create_open(intake, intake->next_file - 1));
		return true;
	}
	file->state = DPS_MANIFEST_OPENING;
	intake->context->lane_files_count += file->size_bytes > 0;
	opening->items[opening->count++] = (struct dps_file_opening_item){
		.file = intake->next_file - 1,
		.size_bytes = file->size_bytes,
		.offset = offset,
		.is_continued = dps_file_past_bytes(file) > 0,
	};
	return true;
}

static struct dps_file_opening *create_opening(struct dps_intake *intake)
{
	struct dps_file_opening *opening = malloc(sizeof(*opening));

	if (!opening)
		abort(); /* out of memory */
	*opening = (struct dps_file_opening){
		.job = { .run = dps_file_opening_run, .done = on_opened },
		.owner = intake,
		.staging = intake->context->staging,
		.folder = &intake->folder,
	};
	return opening;
}

void dps_intake_flow(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_collect_context *context = intake->context;

	if (context->is_stopping || intake->is_parked)
		return;
	dps_intake_open_channel(intake);
	if (intake->channel_state != DPS_INTAKE_CHANNEL_OPEN ||
	    dps_peer_link_is_full(intake->link) || !dps_intake_announce_again(intake) ||
	    intake->is_opening)
		return;
	if (!intake->opening)
		intake->opening = create_opening(intake);
	intake->opening->first = intake->opening->taken = intake->opening->count = 0;
	intake->opening->is_final = intake->space.is_final;
	while (intake->next_file < intake->manifest.count && take_file(intake, now_ns))
		;
	if (intake->opening->count > 0) {
		if (context->staging) {
			intake->is_opening = true;
			dps_worker_push(context->store, &intake->opening->job);
		} else {
			open_at_once(intake, now_ns);
		}
	}
	if (intake->state == DPS_INTAKE_ACTIVE)
		dps_intake_announce_last(intake);
}
