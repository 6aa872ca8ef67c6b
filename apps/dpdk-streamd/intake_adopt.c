/* SPDX-License-Identifier: BSD-3-Clause */
/* What an exporter that has forgotten its transfer had sent before: asked about, and adopted. */
#include "apps/dpdk-streamd/intake.h"
#include "apps/dpdk-streamd/offer_check.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAY_MS = 2000, /* how long one that has lost its control connection is waited for */
};

/* ---- looked for, before the first offer is checked ---- */

static bool is_of_same_peer(const struct dps_intake *intake, const struct dps_intake *other)
{
	char owner[DPS_TRANSFER_OWNER_BYTES], another[DPS_TRANSFER_OWNER_BYTES];

	dps_intake_format_owner(intake, owner);
	dps_intake_format_owner(other, another);
	return other != intake &&
	       dps_transfer_owner_is_same_peer(owner, strlen(owner), another, strlen(another));
}

/* Those that wait for this peer are put away, where they can be found, and gone on with as well. */
static void ask_for_way(struct dps_intake *intake)
{
	struct dps_intake *other = intake->context->intakes;

	for (; other; other = other->next)
		if (is_of_same_peer(intake, other) && other->is_parked && !other->wish.link)
			other->makes_room = other->makes_way = true;
}

/* Whether it is just leaving; one whose control connection is lost may be about to, or go on. */
static bool is_in_way(const struct dps_intake *intake, const struct dps_intake *other,
		      uint64_t now_ns)
{
	if (!is_of_same_peer(intake, other))
		return false;
	if (other->state == DPS_INTAKE_ACTIVE && !other->is_parked && other->link &&
	    !other->link->is_open)
		return now_ns < intake->started_at_ns + WAY_MS * DPS_NS_PER_MS;
	return other->makes_way ||
	       (other->state == DPS_INTAKE_LEAVING && other->is_kept && !other->is_put_away);
}

static bool has_way(const struct dps_intake *intake, uint64_t now_ns)
{
	const struct dps_intake *other = intake->context->intakes;

	while (other && !is_in_way(intake, other, now_ns))
		other = other->next;
	return other == NULL;
}

static void on_searched(struct dps_job *job, uint64_t now_ns)
{
	struct dps_adoption *adoption = (struct dps_adoption *)job;
	struct dps_intake *intake = adoption->owner;

	(void)now_ns;
	intake->search = DPS_INTAKE_SEARCHED;
	if (intake->state >= DPS_INTAKE_LEAVING || adoption->files_count == 0)
		dps_intake_end_adoption(intake);
}

static void start_search(struct dps_intake *intake)
{
	struct dps_collect_context *context = intake->context;
	struct dps_adoption *adoption = calloc(1, sizeof(*adoption));

	if (!adoption)
		abort(); /* out of memory */
	*adoption = (struct dps_adoption){
		.job = { .run = dps_adoption_run, .done = on_searched },
		.owner = intake,
		.staging = context->staging,
		.journal = context->journal,
		.id = intake->id,
		.chunk_bytes = context->chunk_bytes,
	};
	dps_intake_format_owner(intake, adoption->owner_text);
	intake->adoption = adoption;
	intake->search = DPS_INTAKE_SEARCHING;
	dps_worker_push(context->store, &adoption->job);
}

void dps_intake_step_search(struct dps_intake *intake, uint64_t now_ns)
{
	if (!intake->checks)
		return;
	if (intake->search == DPS_INTAKE_UNSEARCHED)
		intake->search = intake->context->journal && !intake->was_accepted
					 ? DPS_INTAKE_ASKS_FOR_WAY
					 : DPS_INTAKE_SEARCHED; /* it is known by its id */
	if (intake->search != DPS_INTAKE_ASKS_FOR_WAY)
		return;
	ask_for_way(intake);
	if (has_way(intake, now_ns))
		start_search(intake);
}

uint64_t dps_intake_search_deadline_ns(const struct dps_intake *intake)
{
	if (intake->search != DPS_INTAKE_ASKS_FOR_WAY || !intake->checks ||
	    !has_way(intake, DPS_NEVER_NS))
		return DPS_NEVER_NS;
	return has_way(intake, 0) ? 0 : intake->started_at_ns + WAY_MS * DPS_NS_PER_MS;
}

void dps_intake_end_adoption(struct dps_intake *intake)
{
	if (intake->adoption) {
		dps_adoption_fini(intake->adoption);
		free(intake->adoption);
	}
	free(intake->matches);
	intake->adoption = NULL;
	intake->matches = NULL;
	intake->matches_count = intake->matches_room = intake->agreed_count = 0;
}

/* ---- found ---- */

static struct dps_intake_match *match_of(const struct dps_intake *intake, uint32_t index)
{
	for (uint32_t i = 0; i < intake->matches_count; i++)
		if (intake->matches[i].file == index)
			return &intake->matches[i];
	return NULL;
}

bool dps_intake_is_asked_about(const struct dps_intake *intake, uint32_t file)
{
	return match_of(intake, file) != NULL;
}

