/* SPDX-License-Identifier: BSD-3-Clause */
/* Export resume: what becomes of a transfer when its connection is lost, and when another comes. */
#include "apps/dpdk-streamd/export_state.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Late events of the lane and late jobs carry the numbers of before and move nothing. */
static void begin_connection(struct dps_export *export, uint32_t path)
{
	export->connection++;
	export->path = path;
	export->number = 1;
	export->has_channel = false;
	export->is_channel_wanted = false;
}

void dps_export_start(struct dps_export *export, uint32_t path)
{
	begin_connection(export, path);
	export->is_live = export->was_live = true;
}

/* ---- lost ---- */

/* How far the lane had come; what is sent below that once more is sent again. */
static void note_sent(struct dps_export *export)
{
	struct dps_channel_state channel;

	dps_export_read_channel(export, &channel);
	export->bytes_held += channel.bytes_done;
	if (channel.posted > export->sent_end)
		export->sent_end = channel.posted;
}

/* The file is to be opened again; what is open still comes back and is closed. */
static void let_go(struct dps_export *export, struct dps_export_file *file)
{
	struct dps_export_work *work;

	if (file->state == DPS_EXPORT_COMPARING) {
		file->compare->is_asked = false;
		return;
	}
	work = file->work;
	file->work = NULL;
	if (work) {
		work->is_orphan = true;
		if (work->fd < 0)
			work->is_lane_done = true; /* there is no descriptor to give back */
		dps_export_release(export, work);
	}
	if (file->state == DPS_EXPORT_OPENING)
		file->state = DPS_EXPORT_WAITING;
}

void dps_export_park(struct dps_export *export)
{
	note_sent(export);
	export->connection++;
	export->is_live = export->is_resuming = false;
	export->is_detached = export->is_attaching = export->must_say_again = false;
	export->has_channel = false;
	export->opening_count = export->partial_count = 0;
	dps_export_drop_refetches(export);
	for (uint32_t i = 0; i < export->files_count; i++) {
		let_go(export, &export->files[i]);
		export->files[i].is_said = false;
	}
}

/* ---- and found ---- */

void dps_export_resume(struct dps_export *export, uint32_t path)
{
	struct dps_message message = {
		.type = DPS_MESSAGE_RESUME,
		.resume = { .transfer = export->id,
			    .chunk_bytes = dps_node_chunk_bytes(export->node),
			    .files = export->files_count },
	};

	begin_connection(export, path);
	message.resume.channel = export->number;
	export->is_resuming = true;
	dps_peer_link_say(export->link, &message);
}

static bool take_holds(struct dps_export *export, const struct dps_message_resumed *resumed)
{
	uint32_t chunk_bytes = dps_node_chunk_bytes(export->node);

	for (uint32_t i = 0; i < export->files_count; i++)
		export->files[i].from_bytes = 0;
	for (uint32_t i = 0; i < resumed->holds_count; i++) {
		const struct dps_message_hold *hold = &resumed->holds[i];

		if (hold->file >= resumed->files_end ||
		    !dps_export_is_regular(export, hold->file) ||
		    hold->bytes > dps_export_size_of(export, hold->file) ||
		    (hold->bytes % chunk_bytes != 0 &&
		     hold->bytes != dps_export_size_of(export, hold->file)))
			return false;
		export->files[hold->file].from_bytes = hold->bytes;
	}
	return true;
}

/* What was sent of a file before: as far as the lane told, or as it was read. */
static uint64_t sent_bytes(const struct dps_export *export, uint32_t index)
{
	const struct dps_export_file *file = &export->files[index];
	uint64_t size_bytes = dps_export_size_of(export, index), bytes = 0;

	if (export->sent_end > file->offset)
		bytes = export->sent_end - file->offset;
	/* By an earlier run: as far as it had read. */
	if (export->sent_end == 0 && file->is_known)
		bytes = size_bytes;
	else if (export->sent_end == 0 && file->digests)
		bytes = dps_piece_digests_prefix_bytes(file->digests, size_bytes);
	return bytes < size_bytes ? bytes : size_bytes;
}

static void count_bytes(struct dps_export *export)
{
	export->bytes_held = export->bytes_stored;
	for (uint32_t i = 0; i < export->files_count; i++) {
		const struct dps_export_file *file = &export->files[i];
		uint64_t sent;

		if (file->state >= DPS_EXPORT_STORED || !dps_export_is_regular(export, i))
			continue;
		export->bytes_held += file->from_bytes;
		sent = sent_bytes(export, i);
		if (sent > file->from_bytes)
			export->bytes_resent += sent - file->from_bytes;
	}
}

static void put_back(struct dps_export_file *file)
{
	if (file->state == DPS_EXPORT_SENDING || file->state == DPS_EXPORT_SENT)
		file->state = DPS_EXPORT_WAITING;
	file->is_skip_owed = file->state == DPS_EXPORT_FAILED && file->error < 0;
}

bool dps_export_on_resumed(struct dps_export *export, const struct dps_message_resumed *resumed)
{
	if (!export->is_resuming || resumed->files_end > export->files_count ||
	    memcmp(&resumed->transfer, &export->id, sizeof(export->id)) != 0 ||
	    !take_holds(export, resumed))
		return false;
	export->is_resuming = false;
	export->is_resumed = true;
	export->offered_end = export->accepted_end = resumed->files_end;
	export->next_open = export->next_fill = 0;
	export->is_last_said = export->is_last_announced = false;
	for (uint32_t i = 0; i < export->files_count; i++) {
		if (export->list.entries[i].error < 0)
			dps_export_skip_for(export, i, export->list.entries[i].error);
		put_back(&export->files[i]);
	}
	export->is_live = export->was_live = true;
	count_bytes(export);
	/* Less than before: what had come is of no use there, and comes in this run. */
	if (!export->was_accepted || export->bytes_held < export->bytes_before)
		export->bytes_before = export->bytes_held;
	export->was_accepted = true;
	dps_export_mirror_begin(export);
	dps_export_open_channel(export);
	return true;
}

/* ---- forgotten ---- */

void dps_export_begin_anew(struct dps_export *export)
{
	if (export->is_from_mirror && !export->is_mirrored && dps_export_list_anew(export) < 0)
		abort(); /* out of memory */
	if (getrandom(&export->id, sizeof(export->id), 0) != sizeof(export->id))
		export->id.bytes[0]++; /* the kernel had randomness once; it differs, too */
	if (export->live)
		dps_export_anew_live(export);
	for (uint32_t i = 0; i < export->files_count; i++)
		export->files[i].from_bytes = 0;
	count_bytes(export);
	for (uint32_t i = 0; i < export->files_count; i++) {
		struct dps_export_file *file = &export->files[i];

		file->was_stored |= file->state == DPS_EXPORT_STORED;
		if (file->state != DPS_EXPORT_COMPARING && file->state != DPS_EXPORT_FAILED)
			file->state = DPS_EXPORT_WAITING;
		file->is_skip_owed = file->state == DPS_EXPORT_FAILED;
	}
	export->offered_end = export->accepted_end = 0;
	export->next_open = export->next_fill = 0;
	export->settled_count = (uint32_t) export->files_failed;
	export->bytes_stored = export->bytes_same = export->bytes_held = export->bytes_before = 0;
	export->files_stored = export->files_same = 0;
	export->sent_end = 0;
	export->is_last_said = export->is_last_announced = false;
	export->number++;
	export->is_mirrored = false;
	export->is_live = export->was_live = true;
	export->is_resuming = export->is_resumed = false;
}
