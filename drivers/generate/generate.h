/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generate: a disk whose reads come from no file (`export --generate`), as fast as memory allows.
 *
 * The content is a function of seed and file offset only: every page is the same 4096 bytes made
 * from the seed, but for its first eight, which tell seed and page number. All memory is filled
 * when the disk opens, so a read writes eight bytes a page.
 */
#pragma once
#include "drivers/disk.h"

struct dps_generate_config {
	void *memory; /* page-aligned, whole pages; while the disk is open it alone writes here */
	size_t memory_bytes;
	unsigned int depth; /* most requests between submit and reap */
	uint64_t seed;
};

/*
 * Reads end at once with the bytes asked: the file has no end. Writes end with -EBADF. add_file
 * takes any descriptor, -1 too, and each call another index. Errors: -ENOMEM, -EINVAL (memory is
 * not whole pages).
 */
int dps_generate_open(const struct dps_generate_config *config, struct dps_disk **disk);

/* Writes what a file of this seed holds from an offset on, any offset. Any thread. */
void dps_generate_content(uint64_t seed, uint64_t file_offset, void *bytes, size_t bytes_count);
