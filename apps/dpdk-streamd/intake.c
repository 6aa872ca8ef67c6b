/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/intake.h"
#include "apps/dpdk-streamd/offer_check.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	/*
	 * A transfer that is done keeps its channel so long at most: the exporter may still ask
	 * whether its last packets came.
	 */
	LINGER_MS = 5000,
};

/* ---- life ---- */

struct dps_intake *dps_intake_make(struct dps_collect_context *context,
				   const struct dps_transfer_id *id,
				   const struct dps_peer_link *link, uint64_t now_ns)
{
	struct dps_intake *intake = calloc(1, sizeof(*intake));
	int registered;

	if (!intake)
		return NULL;
	intake->context = context;
	snprintf(intake->peer, sizeof(intake->peer), "%s", link->connection.socket->peer);
	intake->standing = link->standing;
	intake->id = *id;
	intake->serial = context->next_serial++;
	intake->total_files = intake->total_bytes = DPS_NUMBER_NONE;
	intake->folder = (struct dps_staging_folder){ .id = *id, .fd = -1 };
	intake->started_at_ns = intake->checkpoint_at_ns = intake->heard_at_ns = now_ns;
	dps_lane_marks_set(&intake->lanes_at_start, context->node);
	dps_vitals_start(&intake->vitals, now_ns);
	intake->created_at_s = time(NULL);
	intake->close_channel_at_ns = DPS_NEVER_NS;
	dps_manifest_init(&intake->manifest);
	dps_name_table_init(&intake->names, DPS_INTAKE_NAMES_MAX);
	dps_layout_init(&intake->layout, context->chunk_bytes);
	registered = dps_registry_register(context->watch.registry, id, intake, &intake->handle);
	DPS_ASSERT(registered == 0); /* who asks looked whether it is known, and for room */
	return intake;
}

struct dps_intake *dps_intake_create(struct dps_collect_context *context,
				     struct dps_peer_link *link, uint32_t path,
				     const struct dps_message_offer *offer, uint64_t now_ns)
{
	struct dps_intake *intake = dps_intake_make(context, &offer->transfer, link, now_ns);

	if (!intake)
		return NULL;
	intake->state = DPS_INTAKE_OFFERED;
	intake->link = link;
	intake->path = path;
	intake->number = offer->channel;
	intake->total_files = offer->total_files;
	intake->total_bytes = offer->total_bytes;
	return intake;
}

void dps_intake_format_owner(const struct dps_intake *intake, char owner[DPS_TRANSFER_OWNER_BYTES])
{
	dps_transfer_owner_format(owner, intake->peer, &intake->standing);
}

void dps_intake_destroy(struct dps_intake *intake)
{
	DPS_ASSERT(intake->state == DPS_INTAKE_GONE && !intake->opens && !intake->checks);
	dps_registry_unregister(intake->context->watch.registry, intake->handle);
	intake->context->manifest_bytes -= intake->manifest_bytes;
	dps_checkpoint_fini(&intake->checkpoint);
	dps_name_table_fini(&intake->names);
	dps_manifest_fini(&intake->manifest);
	dps_intake_end_adoption(intake);
	free(intake->changes);
	free(intake->refetches);
	free(intake->opening);
	free(intake);
}

void dps_intake_say(struct dps_intake *intake, const struct dps_message *message)
{
	if (intake->link)
		dps_peer_link_say(intake->link, message);
}

void dps_intake_release_promise(struct dps_intake *intake, uint64_t bytes)
{
	if (bytes > intake->promised_bytes)
		bytes = intake->promised_bytes;
	intake->promised_bytes -= bytes;
	intake->context->promised_bytes -= bytes;
}

void dps_intake_leave(struct dps_intake *intake, enum dps_control_code code, const char *text,
		      uint64_t now_ns)
{
	const struct dps_collect_context *context = intake->context;
	char part[DPS_MESSAGE_TEXT_BYTES_MAX / 2];

	if (intake->state >= DPS_INTAKE_LEAVING)
		return;
	dps_intake_refuse_wish(intake, code, text);
	intake->state = DPS_INTAKE_LEAVING;
	(void)dps_intake_say_part(intake, part, sizeof(part));
	intake->is_kept = intake->was_accepted && context->journal &&
			  context->options->keep_partial_ns > 0 &&
			  (!intake->was_cancelled || part[0]);
	intake->end_code = code;
	intake->ended_at_ns = now_ns;
	snprintf(intake->end_text, sizeof(intake->end_text), "%s", text);
	/* relaxed: only asks to stop, carries no data */
	atomic_store_explicit(&intake->must_stop, true, memory_order_relaxed);
	dps_intake_release_promise(intake, intake->promised_bytes);
	dps_intake_drop_checks(intake);
	dps_intake_close_channel(intake);
	dps_report_clear_line(context->report);
	dps_log("collect", DPS_LOG_ERROR, "a transfer of %s %s: %s%s", intake->peer,
		!intake->was_accepted ? "was not accepted"
		: intake->is_kept     ? "is put away for later"
				      : "ended before its time",
		text, part);
}

