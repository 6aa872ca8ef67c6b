/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/offer_check.h"
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/report_text.h"
#include "apps/dpdk-streamd/target_stamp.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool refuse(struct dps_offer_check *check, uint32_t file, enum dps_control_code code,
		   int error, const char *says)
{
	check->refusal = (struct dps_offer_refusal){
		.code = code, .file = file, .error = error, .says = says
	};
	return false;
}

static bool check_name(struct dps_offer_check *check, uint32_t index)
{
	const struct dps_message_file *file = &check->batch->files[index];
	const char *says =
		check->staging ? dps_staging_refusal(check->staging, file->path, file->path_bytes)
			       : dps_name_refusal(file->path, file->path_bytes);
	int err;

	if (says)
		return refuse(check, index, DPS_CODE_BAD_NAME, 0, says);
	err = dps_name_table_add(check->names, file->path, file->path_bytes,
				 file->kind == DPS_FILE_DIRECTORY);
	switch (err) {
	case 0:
		return true;
	case -EEXIST:
		return refuse(check, index, DPS_CODE_BAD_NAME, 0, "is offered twice");
	case -ENOTDIR:
		return refuse(check, index, DPS_CODE_BAD_NAME, 0,
			      "lies in what is a file of the same transfer");
	case -EISDIR:
		return refuse(check, index, DPS_CODE_BAD_NAME, 0,
			      "is a file, and other files of the same transfer lie in it");
	case -E2BIG:
		return refuse(
			check, index, DPS_CODE_LIMIT, 0,
			"is one name more than a transfer may have; send fewer files at once");
	default:
		return refuse(check, UINT32_MAX, DPS_CODE_INTERNAL, err, NULL);
	}
}

static bool add_have(struct dps_offer_check *check, uint32_t index, const struct dps_digest *digest,
		     const struct dps_digest *stamp)
{
	if (!check->have) {
		check->have = malloc(check->batch->count * sizeof(*check->have));
		check->have_stamps = malloc(check->batch->count * sizeof(*check->have_stamps));
	}
	if (!check->have || !check->have_stamps)
		return refuse(check, UINT32_MAX, DPS_CODE_INTERNAL, -ENOMEM, NULL);
	check->have_stamps[check->have_count] = *stamp;
	check->have[check->have_count++] = (struct dps_message_item){
		.file = check->batch->first + index,
		.size_bytes = check->batch->files[index].size_bytes,
		.digest = *digest,
	};
	return true;
}

static bool refuse_existing(struct dps_offer_check *check, uint32_t index)
{
	if (check->may_overwrite)
		return true;
	return refuse(check, index, DPS_CODE_TARGET_EXISTS, 0,
		      "exists with other content; start the collector with --overwrite, or move it "
		      "away");
}

/* What stands there has the same size: its digest tells more. */
static bool compare(struct dps_offer_check *check, uint32_t index)
{
	const struct dps_message_file *file = &check->batch->files[index];
	struct dps_digest digest, stamp;
	int fd = dps_staging_open_target(check->staging, file->path);
	int err = fd;

	if (fd >= 0)
		err = dps_target_stamp_of_fd(fd, &stamp);
	if (err >= 0) {
		err = dps_file_digest_read(fd, file->size_bytes, check->chunk_bytes,
					   &dps_transfer_digester, check->must_stop, &digest);
	}
	if (fd >= 0)
		close(fd);
	if (err == 0)
		return add_have(check, index, &digest, &stamp);
	if (err == -ECANCELED)
		return refuse(check, UINT32_MAX, DPS_CODE_CANCELLED, err, NULL);
	if (check->may_overwrite || err == -ESTALE)
		return refuse_existing(check, index);
	return refuse(check, index, DPS_CODE_TARGET_EXISTS, err, NULL);
}

static bool check_target(struct dps_offer_check *check, uint32_t index)
{
	const struct dps_message_file *file = &check->batch->files[index];
	bool is_folder = file->kind == DPS_FILE_DIRECTORY;
	int target = dps_staging_probe(check->staging, file->path, file->size_bytes);

	if (target == DPS_TARGET_NONE || (is_folder && target == DPS_TARGET_FOLDER))
		return true;
	if (is_folder && target > 0)
		return refuse(check, index, DPS_CODE_TARGET_EXISTS, 0,
			      "is a folder of the transfer, and a file stands there");
	switch (target) {
	case DPS_TARGET_SAME_SIZE:
		return compare(check, index);
	case DPS_TARGET_OTHER:
		return refuse_existing(check, index);
	case DPS_TARGET_FOLDER:
		return refuse(check, index, DPS_CODE_TARGET_EXISTS, 0,
			      "is a file of the transfer, and a folder stands there");
	case -ENOTDIR:
		return refuse(check, index, DPS_CODE_TARGET_EXISTS, target, NULL);
	default:
		return refuse(check, index, DPS_CODE_CANNOT_WRITE, target, NULL);
	}
}

