/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Staging: where a collector's files grow before anyone sees them, and how they get to disk.
 *
 * Every name is relative to the collector's folder and opened beneath it, no symlink followed.
 * A transfer has a folder of its own, named by its id; a file in it is named by its index.
 *
 * Owner: the store thread; several calls wait for the disk.
 */
#pragma once
#include "drivers/store/beneath.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_staging_limits {
	/* Up to so many are synced one by one, more of them by one syncfs. */
	DPS_STAGING_SYNCS_MAX = 8,
	DPS_STAGING_SENTENCE_BYTES = 1024,
	/* Smaller files go through the page cache: many of them took half the time there (ext4). */
	DPS_STAGING_DIRECT_BYTES_MIN = 1 << 20,
};

#define DPS_STAGING_FOLDER ".dpdk-streamd"

struct dps_staging_config {
	const char *into;  /* the collector's folder, which exists */
	const char *stage; /* made when missing; NULL: DPS_STAGING_FOLDER in into */
};

struct dps_staging_counters {
	uint64_t file_syncs; /* fsync and fdatasync of files */
	uint64_t folder_syncs;
	uint64_t syncfs_calls;
	uint64_t folders_made;
	uint64_t published; /* renamed to their names */
};

struct dps_staging {
	int into_fd;
	int stage_fd;
	/* Where the staging folder is, seen from into; no peer may name anything in it. */
	char reserved[4096];
	size_t reserved_bytes; /* 0: it is not within */
	struct dps_staging_counters counters;
};

/*
 * Opens both folders. On failure sentence (DPS_STAGING_SENTENCE_BYTES) says what is wrong.
 * Errors: -ENOENT, -ENOTDIR, -EACCES, -ELOOP (a symlink stands for the staging folder), -EXDEV
 * (not on one file system), -EINVAL (both are one folder), -ENOSYS (Linux before 5.6).
 */
int dps_staging_open(struct dps_staging *staging, const struct dps_staging_config *config,
		     char *sentence);
void dps_staging_close(struct dps_staging *staging);

/* NULL when the name may be stored; else what is wrong with it. No system call; any thread. */
const char *dps_staging_refusal(const struct dps_staging *staging, const char *name,
				size_t name_bytes);

struct dps_staging_space {
	uint64_t free_bytes;   /* for users that are not root */
	uint64_t unused_bytes; /* for root as well */
	uint64_t total_bytes;
	uint64_t free_files; /* UINT64_MAX where the file system does not count them */
};

int dps_staging_read_space(const struct dps_staging *staging, struct dps_staging_space *space);

enum dps_target {
	DPS_TARGET_NONE = 1,
	DPS_TARGET_SAME_SIZE, /* a regular file; compare digests */
	DPS_TARGET_OTHER,     /* another regular file, a symlink, a special file */
	DPS_TARGET_FOLDER,
};

/*
 * What stands under a name that is not refused: enum dps_target or -errno (-ELOOP: a symlink on
 * the way; -ENOTDIR: a file on the way).
 */
int dps_staging_probe(const struct dps_staging *staging, const char *name, uint64_t size_bytes);

/* Opens the regular file of that name for reading; -errno, -EINVAL when it is something else. */
int dps_staging_open_target(const struct dps_staging *staging, const char *name);

struct dps_staging_folder {
	struct dps_transfer_id id;
	int fd;
	bool has_new_names; /* created since the last checkpoint */
};

/* Opens a transfer's folder, made when missing. */
int dps_staging_open_folder(struct dps_staging *staging, const struct dps_transfer_id *id,
			    struct dps_staging_folder *folder);

/*
 * Makes a transfer's folder this process's own, until it is closed (flock(2)). -EBUSY: another
 * process goes on with the transfer.
 */
int dps_staging_claim_folder(const struct dps_staging_folder *folder);
void dps_staging_close_folder(struct dps_staging_folder *folder);

/* Opens and claims the folder of its id, made when missing, unless it is open already. */
int dps_staging_own_folder(struct dps_staging *staging, struct dps_staging_folder *folder);

/* Opens a transfer's folder and claims it; -ENOENT: there is none. */
int dps_staging_take_folder(const struct dps_staging *staging, const struct dps_transfer_id *id,
			    struct dps_staging_folder *folder);

/*
 * A staged file under a second name, in another transfer's folder, in place of what stands there;
 * on disk when that folder is synced. Taken away again or, once it is sure to stay, from where it
 * was. -errno: of linkat(2); nothing was changed then.
 */
int dps_staging_link_file(const struct dps_staging_folder *from, uint32_t from_index,
			  struct dps_staging_folder *to, uint32_t to_index);
void dps_staging_unlink_file(const struct dps_staging_folder *folder, uint32_t index);
int dps_staging_sync_folder(struct dps_staging *staging, struct dps_staging_folder *folder);

/* Removes a transfer's folder and the files in it; it may be gone already. */
int dps_staging_remove(struct dps_staging *staging, const struct dps_transfer_id *id);

struct dps_staged_file {
	struct dps_staging_folder *folder;
	uint32_t index;
	int fd;		  /* -1: closed, its data not yet on disk perhaps */
	int error;	  /* of the last checkpoint */
	bool is_direct;	  /* opened with O_DIRECT */
	bool is_finished; /* has its size and time */
};

/* How a file of this size is best staged. */
static inline enum dps_wish dps_staging_wish(uint64_t size_bytes)
{
	return size_bytes < DPS_STAGING_DIRECT_BYTES_MIN ? DPS_WISH_CACHED : DPS_WISH_DIRECT;
}

/*
 * Creates or opens a staged file for reading and writing. Space for size_bytes is reserved where
 * the file system can; 0 when the size is not known. With is_continued what it holds is kept, and
 * it must be there; without, another file takes the place of one that is there, whose content stays
 * with whatever other names it has. Errors: -ENOSPC (nothing left behind), -ENOENT, -EDQUOT, -EFBIG
 * and others of open.
 */
int dps_staging_open_file(struct dps_staging_folder *folder, uint32_t index, uint64_t size_bytes,
			  enum dps_wish wish, bool is_continued, struct dps_staged_file *file);

/* Cuts a file to its size and gives it its time; it stays open. */
int dps_staging_finish_file(struct dps_staged_file *file, uint64_t size_bytes, int64_t mtime_ns);

/*
 * Brings the data of all files to the disk: one sync each when there are few and all are open,
 * otherwise one syncfs. 0 when all is there. Otherwise the first -errno, and each file's error
 * says whether it was among the failed; files that are closed fail with all.
 */
int dps_staging_checkpoint(struct dps_staging *staging, struct dps_staged_file *files,
			   size_t count);

/* Removes a staged file that failed; closes it. */
void dps_staging_drop_file(struct dps_staged_file *file);
