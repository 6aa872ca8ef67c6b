/* SPDX-License-Identifier: BSD-3-Clause */
/* Disk: reads and writes of slots, asynchronous and in bursts; io_uring, generated, or simulated.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_disk_limits {
	DPS_DISK_BURST = 64,
};

/* One transfer between a file and slot memory. */
struct dps_disk_request {
	void *memory;	      /* inside the registered memory, page-aligned */
	uint64_t file_offset; /* page-aligned */
	uint64_t tag;	      /* comes back with the result */
	uint32_t bytes;	      /* what counts; memory has room up to the next page boundary */
	uint32_t file;	      /* from add_file */
	bool is_write;
};

struct dps_disk_result {
	uint64_t tag;
	/*
	 * Reads: the bytes read, fewer than asked only at the end of the file. Writes: the bytes
	 * asked (short writes are continued inside). Otherwise -errno.
	 */
	int64_t result;
};

struct dps_disk;

/* Called by the disk's lane only, unless said. */
struct dps_disk_ops {
	/* Takes the first n of count requests, returns n; no system call when count is 0 and
	 * nothing is due. */
	unsigned int (*submit)(struct dps_disk *disk, const struct dps_disk_request *requests,
			       unsigned int count);
	/* Results that are there, at most room; no system call when there are none. */
	unsigned int (*reap)(struct dps_disk *disk, struct dps_disk_result *results,
			     unsigned int room);
	/*
	 * Names an open file; the descriptor stays the caller's and open until remove_file.
	 * is_direct: it was opened with O_DIRECT, so tails are written up to the page boundary (the
	 * caller cuts the file to size). Returns an index >= 0 or -errno (-ENFILE: too many).
	 */
	int (*add_file)(struct dps_disk *disk, int fd, bool is_direct);
	void (*remove_file)(struct dps_disk *disk, uint32_t file);
	/* Requests submitted and not reaped. */
	unsigned int (*in_flight)(const struct dps_disk *disk);
	void (*close)(struct dps_disk *disk); /* waits for what is in flight */
};

struct dps_disk_counters {
	uint64_t reads;
	uint64_t writes;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t errors;
	uint64_t syscalls;
};

struct dps_disk {
	const struct dps_disk_ops *ops;
	const char *name;
	struct dps_disk_counters counters;
};
