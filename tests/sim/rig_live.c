/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rig live: a source that is read once, at its own pace, into a ring. Both ends announce it as it
 * comes; what the collector holds makes room; a collector that needs what is gone is told so.
 */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>

enum {
	TICK_US = 500,
	STRETCHES_MAX = 4, /* announced, and not done */
};

void rig_add_source(struct rig *rig, unsigned int index, uint64_t bytes, uint64_t ring_bytes,
		    uint64_t bytes_per_s)
{
	struct rig_transfer *transfer = &rig->transfers[index];

	DPS_ASSERT(transfer->files_count == 0 && ring_bytes >= 2 * transfer->layout.chunk_bytes);
	rig_add_file(rig, index, bytes, bytes, NULL);
	transfer->live = (struct rig_live){ .ring_bytes = ring_bytes, .bytes_per_s = bytes_per_s };
}

static void say(struct rig *rig, const struct rig_transfer *transfer, unsigned int from,
		enum rig_message_type type, uint64_t bytes)
{
	const struct rig_message message = {
		.type = type,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !from,
		.offset = bytes,
	};

	rig_tell(rig, &message);
}

static uint64_t held(const struct rig_transfer *transfer)
{
	const struct rig_file *file = &transfer->files[0];

	return dps_min_u64((uint64_t)file->journalled * transfer->layout.chunk_bytes, file->bytes);
}

static void release(struct rig_transfer *transfer, uint64_t offset)
{
	struct rig_live *live = &transfer->live;

	live->lowest = dps_max_u64(live->lowest, offset - offset % transfer->layout.chunk_bytes);
}

/* ---- announced as it comes ---- */

static void announce(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
		     uint64_t until)
{
	struct rig_live *live = &transfer->live;
	struct rig_file *file = &transfer->files[0];
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_ANNOUNCE,
		.is_direct = true,
		.fd = file->fds[end],
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.extent = {
			.offset = file->offset + live->announced[end],
			.bytes = until - live->announced[end],
			.file_offset = live->announced[end],
		},
	};

	live->announced[end] = until;
	live->stretches[end]++;
	file->opens_count[end]++;
	rig_command(rig_host_of(rig, transfer, end), &what);
}

static void announce_last(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct dps_lane_command last = {
		.type = DPS_COMMAND_ANNOUNCE_LAST,
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
	};

	if (transfer->is_last_told[end])
		return;
	transfer->is_last_told[end] = true;
	rig_command(rig_host_of(rig, transfer, end), &last);
}

/* A new life of the end: where it goes on. */
static void begin(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	struct rig_live *live = &transfer->live;
	struct rig_file *file = &transfer->files[0];

	if (live->is_begun[end])
		return;
	live->is_begun[end] = true;
	live->stretches[end] = 0;
	live->announced[end] = file->from[end] == RIG_NOTHING ? file->bytes : file->from[end];
	if (end != transfer->config.sender)
		return;
	live->told = live->announced[end];
	live->is_out_of_window = live->announced[end] < live->lowest;
	if (live->is_out_of_window) {
		file->is_skipped = true;
		say(rig, transfer, end, RIG_MESSAGE_OUT, live->lowest);
		return;
	}
	/* What the collector goes on behind it has, though the word of it may be lost. */
	release(transfer, live->announced[end]);
}

void rig_live_announce(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	struct rig_live *live = &transfer->live;
	bool is_sender = end == transfer->config.sender;
	uint64_t until = is_sender ? live->filled : live->known;

	begin(rig, transfer, end);
	if (live->is_out_of_window || transfer->files[0].is_failed) {
		announce_last(rig, transfer, end);
		return;
	}
	if (live->stretches[end] < STRETCHES_MAX && live->announced[end] < until) {
		announce(rig, transfer, end, until);
		if (is_sender)
			live->told = until;
		if (is_sender)
			say(rig, transfer, end, RIG_MESSAGE_MORE, until);
	}
	if (live->announced[end] == transfer->files[0].bytes)
		announce_last(rig, transfer, end);
}

