/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_content.h"
#include "drivers/sim/sim_disk_parts.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct dps_sim_disk_config dps_sim_disk_plain = {
	.latency_ns = 100 * DPS_NS_PER_US,
	.in_flight_max = DPS_DISK_BURST,
};

static struct dps_sim_disk *of(const struct dps_disk *disk)
{
	return (struct dps_sim_disk *)(uintptr_t)disk;
}

static struct dps_sim_file *file_of(const struct dps_sim_disk *self, uint32_t index)
{
	return index < self->open_count ? self->open[index].file : NULL;
}

uint64_t dps_sim_add_range(struct dps_ranges *ranges, uint64_t start, uint64_t end)
{
	int64_t added;

	while ((added = dps_ranges_add(ranges, start, end)) == -ENOSPC) {
		ranges->capacity = ranges->capacity == 0 ? 16 : ranges->capacity * 2;
		ranges->items = realloc(ranges->items, ranges->capacity * sizeof(*ranges->items));
		DPS_ASSERT(ranges->items != NULL);
	}
	DPS_ASSERT(added >= 0);
	return (uint64_t)added;
}

static bool overlaps(const struct dps_disk_request *a, const struct dps_disk_request *b)
{
	const uint8_t *a_start = a->memory, *b_start = b->memory;

	return a_start < b_start + b->bytes && b_start < a_start + a->bytes;
}

/* Memory that is being read into is nobody else's; memory that is being written only stays as it
 * is. */
static bool is_in_use(const struct dps_sim_disk *self, const struct dps_disk_request *request)
{
	for (uint32_t i = 0; i < self->requests.count; i++) {
		const struct dps_sim_request *other = self->requests.entries[i].item;

		if (!(request->is_write && other->request.is_write) &&
		    overlaps(request, &other->request))
			return true;
	}
	return false;
}

static bool check_request(struct dps_sim_disk *self, const struct dps_disk_request *request)
{
	const struct dps_sim_file *file = file_of(self, request->file);
	struct dps_sim *sim = self->node.sim;
	const char *name = self->disk.name;

	if (file == NULL)
		dps_sim_fail(sim, "%s: request for file %" PRIu32 ", which is not there", name,
			     request->file);
	else if ((uintptr_t)request->memory % DPS_PAGE_BYTES != 0 ||
		 request->file_offset % DPS_PAGE_BYTES != 0 || request->bytes == 0)
		dps_sim_fail(sim, "%s: unaligned request: %" PRIu64 "+%" PRIu32 " at %p", name,
			     request->file_offset, request->bytes, request->memory);
	else if (is_in_use(self, request))
		dps_sim_fail(sim, "%s: memory of a request is in use by another", name);
	else if (request->is_write != file->config.is_sink)
		dps_sim_fail(sim, "%s: %s", name,
			     request->is_write ? "write to a source" : "read of a sink");
	else if (request->is_write && file->config.is_frozen)
		dps_sim_fail(sim, "%s: write to a published file: %" PRIu64 "+%" PRIu32, name,
			     request->file_offset, request->bytes);
	else if (request->is_write && request->file_offset + request->bytes > file->config.bytes)
		dps_sim_fail(sim, "%s: write past the end: %" PRIu64 "+%" PRIu32 " of %" PRIu64,
			     name, request->file_offset, request->bytes, file->config.bytes);
	return !dps_sim_has_failed(sim);
}

static void check_content(struct dps_sim_disk *self, const struct dps_sim_request *entry,
			  const char *when)
{
	const struct dps_disk_request *request = &entry->request;
	size_t right;

	if (self->config.is_thin)
		return;
	right = dps_sim_content_check(entry->file->config.seed, request->file_offset,
				      request->memory, request->bytes);
	if (right != request->bytes)
		dps_sim_fail(self->node.sim,
			     "%s: wrong byte at %" PRIu64 " of file %" PRIu32 " (write of %" PRIu64
			     "+%" PRIu32 ", %s)",
			     self->disk.name, request->file_offset + right, request->file,
			     request->file_offset, request->bytes, when);
}

static bool is_bad(const struct dps_sim_request *entry)
{
	uint64_t bad_offset = entry->file->config.bad_offset;

	return bad_offset >= entry->request.file_offset &&
	       bad_offset - entry->request.file_offset < entry->request.bytes;
}

