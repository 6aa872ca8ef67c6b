/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig events: what the lanes say, and what follows from it. */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	EVENTS = 64,
	RETRY_US = 300,
	SPACE_MS = 20, /* from one look for room on a disk to the next */
};

void rig_skip_everywhere(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
			 uint32_t index, uint64_t from_offset)
{
	struct rig_message message = {
		.type = RIG_MESSAGE_SKIP,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !end,
		.file = index,
		.offset = from_offset,
	};

	transfer->files[index].is_skipped = true;
	rig_tell(rig, &message);
	message.end = end;
	rig_tell_later(rig, &message, 0);
}

static void on_refetch(struct rig *rig, struct rig_transfer *transfer, uint64_t offset,
		       uint32_t bytes)
{
	uint32_t index = rig_file_at(transfer, offset);
	struct rig_file *file = &transfer->files[index];
	const struct rig_message message = {
		.type = RIG_MESSAGE_RESEND,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = transfer->config.sender,
		.file = index,
		.offset = offset,
		.bytes = bytes,
	};

	transfer->refetches++;
	file->is_piece_wanted[(offset - file->offset) / transfer->layout.chunk_bytes] = true;
	rig_tell(rig, &message);
}

static void on_no_space(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct rig_message again = {
		.type = RIG_MESSAGE_WRITE_AGAIN,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = end,
		.life = transfer->lives[end],
	};

	transfer->no_space_count++;
	if (transfer->is_again_due && transfer->again_life == transfer->lives[end])
		return;
	transfer->is_again_due = true;
	transfer->again_life = transfer->lives[end];
	rig_tell_later(rig, &again, SPACE_MS * DPS_NS_PER_MS);
}

static void on_resent(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_message next = {
		.type = RIG_MESSAGE_RETRY,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = transfer->config.sender,
		.life = transfer->lives[transfer->config.sender],
	};

	DPS_ASSERT(transfer->resends_count > 0);
	transfer->resends_count--;
	memmove(&transfer->resends[0], &transfer->resends[1],
		transfer->resends_count * sizeof(transfer->resends[0]));
	rig_tell_later(rig, &next, 0);
}

static void on_file_done(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
			 const struct dps_event *event)
{
	struct rig_file *file = &transfer->files[event->file_index];

	DPS_ASSERT(event->file_index < transfer->files_count);
	if (transfer->live.ring_bytes > 0) {
		rig_live_on_stretch_done(rig, transfer, end);
		return;
	}
	if (file->is_done[end])
		dps_sim_fail(&rig->sim, "file %" PRIu32 " is done twice at end %u",
			     event->file_index, end);
	if (event->error == -ECANCELED && !file->is_skipped)
		dps_sim_fail(&rig->sim, "file %" PRIu32 " is said to be skipped at end %u",
			     event->file_index, end);
	if (end != transfer->config.sender && event->error == -ECANCELED)
		file->is_failed = !file->is_row && !file->is_stored;
	else if (end != transfer->config.sender)
		file->is_empty_done = true;
	file->is_done[end] = true;
	transfer->done_count[end]++;
	rig_announce_more(rig, transfer, end);
}

/* All has come: what is left is the store's to do, at once. */
static void checkpoint_now(struct rig *rig, struct rig_transfer *transfer,
			   const struct dps_event *event)
{
	transfer->written = dps_max_u64(transfer->written, event->offset);
	transfer->is_ending = true;
	rig->next_checkpoint_ns = rig->sim.now_ns;
	dps_sim_wake(&rig->control, rig->sim.now_ns);
	rig_finish_when_settled(rig, transfer);
}

static void on_transfer_event(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
			      const struct dps_event *event)
{
	if (end != transfer->config.sender)
		transfer->written = dps_max_u64(transfer->written, event->written);
	switch (event->type) {
	case DPS_EVENT_PIECE:
		rig_journal_on_piece(transfer, end, event);
		break;
	case DPS_EVENT_FILE_DONE:
		on_file_done(rig, transfer, end, event);
		break;
	case DPS_EVENT_FILE_FAILED:
		rig_skip_everywhere(rig, transfer, end, event->file_index, event->offset);
		break;
	case DPS_EVENT_NO_SPACE:
		on_no_space(rig, transfer, end);
		break;
	case DPS_EVENT_REFETCH:
		on_refetch(rig, transfer, event->offset, event->bytes);
		break;
	case DPS_EVENT_RESENT:
		on_resent(rig, transfer);
		break;
	case DPS_EVENT_CHANNEL_DONE:
		transfer->is_done[end] = true;
		transfer->end_offset = event->offset;
		if (end != transfer->config.sender)
			checkpoint_now(rig, transfer, event);
		break;
	default:
		break;
	}
}