void dps_intake_cancel(struct dps_intake *intake, enum dps_control_code code, const char *text,
		       uint64_t now_ns)
{
	const struct dps_message refuse = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = code,
			    .channel = intake->number,
			    .text = text,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE },
	};
	const struct dps_message cancel = {
		.type = DPS_MESSAGE_CANCEL,
		.cancel = { .channel = intake->number, .code = code, .text = text },
	};

	if (intake->state >= DPS_INTAKE_LEAVING)
		return;
	dps_intake_say(intake, intake->was_accepted ? &cancel : &refuse);
	dps_intake_leave(intake, code, text, now_ns);
}

bool dps_intake_is_stored(const struct dps_intake *intake)
{
	return intake->is_complete && intake->files_failed == 0;
}

void dps_intake_say_done(struct dps_intake *intake)
{
	const struct dps_message done = {
		.type = DPS_MESSAGE_DONE,
		.done = { .channel = intake->number,
			  .files = intake->files_stored + intake->files_same,
			  .bytes = intake->bytes_stored,
			  .failed = intake->files_failed },
	};

	dps_intake_say(intake, &done);
}

void dps_intake_complete(struct dps_intake *intake, uint64_t now_ns)
{
	dps_intake_say_done(intake);
	intake->is_complete = true;
	intake->is_kept = intake->has_part;
	intake->state = DPS_INTAKE_LEAVING;
	intake->ended_at_ns = now_ns;
	intake->close_channel_at_ns = now_ns + LINGER_MS * DPS_NS_PER_MS;
	dps_intake_release_promise(intake, intake->promised_bytes);
}

bool dps_intake_has_everything(const struct dps_intake *intake)
{
	return intake->has_last && !intake->checks && !intake->opens && !intake->is_opening &&
	       !intake->is_checkpointing && intake->manifest.count == intake->offered_end &&
	       intake->manifest.settled_count == intake->manifest.count;
}

static void step_active(struct dps_intake *intake, uint64_t now_ns)
{
	dps_intake_flow(intake, now_ns);
	dps_intake_store(intake, now_ns);
	if (intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (intake->is_parked) {
		dps_intake_step_parked(intake, now_ns);
		return;
	}
	if (intake->must_reconnect)
		dps_intake_reconnect(intake, now_ns);
	if (intake->adoption && intake->has_last && !intake->checks && intake->matches_count == 0)
		dps_intake_end_adoption(intake);
	if (dps_intake_has_everything(intake))
		dps_intake_complete(intake, now_ns);
	else if (intake->context->is_stopping && !intake->is_checkpointing &&
		 intake->ready_count == 0)
		dps_intake_lose_link(intake, DPS_CODE_SHUTTING_DOWN, "the collector is stopping",
				     now_ns);
}

void dps_intake_step(struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->state == DPS_INTAKE_OFFERED && intake->context->is_stopping)
		dps_intake_cancel(intake, DPS_CODE_SHUTTING_DOWN, "the collector is stopping",
				  now_ns);
	if (intake->state == DPS_INTAKE_LOADING)
		return;
	if (intake->state < DPS_INTAKE_LEAVING) {
		dps_intake_step_search(intake, now_ns);
		dps_intake_push_check(intake);
	}
	dps_intake_step_space(intake, now_ns);
	if (intake->state == DPS_INTAKE_ACTIVE)
		step_active(intake, now_ns);
	if (intake->state != DPS_INTAKE_LEAVING)
		return;
	if (now_ns >= intake->close_channel_at_ns || intake->context->is_stopping)
		dps_intake_close_channel(intake);
	if (dps_intake_clean_up(intake, now_ns) &&
	    (intake->channel_state == DPS_INTAKE_CHANNEL_NONE ||
	     intake->channel_state == DPS_INTAKE_CHANNEL_CLOSED))
		intake->state = DPS_INTAKE_GONE;
}

