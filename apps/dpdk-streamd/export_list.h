/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export list: the files of a transfer in the order of their indices, which never changes: first
 * what a mirror has of an earlier run, then what the source has besides. Constant once it is made,
 * so any thread may read it.
 */
#pragma once
#include "drivers/store/journal.h"
#include "drivers/store/source.h"

#define DPS_EXPORT_NO_SOURCE UINT32_MAX

struct dps_export_entry {
	const char *name; /* at the collector; lent by the source, or owned by the list */
	uint32_t name_bytes;
	uint32_t source; /* its index there; DPS_EXPORT_NO_SOURCE: generated, or gone */
	uint64_t size_bytes;
	int64_t mtime_ns;
	uint64_t inode;
	uint32_t mode;
	int error; /* -EUCLEAN: not what it was when the transfer began; -ENOENT: gone */
	bool is_folder;
	bool is_name_ours;
};

struct dps_export_list {
	struct dps_export_entry *entries;
	uint32_t count;
	uint32_t room;
};

void dps_export_list_fini(struct dps_export_list *list);

/* One of a mirror, to be followed by the source's. */
void dps_export_list_add_past(struct dps_export_list *list, const struct dps_journal_file *file);

/*
 * Pairs what was added with the files of a source by their names, and appends what is only there.
 * One with another size, time or inode, or gone, keeps what it was offered as and has an error.
 */
void dps_export_list_add_source(struct dps_export_list *list, const struct dps_source *source);
