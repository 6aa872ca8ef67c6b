/* SPDX-License-Identifier: BSD-3-Clause */
/* A file whose size nobody knows yet: announced stretch by stretch, as the exporter has it. */
#include "apps/dpdk-streamd/intake_quota.h"
#include "drivers/encoding/encoding.h"
#include <stdio.h>

enum {
	STRETCHES_MAX = 4, /* of whatever length: enough for the lane never to run dry */
};

/*
 * There is so much of a file: what is more than was counted of it, however often that is said.
 * Only the first can have been counted before: what grows is the only file of its transfer, also
 * when others are offered behind it once it has been resumed. False: it is over.
 */
static bool charge_size(struct dps_intake *intake, uint32_t file, uint64_t size_bytes,
			uint64_t now_ns)
{
	uint64_t before = file == 0 ? intake->charged_growth : 0;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (size_bytes <= before)
		return true;
	if (!dps_quota_charge(intake, 0, size_bytes - before, text)) {
		dps_intake_cancel(intake, DPS_CODE_LIMIT, text, now_ns);
		return false;
	}
	if (file == 0)
		intake->charged_growth = size_bytes;
	return true;
}

static bool is_only_file(const struct dps_intake *intake)
{
	return intake->has_last && intake->offered_end == 1 && intake->manifest.count == 1 &&
	       !intake->manifest.files[0].is_folder;
}

bool dps_intake_is_growing(const struct dps_intake *intake)
{
	return is_only_file(intake) && intake->manifest.files[0].size_bytes == DPS_NUMBER_NONE;
}

const char *dps_intake_on_file_more(struct dps_intake *intake,
				    const struct dps_message_file_size *more, uint64_t now_ns)
{
	const struct dps_manifest_file *file = &intake->manifest.files[0];

	if (more->file != 0 || intake->manifest.count == 0)
		return "more of a file that was not accepted";
	if (file->size_bytes != DPS_NUMBER_NONE)
		return intake->was_resumed ? NULL : "more of a file that has its size";
	if (!dps_intake_is_growing(intake))
		return "more of a file that is not the only one of its transfer";
	if (more->size_bytes < intake->grown_bytes ||
	    more->size_bytes % intake->context->chunk_bytes != 0)
		return "a file that grows does so by whole chunks";
	if (!charge_size(intake, 0, more->size_bytes, now_ns))
		return NULL;
	intake->grown_bytes = more->size_bytes;
	if (file->open)
		dps_intake_announce_more(file->open);
	return NULL;
}

/* What is in the journal of it stays there: its place on disk, and the digests of its pieces. */
static void note_size(struct dps_intake *intake, uint32_t index, uint64_t size_bytes)
{
	const struct dps_manifest_file *file = &intake->manifest.files[index];
	bool is_open = file->open || dps_file_past_bytes(file) > 0;

	dps_intake_note_change(
		intake, &(struct dps_journal_change){
				.index = index,
				.state = is_open ? DPS_JOURNAL_FILE_OPEN : DPS_JOURNAL_FILE_WAITING,
				.size_bytes = size_bytes,
			});
}

static const char *end_open(struct dps_intake_open *open, uint64_t size_bytes)
{
	if (size_bytes < open->announced_bytes ||
	    size_bytes < dps_piece_digests_prefix_bytes(&open->pieces, DPS_NUMBER_NONE))
		return "a file ends before what there was of it";
	dps_piece_digests_set_size(&open->pieces, size_bytes);
	return NULL;
}

/* It may end before it is opened: what it grew by is told as held all the same. */
static void note_grown(struct dps_intake *intake)
{
	struct dps_intake_open *open = intake->manifest.files[0].open;

	intake->has_grown |= is_only_file(intake);
	if (open)
		open->grows |= intake->has_grown;
}

const char *dps_intake_on_file_end(struct dps_intake *intake,
				   const struct dps_message_file_size *end, uint64_t now_ns)
{
	struct dps_manifest_file *file;
	const char *wrong = NULL;

	if (end->file >= intake->manifest.count)
		return "the size of a file that was not accepted";
	file = &intake->manifest.files[end->file];
	if (intake->was_resumed && file->size_bytes == end->size_bytes) {
		note_grown(
			intake); /* once more; what was loaded has its size since it was loaded */
		return NULL;
	}
	if (file->size_bytes != DPS_NUMBER_NONE)
		return "the size of a file that had one";
	if (file->open)
		wrong = end_open(file->open, end->size_bytes);
	else if (end->size_bytes < dps_file_past_bytes(file))
		wrong = "a file ends before what there was of it";
	else if (file->past && file->past->pieces)
		dps_piece_digests_set_size(file->past->pieces, end->size_bytes);
	if (wrong)
		return wrong;
	if (!charge_size(intake, end->file, end->size_bytes, now_ns))
		return NULL;
	note_grown(intake);
	file->size_bytes = end->size_bytes;
	note_size(intake, end->file, end->size_bytes);
	if (file->state == DPS_MANIFEST_WAITING && dps_file_past_bytes(file) == 0)
		dps_intake_promise(intake, end->size_bytes);
	if (!file->open)
		return NULL;
	dps_intake_announce_more(file->open);
	dps_intake_settle_open(file->open);
	return NULL;
}