uint64_t dps_intake_deadline_ns(const struct dps_intake *intake)
{
	uint64_t store_ns, other_ns, space_ns = dps_intake_space_deadline_ns(intake);

	if (intake->state == DPS_INTAKE_OFFERED)
		return dps_intake_search_deadline_ns(intake);
	if (intake->state == DPS_INTAKE_ACTIVE) {
		store_ns = dps_intake_store_deadline_ns(intake);
		other_ns = intake->is_parked ? dps_intake_parked_deadline_ns(intake) : DPS_NEVER_NS;
		other_ns = store_ns < other_ns ? store_ns : other_ns;
		return space_ns < other_ns ? space_ns : other_ns;
	}
	if (intake->state == DPS_INTAKE_LEAVING && intake->channel_state == DPS_INTAKE_CHANNEL_OPEN)
		return intake->close_channel_at_ns;
	return DPS_NEVER_NS;
}

/* ---- messages ---- */

static void on_cancel(struct dps_intake *intake, const struct dps_message_end *cancel,
		      uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	snprintf(text, sizeof(text), "the exporter gave it up: %s", cancel->text);
	intake->wish.link = NULL;
	intake->was_cancelled = true;
	dps_intake_leave(intake, cancel->code, text, now_ns);
}

const char *dps_intake_on_message(struct dps_intake *intake, const struct dps_message *message,
				  uint64_t now_ns)
{
	if (intake->state >= DPS_INTAKE_LEAVING)
		return NULL; /* it may not have heard yet */
	if ((intake->is_parked && message->type != DPS_MESSAGE_CANCEL) ||
	    intake->state == DPS_INTAKE_LOADING)
		return "it goes on before its resume is answered";
	intake->heard_at_ns = now_ns;
	switch (message->type) {
	case DPS_MESSAGE_OFFER_MORE:
		return dps_intake_offer(intake, &message->offer, false, now_ns);
	case DPS_MESSAGE_FILE_MORE:
		return dps_intake_on_file_more(intake, &message->file_more, now_ns);
	case DPS_MESSAGE_FILE_END:
		return dps_intake_on_file_end(intake, &message->file_end, now_ns);
	case DPS_MESSAGE_LAST:
		return dps_intake_on_last(intake, &message->last);
	case DPS_MESSAGE_SAME:
		return dps_intake_on_same(intake, &message->same, true, now_ns);
	case DPS_MESSAGE_DIFFERENT:
		return dps_intake_on_same(intake, &message->different, false, now_ns);
	case DPS_MESSAGE_DIGEST:
		return dps_intake_on_digest(intake, &message->digest);
	case DPS_MESSAGE_SKIP:
		return dps_intake_on_skip(intake, &message->skip);
	case DPS_MESSAGE_CANCEL:
		on_cancel(intake, &message->cancel, now_ns);
		return NULL;
	case DPS_MESSAGE_BLOCKED:
		intake->is_peer_blocked = message->blocked.why != DPS_BLOCKED_NOTHING;
		return NULL;
	default:
		return "an exporter does not say this";
	}
}

/* ---- the end of a file ---- */

static void report_file(struct dps_intake *intake, uint32_t index, const struct dps_digest *digest,
			const char *code, const char *text)
{
	const struct dps_manifest_file *file = &intake->manifest.files[index];
	const struct dps_report_file said = {
		.transfer = intake->id,
		.file = index,
		.path = file->name,
		.path_bytes = file->name_bytes,
		.bytes = file->size_bytes == DPS_NUMBER_NONE ? 0 : file->size_bytes,
		.digest = digest,
		.was_stored = file->state == DPS_MANIFEST_SAME,
		.code = code,
		.text = text,
	};

	if (code)
		dps_report_on_file_failed(intake->context->report, &said);
	else
		dps_report_on_file_stored(intake->context->report, &said);
}

void dps_intake_settle_file(struct dps_intake *intake, uint32_t index,
			    enum dps_manifest_state state, const struct dps_digest *digest)
{
	const struct dps_manifest_file *file = &intake->manifest.files[index];

