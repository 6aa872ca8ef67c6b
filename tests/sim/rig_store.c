/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig store: checkpoints: fsync what was written, then say that it is stored. */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <inttypes.h>

/* What the lane says is written below an offset must be on the disk, and fsynced. */
static void check_stored(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = !transfer->config.sender;

	for (uint32_t i = transfer->first_unsynced; i < transfer->files_count; i++) {
		const struct rig_file *file = &transfer->files[i];
		const struct dps_sim_file *sink =
			dps_sim_disk_file(&rig_host_of(rig, transfer, end)->disk, file->fds[end]);
		uint64_t below;

		if (file->offset >= transfer->checkpoint)
			break;
		below = dps_min_u64(transfer->checkpoint - file->offset, file->bytes);
		if (!file->is_skipped && !dps_ranges_has_all(&sink->synced, 0, below))
			dps_sim_fail(&rig->sim,
				     "written %" PRIu64 ", but file %" PRIu32 " lacks bytes",
				     transfer->checkpoint, i);
		if (i == transfer->first_unsynced && below == file->bytes)
			transfer->first_unsynced++;
	}
}

static void end_checkpoint(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	unsigned int end = !transfer->config.sender;
	const struct dps_lane_command stored = {
		.type = DPS_COMMAND_STORED,
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.offset = transfer->checkpoint,
	};

	if (transfer->has_sync_failed || transfer->checkpoint == transfer->stored ||
	    transfer->is_closing[end])
		return;
	check_stored(rig, transfer);
	transfer->stored = transfer->checkpoint;
	dps_sim_check_mark_stored(&rig->check, path->check, transfer->config.number,
				  transfer->config.sender, transfer->stored);
	rig_command(rig_host_of(rig, transfer, end), &stored);
}

static void on_fsynced(void *context, int fd, int error)
{
	struct rig_transfer *transfer = context;

	(void)fd;
	transfer->has_sync_failed |= error != 0;
	if (--transfer->syncs_pending == 0)
		end_checkpoint(transfer->rig, transfer);
}

static void start_checkpoint(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = !transfer->config.sender;
	struct dps_sim_disk *disk = &rig_host_of(rig, transfer, end)->disk;

	if (transfer->syncs_pending > 0 || transfer->written == transfer->stored ||
	    transfer->is_closing[end])
		return;
	transfer->checkpoint = transfer->written;
	transfer->has_sync_failed = false;
	transfer->syncs_pending = 1;
	for (uint32_t i = transfer->first_unsynced; i < transfer->files_count; i++) {
		const struct rig_file *file = &transfer->files[i];
		const struct dps_sim_file *sink = dps_sim_disk_file(disk, file->fds[end]);

		if (file->offset >= transfer->checkpoint)
			break;
		if (sink->written_bytes == sink->synced_bytes)
			continue;
		transfer->syncs_pending++;
		dps_sim_disk_fsync(disk, file->fds[end], on_fsynced, transfer);
	}
	if (--transfer->syncs_pending == 0)
		end_checkpoint(rig, transfer);
}

void rig_advance_checkpoints(struct rig *rig, uint64_t now_ns)
{
	if (now_ns < rig->next_checkpoint_ns) {
		dps_sim_wake(&rig->control, rig->next_checkpoint_ns);
		return;
	}
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		start_checkpoint(rig, &rig->transfers[i]);
	rig->next_checkpoint_ns = now_ns + rig->config.checkpoint_ns;
	dps_sim_wake(&rig->control, rig->next_checkpoint_ns);
}