static void on_path_event(struct rig *rig, const struct rig_host *host,
			  const struct dps_event *event)
{
	if (event->type == DPS_EVENT_PATH_LOST && !rig->is_stopping && !rig->may_park)
		dps_sim_fail(&rig->sim, "%s lost path %" PRIu32 ", reason %" PRId32, host->names[0],
			     event->path, event->error);
	for (unsigned int i = 0; i < rig->paths_count; i++) {
		struct rig_path *path = &rig->paths[i];

		for (unsigned int end = 0; end < 2; end++)
			if (&rig->hosts[path->hosts[end]] != host || !path->is_reserved[end] ||
			    path->indexes[end] != event->path)
				continue;
			else if (event->type == DPS_EVENT_PATH_OPEN)
				path->is_open[end] = true;
			else if (!rig->is_stopping)
				rig_on_path_lost(rig, path, end);
	}
}

static void on_engine_event(struct rig *rig, const struct rig_host *host,
			    const struct dps_event *event)
{
	if (event->type == DPS_EVENT_PATH_OPEN || event->type == DPS_EVENT_PATH_LOST) {
		on_path_event(rig, host, event);
		return;
	}
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		struct rig_transfer *transfer = &rig->transfers[i];

		for (unsigned int end = 0; end < 2; end++)
			if (rig_host_of(rig, transfer, end) == host && transfer->is_opened[end] &&
			    !transfer->is_closing[end] &&
			    transfer->channels[end] == event->channel &&
			    transfer->generations[end] == event->generation)
				on_transfer_event(rig, transfer, end, event);
	}
}

static void on_channel_opened(struct rig *rig, const struct dps_lane_event *event)
{
	unsigned int index = (event->cookie & 0xff) / 2;
	struct rig_transfer *transfer = &rig->transfers[index];
	unsigned int end = event->cookie % 2;
	const struct rig_message open = {
		.type = RIG_MESSAGE_OPEN,
		.transfer = index,
		.end = transfer->config.sender,
	};

	/* With the path of an older life the channel went, too. */
	if (event->cookie >> 8 != transfer->lives[end] ||
	    (event->engine.error == -ENOENT && rig->may_park))
		return;
	if (event->engine.error != 0) {
		dps_sim_fail(&rig->sim, "end %u cannot open a channel: %" PRId32, end,
			     event->engine.error);
		return;
	}
	transfer->channels[end] = event->engine.channel;
	transfer->generations[end] = event->engine.generation;
	transfer->is_opened[end] = true;
	if (transfer->is_closing[end]) { /* cancelled meanwhile */
		rig_close(rig, transfer, end);
		return;
	}
	rig_announce_more(rig, transfer, end);
	if (end != transfer->config.sender &&
	    rig->paths[transfer->config.path].connections == transfer->first_connection)
		rig_tell(rig, &open);
}

/* The lane has given back one name of a file, or would not take it. */
static void on_file_closed(struct rig *rig, const struct rig_host *host, int fd)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		struct rig_transfer *transfer = &rig->transfers[i];

		for (unsigned int end = 0; end < 2; end++) {
			if (rig_host_of(rig, transfer, end) != host)
				continue;
			for (uint32_t j = 0; j < transfer->files_count; j++)
				if (transfer->files[j].fds[end] == fd)
					transfer->files[j].opens_count[end]--;
		}
	}
}

/* A piece may be wanted again before its first sending is acknowledged: then a little later. */
static bool is_retried(struct rig *rig, const struct rig_host *host, const struct dps_event *event)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		const struct rig_transfer *transfer = &rig->transfers[i];
		unsigned int end = transfer->config.sender;
		const struct rig_message retry = {
			.type = RIG_MESSAGE_RETRY,
			.transfer = i,
			.end = end,
			.life = transfer->lives[end],
		};

		if (event->error != -EAGAIN || transfer->resends_count == 0 ||
		    !transfer->is_opened[end] || transfer->channels[end] != event->channel ||
		    transfer->generations[end] != event->generation ||
		    rig_host_of(rig, transfer, end) != host)
			continue;
		rig_tell_later(rig, &retry, RETRY_US * DPS_NS_PER_US);
		return true;
	}
	return false;
}

