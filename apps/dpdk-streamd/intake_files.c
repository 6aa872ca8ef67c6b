/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of files that data come for: verified, given up, and so ready for their end. */
#include "apps/dpdk-streamd/intake.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_ready(struct dps_intake_open *open)
{
	open->is_ready = true;
	open->intake->ready_count++;
}

void dps_intake_settle_open(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];

	if (open->is_ready || open->in_lane > 0 || open->lane_fds > 0 ||
	    intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (file->state == DPS_MANIFEST_FAILED || file->is_folder) {
		make_ready(open);
		return;
	}
	if (open->is_verified) {
		make_ready(open);
		return;
	}
	/* What is not whole comes, perhaps on another connection. */
	if (!open->has_wanted || !dps_piece_digests_is_whole(&open->pieces))
		return;
	open->digest = dps_piece_digests_finish(&open->pieces);
	if (memcmp(&open->digest, &open->wanted, sizeof(open->digest)) == 0)
		make_ready(open);
	else if (open->has_past)
		dps_intake_begin_over(open);
	else /* which makes it ready to be dropped */
		dps_intake_fail_file(intake, open->file, DPS_CODE_DIGEST,
				     "is not what the exporter read: its digest differs; send it "
				     "again");
}

/* ---- what the exporter says of files ---- */

/* Read by the exporter before the connection was lost; said once, or once more. */
static const char *keep_digest(struct dps_manifest_file *file, const struct dps_message_item *item)
{
	struct dps_file_past *past;

	if (file->open)
		return NULL;
	past = dps_file_past_of(file);
	if (!past)
		abort(); /* out of memory */
	if (!past->has_told)
		past->told = item->digest;
	past->has_told = true;
	return NULL;
}

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
	/*
	 * What grew may have ended before it is opened, and the exporter knows what it read for a
	 * transfer that was lost here.
	 */
	if (intake->was_resumed || intake->has_grown || file->past ||
	    dps_intake_is_asked_about(intake, item->file) || (!file->open && file->size_bytes != 0))
		return keep_digest(file, item);
	if (file->has_digest || file->open)
		return "the digest of a file that has been said";
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
	char text[DPS_MESSAGE_TEXT_BYTES_MAX], part[DPS_MESSAGE_TEXT_BYTES_MAX / 2];

	if (skip->file >= intake->manifest.count)
		return "skips a file that was not accepted";
	file = &intake->manifest.files[skip->file];
	if (file->size_bytes != DPS_NUMBER_NONE && skip->from_bytes > file->size_bytes)
		return "skips what lies behind the end of a file";
	if (file->open && file->open->is_ready)
		return NULL; /* it was said to be whole */
	if (dps_intake_skips_later(intake, skip))
		return NULL;
	snprintf(text, sizeof(text), "was given up by the exporter: %.450s%s", skip->text,
		 dps_intake_say_part(intake, part, sizeof(part)));
	dps_intake_give_up_file(intake, skip->file, skip->code, text);
	return NULL;
}
