/* SPDX-License-Identifier: BSD-3-Clause */
/* File disk: the best disk for real files that this machine allows: io_uring, else threads. */
#pragma once
#include "drivers/disk.h"

enum dps_file_disk_limits {
	DPS_FILE_DISK_SENTENCE_BYTES = 256,
};

struct dps_file_disk_config {
	void *memory; /* page-aligned; every request lies in it */
	size_t memory_bytes;
	unsigned int depth;	/* most requests in flight, 1 to 4096 */
	unsigned int files_max; /* most files named at a time, 1 to 65536 */
};

/*
 * Opens a disk. sentence (DPS_FILE_DISK_SENTENCE_BYTES) is "" or says once, for the log, what was
 * refused and what it costs; nothing in it is an error. Any thread; close may come
 * from another than the lane's once that has ended, and waits all the same. Errors: -EINVAL
 * (configuration out of range), -ENOMEM, -EAGAIN.
 */
int dps_file_disk_open(const struct dps_file_disk_config *config, struct dps_disk **disk,
		       char *sentence);
