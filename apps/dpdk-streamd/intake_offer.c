/* SPDX-License-Identifier: BSD-3-Clause */
/* What the exporter offers: checked by the examiner, accepted or refused, and compared. */
#include "apps/dpdk-streamd/intake_quota.h"
#include "apps/dpdk-streamd/offer_check.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void free_check(struct dps_offer_check *check)
{
	dps_manifest_batch_free(check->batch);
	free(check->have);
	free(check->have_stamps);
	free(check->partial);
	free(check);
}

static void refuse(struct dps_intake *intake, const struct dps_offer_check *check, uint64_t now_ns)
{
	char text[DPS_OFFER_TEXT_BYTES];
	struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = check->refusal.code,
			    .channel = intake->number,
			    .text = text,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE },
	};

	dps_offer_check_explain(check, false, text);
	if (check->refusal.code == DPS_CODE_SPACE) {
		message.refuse.needed_bytes = check->space_needed_bytes;
		message.refuse.available_bytes = check->available_bytes;
	}
	if (check->refusal.file != UINT32_MAX) {
		message.refuse.path = check->batch->files[check->refusal.file].path;
		message.refuse.path_bytes = check->batch->files[check->refusal.file].path_bytes;
	}
	dps_intake_say(intake, &message);
	dps_offer_check_explain(check, true, text);
	dps_intake_leave(intake, check->refusal.code, text, now_ns);
}

void dps_intake_promise(struct dps_intake *intake, uint64_t bytes)
{
	intake->promised_bytes += bytes;
	intake->context->promised_bytes += bytes;
}

static void begin(struct dps_intake *intake)
{
	const struct dps_report_offer offer = {
		.transfer = intake->id,
		.files = intake->total_files,
		.bytes = intake->total_bytes,
	};

	if (intake->was_accepted)
		return;
	intake->was_accepted = true;
	intake->state = DPS_INTAKE_ACTIVE;
	dps_report_on_accepted(intake->context->report, &offer);
	if (intake->total_files != DPS_NUMBER_NONE && intake->total_bytes != DPS_NUMBER_NONE)
		dps_log("collect", DPS_LOG_NOTICE,
			"accepted a transfer of %s: files %llu, %.1f MiB", intake->peer,
			(unsigned long long)intake->total_files,
			(double)intake->total_bytes / (1 << 20));
	else
		dps_log("collect", DPS_LOG_NOTICE, "accepted a transfer of %s of unknown size",
			intake->peer);
}

static void accept_batch(struct dps_intake *intake, struct dps_offer_check *check)
{
	struct dps_manifest_batch *batch = check->batch;
	struct dps_message message = {
		.type = DPS_MESSAGE_ACCEPT,
		.accept = { .transfer = intake->id,
			    .channel = intake->number,
			    .items_count = check->have_count,
			    .items = check->have },
	};

	if (dps_manifest_append(&intake->manifest, batch) < 0)
		abort(); /* out of memory */
	check->batch = NULL;
	/* To be asked again on another connection. */
	batch->have = check->have;
	batch->have_count = check->have_count;
	batch->have_stamps = check->have_stamps;
	check->have = NULL;
	check->have_stamps = NULL;
	intake->new_batches++;
	for (uint32_t i = 0; i < check->have_count; i++)
		intake->manifest.files[batch->have[i].file].state = DPS_MANIFEST_HELD;
	intake->held_count += check->have_count;
	dps_intake_promise(intake, check->needed_bytes);
	begin(intake);
	dps_intake_ask_partial(intake, check);
	message.accept.files_end = intake->manifest.count;
	dps_intake_say(intake, &message);
}

/* Not while the exporter does not read: each is answered. */
void dps_intake_push_check(struct dps_intake *intake)
{
	struct dps_offer_check *check = intake->checks;

	if (!check || intake->is_checking || intake->is_parked ||
	    dps_peer_link_is_full(intake->link) || intake->search != DPS_INTAKE_SEARCHED)
		return;
	intake->is_checking = true;
	dps_intake_match(intake, check);
	/* What was accepted meanwhile counts. */
	check->promised_bytes = intake->context->promised_bytes;
	check->names_room = intake->names.room;
	dps_worker_push(intake->context->examiner, &check->job);
}

