/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/staging.h"
#include "drivers/encoding/encoding.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	ID_TEXT_BYTES = 33,
	INDEX_TEXT_BYTES = 11,
};

static int sync_folder(struct dps_staging *staging, int fd)
{
	staging->counters.folder_syncs++;
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Makes a folder for this user only, and makes that last. 0 when it was there. */
static int make_private(struct dps_staging *staging, int parent_fd, const char *name)
{
	if (mkdirat(parent_fd, name, 0700) != 0)
		return errno == EEXIST ? 0 : -errno;
	staging->counters.folders_made++;
	return sync_folder(staging, parent_fd);
}

static int open_stage(struct dps_staging *staging, const char *stage)
{
	int fd;
	int err;

	if (stage == NULL) {
		err = make_private(staging, staging->into_fd, DPS_STAGING_FOLDER);
		return err < 0 ? err
			       : dps_beneath_open(staging->into_fd, DPS_STAGING_FOLDER,
						  O_RDONLY | O_DIRECTORY, 0);
	}
	/* The user's own words, so symlinks in it are the user's too. */
	if (mkdir(stage, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Renames go between two folders of one mount only; the mount's number tells bind mounts apart. */
static int check_one_mount(const struct dps_staging *staging)
{
	struct statx into;
	struct statx stage;
	const unsigned int mask = STATX_INO | STATX_MNT_ID;

	if (statx(staging->into_fd, "", AT_EMPTY_PATH, mask, &into) != 0 ||
	    statx(staging->stage_fd, "", AT_EMPTY_PATH, mask, &stage) != 0)
		return -errno;
	if (into.stx_dev_major != stage.stx_dev_major || into.stx_dev_minor != stage.stx_dev_minor)
		return -EXDEV;
	if ((into.stx_mask & stage.stx_mask & STATX_MNT_ID) != 0 &&
	    into.stx_mnt_id != stage.stx_mnt_id)
		return -EXDEV;
	return into.stx_ino == stage.stx_ino ? -EINVAL : 0;
}

/* Remembers where the staging folder is beneath the collector's, for refusals. */
static int find_reserved(struct dps_staging *staging, const struct dps_staging_config *config)
{
	char *into;
	char *stage;
	size_t into_bytes;
	int err = 0;

	if (config->stage == NULL) {
		strcpy(staging->reserved, DPS_STAGING_FOLDER);
		staging->reserved_bytes = strlen(DPS_STAGING_FOLDER);
		return 0;
	}
	into = realpath(config->into, NULL);
	stage = into != NULL ? realpath(config->stage, NULL) : NULL;
	if (stage == NULL) {
		err = -errno;
	} else {
		into_bytes = strcmp(into, "/") == 0 ? 0 : strlen(into);
		if (strncmp(stage, into, into_bytes) == 0 && stage[into_bytes] == '/')
			staging->reserved_bytes =
				(size_t)snprintf(staging->reserved, sizeof(staging->reserved), "%s",
						 stage + into_bytes + 1);
	}
	free(stage);
	free(into);
	return err;
}

static void say(char *sentence, const char *what, const char *path, const char *reason)
{
	char shown[512];

	snprintf(sentence, DPS_STAGING_SENTENCE_BYTES, "%s %s %s", what,
		 dps_name_show(path, strlen(path), shown, sizeof(shown)), reason);
}

int dps_staging_open(struct dps_staging *staging, const struct dps_staging_config *config,
		     char *sentence)
{
	const char *stage = config->stage != NULL ? config->stage : DPS_STAGING_FOLDER;
	int err;

	memset(staging, 0, sizeof(*staging));
	sentence[0] = '\0';
	staging->into_fd = open(config->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (staging->into_fd < 0) {
		err = -errno;
		say(sentence, "the folder", config->into,
		    err == -ENOTDIR  ? "is not a folder; choose another"
		    : err == -ENOENT ? "does not exist; create it first"
				     : dps_reason(err));
		return err;
	}
	staging->stage_fd = open_stage(staging, config->stage);
	if (staging->stage_fd < 0) {
		err = staging->stage_fd;
		if (config->stage == NULL && err == -EACCES)
			say(sentence, "the folder", config->into,
			    "cannot be written by this user; choose another");
		else
			say(sentence, "the staging folder", stage, dps_reason(err));
		goto err_close_into;
	}
	err = check_one_mount(staging);
	if (err == 0)
		err = find_reserved(staging, config);
	if (err == -EXDEV)
		say(sentence, "the staging folder", stage,
		    "is not on the file system of the folder to collect into; choose another "
		    "--stage");
	else if (err == -EINVAL)
		say(sentence, "the staging folder", stage,
		    "is the folder to collect into; choose another --stage");
	else if (err < 0)
		say(sentence, "the staging folder", stage, dps_reason(err));
	if (err == 0)
		return 0;
	close(staging->stage_fd);
err_close_into:
	close(staging->into_fd);
	return err;
}

void dps_staging_close(struct dps_staging *staging)
{
	close(staging->stage_fd);
	close(staging->into_fd);
}

const char *dps_staging_refusal(const struct dps_staging *staging, const char *name,
				size_t name_bytes)
{
	const char *refusal = dps_name_refusal(name, name_bytes);

	if (refusal == NULL && staging->reserved_bytes > 0 &&
	    dps_name_is_within(name, name_bytes, staging->reserved, staging->reserved_bytes))
		refusal = "is in the collector's staging folder";
	return refusal;
}

int dps_staging_read_space(const struct dps_staging *staging, struct dps_staging_space *space)
{
	struct statvfs status;

	if (fstatvfs(staging->stage_fd, &status) != 0)
		return -errno;
	space->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	space->unused_bytes = (uint64_t)status.f_bfree * status.f_frsize;
	space->total_bytes = (uint64_t)status.f_blocks * status.f_frsize;
	space->free_files = status.f_files == 0 ? UINT64_MAX : status.f_favail;
	return 0;
}

int dps_staging_probe(const struct dps_staging *staging, const char *name, uint64_t size_bytes)
{
	/* O_PATH with O_NOFOLLOW names a symlink at the end without following it. */
	int fd = dps_beneath_open(staging->into_fd, name, O_PATH | O_NOFOLLOW, 0);
	struct stat status;
	int err;

	if (fd < 0)
		return fd == -ENOENT ? DPS_TARGET_NONE : fd;
	err = fstat(fd, &status) == 0 ? 0 : -errno;
	close(fd);
	if (err < 0)
		return err;
	if (S_ISDIR(status.st_mode))
		return DPS_TARGET_FOLDER;
	return S_ISREG(status.st_mode) && (uint64_t)status.st_size == size_bytes
		       ? DPS_TARGET_SAME_SIZE
		       : DPS_TARGET_OTHER;
}

int dps_staging_open_target(const struct dps_staging *staging, const char *name)
{
	bool is_direct;

	return dps_beneath_open_regular(staging->into_fd, name, DPS_WISH_CACHED, &is_direct);
}

int dps_staging_open_folder(struct dps_staging *staging, const struct dps_transfer_id *id,
			    struct dps_staging_folder *folder)
{
	char name[ID_TEXT_BYTES];
	int err;

	dps_hex_encode(id->bytes, sizeof(id->bytes), name);
	err = make_private(staging, staging->stage_fd, name);
	if (err < 0)
		return err;
	*folder = (struct dps_staging_folder){
		.id = *id,
		.fd = dps_beneath_open(staging->stage_fd, name, O_RDONLY | O_DIRECTORY, 0),
	};
	return folder->fd < 0 ? folder->fd : 0;
}

int dps_staging_claim_folder(const struct dps_staging_folder *folder)
{
	if (flock(folder->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

void dps_staging_close_folder(struct dps_staging_folder *folder)
{
	close(folder->fd);
	folder->fd = -1;
}

/* Removes the files of a folder. Removing may hide names from a listing, so it is read anew. */
static int remove_files(DIR *listing)
{
	unsigned int removed;

	do {
		struct dirent *entry;

		removed = 0;
		rewinddir(listing);
		while ((entry = readdir(listing)) != NULL) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (unlinkat(dirfd(listing), entry->d_name, 0) != 0 && errno != ENOENT)
				return -errno;
			removed++;
		}
	} while (removed > 0);
	return 0;
}

int dps_staging_remove(struct dps_staging *staging, const struct dps_transfer_id *id)
{
	char name[ID_TEXT_BYTES];
	DIR *listing;
	int err;
	int fd;

	dps_hex_encode(id->bytes, sizeof(id->bytes), name);
	fd = dps_beneath_open(staging->stage_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	listing = fdopendir(fd);
	if (listing == NULL) {
		err = -errno;
		close(fd);
		return err;
	}
	err = remove_files(listing);
	closedir(listing);
	if (err == 0 && unlinkat(staging->stage_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		err = -errno;
	return err;
}

static int reserve(int fd, uint64_t size_bytes)
{
	int err;

	if (size_bytes > INT64_MAX)
		return -EFBIG;
	if (size_bytes == 0)
		return 0;
	do {
		err = fallocate(fd, 0, 0, (off_t)size_bytes) == 0 ? 0 : -errno;
	} while (err == -EINTR);
	/* File systems that cannot reserve find out about space as they go. */
	return err == -EOPNOTSUPP || err == -ENOSYS ? 0 : err;
}

/* What another transfer has, too, would be cut there as well. */
static void leave_other_name(const struct dps_staging_folder *folder, uint32_t index)
{
	char name[INDEX_TEXT_BYTES];
	struct stat status;

	snprintf(name, sizeof(name), "%u", index);
	if (fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(status.st_mode) && status.st_nlink > 1)
		dps_staging_unlink_file(folder, index);
}

int dps_staging_open_file(struct dps_staging_folder *folder, uint32_t index, uint64_t size_bytes,
			  enum dps_wish wish, bool is_continued, struct dps_staged_file *file)
{
	char name[INDEX_TEXT_BYTES];
	int flags = O_RDWR | O_NOFOLLOW | (is_continued ? 0 : O_CREAT | O_TRUNC);
	int err;

	*file = (struct dps_staged_file){ .folder = folder, .index = index };
	snprintf(name, sizeof(name), "%u", index);
	if (!is_continued)
		leave_other_name(folder, index);
	file->fd = dps_beneath_open_wish(folder->fd, name, flags, 0666, wish, &file->is_direct);
	if (file->fd < 0)
		return file->fd;
	err = reserve(file->fd, size_bytes);
	if (err < 0) {
		if (is_continued)
			close(file->fd);
		else
			dps_staging_drop_file(file);
		file->fd = -1;
		return err;
	}
	folder->has_new_names |= !is_continued;
	return 0;
}

int dps_staging_finish_file(struct dps_staged_file *file, uint64_t size_bytes, int64_t mtime_ns)
{
	const int64_t ns_per_s = (int64_t)DPS_NS_PER_S;
	int64_t rest_ns = mtime_ns % ns_per_s;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	/* Before 1970 the seconds round down, so that the nanoseconds stay positive. */
	times[1].tv_sec = mtime_ns / ns_per_s - (rest_ns < 0);
	times[1].tv_nsec = rest_ns + (rest_ns < 0 ? ns_per_s : 0);
	if (ftruncate(file->fd, (off_t)size_bytes) != 0 || futimens(file->fd, times) != 0)
		return -errno;
	file->is_finished = true;
	return 0;
}

void dps_staging_drop_file(struct dps_staged_file *file)
{
	dps_staging_unlink_file(file->folder, file->index);
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
