/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export live: a file that is sent while it comes, of a source that can be read once. What has come
 * is in the live source's ring until the collector holds it.
 */
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/store/name.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LIVE_MODE = 0644,
	STRETCHES_MAX = 4, /* of whatever length, so that a fast source takes few */
};

int dps_export_list_live(struct dps_export *export)
{
	const char *name = dps_node_options(export->node)->name; /* `-` needs one */
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	dps_export_list_add_past(
		&export->list, &(struct dps_journal_file){
				       .path = name,
				       .path_bytes = strlen(name),
				       .size_bytes = DPS_NUMBER_NONE,
				       .mtime_ns = now.tv_sec * (int64_t)DPS_NS_PER_S + now.tv_nsec,
				       .mode = LIVE_MODE,
			       });
	export->list.entries[0].error = 0;
	export->files_count = 1;
	export->bytes_total = DPS_NUMBER_NONE;
	dps_layout_init(&export->layout, dps_node_chunk_bytes(export->node));
	export->files = calloc(1, sizeof(*export->files));
	return export->files ? 0 : -ENOMEM;
}

uint64_t dps_export_live_bytes(const struct dps_export *export)
{
	struct dps_live_state state;

	dps_live_read(export->live, &state);
	return state.filled;
}

void dps_export_anew_live(struct dps_export *export)
{
	struct dps_export_file *file = &export->files[0];
	struct dps_live_state state;

	dps_live_read(export->live, &state);
	if (!state.has_ended || state.error < 0)
		return;
	export->list.entries[0].size_bytes = export->bytes_total = state.filled;
	file->digest = dps_live_digest(export->live);
	file->is_known = true;
}

/* Else its size is said when it has ended. */
static bool was_offered_whole(const struct dps_export *export)
{
	return export->list.entries[0].size_bytes != DPS_NUMBER_NONE;
}

bool dps_export_begin_live(struct dps_export *export)
{
	struct dps_export_file *file = &export->files[0];
	struct dps_live_state state;

	dps_live_read(export->live, &state);
	export->announced_bytes = export->told_bytes = export->held_bytes = file->from_bytes;
	export->stretches_count = 0;
	export->is_end_said = was_offered_whole(export);
	if (state.lowest <= file->from_bytes) {
		dps_live_release(export->live, file->from_bytes);
		return true;
	}
	snprintf(export->live_trouble, sizeof(export->live_trouble),
		 "cannot go on (out_of_window): the collector has %" PRIu64
		 " bytes, and the lowest that is still there to send is %" PRIu64,
		 file->from_bytes, state.lowest);
	dps_export_skip_for(export, 0, -ERANGE);
	return false;
}

static void say_size(struct dps_export *export, enum dps_message_type type, uint64_t bytes)
{
	struct dps_message message = { .type = type };

	/* file_more and file_end are alike. */
	message.file_end = (struct dps_message_file_size){
		.channel = export->number,
		.size_bytes = bytes,
	};
	export->told_bytes = bytes;
	/* Another connection is not the transfer's before it is attached: then it is said again. */
	if (export->is_live)
		dps_peer_link_say(export->link, &message);
}

static void announce(struct dps_export *export, uint64_t end_bytes)
{
	dps_node_command(
		export->node,
		&(struct dps_lane_command){
			.type = DPS_COMMAND_ANNOUNCE,
			.channel = export->channel,
			.generation = export->generation,
			.fd = -1,
			.extent = { .offset = export->files[0].offset + export->announced_bytes,
				    .bytes = end_bytes - export->announced_bytes,
				    .file_offset = export->announced_bytes },
		});
	export->announced_bytes = end_bytes;
	export->stretches_count++;
}

/* Why what came is not all there was; the collector keeps it all the same. */
static void explain(struct dps_export *export, int error)
{
	const struct dps_live_input *input = dps_live_input(export->live);
	char why[DPS_PRODUCER_TEXT_BYTES] = "", shown[DPS_EXPORT_TROUBLE_BYTES - 64];

	if (error == -ECHILD) {
		dps_producer_explain(input->producer, why);
		snprintf(export->live_trouble, sizeof(export->live_trouble),
			 "its producer failed: %s",
			 dps_name_show(why, strlen(why), shown, sizeof(shown)));
	} else if (error == -EBADMSG) {
		snprintf(export->live_trouble, sizeof(export->live_trouble),
			 "the capture ends inside a packet: its producer was lost");
	} else if (error == -ECANCELED) {
		snprintf(export->live_trouble, sizeof(export->live_trouble),
			 "the exporter was stopped before the source had ended");
	}
}

/* What came is kept by the collector: all of it is there, before it hears that more will not come.
 */
static void fail(struct dps_export *export, const struct dps_live_state *state)
{
	if (export->held_bytes < state->filled)
		return;
	explain(export, state->error);
	dps_export_skip_for(export, 0, state->error);
}

static void end(struct dps_export *export)
{
	struct dps_export_file *file = &export->files[0];

	file->digest = dps_live_digest(export->live);
	file->is_known = true;
	dps_export_say_digest(export, 0);
	file->state = DPS_EXPORT_SENT;
}

void dps_export_step_live(struct dps_export *export)
{
	struct dps_live_state state;

	if (export->files[0].state != DPS_EXPORT_SENDING)
		return;
	dps_live_read(export->live, &state);
	if (export->stretches_count >= STRETCHES_MAX)
		return;
	if (state.has_ended && !export->is_end_said) {
		say_size(export, DPS_MESSAGE_FILE_END, state.filled);
		export->is_end_said = true;
	} else if (state.filled > export->told_bytes && !export->is_end_said) {
		say_size(export, DPS_MESSAGE_FILE_MORE, state.filled);
	}
	if (state.filled > export->announced_bytes)
		announce(export, state.filled);
	if (state.has_ended && state.error < 0)
		fail(export, &state);
	else if (state.has_ended)
		end(export);
}

void dps_export_say_live_again(struct dps_export *export)
{
	if (export->files[0].state < DPS_EXPORT_SENDING ||
	    export->files[0].state >= DPS_EXPORT_STORED)
		return;
	if (was_offered_whole(export))
		return;
	if (export->is_end_said)
		say_size(export, DPS_MESSAGE_FILE_END, export->told_bytes);
	else if (export->told_bytes > 0)
		say_size(export, DPS_MESSAGE_FILE_MORE, export->told_bytes);
}

bool dps_export_is_live_over(const struct dps_export *export)
{
	/* Its end is announced with the size, whatever it is about to be called. */
	return export->files[0].state >= DPS_EXPORT_SENT || export->is_end_said;
}

void dps_export_on_stretch_done(struct dps_export *export)
{
	if (export->stretches_count > 0)
		export->stretches_count--;
}

bool dps_export_on_held(struct dps_export *export, const struct dps_message_file_size *held)
{
	if (!export->live || held->file != 0 || held->size_bytes > export->announced_bytes)
		return false;
	if (held->size_bytes > export->held_bytes)
		export->held_bytes = held->size_bytes;
	dps_live_release(export->live, held->size_bytes);
	return true;
}

bool dps_export_waits_for_source(const struct dps_export *export)
{
	struct dps_live_state state;

	if (!export->live || export->stretches_count > 0 || export->accepted_end == 0)
		return false;
	dps_live_read(export->live, &state);
	return !state.has_ended && !state.is_full;
}
