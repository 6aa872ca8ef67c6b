/* SPDX-License-Identifier: BSD-3-Clause */
/* A transfer that only the journal knows: read, and parked for the exporter that asks for it. */
#include "apps/dpdk-streamd/intake_quota.h"
#include "apps/dpdk-streamd/transfer_loading.h"
#include <stdlib.h>
#include <time.h>

static void count_file(struct dps_intake *intake, const struct dps_manifest_file *file)
{
	switch (file->state) {
	case DPS_MANIFEST_STORED:
		intake->files_stored++;
		intake->bytes_stored += file->size_bytes;
		intake->bytes_before += file->size_bytes;
		break;
	case DPS_MANIFEST_SAME:
		intake->files_same++;
		intake->bytes_same += file->size_bytes;
		intake->bytes_stored += file->size_bytes;
		break;
	case DPS_MANIFEST_FAILED:
		intake->files_failed++;
		break;
	case DPS_MANIFEST_HELD:
		intake->held_count++;
		break;
	default:
		/* What is staged in part has its space. */
		if (dps_file_past_bytes(file) == 0 && file->size_bytes != DPS_NUMBER_NONE)
			dps_intake_promise(intake, file->size_bytes);
		intake->bytes_received += dps_file_past_bytes(file);
		intake->bytes_before += dps_file_past_bytes(file);
		break;
	}
}

/* It was granted once, and counts whatever is granted now. */
static void charge_file(struct dps_intake *intake, const struct dps_manifest_file *file)
{
	uint64_t bytes =
		file->size_bytes == DPS_NUMBER_NONE ? dps_file_past_bytes(file) : file->size_bytes;

	intake->charged_files++;
	if (__builtin_add_overflow(intake->charged_bytes, bytes, &intake->charged_bytes))
		intake->charged_bytes = UINT64_MAX;
}

static void take_over(struct dps_intake *intake, const struct dps_transfer_loading *loading,
		      uint64_t now_ns)
{
	int64_t away_s = time(NULL) - loading->transfer.touched_at_s;
	uint64_t away_ns = away_s > 0 ? (uint64_t)away_s * DPS_NS_PER_S : 0;

	intake->state = DPS_INTAKE_ACTIVE;
	intake->was_accepted = intake->is_parked = intake->is_journalled = true;
	intake->parked_at_ns = away_ns < now_ns ? now_ns - away_ns : 0;
	intake->total_files = loading->transfer.total_files;
	intake->total_bytes = loading->transfer.total_bytes;
	intake->created_at_s = loading->transfer.created_at_s;
	intake->offered_end = intake->manifest.count;
	/* Only of what grows nobody said how much there is in all. */
	intake->has_grown = intake->manifest.count == 1 && intake->total_bytes == DPS_NUMBER_NONE;
	dps_intake_count_memory(intake,
				loading->memory_bytes +
					intake->names.room * sizeof(*intake->names.entries));
	for (uint32_t i = 0; i < intake->manifest.count; i++) {
		const struct dps_manifest_file *file = &intake->manifest.files[i];

		count_file(intake, file);
		charge_file(intake, file);
	}
	if (intake->manifest.count > 0 && intake->manifest.files[0].size_bytes == DPS_NUMBER_NONE)
		intake->charged_growth = dps_file_past_bytes(&intake->manifest.files[0]);
	for (uint32_t i = 0; i < loading->published_count; i++)
		dps_intake_note_change(intake, &(struct dps_journal_change){
						       .index = loading->published[i],
						       .state = DPS_JOURNAL_FILE_STORED,
						       .size_bytes = DPS_JOURNAL_UNKNOWN,
					       });
}

static void on_loaded(struct dps_job *job, uint64_t now_ns)
{
	struct dps_transfer_loading *loading = (struct dps_transfer_loading *)job;
	struct dps_intake *intake = loading->owner;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (loading->code == DPS_CODE_NONE) {
		take_over(intake, loading, now_ns);
		if (!dps_quota_may_go_on(intake, text)) /* it is kept, for when it may */
			dps_intake_leave(intake, DPS_CODE_LIMIT, text, now_ns);
	} else {
		dps_intake_refuse_wish(intake, loading->code, loading->text);
		intake->state = DPS_INTAKE_GONE;
	}
	free(loading->published);
	free(loading);
}

struct dps_intake *dps_intake_load(struct dps_collect_context *context,
				   const struct dps_transfer_id *id,
				   const struct dps_intake_wish *wish, uint64_t now_ns)
{
	struct dps_intake *intake = dps_intake_make(context, id, wish->link, now_ns);
	struct dps_transfer_loading *loading = calloc(1, sizeof(*loading));

	if (!intake || !loading)
		abort(); /* out of memory */
	intake->wish = *wish;
	*loading = (struct dps_transfer_loading){
		.job = { .run = dps_transfer_loading_run, .done = on_loaded },
		.owner = intake,
		.staging = context->staging,
		.journal = context->journal,
		.chunk_bytes = context->chunk_bytes,
		.standing = &intake->standing,
		.must_hurry = &context->store->is_hurried,
		.folder = &intake->folder,
		.manifest = &intake->manifest,
		.names = &intake->names,
	};
	dps_worker_push(context->store, &loading->job);
	return intake;
}
