/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/export_list.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void dps_export_list_fini(struct dps_export_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->entries[i].is_name_ours)
			free((char *)list->entries[i].name);
	free(list->entries);
	*list = (struct dps_export_list){ 0 };
}

static struct dps_export_entry *append(struct dps_export_list *list)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 64;
		void *entries = realloc(list->entries, room * sizeof(*list->entries));

		if (!entries)
			abort(); /* out of memory */
		list->entries = entries;
		list->room = room;
	}
	return &list->entries[list->count++];
}

void dps_export_list_add_past(struct dps_export_list *list, const struct dps_journal_file *file)
{
	struct dps_export_entry *entry = append(list);
	char *name = malloc(file->path_bytes + 1);

	if (!name)
		abort(); /* out of memory */
	memcpy(name, file->path, file->path_bytes);
	name[file->path_bytes] = '\0';
	*entry = (struct dps_export_entry){
		.name = name,
		.name_bytes = (uint32_t)file->path_bytes,
		.source = DPS_EXPORT_NO_SOURCE,
		.size_bytes = file->size_bytes,
		.mtime_ns = file->mtime_ns,
		.inode = file->inode,
		.mode = file->mode,
		.error = -ENOENT,
		.is_folder = file->is_folder,
		.is_name_ours = true,
	};
}

static int compare_names(const void *left, const void *right)
{
	const struct dps_export_entry *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static void pair(struct dps_export_entry *past, const struct dps_source_entry *now, uint32_t index)
{
	bool is_folder = now->kind == DPS_SOURCE_FOLDER;

	past->source = index;
	past->error = 0;
	if (past->is_folder != is_folder ||
	    (!is_folder && (past->size_bytes != now->size_bytes ||
			    past->mtime_ns != now->mtime_ns || past->inode != now->inode)))
		past->error = -EUCLEAN;
}

static void add_new(struct dps_export_list *list, const struct dps_source *source, uint32_t index)
{
	const struct dps_source_entry *from = dps_source_at(source, index);

	*append(list) = (struct dps_export_entry){
		.name = dps_source_name(source, index),
		.name_bytes = from->name_bytes,
		.source = index,
		.size_bytes = from->kind == DPS_SOURCE_FILE ? from->size_bytes : 0,
		.mtime_ns = from->mtime_ns,
		.inode = from->inode,
		.mode = from->mode & 07777,
		.is_folder = from->kind == DPS_SOURCE_FOLDER,
	};
}

void dps_export_list_add_source(struct dps_export_list *list, const struct dps_source *source)
{
	uint32_t past_count = list->count;
	struct dps_export_entry **sorted =
		malloc((past_count + 1) * sizeof(struct dps_export_entry *));
	uint32_t *fresh = malloc((dps_source_count(source) + 1) * sizeof(*fresh));
	uint32_t fresh_count = 0;

	if (!sorted || !fresh)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < past_count; i++)
		sorted[i] = &list->entries[i];
	if (past_count > 0)
		qsort(sorted, past_count, sizeof(struct dps_export_entry *), compare_names);
	for (uint32_t i = 0; i < dps_source_count(source); i++) {
		struct dps_export_entry key = { .name = dps_source_name(source, i) }, *at = &key;
		struct dps_export_entry **found =
			past_count > 0 ? bsearch(&at, sorted, past_count,
						 sizeof(struct dps_export_entry *), compare_names)
				       : NULL;

		if (found)
			pair(*found, dps_source_at(source, i), i);
		else
			fresh[fresh_count++] = i;
	}
	/* Only now: adding moves the entries that sorted points at. */
	for (uint32_t i = 0; i < fresh_count; i++)
		add_new(list, source, fresh[i]);
	free(sorted);
	free(fresh);
}