static bool check_space(struct dps_offer_check *check, uint32_t taken_count)
{
	struct dps_staging_space space;
	uint64_t needed = check->needed_bytes;
	int err = dps_staging_read_space(check->staging, &space);

	if (err < 0)
		return refuse(check, UINT32_MAX, DPS_CODE_CANNOT_WRITE, err, NULL);
	/*
	 * The first of several offers speaks for all, unless some files are here already: then
	 * nobody knows yet how many more are.
	 */
	if (check->total_bytes != DPS_NUMBER_NONE && check->total_bytes > needed &&
	    check->have_count == 0)
		needed = check->total_bytes;
	check->space_needed_bytes = needed;
	check->available_bytes = space.free_bytes > check->promised_bytes
					 ? space.free_bytes - check->promised_bytes
					 : 0;
	if (needed > check->available_bytes)
		return refuse(check, UINT32_MAX, DPS_CODE_SPACE, -ENOSPC, NULL);
	if (taken_count > space.free_files)
		return refuse(check, UINT32_MAX, DPS_CODE_SPACE, -EMLINK, NULL);
	return true;
}

void dps_offer_check_run(struct dps_job *job)
{
	struct dps_offer_check *check = (struct dps_offer_check *)job;
	uint32_t taken_count = 0, partial = 0;

	for (uint32_t i = 0; i < check->batch->count; i++) {
		const struct dps_message_file *file = &check->batch->files[i];
		uint32_t have_count = check->have_count;
		bool is_partial = partial < check->partial_count &&
				  check->partial[partial].file == check->batch->first + i;

		/* relaxed: only asks to stop, carries no data */
		if (atomic_load_explicit(check->must_stop, memory_order_relaxed)) {
			refuse(check, UINT32_MAX, DPS_CODE_CANCELLED, -ECANCELED, NULL);
			return;
		}
		if (!check_name(check, i) || (check->staging && !check_target(check, i)))
			return;
		partial += is_partial;
		/* What is staged in part has its space. */
		if (check->have_count > have_count || is_partial)
			continue;
		taken_count++;
		/* What is larger than any disk is refused below, whatever is added to it. */
		if (file->size_bytes != DPS_NUMBER_NONE && check->needed_bytes < DPS_OFFSET_MAX)
			check->needed_bytes += file->size_bytes;
	}
	if (check->staging)
		check_space(check, taken_count);
}

static void explain_space(const struct dps_offer_check *check, char *text)
{
	char needed[DPS_REPORT_WORD_BYTES], available[DPS_REPORT_WORD_BYTES];

	dps_report_format_bytes(needed, check->space_needed_bytes);
	dps_report_format_bytes(available, check->available_bytes);
	if (check->refusal.error == -EMLINK)
		snprintf(text, DPS_OFFER_TEXT_BYTES,
			 "the collector's file system has no room for so many files (inodes)");
	else
		snprintf(text, DPS_OFFER_TEXT_BYTES,
			 "the files take %s and the collector's disk has space for %s; make room "
			 "there",
			 needed, available);
}

void dps_offer_check_explain(const struct dps_offer_check *check, bool is_named,
			     char text[DPS_OFFER_TEXT_BYTES])
{
	const struct dps_offer_refusal *refusal = &check->refusal;
	const char *says = refusal->says ? refusal->says : dps_reason(refusal->error);
	const struct dps_message_file *file;
	char shown[DPS_OFFER_TEXT_BYTES - 256];

	if (refusal->code == DPS_CODE_SPACE) {
		explain_space(check, text);
		return;
	}
	if (refusal->file == UINT32_MAX) {
		snprintf(text, DPS_OFFER_TEXT_BYTES, "the collector cannot check the offer: %s",
			 says);
		return;
	}
	if (!is_named) {
		snprintf(text, DPS_OFFER_TEXT_BYTES, "%s", says);
		return;
	}
	file = &check->batch->files[refusal->file];
	snprintf(text, DPS_OFFER_TEXT_BYTES, "%s %s",
		 dps_name_show(file->path, file->path_bytes, shown, sizeof(shown)), says);
}