void rig_live_on_stretch_done(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	struct rig_live *live = &transfer->live;

	DPS_ASSERT(live->stretches[end] > 0);
	live->stretches[end]--;
	transfer->files[0].is_done[end] =
		live->stretches[end] == 0 && live->announced[end] == transfer->files[0].bytes;
	rig_announce_more(rig, transfer, end);
}

/* ---- read into the ring ---- */

static bool has_room(const struct rig_transfer *transfer)
{
	const struct rig_live *live = &transfer->live;

	return live->filled + transfer->layout.chunk_bytes - live->lowest <= live->ring_bytes;
}

void rig_live_advance(struct rig *rig, struct rig_transfer *transfer)
{
	struct rig_live *live = &transfer->live;
	uint64_t bytes = transfer->files[0].bytes, now_ns = rig->sim.now_ns;
	uint64_t chunk_bytes = transfer->layout.chunk_bytes;

	if (live->filled == bytes || !transfer->is_asked)
		return;
	if (live->read_at_ns != 0)
		live->ready += live->bytes_per_s * (now_ns - live->read_at_ns) / DPS_NS_PER_S;
	live->read_at_ns = now_ns;
	live->ready = dps_min_u64(live->ready, bytes - live->filled);
	while (live->ready >= dps_min_u64(chunk_bytes, bytes - live->filled) && live->ready > 0 &&
	       has_room(transfer)) {
		uint64_t count = dps_min_u64(chunk_bytes, live->ready);

		live->filled += count;
		live->ready -= count;
	}
	/* Its writer is held up, and writes no more than a chunk ahead. */
	live->full_count += live->ready >= chunk_bytes && !has_room(transfer);
	live->ready = dps_min_u64(live->ready, chunk_bytes);
	rig_announce_more(rig, transfer, transfer->config.sender);
	dps_sim_wake(&rig->control, now_ns + TICK_US * DPS_NS_PER_US);
}

/* ---- what is said ---- */

void rig_live_say_held(struct rig *rig, struct rig_transfer *transfer)
{
	say(rig, transfer, !transfer->config.sender, RIG_MESSAGE_HELD, held(transfer));
}

void rig_live_say_again(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	if (end == transfer->config.sender)
		say(rig, transfer, end, RIG_MESSAGE_MORE, transfer->live.told);
	else
		rig_live_say_held(rig, transfer);
}

static void on_out(struct rig *rig, struct rig_transfer *transfer, uint64_t lowest)
{
	transfer->live.lowest_told = lowest;
	transfer->files[0].is_failed = true;
	rig_announce_more(rig, transfer, !transfer->config.sender);
	rig_finish_when_settled(rig, transfer);
}

void rig_live_on_message(struct rig *rig, const struct rig_message *message)
{
	struct rig_transfer *transfer = &rig->transfers[message->transfer];
	struct rig_live *live = &transfer->live;

	switch (message->type) {
	case RIG_MESSAGE_MORE:
		live->known = dps_max_u64(live->known, message->offset);
		rig_announce_more(rig, transfer, message->end);
		break;
	case RIG_MESSAGE_HELD:
		if (message->offset > live->filled)
			dps_sim_fail(&rig->sim, "more is held than there is");
		release(transfer, message->offset);
		break;
	case RIG_MESSAGE_OUT:
		on_out(rig, transfer, message->offset);
		break;
	default:
		break;
	}
}

void rig_live_watch(struct rig *rig, const struct rig_transfer *transfer, uint64_t offset,
		    uint64_t end, bool is_resent)
{
	const struct rig_live *live = &transfer->live;

	if (end > live->filled)
		dps_sim_fail(&rig->sim, "data at %llu, which has not come",
			     (unsigned long long)offset);
	if (offset < live->lowest && !is_resent)
		dps_sim_fail(&rig->sim, "data at %llu, which is not there any more",
			     (unsigned long long)offset);
}
