/* SPDX-License-Identifier: BSD-3-Clause */
/* Export files: opened for the lane, announced in order, closed when done. */
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

static void note_fd(struct dps_export *export, struct dps_export_work *work)
{
	size_t fd = (size_t)work->fd;

	if (work->fd < 0)
		return;
	if (fd >= export->works_room) {
		size_t room = fd + 256;
		void *works = realloc(export->works, room * sizeof(*export->works));

		if (!works)
			abort();
		export->works = works;
		memset(export->works + export->works_room, 0,
		       (room - export->works_room) * sizeof(*export->works));
		export->works_room = room;
	}
	export->works[fd] = work;
}

static bool is_needed(const struct dps_export *export, const struct dps_export_work *work)
{
	if (!work->is_lane_done || (work->is_checking && !work->is_checked))
		return true;
	/* One that will be checked when the last of it was read. */
	return !work->is_orphan && !work->is_checked &&
	       export->files[work->file].state == DPS_EXPORT_SENDING;
}

void dps_export_release(struct dps_export *export, struct dps_export_work *work)
{
	if (is_needed(export, work))
		return;
	if (!work->is_orphan)
		export->files[work->file].work = NULL;
	if (work->fd >= 0) {
		export->works[work->fd] = NULL;
		close(work->fd);
	}
	free(work);
	export->open_count--;
}

static void announce(struct dps_export *export, const struct dps_export_work *work)
{
	const struct dps_export_file *file = &export->files[work->file];

	dps_node_command(export->node,
			 &(struct dps_lane_command){
				 .type = DPS_COMMAND_ANNOUNCE,
				 .channel = export->channel,
				 .generation = export->generation,
				 .fd = work->fd,
				 .is_direct = work->is_direct,
				 .extent = { .offset = file->offset + file->from_bytes,
					     .bytes = dps_export_size_of(export, work->file) -
						      file->from_bytes,
					     .file_offset = file->from_bytes,
					     .file_index = work->file },
			 });
}

/* The connection it was opened for is gone, or the file has come to its end meanwhile. */
static bool is_late(const struct dps_export *export, const struct dps_export_job *job)
{
	return export->is_over || job->connection != export->connection ||
	       export->files[job->file].state != DPS_EXPORT_OPENING;
}

/* What is known of it is told; true when the collector has all of it. */
static bool say_known(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (file->is_known)
		dps_export_say_digest(export, index);
	if (file->from_bytes == 0 || file->from_bytes < dps_export_size_of(export, index))
		return false;
	file->state = file->is_known ? DPS_EXPORT_SENT : DPS_EXPORT_SENDING;
	dps_export_check_if_read(export, index); /* perhaps before its turn came */
	return true;
}

static void on_opened(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	struct dps_export_work *work;
	bool is_whole = false;

	(void)now_ns;
	if (job->connection == export->connection)
		export->opening_count--;
	if (job->checks_head && job->result >= 0)
		file->is_head_due = false;
	if (!is_late(export, job) && job->checks_head && job->result >= 0)
		is_whole = say_known(export, job->file);
	if (is_whole || is_late(export, job) || (job->result < 0 && export->source)) {
		if (job->fd >= 0)
			close(job->fd);
		export->open_count--;
		if (!is_whole && !is_late(export, job))
			dps_export_skip_for(export, job->file, job->result);
		return;
	}
	work = calloc(1, sizeof(*work));
	if (!work)
		abort();
	work->file = job->file;
	work->fd = job->fd;
	work->is_direct = job->is_direct;
	note_fd(export, work);
	file->work = work;
	file->state = file->is_known ? DPS_EXPORT_SENT : DPS_EXPORT_SENDING;
	(void)dps_export_digests_of(export, job->file);
	announce(export, work);
	dps_export_check_if_read(export, job->file); /* an empty file is */
}

/* What there is to say or do of a file whose turn has come. */
static void begin_file(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (file->is_skip_owed)
		dps_export_say_skip(export, index);
	if (file->state != DPS_EXPORT_WAITING)
		return;
	if (!dps_export_is_regular(export, index)) {
		file->state = DPS_EXPORT_SENT; /* the offer said all there is */
		return;
	}
	if (export->live) {
		if (dps_export_begin_live(export))
			file->state = DPS_EXPORT_SENDING;
		return;
	}
	if (!file->is_head_due && say_known(export, index))
		return;
	file->state = DPS_EXPORT_OPENING;
	export->open_count++;
	export->opening_count++;
	dps_export_push_open(export, index, on_opened, 0, 0);
}

void dps_export_open_files(struct dps_export *export)
{
	while (export->next_open < export->accepted_end && export->open_count < OPEN_MAX) {
		if (export->files[export->next_open].state == DPS_EXPORT_COMPARING)
			return; /* files are announced in order */
		begin_file(export, export->next_open++);
	}
}

