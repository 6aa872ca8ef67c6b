/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Source: what an exporter was asked to send, as a sorted list of files under the names that the
 * collector will see, and the way back to open each one.
 *
 * Owner: one thread at a time; the walk and opening wait for the disk.
 */
#pragma once
#include "drivers/store/beneath.h"
#include <stddef.h>
#include <stdint.h>

enum dps_source_limits {
	DPS_SOURCE_SENTENCE_BYTES = 2048,
};

enum dps_source_kind {
	DPS_SOURCE_FILE = 1,
	DPS_SOURCE_FOLDER, /* an empty one; others are made with their files */
};

/* As the walk found it. */
struct dps_source_entry {
	uint64_t name_at; /* in the list's names, ended by NUL */
	uint64_t size_bytes;
	int64_t mtime_ns;
	int64_t ctime_ns;
	uint64_t inode;
	uint32_t name_bytes;
	uint32_t argument; /* which of the paths it was found under */
	uint32_t mode;	   /* st_mode */
	uint8_t kind;	   /* enum dps_source_kind */
	bool is_dropped;   /* only while walking */
};

enum dps_source_trouble {
	DPS_SOURCE_SKIPPED = 1, /* a symlink or special file: not sent, and no failure */
	DPS_SOURCE_FAILED,	/* could not be listed: not sent, and a failure */
};

/* Called during the walk for what stays behind; path is shown text, borrowed. */
struct dps_source_listener {
	void (*on_trouble)(void *context, enum dps_source_trouble trouble, const char *path,
			   const char *reason);
	void *context;
};

struct dps_source_totals {
	uint64_t files;
	uint64_t folders;
	uint64_t bytes;
	uint64_t skipped;
	uint64_t failed;
};

struct dps_source;

/*
 * Lists all paths: a folder `x/src` (slash or not) gives `src/…`, a file its last name, a path that
 * ends in `.` the contents of that folder. Paths keep their order; names are sorted in each.
 * No symlink is followed. On failure sentence (DPS_SOURCE_SENTENCE_BYTES) says what to do. Errors:
 * -ENOENT, -EACCES, -ELOOP (a path is a symlink), -EINVAL (a path is a special file, or ends in
 * `..`), -EEXIST (two would be stored under one name), -ENOMEM, -ENOSYS (Linux before 5.6).
 */
int dps_source_open(const char *const *paths, size_t count,
		    const struct dps_source_listener *listener, struct dps_source **source,
		    char *sentence);
void dps_source_close(struct dps_source *source);

size_t dps_source_count(const struct dps_source *source);
const struct dps_source_totals *dps_source_totals(const struct dps_source *source);
/* Lent until the list is closed. */
const struct dps_source_entry *dps_source_at(const struct dps_source *source, size_t index);
const char *dps_source_name(const struct dps_source *source, size_t index);

/* Where the file is on this machine, as shown text, for messages. Returns text. */
const char *dps_source_show(const struct dps_source *source, size_t index, char *text,
			    size_t text_bytes);

/*
 * Opens a file for reading. Returns a descriptor or -errno: -ESTALE (changed since the walk),
 * -ENOENT, -EACCES, -ELOOP (became a symlink).
 */
int dps_source_open_file(const struct dps_source *source, size_t index, enum dps_wish wish,
			 bool *is_direct);

/* 0, or -ESTALE when an open file has changed since the walk: size, times or identity. */
int dps_source_check(const struct dps_source *source, size_t index, int fd);
