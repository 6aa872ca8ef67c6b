/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/staging.h"
#include <errno.h>
#include <unistd.h>

static bool is_few(const struct dps_staged_file *files, size_t count)
{
	if (count > DPS_STAGING_SYNCS_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (files[i].fd < 0)
			return false;
	return true;
}

/* fdatasync does not bring a file's time to disk, so the last sync of a file is a whole one. */
static int sync_file(struct dps_staging *staging, const struct dps_staged_file *file)
{
	staging->counters.file_syncs++;
	return (file->is_finished ? fsync(file->fd) : fdatasync(file->fd)) == 0 ? 0 : -errno;
}

/* A new file's name lies in its folder, which has to reach the disk too, once. */
static int sync_names(struct dps_staging *staging, struct dps_staging_folder *folder)
{
	return folder->has_new_names ? dps_staging_sync_folder(staging, folder) : 0;
}

static int checkpoint_each(struct dps_staging *staging, struct dps_staged_file *files, size_t count)
{
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		files[i].error = sync_file(staging, &files[i]);
		if (files[i].error == 0)
			files[i].error = sync_names(staging, files[i].folder);
		if (first == 0)
			first = files[i].error;
	}
	return first;
}

/* syncfs fails for the whole file system; each file's own sync tells which lost data, if any. */
static void blame(struct dps_staging *staging, struct dps_staged_file *files, size_t count,
		  int error)
{
	bool is_found = false;

	for (size_t i = 0; i < count; i++) {
		files[i].error = files[i].fd < 0 ? error : sync_file(staging, &files[i]);
		is_found |= files[i].error != 0;
	}
	for (size_t i = 0; i < count && !is_found; i++)
		files[i].error = error;
}

static int checkpoint_all(struct dps_staging *staging, struct dps_staged_file *files, size_t count)
{
	staging->counters.syncfs_calls++;
	if (syncfs(staging->stage_fd) != 0) {
		int err = -errno;

		blame(staging, files, count, err);
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		files[i].error = 0;
		files[i].folder->has_new_names = false;
	}
	return 0;
}

int dps_staging_checkpoint(struct dps_staging *staging, struct dps_staged_file *files, size_t count)
{
	return is_few(files, count) ? checkpoint_each(staging, files, count)
				    : checkpoint_all(staging, files, count);
}