/* All files are announced or will never be: the lane may fill its last chunk. */
void dps_export_announce_last(struct dps_export *export)
{
	if (export->is_last_announced || !export->is_last_said ||
	    export->next_open < export->files_count || export->opening_count > 0 ||
	    (export->live && !dps_export_is_live_over(export)))
		return;
	dps_node_command(export->node, &(struct dps_lane_command){
					       .type = DPS_COMMAND_ANNOUNCE_LAST,
					       .channel = export->channel,
					       .generation = export->generation,
				       });
	export->is_last_announced = true;
}

static bool is_ours(const struct dps_export *export, const struct dps_event *event)
{
	return export->has_channel && event->channel == export->channel &&
	       event->generation == export->generation && event->file_index < export->files_count;
}

static void on_piece(struct dps_export *export, const struct dps_event *event)
{
	struct dps_piece_digests *digests;

	if (export->live || export->files[event->file_index].state >= DPS_EXPORT_STORED)
		return; /* of what is live, whoever reads it makes them */
	dps_export_note_head(export, event->file_index, event->offset, &event->digest);
	digests = dps_export_digests_of(export, event->file_index);
	if (digests && dps_piece_digests_add(digests, event->offset, &event->digest) < 0)
		abort();
	dps_export_mirror_note(export, event->file_index, event->bytes);
	dps_export_check_if_read(export, event->file_index);
}

static void on_engine_event(struct dps_export *export, const struct dps_event *event)
{
	struct dps_export_work *work;

	if (!is_ours(export, event))
		return;
	if (event->type == DPS_EVENT_PIECE) {
		on_piece(export, event);
	} else if (event->type == DPS_EVENT_FILE_FAILED) {
		dps_export_skip_for(export, event->file_index, event->error);
	} else if (event->type == DPS_EVENT_FILE_DONE && export->live) {
		dps_export_on_stretch_done(export);
	} else if (event->type == DPS_EVENT_FILE_DONE &&
		   export->files[event->file_index].state != DPS_EXPORT_COMPARING) {
		work = export->files[event->file_index].work;
		if (!work || work->fd >= 0)
			return;
		work->is_lane_done = true; /* there is no descriptor to give back */
		dps_export_release(export, work);
	} else if (event->type == DPS_EVENT_RESENT && export->refetches) {
		struct dps_export_refetch *refetch = export->refetches;

		export->refetches = refetch->next;
		free(refetch);
	}
}

static void on_file_closed(struct dps_export *export, int fd)
{
	struct dps_export_work *work;

	if (fd < 0)
		return;
	work = (size_t)fd < export->works_room ? export->works[fd] : NULL;
	if (!work) {
		close(fd); /* opened again for a refetch */
		return;
	}
	work->is_lane_done = true;
	dps_export_release(export, work);
}

static void on_refused(struct dps_export *export, const struct dps_lane_event *event,
		       uint64_t now_ns)
{
	struct dps_export_refetch *refetch = export->refetches;
	bool is_now = is_ours(export, &event->engine);

	if (is_now && refetch && refetch->command.fd == event->fd &&
	    event->engine.error == -EAGAIN) {
		refetch->is_given = false;
		export->refetch_at_ns = now_ns + REFETCH_RETRY_MS * DPS_NS_PER_MS;
		return;
	}
	if (is_now && !export->is_over)
		dps_export_skip_for(export, event->engine.file_index, event->engine.error);
	on_file_closed(export, event->fd);
}

void dps_export_drop_refetches(struct dps_export *export)
{
	while (export->refetches) {
		struct dps_export_refetch *refetch = export->refetches;

		export->refetches = refetch->next;
		if (!refetch->is_given && refetch->command.fd >= 0)
			close(refetch->command.fd);
		free(refetch);
	}
	export->refetch_at_ns = DPS_NEVER_NS;
}

static void on_channel_opened(struct dps_export *export, const struct dps_lane_event *event)
{
	if (event->cookie != export->connection)
		return; /* of a path that is closed again, and it with it */
	if (event->engine.error < 0) {
		dps_log("export", DPS_LOG_ERROR, "the lane has no room for a channel");
		return;
	}
	export->channel = event->engine.channel;
	export->generation = event->engine.generation;
	export->has_channel = true;
}

void dps_export_on_lane_event(struct dps_export *export, const struct dps_lane_event *event,
			      uint64_t now_ns)
{
	switch (event->type) {
	case DPS_LANE_ENGINE:
		on_engine_event(export, &event->engine);
		break;
	case DPS_LANE_CHANNEL_OPENED:
		on_channel_opened(export, event);
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
