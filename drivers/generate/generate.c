/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/generate/generate.h"
#include "drivers/finished/finished.h"
#include "drivers/finished/indexes.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STAMP_BYTES = 8,
};

struct generate {
	struct dps_disk disk;
	struct dps_generate_config config;
	struct dps_finished finished;
	struct dps_indexes files;
};

static struct generate *generate_of(const struct dps_disk *disk)
{
	return (struct generate *)disk;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): each input bit moves every output bit. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

static uint64_t step(uint64_t seed, uint64_t number)
{
	return mix(seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static void stamp(uint8_t *page, uint64_t seed, uint64_t page_number)
{
	/* Twice mixed, so that stamps do not walk along the filler's own sequence. */
	dps_store_be64(page, step(mix(seed), page_number));
}

static void fill_page(uint8_t *page, uint64_t seed)
{
	for (uint64_t i = 0; i < DPS_PAGE_BYTES / STAMP_BYTES; i++)
		dps_store_be64(page + i * STAMP_BYTES, step(seed, i));
}

static void read_pages(const struct generate *generate, const struct dps_disk_request *request)
{
	uint8_t *memory = request->memory;
	uint64_t page_number = request->file_offset / DPS_PAGE_BYTES;

	for (uint32_t at = 0; at < request->bytes; at += DPS_PAGE_BYTES)
		stamp(memory + at, generate->config.seed, page_number++);
}

static unsigned int generate_submit(struct dps_disk *disk, const struct dps_disk_request *requests,
				    unsigned int count)
{
	struct generate *generate = generate_of(disk);
	const uint8_t *memory = generate->config.memory;
	unsigned int taken = 0;

	for (; taken < count && !dps_finished_is_full(&generate->finished); taken++) {
		const struct dps_disk_request *request = &requests[taken];
		const uint8_t *start = request->memory;

		DPS_ASSERT((uintptr_t)start % DPS_PAGE_BYTES == 0);
		DPS_ASSERT(request->file_offset % DPS_PAGE_BYTES == 0);
		DPS_ASSERT(start >= memory && (size_t)(start - memory) + request->bytes <=
						      generate->config.memory_bytes);
		if (!request->is_write)
			read_pages(generate, request);
		dps_finished_put(&generate->finished, disk, request,
				 request->is_write ? -EBADF : (int64_t)request->bytes);
	}
	return taken;
}

static unsigned int generate_reap(struct dps_disk *disk, struct dps_disk_result *results,
				  unsigned int room)
{
	return dps_finished_take(&generate_of(disk)->finished, results, room);
}

static int generate_add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	(void)fd;
	(void)is_direct;
	return dps_indexes_take(&generate_of(disk)->files);
}

static void generate_remove_file(struct dps_disk *disk, uint32_t file)
{
	dps_indexes_give(&generate_of(disk)->files, file);
}

static unsigned int generate_in_flight(const struct dps_disk *disk)
{
	return generate_of(disk)->finished.count;
}

static void generate_close(struct dps_disk *disk)
{
	dps_indexes_destroy(&generate_of(disk)->files);
	dps_finished_destroy(&generate_of(disk)->finished);
	free(disk);
}

static const struct dps_disk_ops generate_ops = {
	.submit = generate_submit,
	.reap = generate_reap,
	.add_file = generate_add_file,
	.remove_file = generate_remove_file,
	.in_flight = generate_in_flight,
	.close = generate_close,
};

int dps_generate_open(const struct dps_generate_config *config, struct dps_disk **disk)
{
	struct generate *generate;
	uint8_t *memory = config->memory;

	if (memory == NULL || (uintptr_t)memory % DPS_PAGE_BYTES != 0 ||
	    config->memory_bytes % DPS_PAGE_BYTES != 0)
		return -EINVAL;
	generate = calloc(1, sizeof(*generate));
	if (generate == NULL)
		return -ENOMEM;
	if (dps_finished_create(&generate->finished, config->depth) < 0)
		goto err_free;
	if (dps_indexes_create(&generate->files) < 0)
		goto err_finished;
	generate->disk = (struct dps_disk){ .ops = &generate_ops, .name = "generate" };
	generate->config = *config;
	for (size_t at = 0; at < config->memory_bytes; at += DPS_PAGE_BYTES)
		fill_page(memory + at, config->seed);
	*disk = &generate->disk;
	return 0;

err_finished:
	dps_finished_destroy(&generate->finished);
err_free:
	free(generate);
	return -ENOMEM;
}

void dps_generate_content(uint64_t seed, uint64_t file_offset, void *bytes, size_t bytes_count)
{
	uint8_t page[DPS_PAGE_BYTES];
	uint8_t *to = bytes;

	fill_page(page, seed);
	while (bytes_count > 0) {
		size_t in_page = file_offset % DPS_PAGE_BYTES;
		size_t part = dps_min_u64(DPS_PAGE_BYTES - in_page, bytes_count);

		stamp(page, seed, file_offset / DPS_PAGE_BYTES);
		memcpy(to, page + in_page, part);
		to += part;
		file_offset += part;
		bytes_count -= part;
	}
}
