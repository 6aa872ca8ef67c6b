/* SPDX-License-Identifier: BSD-3-Clause */
/* Source list: the growing memory behind a source. For source.c and walk.c only. */
#pragma once
#include "drivers/store/source.h"
#include <sys/stat.h>

struct source_argument {
	const char *path;     /* as given, without trailing slashes; owned */
	const char *last;     /* what its files are called by; "" for the contents of a folder */
	int folder_fd;	      /* what names are opened beneath: the folder, or the file's parent */
	uint32_t strip_bytes; /* of a name, before it is looked up in folder_fd */
	bool is_fd_shared;    /* with the argument before */
};

struct dps_source {
	struct source_argument *arguments;
	size_t arguments_count;
	struct dps_source_entry *entries;
	size_t entries_count;
	size_t entries_room;
	char *names;
	size_t names_bytes;
	size_t names_room;
	struct dps_source_totals totals;
	struct dps_source_listener listener;
};

/* Appends an entry called prefix/name, or name when the prefix is empty. -ENOMEM. */
int source_list_add(struct dps_source *source, const char *prefix, const char *name,
		    uint32_t argument, const struct stat *status);

/* Tells the listener and counts. path and name are raw bytes; name may be NULL. */
void source_list_trouble(struct dps_source *source, enum dps_source_trouble trouble,
			 const char *path, const char *name, const char *reason);

/*
 * Lists everything beneath the folders among the entries from first on, then drops folders that
 * are not empty and sorts. Returns 0 or -ENOMEM; other troubles go to the listener.
 */
int source_walk(struct dps_source *source, size_t first);

/* A name's path on this machine, raw. Returns its length, cut to text_bytes - 1. */
size_t source_path(const struct dps_source *source, const struct dps_source_entry *entry,
		   char *text, size_t text_bytes);

int64_t source_time_ns(const struct timespec *time);
