/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/uring.h"
#include "drivers/file_disk/progress.h"
#include "drivers/file_disk/uring_setup.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_INDEX UINT32_MAX

struct named_file {
	int fd;
	uint32_t in_flight;
	uint32_t next_free;
	bool is_direct;
	bool is_named; /* between add_file and remove_file; in flight perhaps longer */
};

struct operation {
	struct dps_progress progress;
	uint32_t next_free;
};

struct uring {
	struct dps_disk disk;
	struct dps_uring_config config;
	struct dps_uring_modes modes;
	struct io_uring ring;
	struct operation *operations; /* config.depth of them; their index is the user_data */
	struct named_file *files;
	uint32_t free_operation;
	uint32_t free_file;
	uint32_t in_flight;
	bool is_enabled;
};

static struct uring *uring_of(const struct dps_disk *disk)
{
	return (struct uring *)disk;
}

/* The first caller becomes the lane: a deferred ring takes calls of the thread that enabled it. */
static void enable(struct uring *uring)
{
	if (uring->is_enabled)
		return;
	if ((uring->modes.setup_flags & IORING_SETUP_R_DISABLED) != 0) {
		/* liburing 2.3 declares io_uring_enable_rings() and forgets to export it. */
		int err = io_uring_register((unsigned int)uring->ring.ring_fd,
					    IORING_REGISTER_ENABLE_RINGS, NULL, 0);

		DPS_ASSERT(err == 0);
		uring->disk.counters.syscalls++;
	}
	uring->is_enabled = true;
}

/* Which registered buffer holds the bytes; -1 when they must be named by address. */
static int buffer_of(const struct uring *uring, uint64_t start, uint32_t bytes)
{
	if (uring->modes.buffers_error != 0 || bytes == 0)
		return -1;
	if (start / DPS_URING_BUFFER_BYTES != (start + bytes - 1) / DPS_URING_BUFFER_BYTES)
		return -1;
	return (int)(start / DPS_URING_BUFFER_BYTES);
}

/* Puts the current leg of an operation into the submission queue, which has room by its size. */
static void queue_leg(struct uring *uring, uint32_t index)
{
	const struct dps_progress *progress = &uring->operations[index].progress;
	const struct dps_disk_request *request = &progress->request;
	const struct named_file *file = &uring->files[request->file];
	uint8_t *memory = (uint8_t *)request->memory + progress->leg_bytes;
	uint32_t bytes = progress->asked_bytes - progress->leg_bytes;
	uint64_t offset = request->file_offset + progress->leg_bytes;
	int buffer = buffer_of(uring, (uint64_t)(memory - (uint8_t *)uring->config.memory), bytes);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
	bool is_table = uring->modes.files_error == 0;
	int fd = is_table ? (int)request->file : file->fd;

	DPS_ASSERT(sqe != NULL);
	if (buffer >= 0 && request->is_write)
		io_uring_prep_write_fixed(sqe, fd, memory, bytes, offset, buffer);
	else if (buffer >= 0)
		io_uring_prep_read_fixed(sqe, fd, memory, bytes, offset, buffer);
	else if (request->is_write)
		io_uring_prep_write(sqe, fd, memory, bytes, offset);
	else
		io_uring_prep_read(sqe, fd, memory, bytes, offset);
	if (is_table)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, index);
}

/* Hands the queue to the kernel. What it cannot take now stays queued and is due next time. */
static void flush(struct uring *uring)
{
	int taken;

	if (io_uring_sq_ready(&uring->ring) == 0)
		return;
	uring->disk.counters.syscalls++;
	taken = io_uring_submit(&uring->ring);
	DPS_ASSERT(taken >= 0 || taken == -EAGAIN || taken == -EBUSY || taken == -EINTR ||
		   taken == -ENOMEM);
}

static unsigned int uring_submit(struct dps_disk *disk, const struct dps_disk_request *requests,
				 unsigned int count)
{
	struct uring *uring = uring_of(disk);
	const uint8_t *memory = uring->config.memory;
	unsigned int taken = 0;

	enable(uring);
	for (; taken < count && uring->free_operation != NO_INDEX; taken++) {
		const struct dps_disk_request *request = &requests[taken];
		uint32_t index = uring->free_operation;
		struct operation *operation = &uring->operations[index];
		const uint8_t *start = request->memory;
		struct named_file *file;

		DPS_ASSERT(start >= memory);
		DPS_ASSERT((size_t)(start - memory) +
				   dps_round_up(request->bytes, DPS_PAGE_BYTES) <=
			   uring->config.memory_bytes);
		DPS_ASSERT(request->file < uring->config.files_max);
		file = &uring->files[request->file];
		DPS_ASSERT(file->is_named);
		uring->free_operation = operation->next_free;
		uring->in_flight++;
		file->in_flight++;
		dps_progress_start(&operation->progress, request, file->is_direct);
		queue_leg(uring, index);
	}
	flush(uring);
	return taken;
}