static uint64_t memory_of(const struct dps_manifest_batch *batch)
{
	return batch->bytes + batch->count * sizeof(struct dps_manifest_file);
}

void dps_intake_count_memory(struct dps_intake *intake, uint64_t bytes)
{
	intake->manifest_bytes += bytes;
	intake->context->manifest_bytes += bytes;
}

static void forget_memory(struct dps_intake *intake, uint64_t bytes)
{
	intake->manifest_bytes -= bytes;
	intake->context->manifest_bytes -= bytes;
}

/* The examiner keeps the one it has. */
void dps_intake_drop_checks(struct dps_intake *intake)
{
	struct dps_offer_check *check = intake->checks;

	if (intake->is_checking) {
		check = intake->checks->following;
		intake->checks->following = NULL;
		intake->last_check = intake->checks;
	} else {
		intake->checks = intake->last_check = NULL;
	}
	while (check) {
		struct dps_offer_check *following = check->following;

		forget_memory(intake, memory_of(check->batch));
		free_check(check);
		check = following;
	}
}

uint32_t dps_intake_checked_files(const struct dps_intake *intake)
{
	return intake->is_checking ? intake->checks->batch->count : 0;
}

static void on_checked(struct dps_job *job, uint64_t now_ns)
{
	struct dps_offer_check *check = (struct dps_offer_check *)job;
	struct dps_intake *intake = check->owner;

	DPS_ASSERT(intake->checks == check);
	intake->is_checking = false;
	intake->checks = check->following;
	if (!intake->checks)
		intake->last_check = NULL;
	dps_intake_count_memory(intake, (intake->names.room - check->names_room) *
						sizeof(*intake->names.entries));
	if (intake->state < DPS_INTAKE_LEAVING) {
		if (check->refusal.code != DPS_CODE_NONE)
			refuse(intake, check, now_ns);
		else
			accept_batch(intake, check);
	}
	free_check(check);
}

static void make_check(struct dps_intake *intake, const struct dps_message_offer *offer,
		       bool is_first)
{
	struct dps_collect_context *context = intake->context;
	struct dps_offer_check *check = calloc(1, sizeof(*check));
	struct dps_manifest_batch *batch =
		dps_manifest_batch_create(offer, intake->standing.grant.into);

	if (!check || !batch)
		abort(); /* out of memory */
	*check = (struct dps_offer_check){
		.job = { .run = dps_offer_check_run, .done = on_checked },
		.owner = intake,
		.staging = context->staging,
		.names = &intake->names,
		.batch = batch,
		.must_stop = &intake->must_stop,
		.total_bytes = is_first ? offer->total_bytes : DPS_NUMBER_NONE,
		.chunk_bytes = context->chunk_bytes,
		.may_overwrite = context->options->may_overwrite,
	};
	dps_intake_count_memory(intake, memory_of(batch));
	if (intake->last_check)
		intake->last_check->following = check;
	else
		intake->checks = check;
	intake->last_check = check;
	dps_intake_push_check(intake);
}

/* The first of several offers speaks for all: what will be too much is refused at once. */
static bool charge(struct dps_intake *intake, const struct dps_message_offer *offer, bool is_first,
		   char *text)
{
	uint64_t bytes = 0;

	if (is_first && offer->total_bytes != DPS_NUMBER_NONE &&
	    !dps_quota_has_bytes(intake, offer->total_bytes, text))
		return false;
	for (uint32_t i = 0; i < offer->files_count; i++)
		if (offer->files[i].size_bytes != DPS_NUMBER_NONE &&
		    __builtin_add_overflow(bytes, offer->files[i].size_bytes, &bytes))
			bytes = UINT64_MAX;
	return dps_quota_charge(intake, offer->files_count, bytes, text);
}

