/* SPDX-License-Identifier: BSD-3-Clause */
/* A transfer and the lane: its channel, the files announced there, and what becomes of them. */
#include "apps/dpdk-streamd/intake.h"
#include "apps/dpdk-streamd/intake_share.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- its channel ---- */

void dps_intake_open_channel(struct dps_intake *intake)
{
	struct dps_collect_context *context = intake->context;

	if (intake->channel_state != DPS_INTAKE_CHANNEL_NONE ||
	    context->channels_count >= context->channels_max)
		return;
	context->channels_count++;
	intake->channel_state = DPS_INTAKE_CHANNEL_OPENING;
	dps_node_command(context->node,
			 &(struct dps_lane_command){
				 .type = DPS_COMMAND_OPEN_CHANNEL,
				 .cookie = intake->serial,
				 .open_channel = { .path = intake->path,
						   .number = intake->number,
						   .window_bytes = context->options->window_bytes },
			 });
}

void dps_intake_on_channel_opened(struct dps_intake *intake, const struct dps_lane_event *event,
				  uint64_t now_ns)
{
	DPS_ASSERT(intake->channel_state == DPS_INTAKE_CHANNEL_OPENING);
	if (event->engine.error < 0) {
		intake->channel_state = DPS_INTAKE_CHANNEL_CLOSED;
		intake->context->channels_count--;
		/* -ENOENT: the path was lost, which is said by itself. */
		if (event->engine.error != -ENOENT && !intake->is_parked)
			dps_intake_cancel(intake, DPS_CODE_BUSY,
					  "the collector has no room for one more transfer now",
					  now_ns);
		return;
	}
	intake->channel = event->engine.channel;
	intake->generation = event->engine.generation;
	intake->channel_state = DPS_INTAKE_CHANNEL_OPEN;
	intake->share_window_bytes = intake->share_bytes_per_s = 0;
	if (intake->state == DPS_INTAKE_LEAVING || intake->is_parked)
		dps_intake_close_channel(intake);
	/* Before anything is announced: nothing is granted at another pace. */
	dps_intake_share_all(intake->context);
}

void dps_intake_close_channel(struct dps_intake *intake)
{
	if (intake->channel_state != DPS_INTAKE_CHANNEL_OPEN)
		return;
	intake->channel_state = DPS_INTAKE_CHANNEL_CLOSED;
	intake->context->channels_count--;
	dps_node_command(intake->context->node, &(struct dps_lane_command){
							.type = DPS_COMMAND_CLOSE_CHANNEL,
							.channel = intake->channel,
							.generation = intake->generation,
						});
}

/* ---- its files ---- */

void dps_intake_announce(struct dps_intake_open *open, uint64_t end_bytes)
{
	struct dps_intake *intake = open->intake;
	const struct dps_manifest_file *file = &intake->manifest.files[open->file];
	uint64_t from = dps_piece_digests_prefix_bytes(&open->pieces, file->size_bytes);

	if (from < open->announced_bytes)
		from = open->announced_bytes;
	open->announced_bytes = end_bytes;
	open->in_lane++;
	intake->in_lane_count++;
	intake->context->lane_files_count++;
	if (open->staged.fd >= 0) {
		open->lane_fds++;
		intake->lane_fds_count++;
		dps_collect_context_note_fd(intake->context, open->staged.fd, open);
	}
	dps_node_command(intake->context->node, &(struct dps_lane_command){
							.type = DPS_COMMAND_ANNOUNCE,
							.channel = intake->channel,
							.generation = intake->generation,
							.fd = open->staged.fd,
							.is_direct = open->staged.is_direct,
							.extent = { .offset = open->offset + from,
								    .bytes = end_bytes - from,
								    .file_offset = from,
								    .file_index = open->file },
						});
}

/* More of its only file may come, or be announced. */
static bool has_more(const struct dps_intake *intake)
{
	const struct dps_manifest_file *file = intake->manifest.files;

	return intake->manifest.count == 1 && file->state < DPS_MANIFEST_STORED &&
	       (file->size_bytes == DPS_NUMBER_NONE ||
		(file->open && file->open->in_lane > 0 &&
		 file->open->announced_bytes < file->size_bytes));
}

void dps_intake_announce_last(struct dps_intake *intake)
{
	if (intake->is_last_announced || !intake->has_last || intake->is_opening ||
	    intake->next_file < intake->offered_end || has_more(intake))
		return;
	intake->is_last_announced = true;
	dps_node_command(intake->context->node, &(struct dps_lane_command){
							.type = DPS_COMMAND_ANNOUNCE_LAST,
							.channel = intake->channel,
							.generation = intake->generation,
						});
}

