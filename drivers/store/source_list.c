/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/source_list.h"
#include "drivers/store/name.h"
#include <dps/types.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t source_time_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * (int64_t)DPS_NS_PER_S + time->tv_nsec;
}

/* Makes room for more elements in *memory; doubling keeps the copies few. */
static int grow(void **memory, size_t *room, size_t needed, size_t element_bytes)
{
	size_t larger = *room == 0 ? 64 : *room;
	void *moved;

	if (needed <= *room)
		return 0;
	while (larger < needed)
		larger *= 2;
	moved = realloc(*memory, larger * element_bytes);
	if (moved == NULL)
		return -ENOMEM;
	*memory = moved;
	*room = larger;
	return 0;
}

int source_list_add(struct dps_source *source, const char *prefix, const char *name,
		    uint32_t argument, const struct stat *status)
{
	size_t prefix_bytes = strlen(prefix);
	size_t name_bytes = strlen(name);
	size_t bytes = prefix_bytes + (prefix_bytes > 0) + name_bytes;
	void *entries = source->entries;
	/* The names may move; a prefix that lies in them is copied by its place, after the move. */
	bool is_inside = prefix_bytes > 0 && prefix >= source->names &&
			 prefix < source->names + source->names_bytes;
	size_t prefix_at = is_inside ? (size_t)(prefix - source->names) : 0;
	void *names = source->names;
	char *at;

	if (grow(&entries, &source->entries_room, source->entries_count + 1,
		 sizeof(*source->entries)) < 0)
		return -ENOMEM;
	source->entries = entries;
	if (grow(&names, &source->names_room, source->names_bytes + bytes + 1, 1) < 0)
		return -ENOMEM;
	source->names = names;
	at = source->names + source->names_bytes;
	if (prefix_bytes > 0) {
		memcpy(at, is_inside ? source->names + prefix_at : prefix, prefix_bytes);
		at[prefix_bytes] = '/';
	}
	memcpy(at + bytes - name_bytes, name, name_bytes + 1);
	source->entries[source->entries_count++] = (struct dps_source_entry){
		.name_at = source->names_bytes,
		.size_bytes = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0,
		.mtime_ns = source_time_ns(&status->st_mtim),
		.ctime_ns = source_time_ns(&status->st_ctim),
		.inode = status->st_ino,
		.name_bytes = (uint32_t)bytes,
		.argument = argument,
		.mode = status->st_mode,
		.kind = S_ISREG(status->st_mode) ? DPS_SOURCE_FILE : DPS_SOURCE_FOLDER,
	};
	source->names_bytes += bytes + 1;
	return 0;
}

void source_list_trouble(struct dps_source *source, enum dps_source_trouble trouble,
			 const char *path, const char *name, const char *reason)
{
	char raw[2 * DPS_NAME_BYTES_MAX + 2];
	char shown[DPS_SOURCE_SENTENCE_BYTES];
	int bytes = snprintf(raw, sizeof(raw), "%s%s%s", path, name == NULL ? "" : "/",
			     name == NULL ? "" : name);

	if (trouble == DPS_SOURCE_SKIPPED)
		source->totals.skipped++;
	else
		source->totals.failed++;
	if ((size_t)bytes >= sizeof(raw))
		bytes = sizeof(raw) - 1;
	if (source->listener.on_trouble != NULL)
		source->listener.on_trouble(source->listener.context, trouble,
					    dps_name_show(raw, (size_t)bytes, shown, sizeof(shown)),
					    reason);
}

size_t source_path(const struct dps_source *source, const struct dps_source_entry *entry,
		   char *text, size_t text_bytes)
{
	const struct source_argument *argument = &source->arguments[entry->argument];
	const char *rest = source->names + entry->name_at;
	int bytes;

	/* A name starts with the argument's last name, which its path ends in. */
	rest += strlen(argument->last);
	rest += *rest == '/';
	bytes = snprintf(text, text_bytes, "%s%s%s", argument->path, *rest == '\0' ? "" : "/",
			 rest);
	return (size_t)bytes < text_bytes ? (size_t)bytes : text_bytes - 1;
}
