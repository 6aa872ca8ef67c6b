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
	struct dps_intake_open *open = aligned_alloc(alignof(*open), sizeof(*open));

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

	DPS_ASSERT(!open->has_lane_fd);
	dps_intake_leave_lane(open);
	if (open->previous)
		open->previous->next = open->next;
	else
		intake->opens = open->next;
	if (open->next)
		open->next->previous = open->previous;
	else
		intake->last_open = open->previous;
	intake->opens_count--;
	intake->context->open_files_count--;
	intake->manifest.files[open->file].open = NULL;
	dps_piece_digests_fini(&open->pieces);
	free(open);
}

static void make_ready(struct dps_intake_open *open)
{
	open->is_ready = true;
	open->intake->ready_count++;
}

void dps_intake_settle_open(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];

	if (open->is_ready || open->is_in_lane || open->has_lane_fd ||
	    intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (file->state == DPS_MANIFEST_FAILED || file->is_folder) {
		make_ready(open);
		return;
	}
	if (!open->has_wanted)
		return;
	open->digest = dps_piece_digests_finish(&open->pieces);
	if (dps_piece_digests_is_whole(&open->pieces) &&
	    memcmp(&open->digest, &open->wanted, sizeof(open->digest)) == 0)
		make_ready(open);
	else /* which makes it ready to be dropped */
		dps_intake_fail_file(intake, open->file, DPS_CODE_DIGEST,
				     "is not what the exporter read: its digest differs; send it "
				     "again");
}

/* ---- opening ---- */

/* A staged file is there, or what stands for it: its data may come. */
static void on_open(struct dps_intake *intake, const struct dps_file_opening_item *item,
		    uint64_t now_ns)
{
	struct dps_manifest_file *file = &intake->manifest.files[item->file];
	struct dps_intake_open *open = create_open(intake, item->file);
	bool is_wanted;

	open->staged = item->staged;
	open->offset = item->offset;
	dps_intake_release_promise(intake, file->size_bytes);
	is_wanted = file->state == DPS_MANIFEST_OPENING && intake->state == DPS_INTAKE_ACTIVE;
	if (is_wanted && file->size_bytes > 0 &&
	    (open->staged.fd >= 0 || !intake->context->staging))
		dps_intake_announce(open);
	else
		intake->context->lane_files_count -= file->size_bytes > 0;
	if (!is_wanted) {
		dps_intake_settle_open(open); /* given up meanwhile: the exporter sends none */
		return;
	}
	file->state = DPS_MANIFEST_OPEN;
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
	dps_intake_settle_open(open);
}

static void on_opened(struct dps_job *job, uint64_t now_ns)
{
	struct dps_file_opening *opening = (struct dps_file_opening *)job;
	struct dps_intake *intake = opening->owner;

	intake->is_opening = false;
	for (uint32_t i = 0; i < opening->count; i++)
		on_open(intake, &opening->items[i], now_ns);
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

static bool has_room(const struct dps_intake *intake)
{
	const struct dps_collect_context *context = intake->context;
	uint32_t count = intake->opening->count;

	return count < DPS_FILE_OPENING_ITEMS_MAX &&
	       intake->in_lane_count + count < in_lane_max(context) &&
	       intake->opens_count + count < OPENS_MAX &&
	       context->lane_files_count < context->lane_files_max &&
	       context->open_files_count < context->open_files_max;
}

/* Takes the next file in its turn; false when it has to wait, and with it all that follow. */
static bool take_file(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_file_opening *opening = intake->opening;
	struct dps_manifest_file *file = &intake->manifest.files[intake->next_file];
	bool is_wanted = file->state == DPS_MANIFEST_WAITING;
	uint64_t offset = 0;

	if (file->state == DPS_MANIFEST_HELD || file->size_bytes == DPS_NUMBER_NONE ||
	    (is_wanted && !has_room(intake)))
		return false;
	/* Also those that are not sent have a place. */
	if (!file->is_folder && dps_layout_place(&intake->layout, file->size_bytes, &offset) < 0) {
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

	if (context->is_stopping)
		return;
	dps_intake_open_channel(intake);
	if (intake->channel_state != DPS_INTAKE_CHANNEL_OPEN || intake->is_opening ||
	    dps_peer_link_is_full(intake->link))
		return;
	if (!intake->opening)
		intake->opening = create_opening(intake);
	intake->opening->count = 0;
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

/* ---- what the exporter says of files ---- */

static const char *on_file_digest(struct dps_intake *intake, const struct dps_message_item *item)
{
	struct dps_manifest_file *file;
	struct dps_digest empty;

	if (item->file >= intake->manifest.count)
		return "the digest of a file that was not accepted";
	file = &intake->manifest.files[item->file];
	if (file->is_folder || file->size_bytes != item->size_bytes)
		return "the digest of what is not the file that was offered";
	if (file->state >= DPS_MANIFEST_STORED)
		return NULL;
	if (file->open && !file->open->has_wanted) {
		file->open->has_wanted = true;
		file->open->wanted = item->digest;
		dps_intake_settle_open(file->open);
		return NULL;
	}
	if (file->size_bytes != 0 || file->has_digest || file->open)
		return "the digest of a file that has not come";
	/* All that can be said of an empty file may be said before its turn. */
	empty = dps_digest_of("", 0);
	if (memcmp(&empty, &item->digest, sizeof(empty)) != 0)
		return "the digest of an empty file is not that of nothing";
	file->has_digest = true;
	return NULL;
}

const char *dps_intake_on_digest(struct dps_intake *intake, const struct dps_message_items *digest)
{
	for (uint32_t i = 0; i < digest->items_count; i++) {
		const char *wrong = on_file_digest(intake, &digest->items[i]);

		if (wrong)
			return wrong;
	}
	return NULL;
}

const char *dps_intake_on_skip(struct dps_intake *intake, const struct dps_message_file_error *skip)
{
	struct dps_manifest_file *file;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (skip->file >= intake->manifest.count)
		return "skips a file that was not accepted";
	file = &intake->manifest.files[skip->file];
	if (file->size_bytes != DPS_NUMBER_NONE && skip->from_bytes > file->size_bytes)
		return "skips what lies behind the end of a file";
	if (file->open && file->open->is_ready)
		return NULL; /* it was said to be whole */
	snprintf(text, sizeof(text), "was given up by the exporter: %.900s", skip->text);
	dps_intake_give_up_file(intake, skip->file, skip->code, text);
	return NULL;
}
