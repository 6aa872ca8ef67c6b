/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rig store: rounds of a collector's store, each in this order: fsync what was written; commit the
 * new pieces, and the files that are whole, to the journal; rename those; say that they are stored.
 */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <inttypes.h>

static struct dps_sim_disk *disk_of(struct rig *rig, const struct rig_transfer *transfer)
{
	return &rig_host_of(rig, transfer, !transfer->config.sender)->disk;
}

/* What the lane says is written below an offset must be on the disk, and fsynced. */
static void check_stored(struct rig *rig, struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		const struct rig_file *file = &transfer->files[i];
		const struct dps_sim_file *sink = dps_sim_disk_file(
			disk_of(rig, transfer), file->fds[!transfer->config.sender]);
		uint64_t below;

		if (file->offset >= transfer->checkpoint)
			break;
		below = dps_min_u64(transfer->checkpoint - file->offset, file->bytes);
		if (!file->is_skipped && !rig_has_own_pieces(transfer, file, &sink->synced, below))
			dps_sim_fail(&rig->sim,
				     "written %" PRIu64 ", but file %" PRIu32 " lacks bytes",
				     transfer->checkpoint, i);
	}
}

/* Tells the lane, when it is still the one whose bytes these were. */
static void mark_stored(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	unsigned int end = !transfer->config.sender;
	const struct dps_lane_command stored = {
		.type = DPS_COMMAND_STORED,
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.offset = transfer->checkpoint,
	};

	if (transfer->round_life != transfer->lives[end] || !transfer->is_opened[end] ||
	    transfer->is_closing[end] || transfer->checkpoint == transfer->stored)
		return;
	check_stored(rig, transfer);
	transfer->stored = transfer->checkpoint;
	dps_sim_check_mark_stored(&rig->check, path->check, transfer->config.number,
				  transfer->config.sender, transfer->stored);
	rig_command(rig_host_of(rig, transfer, end), &stored);
}

static void begin_step(struct rig *rig, struct rig_transfer *transfer, enum rig_step step)
{
	transfer->step = step;
	if (rig->on_step != NULL)
		rig->on_step(rig->step_context, transfer);
}

static void end_step_later(struct rig *rig, struct rig_transfer *transfer, bool is_sync)
{
	const struct rig_config *config = &rig->config;
	const struct rig_message done = {
		.type = RIG_MESSAGE_STEP,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !transfer->config.sender,
		.life = transfer->round,
	};
	uint64_t delay_ns =
		config->commit_ns_min +
		dps_sim_up_to(&rig->control, config->commit_ns_max - config->commit_ns_min);

	rig_tell_later(rig, &done, is_sync ? delay_ns : 0);
}

static void end_round(struct rig_transfer *transfer)
{
	struct rig *rig = transfer->rig;

	if (transfer->is_ending) { /* what came last came while this round was under way */
		rig->next_checkpoint_ns = rig->sim.now_ns;
		dps_sim_wake(&rig->control, rig->sim.now_ns);
	}
	for (uint32_t i = 0; i < transfer->files_count; i++)
		transfer->files[i].is_in_round = false;
	transfer->step = RIG_STEP_NONE;
	transfer->is_round_void = false;
	transfer->round++;
}

static void commit(struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		struct rig_file *file = &transfer->files[i];

		if (!file->is_in_round || file->is_failed)
			continue;
		if (file->syncing > file->journalled)
			file->journalled = file->syncing;
		file->is_row = rig_is_complete(file) && file->journalled == file->pieces_count;
	}
}

static bool is_to_be_renamed(const struct rig_file *file)
{
	return file->is_in_round && file->is_row && !file->is_renamed;
}

static void rename_file(struct rig *rig, struct rig_transfer *transfer, struct rig_file *file)
{
	file->is_renamed = true;
	if (transfer->config.stripes == 0) /* a stripe has only a part of it */
		dps_sim_disk_freeze(disk_of(rig, transfer), file->fds[!transfer->config.sender]);
}

static void rename_files(struct rig *rig, struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (is_to_be_renamed(&transfer->files[i]))
			rename_file(rig, transfer, &transfer->files[i]);
}

static bool has_to_rename(const struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (is_to_be_renamed(&transfer->files[i]))
			return true;
	return false;
}

static void say_stored(struct rig *rig, struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		struct rig_file *file = &transfer->files[i];
		const struct rig_message stored = {
			.type = RIG_MESSAGE_STORED,
			.transfer = (unsigned int)(transfer - rig->transfers),
			.end = transfer->config.sender,
			.file = i,
		};

		if (!file->is_renamed || file->is_stored)
			continue;
		file->is_stored = true;
		rig_tell(rig, &stored);
	}
}

