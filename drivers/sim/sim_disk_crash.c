/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim disk crash: a host that dies, what is found on its disk afterwards, and who goes on with it.
 */
#include "drivers/sim/sim_disk_parts.h"
#include "engine/bits.h"
#include <inttypes.h>
#include <string.h>

enum { SURVIVE_NONE, SURVIVE_ALL, SURVIVE_SOME, SURVIVE_WAYS };

/* Of start..end of a sink, what is fsynced already and, by chance, of other pages. */
static void draw_survivors(struct dps_sim_disk *disk, struct dps_sim_file *file, unsigned int way,
			   uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t next =
			dps_min_u64(dps_round_down(start, DPS_PAGE_BYTES) + DPS_PAGE_BYTES, end);

		if (way == SURVIVE_ALL ||
		    (way == SURVIVE_SOME && dps_random_below(&disk->node.random, 2) == 0))
			file->synced_bytes += dps_sim_add_range(&file->synced, start, next);
		start = next;
	}
}

static void copy_ranges(struct dps_ranges *to, const struct dps_ranges *from)
{
	dps_ranges_clear(to);
	for (uint32_t i = 0; i < from->count; i++)
		dps_sim_add_range(to, from->items[i].start, from->items[i].end);
}

static void crash_file(struct dps_sim_disk *disk, struct dps_sim_file *file, unsigned int way)
{
	for (uint32_t i = 0; i < file->written.count; i++)
		draw_survivors(disk, file, way, file->written.items[i].start,
			       file->written.items[i].end);
	copy_ranges(&file->written, &file->synced);
	file->written_bytes = file->synced_bytes;
}

void dps_sim_disk_crash(struct dps_sim_disk *disk)
{
	unsigned int way = (unsigned int)dps_random_below(&disk->node.random, SURVIVE_WAYS);
	struct dps_sim_request *entry;
	struct dps_sim_fsync *fsync;

	while ((fsync = dps_sim_queue_take_due(&disk->fsyncs, DPS_NEVER_NS)) != NULL)
		dps_sim_free_fsync(fsync);
	while ((entry = dps_sim_queue_take_due(&disk->requests, DPS_NEVER_NS)) != NULL) {
		if (entry->request.is_write && entry->result > 0)
			draw_survivors(disk, entry->file, way, entry->request.file_offset,
				       entry->request.file_offset + entry->request.bytes);
		entry->next = disk->requests_free;
		disk->requests_free = entry;
	}
	for (uint32_t i = 0; i < disk->files_count; i++)
		if (disk->files[i]->config.is_sink)
			crash_file(disk, disk->files[i], way);
	memset(disk->open, 0, disk->open_count * sizeof(*disk->open));
	disk->open_count = 0;
	disk->full_until_ns = disk->busy_until_ns = disk->node.sim->now_ns;
	dps_sim_trace_note(&disk->node.sim->trace, disk->node.sim->now_ns, disk->disk.name,
			   "crashes; survivors are", way, 0);
}

static uint64_t cut_ranges(struct dps_ranges *ranges, uint64_t end)
{
	uint64_t bytes = 0;

	while (ranges->count > 0 && ranges->items[ranges->count - 1].start >= end)
		ranges->count--;
	if (ranges->count > 0)
		ranges->items[ranges->count - 1].end =
			dps_min_u64(ranges->items[ranges->count - 1].end, end);
	for (uint32_t i = 0; i < ranges->count; i++)
		bytes += ranges->items[i].end - ranges->items[i].start;
	return bytes;
}

void dps_sim_disk_resume(struct dps_sim_disk *disk, int fd, uint64_t bytes)
{
	struct dps_sim_file *file = disk->files[fd - DPS_SIM_DISK_FIRST_FD];

	if (!dps_ranges_has_all(&file->synced, 0, bytes) || file->config.is_frozen)
		dps_sim_fail(disk->node.sim, "%s: file %d %s %" PRIu64 " bytes", disk->disk.name,
			     fd,
			     file->config.is_frozen ? "is published and goes on behind"
						    : "does not have all of its first",
			     bytes);
	for (uint32_t i = 0; i < disk->fsyncs.count; i++) {
		struct dps_sim_fsync *fsync = disk->fsyncs.entries[i].item;

		if (fsync->file == file)
			cut_ranges(&fsync->written, bytes);
	}
	for (uint32_t i = 0; i < disk->requests.count; i++) {
		const struct dps_sim_request *request = disk->requests.entries[i].item;

		if (request->file == file)
			dps_sim_fail(disk->node.sim, "%s: file %d is still being written to",
				     disk->disk.name, fd);
	}
	file->written_bytes = cut_ranges(&file->written, bytes);
	file->synced_bytes = cut_ranges(&file->synced, bytes);
}

void dps_sim_disk_freeze(struct dps_sim_disk *disk, int fd)
{
	struct dps_sim_file *file = disk->files[fd - DPS_SIM_DISK_FIRST_FD];

	if (!dps_sim_file_is_synced(file))
		dps_sim_fail(disk->node.sim,
			     "%s: file %d is published with %" PRIu64 " of %" PRIu64
			     " bytes fsynced",
			     disk->disk.name, fd, file->synced_bytes, file->config.bytes);
	file->config.is_frozen = true;
}