	if (!dps_manifest_settle(&intake->manifest, index, state))
		return;
	dps_intake_note_change(intake, &(struct dps_journal_change){
					       .index = index,
					       .state = state == DPS_MANIFEST_SAME
								? DPS_JOURNAL_FILE_SAME
								: DPS_JOURNAL_FILE_STORED,
					       .size_bytes = DPS_JOURNAL_UNKNOWN,
				       });
	intake->bytes_stored += file->size_bytes;
	if (state == DPS_MANIFEST_SAME) {
		intake->files_same++;
		intake->bytes_same += file->size_bytes;
	} else {
		intake->files_stored++;
	}
	report_file(intake, index, digest, NULL, NULL);
}

/* To be said again, on another connection or in another life. */
static void note_failure(struct dps_intake *intake, uint32_t index, enum dps_control_code code,
			 const char *text)
{
	if (dps_manifest_note_failure(&intake->manifest, index, code, text) < 0)
		abort(); /* out of memory */
	dps_intake_note_change(
		intake,
		&(struct dps_journal_change){
			.index = index,
			.state = DPS_JOURNAL_FILE_FAILED,
			.size_bytes = DPS_JOURNAL_UNKNOWN,
			.error_code = dps_control_code_name(code),
			.error_text =
				intake->manifest.failures[intake->manifest.failures_count - 1].text,
		});
}

void dps_intake_give_up_file(struct dps_intake *intake, uint32_t index, enum dps_control_code code,
			     const char *text)
{
	struct dps_manifest_file *file = &intake->manifest.files[index];
	char shown[DPS_MESSAGE_TEXT_BYTES_MAX - 256];

	if (file->state == DPS_MANIFEST_WAITING && file->size_bytes != DPS_NUMBER_NONE)
		dps_intake_release_promise(intake, file->size_bytes);
	intake->held_count -= file->state == DPS_MANIFEST_HELD;
	if (!dps_manifest_settle(&intake->manifest, index, DPS_MANIFEST_FAILED))
		return;
	dps_name_show(file->name, file->name_bytes, shown, sizeof(shown));
	note_failure(intake, index, code, text);
	if (intake->files_failed++ == 0)
		snprintf(intake->first_failure, sizeof(intake->first_failure), "%s %.200s", shown,
			 text);
	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_ERROR, "%s %s", shown, text);
	report_file(intake, index, NULL, dps_control_code_name(code), text);
	if (file->open)
		dps_intake_skip_open(file->open);
}

void dps_intake_fail_file(struct dps_intake *intake, uint32_t index, enum dps_control_code code,
			  const char *text)
{
	const struct dps_message failed = {
		.type = DPS_MESSAGE_FILE_FAILED,
		.file_failed = { .channel = intake->number,
				 .file = index,
				 .code = code,
				 .text = text },
	};

	if (intake->manifest.files[index].state >= DPS_MANIFEST_STORED)
		return;
	dps_intake_say(intake, &failed);
	dps_intake_give_up_file(intake, index, code, text);
}

enum dps_control_code dps_intake_code_of(int error)
{
	switch (error) {
	case -ENOSPC:
	case -EDQUOT:
		return DPS_CODE_SPACE;
	case -EEXIST:
	case -EISDIR:
	case -ENOTDIR:
		return DPS_CODE_TARGET_EXISTS;
	case -EBADMSG:
	case -EILSEQ:
		return DPS_CODE_DIGEST;
	default:
		return DPS_CODE_CANNOT_WRITE;
	}
}

/* To people at the other end, whose file is there and well. */
static const char *reason_of(int error)
{
	if (error == -EBADMSG)
		return "arrived with a wrong digest again and again; send it again";
	if (error == -ENOENT)
		return "has lost its folder: somebody removed it at the collector while the file "
		       "came; send it again";
	return dps_reason(error);
}

void dps_intake_fail_disk(struct dps_intake *intake, uint32_t index, int error, uint64_t now_ns)
{
	enum dps_control_code code = dps_intake_code_of(error);
	const struct dps_manifest_file *file = &intake->manifest.files[index];
	const char *reason = reason_of(error);
	char text[DPS_MESSAGE_TEXT_BYTES_MAX], shown[DPS_MESSAGE_TEXT_BYTES_MAX - 256];

	if (intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (code != DPS_CODE_SPACE) {
		dps_intake_fail_file(intake, index, code, reason);
		return;
	}
	/* The next file would not fit either, and this one may when there is room again. */
	snprintf(text, sizeof(text),
		 "%s %s; make room at the collector and run the same command again",
		 dps_name_show(file->name, file->name_bytes, shown, sizeof(shown)), reason);
	dps_intake_cancel(intake, code, text, now_ns);
}
