/* SPDX-License-Identifier: BSD-3-Clause */
/* Export files: opened for the lane, announced in order, checked when read, closed when done. */
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPEN_MAX = 512, /* files open at a time: the lane reads a chunk's files together */
	REFETCH_RETRY_MS = 5,
};

static void note_fd(struct dps_export *export, int fd, uint32_t index)
{
	if ((size_t)fd >= export->fd_files_room) {
		size_t room = (size_t)fd + 256;
		int32_t *files = realloc(export->fd_files, room * sizeof(*files));

		if (!files)
			abort();
		memset(files + export->fd_files_room, 0xff,
		       (room - export->fd_files_room) * sizeof(*files));
		export->fd_files = files;
		export->fd_files_room = room;
	}
	export->fd_files[fd] = (int32_t)index;
}

static void on_checked(struct dps_export_job *job, uint64_t now_ns);

/* All of it was read: is it still the file that was offered? */
static void check_if_read(struct dps_export *export, uint32_t index)
{
	struct dps_export_file_work *work = export->files[index].work;

	if (!work || work->is_checking || export->is_over ||
	    export->files[index].state != DPS_EXPORT_SENDING ||
	    !dps_piece_digests_is_whole(&work->digests))
		return;
	work->is_checking = true;
	dps_export_push_check(export, index, work->fd, on_checked);
}

static void close_if_done(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (!file->work || !file->work->is_lane_done ||
	    (file->work->is_checking && !file->work->is_checked) ||
	    (file->state == DPS_EXPORT_SENDING && !file->work->is_checked))
		return;
	if (file->work->fd >= 0)
		export->fd_files[file->work->fd] = -1;
	dps_export_free_work(file);
	export->open_count--;
}

static void on_checked(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	struct dps_message_item item = { .file = job->file };
	const struct dps_message message = {
		.type = DPS_MESSAGE_DIGEST,
		.digest = { .channel = DPS_EXPORT_CHANNEL_NUMBER,
			    .items_count = 1,
			    .items = &item },
	};

	(void)now_ns;
	file->work->is_checked = true;
	if (file->state == DPS_EXPORT_SENDING && job->result < 0) {
		dps_export_skip_for(export, job->file, dps_export_size_of(export, job->file),
				    job->result);
	} else if (file->state == DPS_EXPORT_SENDING) {
		item.size_bytes = dps_export_size_of(export, job->file);
		item.digest = dps_piece_digests_finish(&file->work->digests);
		dps_peer_link_say(export->link, &message);
		file->state = DPS_EXPORT_SENT;
	}
	close_if_done(export, job->file);
}

static void announce(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	dps_node_command(export->node,
			 &(struct dps_lane_command){
				 .type = DPS_COMMAND_ANNOUNCE,
				 .channel = export->channel,
				 .generation = export->generation,
				 .fd = file->work->fd,
				 .is_direct = file->work->is_direct,
				 .extent = { .offset = file->offset,
					     .bytes = dps_export_size_of(export, index),
					     .file_index = index },
			 });
	check_if_read(export, index); /* an empty file is */
}

static void on_opened(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	struct dps_export_file_work *work;

	(void)now_ns;
	if (job->result < 0 && export->source) {
		export->open_count--;
		if (!export->is_over)
			dps_export_skip_for(export, job->file, 0, job->result);
		return;
	}
	work = calloc(1, sizeof(*work));
	if (!work)
		abort();
	work->fd = job->fd;
	work->is_direct = job->is_direct;
	dps_piece_digests_init(&work->digests, dps_export_size_of(export, job->file),
			       dps_node_chunk_bytes(export->node));
	file->work = work;
	if (work->fd >= 0)
		note_fd(export, work->fd, job->file);
	file->state = DPS_EXPORT_SENDING;
	if (!export->is_over)
		announce(export, job->file);
}