const char *dps_intake_offer(struct dps_intake *intake, const struct dps_message_offer *offer,
			     bool is_first, uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (intake->has_last)
		return "files are offered after the last";
	if (!is_first && offer->files_count == 0)
		return "no files are offered";
	if (offer->first != intake->offered_end)
		return "the files offered do not follow those before";
	if (is_first)
		dps_report_on_offer(intake->context->report,
				    &(struct dps_report_offer){ .transfer = offer->transfer,
								.files = offer->total_files,
								.bytes = offer->total_bytes });
	if (offer->files_count > DPS_INTAKE_FILES_MAX - intake->offered_end ||
	    intake->manifest_bytes > DPS_INTAKE_MANIFEST_BYTES_MAX ||
	    intake->context->manifest_bytes > DPS_INTAKE_ALL_MANIFESTS_BYTES_MAX ||
	    (is_first && offer->total_files != DPS_NUMBER_NONE &&
	     offer->total_files > DPS_INTAKE_FILES_MAX)) {
		dps_intake_cancel(intake, DPS_CODE_LIMIT,
				  "a transfer may have 1000000 files, and 256 MiB of names; send "
				  "fewer at once",
				  now_ns);
		return NULL;
	}
	if (!charge(intake, offer, is_first, text)) {
		dps_intake_cancel(intake, DPS_CODE_LIMIT, text, now_ns);
		return NULL;
	}
	intake->offered_end += offer->files_count;
	make_check(intake, offer, is_first);
	return NULL;
}

const char *dps_intake_on_last(struct dps_intake *intake, const struct dps_message_totals *last)
{
	if (intake->has_last && intake->was_resumed && last->files == intake->offered_end)
		return NULL; /* once more */
	if (intake->has_last || last->files != intake->offered_end)
		return "the last files are not those that were offered";
	intake->has_last = true;
	intake->total_files = last->files;
	intake->total_bytes = last->bytes;
	return NULL;
}

/* The target was found with the same size, but other content; what was sent before stays. */
static void refuse_different(struct dps_intake *intake, const struct dps_manifest_file *file,
			     uint64_t now_ns)
{
	static const char says[] = "exists with other content; start the collector with "
				   "--overwrite, or move it away";
	char text[DPS_OFFER_TEXT_BYTES], shown[DPS_OFFER_TEXT_BYTES - 256];
	const struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = DPS_CODE_TARGET_EXISTS,
			    .channel = intake->number,
			    .text = says,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE,
			    .path = file->name,
			    .path_bytes = file->name_bytes },
	};

	snprintf(text, sizeof(text), "%s %s",
		 dps_name_show(file->name, file->name_bytes, shown, sizeof(shown)), says);
	dps_intake_say(intake, &message);
	dps_intake_leave(intake, DPS_CODE_TARGET_EXISTS, text, now_ns);
}

static void on_compared(struct dps_intake *intake, uint32_t index, bool is_same, uint64_t now_ns)
{
	struct dps_manifest_file *file = &intake->manifest.files[index];

	if (dps_intake_on_match_answered(intake, index, is_same))
		return;
	intake->held_count--;
	if (is_same) {
		dps_intake_settle_file(intake, index, DPS_MANIFEST_SAME, NULL);
	} else if (intake->context->options->may_overwrite) {
		file->state = DPS_MANIFEST_WAITING;
		dps_intake_promise(intake, file->size_bytes);
	} else {
		refuse_different(intake, file, now_ns);
	}
}

const char *dps_intake_on_same(struct dps_intake *intake, const struct dps_message_ranges *ranges,
			       bool is_same, uint64_t now_ns)
{
	for (uint32_t i = 0; i < ranges->ranges_count; i++) {
		for (uint32_t index = ranges->ranges[i].first; index <= ranges->ranges[i].last;
		     index++) {
			if (intake->state != DPS_INTAKE_ACTIVE)
				return NULL;
			if (index >= intake->manifest.count)
				return "compares a file that was not accepted";
			if (intake->manifest.files[index].state != DPS_MANIFEST_HELD) {
				if (intake->was_resumed)
					continue; /* once more */
				return "compares a file that nobody asked about";
			}
			on_compared(intake, index, is_same, now_ns);
		}
	}
	return NULL;
}