void dps_intake_announce_more(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];
	uint64_t end = file->size_bytes == DPS_NUMBER_NONE ? intake->grown_bytes : file->size_bytes;

	if (file->state != DPS_MANIFEST_OPEN || open->is_verified || intake->is_parked ||
	    intake->channel_state != DPS_INTAKE_CHANNEL_OPEN || open->in_lane >= STRETCHES_MAX ||
	    (open->staged.fd < 0 && intake->context->staging))
		return;
	if (open->announced_bytes < end &&
	    dps_piece_digests_prefix_bytes(&open->pieces, file->size_bytes) < end)
		dps_intake_announce(open, end);
}

bool dps_intake_waits_for_source(const struct dps_intake *intake)
{
	const struct dps_intake_open *open;

	if (!dps_intake_is_growing(intake))
		return false;
	open = intake->manifest.files[0].open;
	return open && open->in_lane == 0;
}

static bool may_keep(const struct dps_intake *intake)
{
	const struct dps_collect_context *context = intake->context;

	return context->journal && context->options->keep_partial_ns > 0;
}

static bool can_keep(const struct dps_intake_open *open)
{
	uint64_t size_bytes = open->intake->manifest.files[open->file].size_bytes;

	return dps_piece_digests_prefix_bytes(&open->pieces, size_bytes) > 0 && open->grows &&
	       open->staged.fd >= 0 && may_keep(open->intake);
}

bool dps_intake_keeps_part(const struct dps_intake_open *open)
{
	const struct dps_intake *intake = open->intake;

	return can_keep(open) && (intake->was_cancelled ||
				  intake->manifest.files[open->file].state == DPS_MANIFEST_FAILED);
}

/* Something of it is staged, by a connection or life before, and its turn has not come yet. */
static bool has_unopened_part(const struct dps_intake *intake)
{
	const struct dps_manifest_file *file = &intake->manifest.files[0];

	return intake->manifest.count == 1 && !file->open && file->state < DPS_MANIFEST_STORED &&
	       (file->size_bytes == DPS_NUMBER_NONE || intake->has_grown) && may_keep(intake) &&
	       dps_file_past_bytes(file) > 0;
}

bool dps_intake_skips_later(struct dps_intake *intake, const struct dps_message_file_error *skip)
{
	if (!has_unopened_part(intake))
		return false;
	intake->is_skip_due = true;
	intake->skip_code = skip->code;
	snprintf(intake->skip_text, sizeof(intake->skip_text), "%s", skip->text);
	return true;
}

void dps_intake_skip_late(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;
	const struct dps_message_file_error skip = {
		.file = open->file,
		.code = intake->skip_code,
		.text = intake->skip_text,
	};

	if (!intake->is_skip_due)
		return;
	intake->is_skip_due = false;
	(void)dps_intake_on_skip(intake, &skip);
}

const char *dps_intake_say_part(const struct dps_intake *intake, char *text, size_t room)
{
	const struct dps_options *options = intake->context->options;
	const struct dps_intake_open *open =
		intake->manifest.count == 1 ? intake->manifest.files[0].open : NULL;
	char id[2 * sizeof(intake->id.bytes) + 1];

	text[0] = '\0';
	if (open ? !can_keep(open) : !has_unopened_part(intake))
		return text;
	dps_hex_encode(intake->id.bytes, sizeof(intake->id.bytes), id);
	snprintf(text, room, "; what came of it stays in %s%s/%s/0 (--keep-partial)",
		 options->stage ? options->stage : options->into,
		 options->stage ? "" : "/" DPS_STAGING_FOLDER, id);
	return text;
}

void dps_intake_say_held(struct dps_intake_open *open, uint64_t bytes)
{
	struct dps_intake *intake = open->intake;
	const struct dps_message held = {
		.type = DPS_MESSAGE_HELD,
		.held = { .channel = intake->number, .file = open->file, .size_bytes = bytes },
	};

	if (bytes <= open->held_bytes)
		return;
	open->held_bytes = bytes;
	dps_intake_say(intake, &held);
}