static bool is_full(const struct dps_sim_disk *self, uint32_t bytes)
{
	const struct dps_sim_disk_config *config = &self->config;

	if (config->space_bytes == 0 || self->written_bytes + bytes <= config->space_bytes)
		return false;
	return config->room_at_ns == 0 || self->node.sim->now_ns < config->room_at_ns;
}

/* Fate is drawn when a request starts; the bytes move when it ends. */
static int64_t draw_result(struct dps_sim_disk *self, const struct dps_sim_request *entry)
{
	const struct dps_disk_request *request = &entry->request;
	uint64_t file_bytes = entry->file->config.bytes;

	if (is_bad(entry))
		return -EIO;
	if (!request->is_write) {
		if (dps_sim_chance(&self->node, self->config.read_error_ppm))
			return -EIO;
		if (request->file_offset >= file_bytes)
			return 0;
		return (int64_t)dps_min_u64(request->bytes, file_bytes - request->file_offset);
	}
	if (dps_sim_chance(&self->node, self->config.write_error_ppm))
		return -EIO;
	if (is_full(self, request->bytes))
		return -ENOSPC;
	self->written_bytes += request->bytes;
	return request->bytes;
}

static uint64_t draw_end_ns(struct dps_sim_disk *self, uint32_t bytes, uint64_t now_ns)
{
	const struct dps_sim_disk_config *config = &self->config;

	self->busy_until_ns = dps_max_u64(self->busy_until_ns, now_ns);
	if (config->bytes_per_s != 0)
		self->busy_until_ns += bytes * DPS_NS_PER_S / config->bytes_per_s;
	if (dps_sim_chance(&self->node, config->stall_ppm))
		self->busy_until_ns += dps_sim_up_to(&self->node, config->stall_ns_max);
	return self->busy_until_ns + config->latency_ns +
	       dps_sim_up_to(&self->node, config->jitter_ns_max);
}

static void start(struct dps_sim_disk *self, const struct dps_disk_request *request)
{
	struct dps_sim_request *entry = self->requests_free;
	uint64_t now_ns = self->node.sim->now_ns;
	uint64_t end_ns = draw_end_ns(self, request->bytes, now_ns);

	if (entry == NULL)
		entry = malloc(sizeof(*entry));
	else
		self->requests_free = entry->next;
	DPS_ASSERT(entry != NULL);
	entry->request = *request;
	entry->file = file_of(self, request->file);
	self->open[request->file].in_flight++;
	entry->result = draw_result(self, entry);
	if (request->is_write)
		check_content(self, entry, "when it started");
	dps_sim_trace_note(&self->node.sim->trace, now_ns, self->disk.name,
			   request->is_write ? "write" : "read", request->file_offset,
			   request->bytes);
	dps_sim_queue_push(&self->requests, end_ns, entry);
	dps_sim_wake(&self->node, dps_sim_queue_next_at_ns(&self->requests));
}

static unsigned int room_for(struct dps_sim_disk *self, unsigned int count)
{
	const struct dps_sim_disk_config *config = &self->config;
	uint64_t now_ns = self->node.sim->now_ns;
	unsigned int room = (unsigned int)dps_min_u64(
		count,
		config->in_flight_max - dps_min_u64(config->in_flight_max, self->requests.count));

	if (count == 0)
		return 0;
	if (now_ns < self->full_until_ns) {
		room = 0;
	} else if (room > 0 && dps_sim_chance(&self->node, config->refuse_ppm)) {
		room = (unsigned int)dps_random_below(&self->node.random, room);
		self->full_until_ns =
			now_ns + 1 + dps_sim_up_to(&self->node, config->refuse_ns_max);
	}
	if (now_ns < self->full_until_ns)
		dps_sim_wake(&self->node, self->full_until_ns);
	return room;
}

static unsigned int submit(struct dps_disk *disk, const struct dps_disk_request *requests,
			   unsigned int count)
{
	struct dps_sim_disk *self = of(disk);
	unsigned int taken = room_for(self, count);

	for (unsigned int i = 0; i < taken; i++) {
		if (!check_request(self, &requests[i]))
			return i;
		start(self, &requests[i]);
	}
	disk->counters.syscalls += taken > 0;
	return taken;
}

static void finish_read(struct dps_sim_disk *self, const struct dps_sim_request *entry)
{
	const struct dps_disk_request *request = &entry->request;

	self->disk.counters.reads++;
	self->disk.counters.read_bytes += (uint64_t)entry->result;
	if (!self->config.is_thin)
		dps_sim_content_fill(entry->file->config.seed, request->file_offset,
				     request->memory, (size_t)entry->result);
}

