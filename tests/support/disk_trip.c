/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/disk_trip.h"
#include "engine/bits.h"
#include "tests/support/cmocka.h"
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint8_t disk_byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 13 ^ offset);
}

void disk_fill(uint8_t *memory, uint64_t offset, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		memory[i] = disk_byte_at(offset + i);
}

int64_t disk_do(struct dps_disk *disk, struct dps_disk_request request)
{
	struct dps_disk_result result;

	request.tag = 77;
	assert_int_equal(disk->ops->submit(disk, &request, 1), 1);
	while (disk->ops->reap(disk, &result, 1) == 0)
		sched_yield();
	assert_int_equal(result.tag, 77);
	return result.result;
}

static struct dps_disk_request request_of(const struct disk_slots *slots, uint64_t chunk,
					  uint64_t size, uint32_t file, bool is_write)
{
	uint64_t offset = chunk * slots->chunk_bytes;
	uint8_t *slot = slots->memory + chunk % slots->count * slots->chunk_bytes;
	uint32_t bytes = (uint32_t)dps_min_u64(size - offset, slots->chunk_bytes);

	memset(slot, 0xee, slots->chunk_bytes);
	if (is_write)
		disk_fill(slot, offset, bytes);
	return (struct dps_disk_request){ .memory = slot,
					  .file_offset = offset,
					  .tag = chunk,
					  .bytes = bytes,
					  .file = file,
					  .is_write = is_write };
}

static void check(const struct disk_slots *slots, const struct dps_disk_result *result,
		  uint64_t size, bool is_write)
{
	uint64_t offset = result->tag * slots->chunk_bytes;
	uint64_t bytes = dps_min_u64(size - offset, slots->chunk_bytes);
	const uint8_t *slot = slots->memory + result->tag % slots->count * slots->chunk_bytes;

	assert_int_equal(result->result, bytes);
	for (uint64_t i = 0; i < bytes && !is_write; i++)
		if (slot[i] != disk_byte_at(offset + i))
			fail_msg("byte %llu of %llu differs", (unsigned long long)(offset + i),
				 (unsigned long long)size);
}

/* Moves a file, every slot in flight at a time. */
static void move_file(struct dps_disk *disk, const struct disk_slots *slots, uint32_t file,
		      uint64_t size, bool is_write)
{
	uint64_t chunks = (size + slots->chunk_bytes - 1) / slots->chunk_bytes;

	for (uint64_t first = 0; first < chunks; first += slots->count) {
		struct dps_disk_request requests[DPS_DISK_BURST];
		struct dps_disk_result results[3]; /* not a divisor of what is in flight */
		unsigned int count = 0;

		for (; count < slots->count && first + count < chunks; count++)
			requests[count] = request_of(slots, first + count, size, file, is_write);
		assert_int_equal(disk->ops->submit(disk, requests, count), count);
		while (disk->ops->in_flight(disk) > 0) {
			count = disk->ops->reap(disk, results, 3);
			for (unsigned int i = 0; i < count; i++)
				check(slots, &results[i], size, is_write);
		}
	}
}

void disk_round_trip(struct dps_disk *disk, const struct disk_slots *slots,
		     const struct scratch *scratch, int flags)
{
	const uint64_t chunk_bytes = slots->chunk_bytes;
	const uint64_t sizes[] = {
		0,
		1,
		4095,
		4096,
		4097,
		chunk_bytes - 1,
		chunk_bytes,
		chunk_bytes + 1,
		3 * chunk_bytes,
		70 * chunk_bytes + 12345,
	};

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = openat(scratch->fd, "file", O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
		uint8_t *bytes;
		size_t count;
		int file;

		assert_true(fd >= 0);
		file = disk->ops->add_file(disk, fd, (flags & O_DIRECT) != 0);
		assert_true(file >= 0);
		move_file(disk, slots, (uint32_t)file, sizes[i], true);
		assert_int_equal(ftruncate(fd, (off_t)sizes[i]), 0);
		bytes = scratch_read(scratch, "file", &count);
		assert_int_equal(count, sizes[i]);
		for (size_t k = 0; k < count; k++)
			if (bytes[k] != disk_byte_at(k))
				fail_msg("byte %zu of %zu written differs", k, count);
		free(bytes);
		move_file(disk, slots, (uint32_t)file, sizes[i], false);
		disk->ops->remove_file(disk, (uint32_t)file);
		close(fd);
	}
}
