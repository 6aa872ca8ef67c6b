/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int take(const struct stat *status, struct dps_file_identity *identity)
{
	if (!S_ISREG(status->st_mode))
		return -EINVAL;
	*identity = (struct dps_file_identity){
		.device = status->st_dev,
		.inode = status->st_ino,
		.bytes = (uint64_t)status->st_size,
	};
	return 0;
}

int dps_identity_of_fd(int fd, struct dps_file_identity *identity)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? take(&status, identity) : -errno;
}

int dps_identity_of_staged(const struct dps_staging_folder *folder, uint32_t index,
			   struct dps_file_identity *identity)
{
	struct stat status;
	char name[11];

	snprintf(name, sizeof(name), "%u", index);
	if (fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	return take(&status, identity);
}

int dps_identity_of_target(const struct dps_staging *staging, const char *name,
			   struct dps_file_identity *identity)
{
	int fd = dps_staging_open_target(staging, name);
	int err;

	if (fd < 0)
		return fd;
	err = dps_identity_of_fd(fd, identity);
	close(fd);
	return err;
}