void rig_finish_when_settled(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_message done = {
		.type = RIG_MESSAGE_DONE,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = transfer->config.sender,
	};

	if (transfer->is_closing[!transfer->config.sender])
		return;
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (!rig_is_settled(&transfer->files[i]))
			return;
	rig_tell(rig, &done);
}

void rig_on_step(struct rig *rig, struct rig_transfer *transfer, uint32_t round)
{
	if (round != transfer->round)
		return;
	switch (transfer->step) {
	case RIG_STEP_COMMITTING:
		commit(transfer);
		begin_step(rig, transfer, RIG_STEP_RENAMING);
		end_step_later(rig, transfer, has_to_rename(transfer));
		break;
	case RIG_STEP_RENAMING:
		rename_files(rig, transfer);
		begin_step(rig, transfer, RIG_STEP_SAYING);
		end_step_later(rig, transfer, false);
		break;
	case RIG_STEP_SAYING:
		mark_stored(rig, transfer);
		say_stored(rig, transfer);
		if (transfer->live.ring_bytes > 0)
			rig_live_say_held(rig, transfer);
		end_round(transfer);
		rig_finish_when_settled(rig, transfer);
		break;
	default:
		break;
	}
}

static void end_syncing(struct rig *rig, struct rig_transfer *transfer)
{
	if (transfer->has_sync_failed || transfer->is_round_void) {
		end_round(transfer);
		return;
	}
	begin_step(rig, transfer, RIG_STEP_COMMITTING);
	end_step_later(rig, transfer, true);
}

static void on_fsynced(void *context, int fd, int error)
{
	struct rig_transfer *transfer = context;

	(void)fd;
	transfer->has_sync_failed |= error != 0;
	if (--transfer->syncs_pending == 0)
		end_syncing(transfer->rig, transfer);
}

static bool is_new_in(const struct rig_file *file)
{
	return !rig_is_settled(file) && (file->lead > file->journalled || rig_is_complete(file));
}

static bool has_news(const struct rig_transfer *transfer)
{
	if (transfer->is_opened[!transfer->config.sender] && transfer->written != transfer->stored)
		return true;
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (is_new_in(&transfer->files[i]))
			return true;
	return false;
}

static void start_round(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = !transfer->config.sender;
	struct dps_sim_disk *disk = disk_of(rig, transfer);

	if (transfer->step != RIG_STEP_NONE || transfer->is_closing[end] ||
	    rig_host_of(rig, transfer, end)->is_dead || !has_news(transfer))
		return;
	transfer->is_ending = false;
	transfer->checkpoint = transfer->written;
	transfer->round_life = transfer->lives[end];
	transfer->has_sync_failed = false;
	transfer->syncs_pending = 1;
	begin_step(rig, transfer, RIG_STEP_SYNCING);
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		struct rig_file *file = &transfer->files[i];
		const struct dps_sim_file *sink = dps_sim_disk_file(disk, file->fds[end]);

		file->is_in_round = is_new_in(file);
		file->syncing = file->lead;
		if (sink->written_bytes == sink->synced_bytes)
			continue;
		transfer->syncs_pending++;
		dps_sim_disk_fsync(disk, file->fds[end], on_fsynced, transfer);
	}
	if (--transfer->syncs_pending == 0)
		end_syncing(rig, transfer);
}

void rig_store_kill(struct rig *rig, struct rig_transfer *transfer)
{
	bool has_happened = dps_sim_up_to(&rig->control, 1) == 0;

	if (transfer->step == RIG_STEP_COMMITTING && has_happened)
		commit(transfer);
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (transfer->step == RIG_STEP_RENAMING && is_to_be_renamed(&transfer->files[i]) &&
		    dps_sim_up_to(&rig->control, 1) == 0)
			rename_file(rig, transfer, &transfer->files[i]);
	transfer->syncs_pending = 0;
	end_round(transfer);
}

void rig_advance_checkpoints(struct rig *rig, uint64_t now_ns)
{
	if (now_ns < rig->next_checkpoint_ns) {
		dps_sim_wake(&rig->control, rig->next_checkpoint_ns);
		return;
	}
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		start_round(rig, &rig->transfers[i]);
	rig->next_checkpoint_ns = now_ns + rig->config.checkpoint_ns;
	dps_sim_wake(&rig->control, rig->next_checkpoint_ns);
}
