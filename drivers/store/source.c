/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/source.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include "drivers/store/source_list.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(char *sentence, const char *path, const char *reason, int error)
{
	char shown[1024];

	snprintf(sentence, DPS_SOURCE_SENTENCE_BYTES, "%s %s",
		 *path == '\0' ? "an empty path"
			       : dps_name_show(path, strlen(path), shown, sizeof(shown)),
		 reason);
	return error;
}

static bool is_contents(const struct source_argument *argument)
{
	return argument->last[0] == '\0';
}

/* Takes a path apart. `.` and `/` have no last name: what is in them is meant. */
static int parse(struct source_argument *argument, const char *path, char *sentence)
{
	size_t bytes = strlen(path);
	char *copy;
	char *slash;

	while (bytes > 1 && path[bytes - 1] == '/')
		bytes--;
	copy = strndup(path, bytes);
	if (copy == NULL)
		return -ENOMEM;
	argument->path = copy;
	slash = strrchr(copy, '/');
	argument->last = slash == NULL ? copy : slash + 1;
	if (bytes == 0)
		return refuse(sentence, path, "names nothing", -ENOENT);
	if (strcmp(argument->last, "..") == 0)
		return refuse(sentence, path, "ends in `..`; name the folder itself", -EINVAL);
	if (strcmp(argument->last, ".") == 0)
		argument->last = copy + bytes;
	return 0;
}

static int open_folder_argument(struct source_argument *argument)
{
	int fd = open(argument->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	argument->folder_fd = fd;
	argument->strip_bytes = is_contents(argument) ? 0 : (uint32_t)strlen(argument->last) + 1;
	return fd < 0 ? -errno : 0;
}

/* How many bytes of a file's path name its parent, slash included; 0: the current folder. */
static size_t parent_bytes(const struct source_argument *argument)
{
	return (size_t)(argument->last - argument->path);
}

static int open_parent(struct source_argument *argument, const struct source_argument *before)
{
	size_t bytes = parent_bytes(argument);
	char *parent;

	/* Ten thousand files of one folder, as a shell's * gives them, take one descriptor. */
	if (before != NULL && before->strip_bytes == 0 && !is_contents(before) &&
	    parent_bytes(before) == bytes && memcmp(before->path, argument->path, bytes) == 0) {
		argument->folder_fd = before->folder_fd;
		argument->is_fd_shared = true;
		return 0;
	}
	parent = bytes == 0 ? strdup(".") : strndup(argument->path, bytes);
	if (parent == NULL)
		return -ENOMEM;
	argument->folder_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	return argument->folder_fd < 0 ? -errno : 0;
}

static int open_file_argument(struct source_argument *argument,
			      const struct source_argument *before, struct stat *status)
{
	int err = open_parent(argument, before);
	bool is_direct;
	int fd;

	if (err < 0)
		return err;
	/* Opened once, so that an unreadable file is known before anything is sent. */
	fd = dps_beneath_open_regular(argument->folder_fd, argument->last, DPS_WISH_CACHED,
				      &is_direct);
	if (fd < 0)
		return fd;
	err = fstat(fd, status) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int add_argument(struct dps_source *source, const char *path, char *sentence)
{
	uint32_t index = (uint32_t)source->arguments_count++;
	struct source_argument *argument = &source->arguments[index];
	struct stat status;
	int err;

	argument->folder_fd = -1;
	err = parse(argument, path, sentence);
	if (err < 0)
		return err;
	if (lstat(argument->path, &status) != 0) {
		err = -errno;
		return refuse(sentence, path, dps_reason(err), err);
	}
	if (S_ISLNK(status.st_mode))
		return refuse(sentence, path, "is a symlink; name what it points to", -ELOOP);
	if (S_ISDIR(status.st_mode))
		err = open_folder_argument(argument);
	else if (S_ISREG(status.st_mode))
		err = path[strlen(path) - 1] == '/'
			      ? -ENOTDIR
			      : open_file_argument(argument, index > 0 ? argument - 1 : NULL,
						   &status);
	else
		return refuse(sentence, path, "is not a regular file or folder", -EINVAL);
	if (err < 0)
		return refuse(sentence, path, dps_reason(err), err);
	err = source_list_add(source, "", argument->last, index, &status);
	return err < 0 ? err : source_walk(source, source->entries_count - 1);
}

static int compare_last(const void *left, const void *right)
{
	const struct source_argument *const *a = left;
	const struct source_argument *const *b = right;

	return strcmp((*a)->last, (*b)->last);
}

static int refuse_pair(char *sentence, const struct source_argument *a,
		       const struct source_argument *b, const char *name)
{
	char shown_a[512];
	char shown_b[512];
	char shown[512];

	snprintf(sentence, DPS_SOURCE_SENTENCE_BYTES,
		 "%s and %s would both be stored as %s; export them one after the other",
		 dps_name_show(a->path, strlen(a->path), shown_a, sizeof(shown_a)),
		 dps_name_show(b->path, strlen(b->path), shown_b, sizeof(shown_b)),
		 *name == '\0' ? "the contents of one folder"
			       : dps_name_show(name, strlen(name), shown, sizeof(shown)));
	return -EEXIST;
}

/* What lies in `.` must not meet another path's last name either. */
static int check_contents(const struct dps_source *source, struct source_argument **sorted,
			  char *sentence)
{
	size_t count = source->arguments_count;
	const struct source_argument *contents = sorted[0];

	/* Sorted, the one without a last name is the first. */
	for (size_t i = 0; is_contents(contents) && i < source->entries_count; i++) {
		const struct dps_source_entry *entry = &source->entries[i];
		const char *name = source->names + entry->name_at;
		char part[DPS_NAME_PART_BYTES_MAX + 1];
		struct source_argument key = { .last = part };
		struct source_argument *at = &key;
		struct source_argument **found;

		if (&source->arguments[entry->argument] != contents)
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(name, "/"), name);
		found = bsearch(&at, sorted, count, sizeof(struct source_argument *), compare_last);
		if (found != NULL)
			return refuse_pair(sentence, contents, *found, part);
	}
	return 0;
}

static struct source_argument **sort_arguments(const struct dps_source *source)
{
	size_t count = source->arguments_count;
	struct source_argument **sorted = calloc(count, sizeof(struct source_argument *));

	for (size_t i = 0; sorted != NULL && i < count; i++)
		sorted[i] = &source->arguments[i];
	if (sorted != NULL)
		qsort(sorted, count, sizeof(struct source_argument *), compare_last);
	return sorted;
}

static int check_names(const struct dps_source *source, char *sentence)
{
	struct source_argument **sorted = sort_arguments(source);
	int err = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 1; i < source->arguments_count && err == 0; i++)
		if (strcmp(sorted[i - 1]->last, sorted[i]->last) == 0)
			err = refuse_pair(sentence, sorted[i - 1], sorted[i], sorted[i]->last);
	if (err == 0)
		err = check_contents(source, sorted, sentence);
	free(sorted);
	return err;
}

