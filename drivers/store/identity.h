/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identity: which file of its file system a staged or published one is, and how long; to tell after
 * a restart whether it is still the one that was written.
 *
 * Owner: the store thread.
 */
#pragma once
#include "drivers/store/staging.h"

struct dps_file_identity {
	uint64_t device;
	uint64_t inode;
	uint64_t bytes;
};

/* Each returns 0 or -errno; -EINVAL when it is no regular file. */
int dps_identity_of_fd(int fd, struct dps_file_identity *identity);
int dps_identity_of_staged(const struct dps_staging_folder *folder, uint32_t index,
			   struct dps_file_identity *identity);
/* The file of a name that is not refused. */
int dps_identity_of_target(const struct dps_staging *staging, const char *name,
			   struct dps_file_identity *identity);
