/* SPDX-License-Identifier: BSD-3-Clause */
/* Uring: the disk of a lane over io_uring, reading and writing files straight from slot memory. */
#pragma once
#include "drivers/disk.h"

enum dps_uring_limits {
	DPS_URING_DEPTH_MAX = 4096,
	DPS_URING_FILES_MAX = 65536,
};

/* Where to start on the way down from the best; what the kernel refuses is skipped anyway. */
enum dps_uring_effort {
	/*
	 * Completions wait for the lane's calls (Linux 6.1): least CPU time. The ring belongs to
	 * one thread, which closes it too: after its end nobody can wait for what is in flight.
	 */
	DPS_URING_DEFERRED,
	/* Completions do not interrupt the lane but wake it when it sleeps (Linux 5.19). */
	DPS_URING_COOPERATIVE,
	DPS_URING_PLAIN,
};

/* memory is what every request lies in; it outlives the disk. */
struct dps_uring_config {
	void *memory; /* page-aligned */
	size_t memory_bytes;
	unsigned int depth;	/* most requests in flight, 1 to DPS_URING_DEPTH_MAX */
	unsigned int files_max; /* most files named at a time, 1 to DPS_URING_FILES_MAX */
	enum dps_uring_effort effort;
};

/*
 * What the kernel granted. Everything works without: a refused registration costs CPU time per
 * request, so it is worth one line in the log. 0 or -errno of what refused.
 */
struct dps_uring_modes {
	unsigned int setup_flags; /* IORING_SETUP_… in use */
	int buffers_error;	  /* -ENOMEM, -EPERM: RLIMIT_MEMLOCK is smaller than the memory */
	int files_error;
};

/*
 * Opens a disk. Any thread may call; the thread that first calls add_file or submit becomes the
 * disk's lane and makes every call from then on. close may follow from another thread once the
 * lane's thread has ended; of a deferred ring only with nothing in flight, for it would not wait.
 * Errors: -ENOSYS, -EPERM (io_uring is missing or forbidden, as in many containers), -ENOMEM
 * (from Linux 6.14 on also when RLIMIT_MEMLOCK has no room for the ring itself, some 100 KiB),
 * -EINVAL (configuration out of range).
 */
int dps_uring_open(const struct dps_uring_config *config, struct dps_disk **disk);

/* Lends what the kernel granted; fixed from open on. Any thread. */
const struct dps_uring_modes *dps_uring_modes(const struct dps_disk *disk);

/*
 * One sentence for the log on what was refused and what to do; false, and text empty, when
 * nothing was.
 */
bool dps_uring_explain(const struct dps_disk *disk, char *text, size_t text_bytes);
