/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Name table: the names of one transfer's files and of the folders they need, to find two that
 * cannot stand in one tree. Names are borrowed for the table's life.
 *
 * Owner: whoever checks the offers of the transfer, one after the other.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dps_name_entry {
	const char *name;
	uint32_t name_bytes;
	uint32_t uses; /* 0: the place is empty */
};

struct dps_name_table {
	struct dps_name_entry *entries;
	size_t count;
	size_t room; /* a power of two, or 0 */
	size_t count_max;
};

/* count_max: most names, those of folders on the way included. */
void dps_name_table_init(struct dps_name_table *table, size_t count_max);
void dps_name_table_fini(struct dps_name_table *table);

/*
 * Adds a file or folder whose name dps_name_refusal() lets pass. Errors: -EEXIST (the name is there
 * already), -ENOTDIR (a folder on the way is a file), -EISDIR (others lie in what is a file now),
 * -E2BIG (more than count_max), -ENOMEM.
 */
int dps_name_table_add(struct dps_name_table *table, const char *name, size_t name_bytes,
		       bool is_folder);
