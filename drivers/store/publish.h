/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publish: gives complete files their final names, a batch at a time, one sync for each folder.
 *
 * Owner: the store thread.
 */
#pragma once
#include "drivers/store/staging.h"

struct dps_publication {
	const char *name; /* ends with NUL */
	const struct dps_staging_folder *folder;
	uint32_t index;	   /* of the staged file */
	bool is_folder;	   /* nothing is staged: an empty folder is made */
	bool is_overwrite; /* another file of that name is replaced */
	int error;	   /* out: 0 or -errno */
};

/*
 * Renames each staged file to its name, folders made on the way, then brings the folders touched
 * to disk. Files must have passed a checkpoint. 0 when all stand under their names for good.
 * Otherwise the first -errno, and each publication's own: -EEXIST (target exists), -ELOOP (a
 * symlink on the way), -ENOTDIR, -EISDIR, -EINVAL (a name that dps_staging_refusal() refuses), or
 * of the sync, which all then share.
 */
int dps_publish(struct dps_staging *staging, struct dps_publication *publications, size_t count);
