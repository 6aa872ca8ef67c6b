/* SPDX-License-Identifier: BSD-3-Clause */
/* Disk trip: moves files through the slots of any disk and back, and checks every byte. */
#pragma once
#include "drivers/disk.h"
#include "tests/support/scratch.h"

struct disk_slots {
	uint8_t *memory; /* known to the disk */
	uint32_t chunk_bytes;
	uint32_t count; /* at most DPS_DISK_BURST */
};

/* What every test file holds at an offset. */
uint8_t disk_byte_at(uint64_t offset);
void disk_fill(uint8_t *memory, uint64_t offset, size_t bytes);

/* Submits one request and waits for its result. */
int64_t disk_do(struct dps_disk *disk, struct dps_disk_request request);

/*
 * For each odd and even size around pages and chunks: writes a file (opened with flags, O_DIRECT
 * perhaps), cuts it, compares it byte by byte, and reads it back through the disk.
 */
void disk_round_trip(struct dps_disk *disk, const struct disk_slots *slots,
		     const struct scratch *scratch, int flags);