static void drop_match(struct dps_intake *intake, struct dps_intake_match *match)
{
	match->from->is_taken = false;
	intake->agreed_count -= match->state == DPS_INTAKE_AGREED;
	*match = intake->matches[--intake->matches_count];
}

void dps_intake_match(struct dps_intake *intake, struct dps_offer_check *check)
{
	const struct dps_manifest_batch *batch = check->batch;

	if (!intake->adoption)
		return;
	check->partial = malloc((intake->adoption->files_count + 1) * sizeof(*check->partial));
	if (!check->partial)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < batch->count; i++) {
		struct dps_adoption_file *from =
			dps_adoption_find(intake->adoption, &batch->files[i]);

		if (!from)
			continue;
		from->is_taken = true;
		check->partial[check->partial_count++] = (struct dps_message_item){
			.file = batch->first + i,
			.size_bytes = from->bytes,
			.digest = from->head,
		};
		if (intake->matches_count == intake->matches_room) {
			intake->matches_room = intake->matches_room ? intake->matches_room * 2 : 16;
			intake->matches = realloc(intake->matches,
						  intake->matches_room * sizeof(*intake->matches));
			if (!intake->matches)
				abort(); /* out of memory */
		}
		intake->matches[intake->matches_count++] =
			(struct dps_intake_match){ .from = from, .file = batch->first + i };
	}
}

void dps_intake_ask_partial(struct dps_intake *intake, struct dps_offer_check *check)
{
	struct dps_message message = {
		.type = DPS_MESSAGE_PARTIAL,
		.partial = { .channel = intake->number, .items = check->partial },
	};
	uint32_t count = 0;

	for (uint32_t i = 0; i < check->partial_count; i++) {
		const struct dps_message_item *item = &check->partial[i];
		struct dps_manifest_file *file = &intake->manifest.files[item->file];

		if (file->state != DPS_MANIFEST_WAITING) { /* all of it is there */
			drop_match(intake, match_of(intake, item->file));
			continue;
		}
		file->state = DPS_MANIFEST_HELD;
		intake->held_count++;
		check->partial[count++] = *item;
	}
	message.partial.items_count = count;
	if (count > 0)
		dps_intake_say(intake, &message);
}

void dps_intake_ask_again(struct dps_intake *intake)
{
	struct dps_message_item *items = malloc((intake->matches_count + 1) * sizeof(*items));
	struct dps_message message = {
		.type = DPS_MESSAGE_PARTIAL,
		.partial = { .channel = intake->number, .items = items },
	};

	if (!items)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < intake->matches_count; i++)
		if (intake->matches[i].state == DPS_INTAKE_ASKED &&
		    intake->matches[i].file < intake->manifest.count)
			items[message.partial.items_count++] = (struct dps_message_item){
				.file = intake->matches[i].file,
				.size_bytes = intake->matches[i].from->bytes,
				.digest = intake->matches[i].from->head,
			};
	if (message.partial.items_count > 0)
		dps_intake_say(intake, &message);
	free(items);
}

/* ---- answered ---- */

static void wait_for_all(struct dps_intake *intake, uint32_t index)
{
	struct dps_manifest_file *file = &intake->manifest.files[index];

	if (file->state != DPS_MANIFEST_HELD)
		return; /* given up meanwhile */
	file->state = DPS_MANIFEST_WAITING;
	intake->held_count--;
	dps_intake_promise(intake, file->size_bytes);
}

bool dps_intake_on_match_answered(struct dps_intake *intake, uint32_t index, bool is_same)
{
	struct dps_intake_match *match = match_of(intake, index);

	if (!match || match->state != DPS_INTAKE_ASKED)
		return match != NULL;
	if (is_same) {
		match->state = DPS_INTAKE_AGREED;
		intake->agreed_count++;
		return true;
	}
	drop_match(intake, match);
	wait_for_all(intake, index);
	return true;
}

void dps_intake_drop_asked(struct dps_intake *intake)
{
	for (uint32_t i = intake->matches_count; i > 0; i--) {
		struct dps_intake_match *match = &intake->matches[i - 1];
		uint32_t index = match->file;

		if (match->state != DPS_INTAKE_ASKED)
			continue;
		drop_match(intake, match);
		if (index < intake->manifest.count)
			wait_for_all(intake, index);
	}
}

/* ---- moved ---- */

static struct dps_piece_digests *make_pieces(const struct dps_intake *intake, uint32_t index)
{
	struct dps_piece_digests *pieces =
		aligned_alloc(alignof(struct dps_piece_digests), sizeof(*pieces));

	if (!pieces)
		abort(); /* out of memory */
	dps_piece_digests_init(pieces, intake->manifest.files[index].size_bytes,
			       intake->context->chunk_bytes);
	return pieces;
}

