/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers: the disk of a lane where io_uring is forbidden: threads that wait in pread and pwrite.
 */
#pragma once
#include "drivers/disk.h"

enum dps_workers_limits {
	DPS_WORKERS_DEPTH_MAX = 4096,
	DPS_WORKERS_FILES_MAX = 65536,
	DPS_WORKERS_THREADS_MAX = 16,
};

struct dps_workers_config {
	unsigned int depth;	/* most requests between submit and reap */
	unsigned int files_max; /* most files named at a time */
	unsigned int threads; /* most requests with the kernel at a time; four suit an NVMe disk */
};

/*
 * Behaves as dps_uring_open()'s disk, at the cost of two switches of threads a request. It keeps a
 * descriptor of its own for each file. A program that may meet RLIMIT_FSIZE ignores SIGXFSZ.
 * Errors: -EINVAL (configuration out of range), -ENOMEM, -EAGAIN (no more threads).
 */
int dps_workers_open(const struct dps_workers_config *config, struct dps_disk **disk);