void dps_intake_leave_lane(struct dps_intake_open *open, uint32_t count)
{
	if (count > open->in_lane)
		count = open->in_lane;
	open->in_lane -= count;
	open->intake->in_lane_count -= count;
	open->intake->context->lane_files_count -= count;
}

void dps_intake_skip_open(struct dps_intake_open *open)
{
	struct dps_intake *intake = open->intake;

	/* From what is announced of it on: nothing of it is kept, and what comes is acknowledged
	 * all the same. */
	if (open->in_lane > 0 && intake->channel_state == DPS_INTAKE_CHANNEL_OPEN)
		dps_node_command(intake->context->node, &(struct dps_lane_command){
								.type = DPS_COMMAND_SKIP,
								.channel = intake->channel,
								.generation = intake->generation,
								.file_index = open->file,
								.offset = open->offset,
							});
	dps_intake_settle_open(open);
}

/* ---- what the lane says ---- */

static void on_piece(struct dps_intake_open *open, const struct dps_event *event)
{
	struct dps_intake *intake = open->intake;

	if (dps_piece_digests_add(&open->pieces, event->offset, &event->digest) < 0)
		abort(); /* out of memory */
	dps_intake_forget_refetch(intake, open->offset + event->offset);
	open->is_dirty = true;
	open->received_bytes += event->bytes;
	intake->dirty_bytes += event->bytes;
	intake->bytes_received += event->bytes;
}

static void on_file_done(struct dps_intake_open *open, int error)
{
	const struct dps_manifest_file *file = &open->intake->manifest.files[open->file];

	dps_intake_leave_lane(open, 1);
	dps_intake_announce_more(open);
	if (error < 0 || (open->in_lane == 0 && open->announced_bytes == file->size_bytes &&
			  !dps_piece_digests_is_whole(&open->pieces)))
		dps_intake_fail_file(open->intake, open->file, DPS_CODE_INTERNAL,
				     "was not received whole");
	dps_intake_settle_open(open);
}

static void on_refetch(struct dps_intake *intake, const struct dps_event *event)
{
	dps_log("collect", DPS_LOG_WARNING,
		"a piece arrived with a wrong digest and is fetched again");
	dps_intake_note_refetch(intake, event);
	dps_intake_say_refetch(intake, event->offset, event->bytes);
}

void dps_intake_on_event(struct dps_intake *intake, const struct dps_event *event, uint64_t now_ns)
{
	struct dps_intake_open *open = NULL;

	if (event->file_index < intake->manifest.count)
		open = intake->manifest.files[event->file_index].open;
	if (event->type != DPS_EVENT_CHANNEL_DONE && event->written > intake->written)
		intake->written = event->written;
	if (!open || intake->state != DPS_INTAKE_ACTIVE)
		return;
	switch (event->type) {
	case DPS_EVENT_PIECE:
		on_piece(open, event);
		if (intake->space.tries & DPS_INTAKE_PART_LANE)
			dps_intake_find_space(intake, DPS_INTAKE_PART_LANE, now_ns);
		break;
	case DPS_EVENT_FILE_DONE:
		on_file_done(open, event->error);
		break;
	case DPS_EVENT_NO_SPACE:
		dps_intake_lack_space(intake, DPS_INTAKE_PART_LANE, now_ns);
		break;
	case DPS_EVENT_FILE_FAILED:
		dps_intake_fail_disk(intake, open->file, event->error, now_ns);
		break;
	case DPS_EVENT_REFETCH:
		on_refetch(intake, event);
		break;
	default:
		break;
	}
}

void dps_intake_on_fd_back(struct dps_intake_open *open, int error, uint64_t now_ns)
{
	struct dps_intake *intake = open->intake;

	if (open->lane_fds > 0) {
		intake->lane_fds_count--;
		open->lane_fds--;
	}
	/* -ENOENT: the channel is gone, which is said by itself. */
	if (error < 0 && error != -ENOENT)
		dps_intake_cancel(intake, DPS_CODE_INTERNAL,
				  "the collector's lane has no room for a file", now_ns);
	if (error < 0 || intake->channel_state == DPS_INTAKE_CHANNEL_CLOSED)
		dps_intake_leave_lane(open, 1);
	dps_intake_settle_open(open);
}