static void forget_file(struct uring *uring, uint32_t index)
{
	struct named_file *file = &uring->files[index];
	int nothing = -1;

	if (uring->modes.files_error == 0) {
		uring->disk.counters.syscalls++;
		(void)io_uring_register_files_update(&uring->ring, index, &nothing, 1);
	}
	file->next_free = uring->free_file;
	uring->free_file = index;
}

static void end_operation(struct uring *uring, uint32_t index, int64_t result)
{
	struct operation *operation = &uring->operations[index];
	const struct dps_disk_request *request = &operation->progress.request;
	struct named_file *file = &uring->files[request->file];
	struct dps_disk_counters *counters = &uring->disk.counters;

	if (request->is_write)
		counters->writes++;
	else
		counters->reads++;
	if (result < 0)
		counters->errors++;
	else if (request->is_write)
		counters->write_bytes += (uint64_t)result;
	else
		counters->read_bytes += (uint64_t)result;
	operation->next_free = uring->free_operation;
	uring->free_operation = index;
	uring->in_flight--;
	if (--file->in_flight == 0 && !file->is_named)
		forget_file(uring, request->file);
}

/* The kernel holds completions back until it is entered; it says so in shared memory. */
static bool is_holding(const struct uring *uring)
{
	return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* True: the operation ended with *result. False: its next leg is queued. */
static bool answer(struct uring *uring, uint32_t index, int32_t value, int64_t *result)
{
	struct operation *operation = &uring->operations[index];
	const struct dps_disk_request *request = &operation->progress.request;

	if (dps_progress_on_answer(&operation->progress, value, result))
		return true;
	if (!uring->files[request->file].is_named) {
		/* The caller may have closed the descriptor, and its number may be another file. */
		*result = -ECANCELED;
		return true;
	}
	queue_leg(uring, index);
	return false;
}

static unsigned int uring_reap(struct dps_disk *disk, struct dps_disk_result *results,
			       unsigned int room)
{
	struct uring *uring = uring_of(disk);
	unsigned int count = 0;
	unsigned int seen = 0;
	struct io_uring_cqe *cqe;
	unsigned int head;

	if (uring->in_flight == 0)
		return 0;
	if (io_uring_cq_ready(&uring->ring) == 0 && is_holding(uring)) {
		uring->disk.counters.syscalls++;
		(void)io_uring_get_events(&uring->ring);
	}
	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		uint32_t index = (uint32_t)io_uring_cqe_get_data64(cqe);
		struct operation *operation = &uring->operations[index];

		if (count == room)
			break;
		seen++;
		if (!answer(uring, index, cqe->res, &results[count].result))
			continue;
		results[count].tag = operation->progress.request.tag;
		end_operation(uring, index, results[count].result);
		count++;
	}
	io_uring_cq_advance(&uring->ring, seen);
	flush(uring);
	return count;
}

static int uring_add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	struct uring *uring = uring_of(disk);
	uint32_t index = uring->free_file;
	struct named_file *file;

	enable(uring);
	if (fd < 0)
		return -EBADF; /* to the kernel's table -1 means: nothing here */
	if (index == NO_INDEX)
		return -ENFILE;
	file = &uring->files[index];
	if (uring->modes.files_error == 0) {
		int updated = io_uring_register_files_update(&uring->ring, index, &fd, 1);

		uring->disk.counters.syscalls++;
		if (updated < 0)
			return updated;
	}
	uring->free_file = file->next_free;
	*file = (struct named_file){ .fd = fd, .is_direct = is_direct, .is_named = true };
	return (int)index;
}

static void uring_remove_file(struct dps_disk *disk, uint32_t index)
{
	struct uring *uring = uring_of(disk);
	struct named_file *file;

	DPS_ASSERT(index < uring->config.files_max);
	file = &uring->files[index];
	DPS_ASSERT(file->is_named);
	file->is_named = false;
	if (file->in_flight == 0)
		forget_file(uring, index);
}