static void count_totals(struct dps_source *source)
{
	for (size_t i = 0; i < source->entries_count; i++) {
		const struct dps_source_entry *entry = &source->entries[i];

		if (entry->kind == DPS_SOURCE_FILE)
			source->totals.files++;
		else
			source->totals.folders++;
		source->totals.bytes += entry->size_bytes;
	}
}

int dps_source_open(const char *const *paths, size_t count,
		    const struct dps_source_listener *listener, struct dps_source **source,
		    char *sentence)
{
	struct dps_source *opened = calloc(1, sizeof(*opened));
	int err = 0;

	DPS_ASSERT(count > 0 && count < UINT32_MAX);
	sentence[0] = '\0';
	if (opened != NULL)
		opened->arguments = calloc(count, sizeof(*opened->arguments));
	if (opened == NULL || opened->arguments == NULL) {
		free(opened);
		return refuse(sentence, "the list of files", "does not fit into memory", -ENOMEM);
	}
	if (listener != NULL)
		opened->listener = *listener;
	for (size_t i = 0; i < count && err == 0; i++)
		err = add_argument(opened, paths[i], sentence);
	if (err == 0)
		err = check_names(opened, sentence);
	if (err == -ENOMEM)
		refuse(sentence, "the list of files", "does not fit into memory", err);
	if (err < 0) {
		dps_source_close(opened);
		return err;
	}
	count_totals(opened);
	*source = opened;
	return 0;
}

void dps_source_close(struct dps_source *source)
{
	for (size_t i = 0; i < source->arguments_count; i++) {
		struct source_argument *argument = &source->arguments[i];

		if (argument->folder_fd >= 0 && !argument->is_fd_shared)
			close(argument->folder_fd);
		free((char *)argument->path);
	}
	free(source->arguments);
	free(source->entries);
	free(source->names);
	free(source);
}

size_t dps_source_count(const struct dps_source *source)
{
	return source->entries_count;
}

const struct dps_source_totals *dps_source_totals(const struct dps_source *source)
{
	return &source->totals;
}

const struct dps_source_entry *dps_source_at(const struct dps_source *source, size_t index)
{
	DPS_ASSERT(index < source->entries_count);
	return &source->entries[index];
}

const char *dps_source_name(const struct dps_source *source, size_t index)
{
	return source->names + dps_source_at(source, index)->name_at;
}

const char *dps_source_show(const struct dps_source *source, size_t index, char *text,
			    size_t text_bytes)
{
	char raw[2 * DPS_NAME_BYTES_MAX + 2];
	size_t bytes = source_path(source, dps_source_at(source, index), raw, sizeof(raw));

	return dps_name_show(raw, bytes, text, text_bytes);
}

int dps_source_open_file(const struct dps_source *source, size_t index, enum dps_wish wish,
			 bool *is_direct)
{
	const struct dps_source_entry *entry = dps_source_at(source, index);
	const struct source_argument *argument = &source->arguments[entry->argument];
	const char *name = source->names + entry->name_at + argument->strip_bytes;
	int fd;
	int err;

	DPS_ASSERT(entry->kind == DPS_SOURCE_FILE);
	fd = dps_beneath_open_regular(argument->folder_fd, name, wish, is_direct);
	if (fd < 0)
		return fd == -EINVAL ? -ESTALE : fd;
	err = dps_source_check(source, index, fd);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int dps_source_check(const struct dps_source *source, size_t index, int fd)
{
	const struct dps_source_entry *entry = dps_source_at(source, index);
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -errno;
	return S_ISREG(status.st_mode) && (uint64_t)status.st_size == entry->size_bytes &&
			       source_time_ns(&status.st_mtim) == entry->mtime_ns &&
			       source_time_ns(&status.st_ctim) == entry->ctime_ns &&
			       status.st_ino == entry->inode
		       ? 0
		       : -ESTALE;
}
