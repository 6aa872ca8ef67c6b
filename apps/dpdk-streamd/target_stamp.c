/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/target_stamp.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int dps_target_stamp_of_fd(int fd, struct dps_digest *stamp)
{
	struct stat status;
	uint64_t fields[2];

	if (fstat(fd, &status) != 0)
		return -errno;
	fields[0] = status.st_ino;
	fields[1] = (uint64_t)status.st_ctim.tv_sec * 1000000000 + (uint64_t)status.st_ctim.tv_nsec;
	_Static_assert(sizeof(fields) == sizeof(*stamp), "it fits exactly");
	memcpy(stamp, fields, sizeof(*stamp));
	return 0;
}