static void finish_write(struct dps_sim_disk *self, const struct dps_sim_request *entry)
{
	const struct dps_disk_request *request = &entry->request;
	struct dps_sim_file *file = entry->file;
	uint64_t end = request->file_offset + request->bytes;
	uint64_t added;

	check_content(self, entry, "when it ended");
	self->disk.counters.writes++;
	self->disk.counters.write_bytes += request->bytes;
	added = dps_sim_add_range(&file->written, request->file_offset, end);
	file->written_bytes += added;
	if (added != request->bytes && !file->config.may_rewrite)
		dps_sim_fail(self->node.sim,
			     "%s: %" PRIu64 " bytes within %" PRIu64 "+%" PRIu32 " of file %" PRIu32
			     " were written before",
			     self->disk.name, request->bytes - added, request->file_offset,
			     request->bytes, request->file);
}

static unsigned int reap(struct dps_disk *disk, struct dps_disk_result *results, unsigned int room)
{
	struct dps_sim_disk *self = of(disk);
	uint64_t now_ns = self->node.sim->now_ns;
	struct dps_sim_request *entry;
	unsigned int count = 0;

	while (count < room && (entry = dps_sim_queue_take_due(&self->requests, now_ns)) != NULL) {
		results[count].tag = entry->request.tag;
		results[count++].result = entry->result;
		self->open[entry->request.file].in_flight--;
		if (entry->result < 0)
			disk->counters.errors++;
		else if (entry->request.is_write)
			finish_write(self, entry);
		else
			finish_read(self, entry);
		entry->next = self->requests_free;
		self->requests_free = entry;
	}
	if (self->requests.count > 0)
		dps_sim_wake(&self->node, dps_sim_queue_next_at_ns(&self->requests));
	return count;
}

static int add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	struct dps_sim_disk *self = of(disk);
	uint32_t number = (uint32_t)fd - DPS_SIM_DISK_FIRST_FD, index = 0;

	(void)is_direct;
	if (fd < DPS_SIM_DISK_FIRST_FD || number >= self->files_count)
		return -EBADF;
	while (index < self->open_count && self->open[index].file != NULL)
		index++;
	if (index == DPS_SIM_DISK_FILES_OPEN_MAX)
		return -ENFILE;
	if (index == self->open_count)
		self->open_count++;
	self->open[index].file = self->files[number];
	dps_sim_trace_note(&self->node.sim->trace, self->node.sim->now_ns, disk->name, "opens as",
			   (uint64_t)fd, index);
	return (int)index;
}

static void remove_file(struct dps_disk *disk, uint32_t file)
{
	struct dps_sim_disk *self = of(disk);
	bool is_open = file_of(self, file) != NULL;

	if (!is_open || self->open[file].in_flight != 0) {
		dps_sim_fail(self->node.sim, "%s: file %" PRIu32 " removed %s", disk->name, file,
			     !is_open ? "twice" : "with requests in flight");
		return;
	}
	dps_sim_trace_note(&self->node.sim->trace, self->node.sim->now_ns, disk->name, "closes",
			   file, 0);
	self->open[file].file = NULL;
}

static unsigned int in_flight(const struct dps_disk *disk)
{
	return of(disk)->requests.count;
}

static void close_disk(struct dps_disk *disk)
{
	struct dps_sim_disk *self = of(disk);
	struct dps_sim_request *entry;

	while ((entry = dps_sim_queue_take_due(&self->requests, DPS_NEVER_NS)) != NULL) {
		self->open[entry->request.file].in_flight--;
		free(entry);
	}
	while ((entry = self->requests_free) != NULL) {
		self->requests_free = entry->next;
		free(entry);
	}
}

static const struct dps_disk_ops ops = {
	.submit = submit,
	.reap = reap,
	.add_file = add_file,
	.remove_file = remove_file,
	.in_flight = in_flight,
	.close = close_disk,
};

void dps_sim_free_fsync(struct dps_sim_fsync *fsync)
{
	free(fsync->written.items);
	free(fsync);
}

static void end_fsync(struct dps_sim_fsync *fsync)
{
	struct dps_sim_file *file = fsync->file;

	for (uint32_t i = 0; i < fsync->written.count && fsync->error == 0; i++)
		file->synced_bytes += dps_sim_add_range(
			&file->synced, fsync->written.items[i].start, fsync->written.items[i].end);
	fsync->on_done(fsync->context, fsync->fd, fsync->error);
	dps_sim_free_fsync(fsync);
}

