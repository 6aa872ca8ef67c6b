/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include "drivers/store/source_list.h"
#include "drivers/store/staging.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder being listed. Its entry may move while the list grows, so it is known by its index. */
struct listing {
	struct dps_source *source;
	size_t index;
	char path[2 * DPS_NAME_BYTES_MAX + 2];
	DIR *stream;
};

static struct dps_source_entry *entry_of(const struct listing *listing)
{
	return &listing->source->entries[listing->index];
}

static void skip(struct listing *listing, const char *name, const char *reason)
{
	source_list_trouble(listing->source, DPS_SOURCE_SKIPPED, listing->path, name, reason);
}

static void give_up(struct listing *listing, const char *name, int error)
{
	source_list_trouble(listing->source, DPS_SOURCE_FAILED, listing->path, name,
			    dps_reason(error));
}

static int add_child(struct listing *listing, const char *name)
{
	struct dps_source *source = listing->source;
	struct dps_source_entry *folder = entry_of(listing);
	struct stat status;

	if (fstatat(dirfd(listing->stream), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
		give_up(listing, name, -errno);
		return 0;
	}
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
		skip(listing, name,
		     S_ISLNK(status.st_mode) ? "is a symlink" : "is not a regular file");
		return 0;
	}
	if (S_ISDIR(status.st_mode) && strcmp(name, DPS_STAGING_FOLDER) == 0) {
		skip(listing, name, "is a collector's staging folder");
		return 0;
	}
	if (folder->name_bytes + 1 + strlen(name) > DPS_NAME_BYTES_MAX) {
		give_up(listing, name, -ENAMETOOLONG);
		return 0;
	}
	folder->is_dropped = true; /* it is made with what is in it */
	return source_list_add(source, source->names + folder->name_at, name, folder->argument,
			       &status);
}

static int open_listing(struct listing *listing)
{
	const struct dps_source_entry *folder = entry_of(listing);
	const struct source_argument *argument = &listing->source->arguments[folder->argument];
	const char *name = listing->source->names + folder->name_at;
	int fd;

	name += folder->name_bytes < argument->strip_bytes ? folder->name_bytes
							   : argument->strip_bytes;
	fd = dps_beneath_open(argument->folder_fd, *name == '\0' ? "." : name,
			      O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	listing->stream = fdopendir(fd);
	if (listing->stream != NULL)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int list_folder(struct dps_source *source, size_t index)
{
	struct listing listing = { .source = source, .index = index };
	struct dirent *child;
	int err;

	source_path(source, entry_of(&listing), listing.path, sizeof(listing.path));
	err = open_listing(&listing);
	if (err < 0) {
		entry_of(&listing)->is_dropped = true;
		give_up(&listing, NULL, err);
		return 0;
	}
	for (errno = 0; err == 0 && (child = readdir(listing.stream)) != NULL; errno = 0)
		if (strcmp(child->d_name, ".") != 0 && strcmp(child->d_name, "..") != 0)
			err = add_child(&listing, child->d_name);
	if (err == 0 && errno != 0)
		give_up(&listing, NULL, -errno);
	closedir(listing.stream);
	return err;
}

static int compare(const void *left, const void *right, void *names)
{
	const struct dps_source_entry *a = left;
	const struct dps_source_entry *b = right;

	return strcmp((const char *)names + a->name_at, (const char *)names + b->name_at);
}

int source_walk(struct dps_source *source, size_t first)
{
	size_t kept = first;

	/* The list is its own queue: folders found are listed when their turn comes. */
	for (size_t i = first; i < source->entries_count; i++) {
		int err = source->entries[i].kind == DPS_SOURCE_FOLDER ? list_folder(source, i) : 0;

		if (err < 0)
			return err;
	}
	for (size_t i = first; i < source->entries_count; i++)
		if (!source->entries[i].is_dropped && source->entries[i].name_bytes > 0)
			source->entries[kept++] = source->entries[i];
	source->entries_count = kept;
	qsort_r(source->entries + first, kept - first, sizeof(*source->entries), compare,
		source->names);
	return 0;
}