void dps_export_open_files(struct dps_export *export)
{
	while (export->next_open < export->accepted_end && export->open_count < OPEN_MAX) {
		uint32_t index = export->next_open;
		struct dps_export_file *file = &export->files[index];

		if (file->state == DPS_EXPORT_COMPARING)
			return; /* files are announced in order */
		export->next_open++;
		if (file->state != DPS_EXPORT_WAITING)
			continue;
		if (!dps_export_is_regular(export, index)) {
			file->state = DPS_EXPORT_SENT; /* the offer said all there is */
			continue;
		}
		file->state = DPS_EXPORT_OPENING;
		export->open_count++;
		dps_export_push_open(export, index, on_opened, 0, 0);
	}
}

/* All files are announced or will never be: the lane may fill its last chunk. */
void dps_export_announce_last(struct dps_export *export)
{
	if (export->is_last_announced || !export->is_last_said ||
	    export->next_open < export->files_count || export->jobs_count > 0)
		return;
	dps_node_command(export->node, &(struct dps_lane_command){
					       .type = DPS_COMMAND_ANNOUNCE_LAST,
					       .channel = export->channel,
					       .generation = export->generation,
				       });
	export->is_last_announced = true;
}

static void on_engine_event(struct dps_export *export, const struct dps_event *event)
{
	struct dps_export_file *file;

	if (event->channel != export->channel || event->generation != export->generation ||
	    event->file_index >= export->files_count)
		return;
	file = &export->files[event->file_index];
	if (event->type == DPS_EVENT_PIECE && file->work) {
		if (dps_piece_digests_add(&file->work->digests, event->offset, &event->digest) < 0)
			abort();
		check_if_read(export, event->file_index);
	} else if (event->type == DPS_EVENT_FILE_FAILED) {
		dps_export_skip_for(export, event->file_index, event->offset - file->offset,
				    event->error);
	} else if (event->type == DPS_EVENT_FILE_DONE && file->work && file->work->fd < 0) {
		file->work->is_lane_done = true; /* there is no descriptor to give back */
		close_if_done(export, event->file_index);
	}
}

static void on_file_closed(struct dps_export *export, int fd)
{
	uint32_t index;

	if (fd < 0)
		return;
	if ((size_t)fd >= export->fd_files_room || export->fd_files[fd] < 0) {
		close(fd); /* opened again for a refetch */
		return;
	}
	index = (uint32_t) export->fd_files[fd];
	export->files[index].work->is_lane_done = true;
	close_if_done(export, index);
}

static void on_refused(struct dps_export *export, const struct dps_lane_event *event,
		       uint64_t now_ns)
{
	struct dps_export_refetch *refetch = export->refetches;

	if (refetch && refetch->command.fd == event->fd && event->engine.error == -EAGAIN) {
		export->refetch_at_ns = now_ns + REFETCH_RETRY_MS * DPS_NS_PER_MS;
		return;
	}
	if (event->engine.file_index < export->files_count && !export->is_over)
		dps_export_skip_for(export, event->engine.file_index, 0, event->engine.error);
	on_file_closed(export, event->fd);
}

void dps_export_on_lane_event(struct dps_export *export, const struct dps_lane_event *event,
			      uint64_t now_ns)
{
	switch (event->type) {
	case DPS_LANE_ENGINE:
		if (event->engine.type == DPS_EVENT_RESENT && export->refetches) {
			struct dps_export_refetch *refetch = export->refetches;

			export->refetches = refetch->next;
			free(refetch);
		}
		on_engine_event(export, &event->engine);
		break;
	case DPS_LANE_CHANNEL_OPENED:
		if (event->engine.error < 0) {
			dps_log("export", DPS_LOG_ERROR, "the lane has no room for a channel");
			return;
		}
		export->channel = event->engine.channel;
		export->generation = event->engine.generation;
		export->has_channel = true;
		break;
	case DPS_LANE_FILE_CLOSED:
		on_file_closed(export, event->fd);
		break;
	case DPS_LANE_REFUSED:
		on_refused(export, event, now_ns);
		break;
	default:
		break;
	}
}