static unsigned int uring_in_flight(const struct dps_disk *disk)
{
	return uring_of(disk)->in_flight;
}

static void uring_close(struct dps_disk *disk)
{
	struct uring *uring = uring_of(disk);
	struct dps_disk_result results[DPS_DISK_BURST];

	while (uring->in_flight > 0) {
		int err;

		if (uring_reap(disk, results, DPS_DISK_BURST) > 0)
			continue;
		err = io_uring_submit_and_wait(&uring->ring, 1);
		/* A deferred ring whose thread has ended: nobody can wait for it any more. */
		if (err == -EEXIST)
			break;
		DPS_ASSERT(err >= 0 || err == -EINTR || err == -EAGAIN || err == -EBUSY ||
			   err == -ENOMEM);
	}
	/* The ring's own end is asynchronous: without this the memory would stay pinned a while. */
	if (uring->modes.buffers_error == 0)
		(void)io_uring_unregister_buffers(&uring->ring);
	io_uring_queue_exit(&uring->ring);
	free(uring->files);
	free(uring->operations);
	free(uring);
}

static const struct dps_disk_ops uring_ops = {
	.submit = uring_submit,
	.reap = uring_reap,
	.add_file = uring_add_file,
	.remove_file = uring_remove_file,
	.in_flight = uring_in_flight,
	.close = uring_close,
};

static bool is_valid(const struct dps_uring_config *config)
{
	return config->memory != NULL && (uintptr_t)config->memory % DPS_PAGE_BYTES == 0 &&
	       config->memory_bytes > 0 && config->depth > 0 &&
	       config->depth <= DPS_URING_DEPTH_MAX && config->files_max > 0 &&
	       config->files_max <= DPS_URING_FILES_MAX && config->effort <= DPS_URING_PLAIN;
}

static void link_free_lists(struct uring *uring)
{
	uint32_t depth = uring->config.depth;
	uint32_t files_max = uring->config.files_max;

	for (uint32_t i = 0; i < depth; i++)
		uring->operations[i].next_free = i + 1 < depth ? i + 1 : NO_INDEX;
	for (uint32_t i = 0; i < files_max; i++)
		uring->files[i].next_free = i + 1 < files_max ? i + 1 : NO_INDEX;
}

int dps_uring_open(const struct dps_uring_config *config, struct dps_disk **disk)
{
	struct uring *uring;
	int err = -ENOMEM;

	if (!is_valid(config))
		return -EINVAL;
	uring = calloc(1, sizeof(*uring));
	if (uring == NULL)
		return -ENOMEM;
	uring->disk = (struct dps_disk){ .ops = &uring_ops, .name = "io_uring" };
	uring->config = *config;
	uring->operations = calloc(config->depth, sizeof(*uring->operations));
	uring->files = calloc(config->files_max, sizeof(*uring->files));
	if (uring->operations == NULL || uring->files == NULL)
		goto err_free;
	link_free_lists(uring);
	err = dps_uring_setup(config, &uring->ring, &uring->modes);
	if (err < 0)
		goto err_free;
	*disk = &uring->disk;
	return 0;

err_free:
	free(uring->files);
	free(uring->operations);
	free(uring);
	return err;
}

const struct dps_uring_modes *dps_uring_modes(const struct dps_disk *disk)
{
	return &uring_of(disk)->modes;
}

bool dps_uring_explain(const struct dps_disk *disk, char *text, size_t text_bytes)
{
	const struct uring *uring = uring_of(disk);
	int buffers_error = uring->modes.buffers_error;
	int files_error = uring->modes.files_error;

	text[0] = '\0';
	if (buffers_error == -ENOMEM || buffers_error == -EPERM)
		snprintf(
			text, text_bytes,
			"disk: the memlock limit is smaller than the %zu MiB of slots, so io_uring "
			"maps them anew for every request; raise it (ulimit -l) for less CPU time",
			uring->config.memory_bytes >> 20);
	else if (buffers_error != 0)
		snprintf(text, text_bytes,
			 "disk: io_uring did not take the slots as registered buffers (%s); "
			 "requests cost more CPU time",
			 strerror(-buffers_error));
	else if (files_error != 0)
		snprintf(text, text_bytes,
			 "disk: io_uring refused a table of %u files (%s); requests cost more CPU "
			 "time",
			 uring->config.files_max, strerror(-files_error));
	return buffers_error != 0 || files_error != 0;
}