/* Whether it was asked of a channel that is closed, or being closed, or went with its path. */
static bool is_late(struct rig *rig, const struct rig_host *host, const struct dps_event *event)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		const struct rig_transfer *transfer = &rig->transfers[i];

		for (unsigned int end = 0; end < 2; end++)
			if (!transfer->is_closing[end] && transfer->is_opened[end] &&
			    rig_host_of(rig, transfer, end) == host &&
			    transfer->channels[end] == event->channel &&
			    transfer->generations[end] == event->generation)
				return event->error == -ENOENT && rig->may_park;
	}
	return true;
}

static void on_refused(struct rig *rig, const struct rig_host *host,
		       const struct dps_lane_event *event)
{
	on_file_closed(rig, host, event->fd);
	if (!is_retried(rig, host, &event->engine) && !is_late(rig, host, &event->engine))
		dps_sim_fail(&rig->sim, "%s refused file %" PRIu32 ": %" PRId32, host->names[0],
			     event->engine.file_index, event->engine.error);
}

/* The run's log has what the lanes say, among the packets. */
static void note(struct rig *rig, const struct rig_host *host, const struct dps_lane_event *event)
{
	static const char *const lane_names[] = {
		[DPS_LANE_CHANNEL_OPENED] = "says: channel opened",
		[DPS_LANE_PATH_FAILED] = "says: path failed",
		[DPS_LANE_CHANNEL_STATE] = "says: channel state",
		[DPS_LANE_FILE_CLOSED] = "says: file closed",
		[DPS_LANE_REFUSED] = "says: refused",
		[DPS_LANE_LINK] = "says: link",
		[DPS_LANE_STOPPED] = "says: stopped",
	};
	static const char *const engine_names[] = {
		[DPS_EVENT_PATH_OPEN] = "says: path open",
		[DPS_EVENT_PATH_LOST] = "says: path lost",
		[DPS_EVENT_PIECE] = "says: piece",
		[DPS_EVENT_FILE_DONE] = "says: file done",
		[DPS_EVENT_FILE_FAILED] = "says: file failed",
		[DPS_EVENT_NO_SPACE] = "says: no space",
		[DPS_EVENT_REFETCH] = "says: piece is wrong",
		[DPS_EVENT_RESENT] = "says: piece resent",
		[DPS_EVENT_CHANNEL_DONE] = "says: channel done",
	};
	const struct dps_event *engine = &event->engine;
	bool is_engine = event->type == DPS_LANE_ENGINE;

	dps_sim_trace_note(&rig->sim.trace, rig->sim.now_ns, host->names[0],
			   is_engine ? engine_names[engine->type] : lane_names[event->type],
			   engine->file_index, engine->offset);
}

static void on_event(struct rig *rig, struct rig_host *host, const struct dps_lane_event *event)
{
	rig->events_count++;
	note(rig, host, event);
	switch (event->type) {
	case DPS_LANE_ENGINE:
		on_engine_event(rig, host, &event->engine);
		break;
	case DPS_LANE_CHANNEL_OPENED:
		on_channel_opened(rig, event);
		break;
	case DPS_LANE_PATH_FAILED:
		if (!rig->is_stopping)
			dps_sim_fail(&rig->sim, "%s cannot open a path: %" PRId32, host->names[0],
				     event->engine.error);
		break;
	case DPS_LANE_FILE_CLOSED:
		on_file_closed(rig, host, event->fd);
		break;
	case DPS_LANE_REFUSED:
		on_refused(rig, host, event);
		break;
	case DPS_LANE_STOPPED:
		host->is_stopped = true;
		break;
	default:
		break;
	}
}

void rig_take_events(struct rig *rig, struct rig_host *host)
{
	struct dps_lane_event events[EVENTS];
	unsigned int count;

	do {
		count = dps_lane_take_events(host->lane, events, EVENTS);
		for (unsigned int i = 0; i < count; i++)
			on_event(rig, host, &events[i]);
	} while (count == EVENTS);
	if (count > 0) /* there is room again, which a lane that waits for it would poll */
		dps_sim_wake(&host->host.node, rig->sim.now_ns);
}