void dps_intake_fill_moves(struct dps_intake *intake, struct dps_checkpoint *checkpoint)
{
	checkpoint->moves_count = 0;
	if (intake->agreed_count == 0 || checkpoint->is_last)
		return;
	checkpoint->moves = calloc(intake->agreed_count, sizeof(*checkpoint->moves));
	if (!checkpoint->moves)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < intake->matches_count; i++) {
		struct dps_intake_match *match = &intake->matches[i];
		const struct dps_staging_folder *donor;

		if (match->state != DPS_INTAKE_AGREED)
			continue;
		match->state = DPS_INTAKE_MOVING;
		donor = &intake->adoption->donors[match->from->donor];
		checkpoint->moves[checkpoint->moves_count++] = (struct dps_adoption_move){
			.donor = donor,
			.row = { .from = donor->id,
				 .to = intake->id,
				 .from_file = match->from->index,
				 .to_file = match->file,
				 .device = match->from->device,
				 .inode = match->from->inode },
			.bytes = match->from->bytes,
			.pieces = make_pieces(intake, match->file),
		};
	}
	intake->agreed_count = 0;
}

/* Its beginning is here, as if an earlier connection had brought it. */
static void adopt(struct dps_intake *intake, struct dps_adoption_move *move)
{
	struct dps_manifest_file *file = &intake->manifest.files[move->row.to_file];
	struct dps_file_past *past;

	if (file->state != DPS_MANIFEST_HELD)
		return;
	past = dps_file_past_of(file);
	if (!past)
		abort(); /* out of memory */
	past->pieces = move->pieces;
	move->pieces = NULL;
	file->state = DPS_MANIFEST_WAITING;
	intake->held_count--;
	intake->bytes_received += move->bytes;
	intake->bytes_before += move->bytes;
	intake->files_adopted++;
	intake->bytes_adopted += move->bytes;
}

static void free_pieces(struct dps_piece_digests *pieces)
{
	if (!pieces)
		return;
	dps_piece_digests_fini(pieces);
	free(pieces);
}

static void report_adopted(struct dps_intake *intake)
{
	const struct dps_report_resumed resumed = {
		.transfer = intake->id,
		.from_bytes = dps_intake_kept_bytes(intake),
		.resent_bytes = DPS_REPORT_UNKNOWN,
	};

	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_NOTICE,
		"goes on with %llu files of earlier transfers of %s: %.1f MiB need not come again",
		(unsigned long long)intake->files_adopted, intake->peer,
		(double)intake->bytes_adopted / (1 << 20));
	dps_report_on_resumed(intake->context->report, &resumed);
}

void dps_intake_on_moved(struct dps_intake *intake, struct dps_checkpoint *checkpoint)
{
	uint64_t files_adopted = intake->files_adopted;

	for (uint32_t i = 0; i < checkpoint->moves_count; i++) {
		struct dps_adoption_move *move = &checkpoint->moves[i];
		struct dps_intake_match *match = match_of(intake, move->row.to_file);

		if (move->error == 0)
			adopt(intake, move);
		else if (match)
			wait_for_all(intake, match->file);
		/* The exporter goes on behind what it was told: on another connection it hears. */
		intake->must_reconnect |= move->error < 0;
		if (match)
			drop_match(intake, match);
		free_pieces(move->pieces);
	}
	free(checkpoint->moves);
	checkpoint->moves = NULL;
	checkpoint->moves_count = 0;
	if (intake->files_adopted > files_adopted)
		report_adopted(intake);
}

/* ---- in the end ---- */

void dps_intake_begin_over(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];
	char shown[DPS_NAME_SHOWN_BYTES];

	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_WARNING,
		"%s: what was here of it before is not of this file; all of it comes again",
		dps_name_show(file->name, file->name_bytes, shown, sizeof(shown)));
	intake->bytes_received -= open->received_bytes;
	/* What was here of it came before; a part may have come in this run. */
	if (intake->bytes_before > open->received_bytes)
		intake->bytes_before -= open->received_bytes;
	else
		intake->bytes_before = 0;
	intake->files_begun_over++;
	intake->must_reconnect = true;
	open->received_bytes = 0;
	open->has_past = open->is_journalled = false;
	dps_piece_digests_fini(&open->pieces);
	dps_piece_digests_init(&open->pieces, file->size_bytes, intake->context->chunk_bytes);
	open->pieces.keeps_fresh = intake->context->journal != NULL;
	dps_intake_note_change(intake, &(struct dps_journal_change){
					       .index = open->file,
					       .state = DPS_JOURNAL_FILE_OPEN,
					       .begins_over = true,
					       .size_bytes = DPS_JOURNAL_UNKNOWN,
				       });
}

void dps_intake_reconnect(struct dps_intake *intake, uint64_t now_ns)
{
	static const char why[] = "a file has to come again from its beginning, on another "
				  "connection";
	const struct dps_message error = {
		.type = DPS_MESSAGE_ERROR,
		.error = { .code = DPS_CODE_DIGEST, .text = why },
	};

	if (!intake->link || !intake->link->is_open)
		return; /* when there is one again */
	intake->must_reconnect = false;
	dps_peer_link_finish(intake->link, &error, now_ns + DPS_NS_PER_S);
}
