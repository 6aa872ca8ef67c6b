/* SPDX-License-Identifier: BSD-3-Clause */
/* Staged files that change their transfer. */
#include "drivers/encoding/encoding.h"
#include "drivers/store/staging.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	ID_TEXT_BYTES = 33,
	INDEX_TEXT_BYTES = 11,
};

int dps_staging_own_folder(struct dps_staging *staging, struct dps_staging_folder *folder)
{
	struct dps_transfer_id id = folder->id;
	int err;

	if (folder->fd >= 0)
		return 0;
	err = dps_staging_open_folder(staging, &id, folder);
	if (err == 0)
		err = dps_staging_claim_folder(folder);
	if (err < 0 && folder->fd >= 0)
		dps_staging_close_folder(folder);
	if (err < 0)
		folder->fd = -1;
	return err;
}

int dps_staging_take_folder(const struct dps_staging *staging, const struct dps_transfer_id *id,
			    struct dps_staging_folder *folder)
{
	char name[ID_TEXT_BYTES];
	int err;

	dps_hex_encode(id->bytes, sizeof(id->bytes), name);
	*folder = (struct dps_staging_folder){
		.id = *id,
		.fd = dps_beneath_open(staging->stage_fd, name, O_RDONLY | O_DIRECTORY, 0),
	};
	if (folder->fd < 0)
		return folder->fd;
	err = dps_staging_claim_folder(folder);
	if (err < 0)
		dps_staging_close_folder(folder);
	return err;
}

int dps_staging_link_file(const struct dps_staging_folder *from, uint32_t from_index,
			  struct dps_staging_folder *to, uint32_t to_index)
{
	char from_name[INDEX_TEXT_BYTES], to_name[INDEX_TEXT_BYTES];

	snprintf(from_name, sizeof(from_name), "%u", from_index);
	snprintf(to_name, sizeof(to_name), "%u", to_index);
	if (linkat(from->fd, from_name, to->fd, to_name, 0) != 0) {
		if (errno != EEXIST)
			return -errno;
		if (unlinkat(to->fd, to_name, 0) != 0 ||
		    linkat(from->fd, from_name, to->fd, to_name, 0) != 0)
			return -errno;
	}
	to->has_new_names = true;
	return 0;
}

void dps_staging_unlink_file(const struct dps_staging_folder *folder, uint32_t index)
{
	char name[INDEX_TEXT_BYTES];

	snprintf(name, sizeof(name), "%u", index);
	(void)unlinkat(folder->fd, name, 0);
}

int dps_staging_sync_folder(struct dps_staging *staging, struct dps_staging_folder *folder)
{
	staging->counters.folder_syncs++;
	if (fsync(folder->fd) != 0)
		return -errno;
	folder->has_new_names = false;
	return 0;
}
