/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/file_disk.h"
#include "drivers/file_disk/uring.h"
#include "drivers/file_disk/workers.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum {
	/* Enough to keep an NVMe disk busy with chunks of 256 KiB. */
	THREADS = 4,
};

/* The kernel takes no larger table than the descriptors a process may have, and needs none. */
static unsigned int files_max_of(const struct dps_file_disk_config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0 ||
	    limit.rlim_cur > config->files_max)
		return config->files_max;
	return (unsigned int)limit.rlim_cur;
}

int dps_file_disk_open(const struct dps_file_disk_config *config, struct dps_disk **disk,
		       char *sentence)
{
	const struct dps_uring_config uring = {
		.memory = config->memory,
		.memory_bytes = config->memory_bytes,
		.depth = config->depth,
		.files_max = files_max_of(config),
		/* A lane that sleeps is woken by its disk, and whoever stops it can close the disk.
		 */
		.effort = DPS_URING_COOPERATIVE,
	};
	const struct dps_workers_config workers = {
		.depth = config->depth,
		.files_max = files_max_of(config),
		.threads = THREADS,
	};
	int err = dps_uring_open(&uring, disk);

	sentence[0] = '\0';
	if (err == 0) {
		(void)dps_uring_explain(*disk, sentence, DPS_FILE_DISK_SENTENCE_BYTES);
		return 0;
	}
	if (err == -EINVAL)
		return err;
	snprintf(sentence, DPS_FILE_DISK_SENTENCE_BYTES,
		 "disk: io_uring is not available here (%s), so files are read and written by "
		 "threads, which costs more CPU time",
		 strerror(-err));
	return dps_workers_open(&workers, disk);
}
