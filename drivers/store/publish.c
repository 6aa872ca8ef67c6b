/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/publish.h"
#include "drivers/store/name.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a batch has changed, and the folder that the last name was in: names come sorted. */
struct batch {
	struct dps_staging *staging;
	char parent[DPS_NAME_BYTES_MAX + 1];
	int parent_fd; /* -1: none yet */
	bool is_parent_touched;
	struct {
		int fd;
		dev_t device;
		ino_t inode;
	} touched[DPS_STAGING_SYNCS_MAX];
	unsigned int touched_count;
	bool is_many; /* more folders than that: one syncfs instead */
};

/* Notes a folder whose entries changed. Borrows the descriptor. */
static void touch(struct batch *batch, int fd)
{
	struct stat status;
	int own_fd = -1;

	if (batch->is_many)
		return;
	if (fstat(fd, &status) == 0) {
		for (unsigned int i = 0; i < batch->touched_count; i++)
			if (batch->touched[i].inode == status.st_ino &&
			    batch->touched[i].device == status.st_dev)
				return;
		if (batch->touched_count < DPS_STAGING_SYNCS_MAX)
			own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	if (own_fd < 0) {
		batch->is_many = true;
		return;
	}
	batch->touched[batch->touched_count].fd = own_fd;
	batch->touched[batch->touched_count].device = status.st_dev;
	batch->touched[batch->touched_count].inode = status.st_ino;
	batch->touched_count++;
}

static void on_made(void *context, int parent_fd)
{
	struct batch *batch = context;

	batch->staging->counters.folders_made++;
	touch(batch, parent_fd);
}

/* Brings the touched folders to disk and lets go of them. */
static int settle(struct batch *batch)
{
	int err = 0;

	if (batch->is_many) {
		batch->staging->counters.syncfs_calls++;
		err = syncfs(batch->staging->into_fd) == 0 ? 0 : -errno;
	}
	for (unsigned int i = 0; i < batch->touched_count; i++) {
		if (!batch->is_many) {
			batch->staging->counters.folder_syncs++;
			if (fsync(batch->touched[i].fd) != 0 && err == 0)
				err = -errno;
		}
		close(batch->touched[i].fd);
	}
	if (batch->parent_fd >= 0)
		close(batch->parent_fd);
	return err;
}

static int enter(struct batch *batch, const char *name, size_t parent_bytes)
{
	if (batch->parent_fd >= 0 && strlen(batch->parent) == parent_bytes &&
	    memcmp(batch->parent, name, parent_bytes) == 0)
		return 0;
	if (batch->parent_fd >= 0)
		close(batch->parent_fd);
	memcpy(batch->parent, name, parent_bytes);
	batch->parent[parent_bytes] = '\0';
	batch->is_parent_touched = false;
	batch->parent_fd =
		dps_beneath_make_folder(batch->staging->into_fd, batch->parent, on_made, batch);
	return batch->parent_fd < 0 ? batch->parent_fd : 0;
}

static int move(int from_fd, const char *from, int to_fd, const char *to, bool is_overwrite)
{
	unsigned int flags = is_overwrite ? 0 : RENAME_NOREPLACE;

	if (renameat2(from_fd, from, to_fd, to, flags) == 0)
		return 0;
	if (errno != EINVAL || is_overwrite)
		return -errno;
	/* A file system without RENAME_NOREPLACE: a hard link does not replace either. */
	if (linkat(from_fd, from, to_fd, to, 0) != 0)
		return -errno;
	return unlinkat(from_fd, from, 0) == 0 ? 0 : -errno;
}

static int publish_folder(struct batch *batch, const char *name)
{
	int fd = dps_beneath_make_folder(batch->staging->into_fd, name, on_made, batch);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int publish_file(struct batch *batch, const struct dps_publication *publication)
{
	const char *slash = strrchr(publication->name, '/');
	const char *last = slash == NULL ? publication->name : slash + 1;
	char staged[11];
	int err = enter(batch, publication->name,
			slash == NULL ? 0 : (size_t)(slash - publication->name));

	if (err < 0)
		return err;
	snprintf(staged, sizeof(staged), "%u", publication->index);
	err = move(publication->folder->fd, staged, batch->parent_fd, last,
		   publication->is_overwrite);
	if (err < 0)
		return err;
	batch->staging->counters.published++;
	if (!batch->is_parent_touched)
		touch(batch, batch->parent_fd);
	batch->is_parent_touched = true;
	return 0;
}

static int publish_one(struct batch *batch, const struct dps_publication *publication)
{
	/* The caller refused such names long ago; nothing that a peer made up gets further. */
	if (dps_staging_refusal(batch->staging, publication->name, strlen(publication->name)) !=
	    NULL)
		return -EINVAL;
	return publication->is_folder ? publish_folder(batch, publication->name)
				      : publish_file(batch, publication);
}

int dps_publish(struct dps_staging *staging, struct dps_publication *publications, size_t count)
{
	struct batch batch = { .staging = staging, .parent_fd = -1 };
	int first = 0;
	int err;

	for (size_t i = 0; i < count; i++) {
		publications[i].error = publish_one(&batch, &publications[i]);
		if (first == 0)
			first = publications[i].error;
	}
	err = settle(&batch);
	for (size_t i = 0; i < count && err < 0; i++)
		if (publications[i].error == 0)
			publications[i].error = err;
	return first < 0 ? first : err;
}