static void run_disk(struct dps_sim_node *node, uint64_t now_ns)
{
	struct dps_sim_disk *self =
		(struct dps_sim_disk *)(void *)((char *)node - offsetof(struct dps_sim_disk, node));
	struct dps_sim_fsync *fsync;

	while ((fsync = dps_sim_queue_take_due(&self->fsyncs, now_ns)) != NULL)
		end_fsync(fsync);
	dps_sim_wake(node, dps_sim_queue_next_at_ns(&self->fsyncs));
	/* What is due stays until the host reaps, and that asks for the next run. */
	if (self->host != NULL)
		dps_sim_wake(self->host, now_ns);
	if (self->full_until_ns > now_ns)
		dps_sim_wake(node, self->full_until_ns);
}

void dps_sim_disk_open(struct dps_sim_disk *disk, struct dps_sim *sim, const char *name,
		       const struct dps_sim_disk_config *config)
{
	memset(disk, 0, sizeof(*disk));
	disk->disk.ops = &ops;
	disk->disk.name = name;
	disk->config = *config;
	disk->open = calloc(DPS_SIM_DISK_FILES_OPEN_MAX, sizeof(*disk->open));
	DPS_ASSERT(disk->open != NULL && config->in_flight_max > 0);
	dps_sim_add(sim, &disk->node, name, run_disk);
}

int dps_sim_disk_create(struct dps_sim_disk *disk, const struct dps_sim_file_config *config)
{
	struct dps_sim_file *file = calloc(1, sizeof(*file));

	disk->files = realloc(disk->files, (disk->files_count + 1) * sizeof(struct dps_sim_file *));
	DPS_ASSERT(file != NULL && disk->files != NULL);
	file->config = *config;
	disk->files[disk->files_count++] = file;
	return (int)(DPS_SIM_DISK_FIRST_FD + disk->files_count - 1);
}

void dps_sim_disk_fsync(struct dps_sim_disk *disk, int fd,
			void (*on_done)(void *context, int fd, int error), void *context)
{
	const struct dps_sim_disk_config *config = &disk->config;
	struct dps_sim *sim = disk->node.sim;
	struct dps_sim_file *file = disk->files[fd - DPS_SIM_DISK_FIRST_FD];
	struct dps_sim_fsync *fsync = calloc(1, sizeof(*fsync));
	uint64_t end_ns = sim->now_ns + config->fsync_ns_min +
			  dps_sim_up_to(&disk->node, config->fsync_ns_max - config->fsync_ns_min);

	DPS_ASSERT(fsync != NULL && config->fsync_ns_max >= config->fsync_ns_min);
	*fsync = (struct dps_sim_fsync){
		.file = file,
		.on_done = on_done,
		.context = context,
		.fd = fd,
		.error = dps_sim_chance(&disk->node, config->fsync_error_ppm) ? -EIO : 0,
	};
	for (uint32_t i = 0; i < file->written.count; i++)
		dps_sim_add_range(&fsync->written, file->written.items[i].start,
				  file->written.items[i].end);
	dps_sim_queue_push(&disk->fsyncs, end_ns, fsync);
	dps_sim_wake(&disk->node, end_ns);
}

const struct dps_sim_file *dps_sim_disk_file(const struct dps_sim_disk *disk, int fd)
{
	DPS_ASSERT(fd >= DPS_SIM_DISK_FIRST_FD &&
		   (uint32_t)fd - DPS_SIM_DISK_FIRST_FD < disk->files_count);
	return disk->files[fd - DPS_SIM_DISK_FIRST_FD];
}

bool dps_sim_file_is_written(const struct dps_sim_file *file)
{
	return file->written_bytes == file->config.bytes;
}

bool dps_sim_file_is_synced(const struct dps_sim_file *file)
{
	return file->synced_bytes == file->config.bytes;
}

void dps_sim_disk_fini(struct dps_sim_disk *disk)
{
	struct dps_sim_fsync *fsync;

	DPS_ASSERT(disk->requests.count == 0);
	dps_sim_queue_fini(&disk->requests);
	while ((fsync = dps_sim_queue_take_due(&disk->fsyncs, DPS_NEVER_NS)) != NULL)
		dps_sim_free_fsync(fsync);
	dps_sim_queue_fini(&disk->fsyncs);
	for (uint32_t i = 0; i < disk->files_count; i++) {
		free(disk->files[i]->written.items);
		free(disk->files[i]->synced.items);
		free(disk->files[i]);
	}
	free(disk->files);
	free(disk->open);
}
