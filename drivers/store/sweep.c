/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/sweep.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int digit_of(char character)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = character ? strchr(digits, character) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* The transfer that a folder is named by; false when it is named by something else. */
static bool read_id(const char *name, struct dps_transfer_id *id)
{
	if (strlen(name) != 2 * sizeof(id->bytes))
		return false;
	for (size_t i = 0; i < sizeof(id->bytes); i++) {
		int high = digit_of(name[2 * i]), low = digit_of(name[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		id->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Removing may hide names from a listing, so it is read anew until nothing is found. */
static int remove_all(struct dps_staging *staging, DIR *listing, dps_staging_is_kept *is_kept,
		      void *context)
{
	int count = 0, removed;

	do {
		struct dirent *entry;

		removed = 0;
		rewinddir(listing);
		while ((entry = readdir(listing)) != NULL) {
			struct dps_transfer_id id;
			int err;

			if (!read_id(entry->d_name, &id) || (is_kept && is_kept(context, &id)))
				continue;
			err = dps_staging_remove(staging, &id);
			if (err < 0)
				return err;
			removed++;
		}
		count += removed;
	} while (removed > 0);
	return count;
}

int dps_staging_sweep(struct dps_staging *staging, dps_staging_is_kept *is_kept, void *context)
{
	DIR *listing;
	int result;
	int fd;

	if (flock(staging->stage_fd, LOCK_EX | LOCK_NB) != 0)
		return flock(staging->stage_fd, LOCK_SH) == 0 ? 0 : -errno;
	/* Not a copy of the descriptor: the place in the listing would be shared. */
	fd = openat(staging->stage_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listing = fd >= 0 ? fdopendir(fd) : NULL;
	if (listing == NULL) {
		result = -errno;
		if (fd >= 0)
			close(fd);
	} else {
		result = remove_all(staging, listing, is_kept, context);
		closedir(listing);
	}
	if (flock(staging->stage_fd, LOCK_SH) != 0 && result >= 0)
		result = -errno;
	return result;
}
