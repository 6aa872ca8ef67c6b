/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a journal lies: what must hold before SQLite touches it, and how a new one comes there. */
#include "drivers/store/beneath.h"
#include "drivers/store/journal_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAME_BYTES = 256,
	/* Bytes 18 and 19 of a database: who writes and who reads it must know the WAL. */
	WRITE_VERSION_AT = 18,
	READ_VERSION_AT = 19,
	VERSION_WAL = 2,
};

static sqlite3_vfs beneath_vfs;

/* The default resolves symlinks, and so would leave the descriptor for the folder's name. */
static int keep_path(sqlite3_vfs *vfs, const char *path, int room, char *result)
{
	(void)vfs;
	return snprintf(result, (size_t)room, "%s", path) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

static void register_vfs(void)
{
	/* Its unix VFS opens with O_NOFOLLOW, so the last part of a name is no symlink either. */
	beneath_vfs = *sqlite3_vfs_find(NULL);
	beneath_vfs.zName = "dps-beneath";
	beneath_vfs.pNext = NULL;
	beneath_vfs.xFullPathname = keep_path;
	sqlite3_vfs_register(&beneath_vfs, 0);
	(void)beneath_vfs.xSetSystemCall(&beneath_vfs, "mmap",
					 (sqlite3_syscall_ptr)dps_journal_map);
}

const char *dps_journal_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_vfs);
	return beneath_vfs.zName;
}

/*
 * The size of a file in the folder, or -errno: -ENOENT, or why it can not be used. O_PATH, because
 * to close any other descriptor of a file gives up the locks that this process has on it.
 */
static int64_t look_at(int folder_fd, const char *name)
{
	int fd = dps_beneath_open(folder_fd, name, O_PATH, 0);
	struct stat status;
	int err;

	if (fd < 0)
		return fd;
	err = fstat(fd, &status) == 0 ? 0 : -errno;
	close(fd);
	if (err < 0)
		return err;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (faccessat(folder_fd, name, R_OK | W_OK, AT_EACCESS) != 0)
		return -errno;
	return status.st_size;
}

static int64_t look_beside(int folder_fd, const char *name, const char *suffix)
{
	char beside[NAME_BYTES];

	snprintf(beside, sizeof(beside), "%s%s", name, suffix);
	return look_at(folder_fd, beside);
}

/* An empty journal as the bytes of a database, to be freed by sqlite3_free. */
static uint8_t *make_image(sqlite3_int64 *bytes)
{
	uint8_t *image = NULL;
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
		    SQLITE_OK &&
	    dps_journal_make_tables(db) == SQLITE_OK)
		image = sqlite3_serialize(db, "main", bytes, 0);
	sqlite3_close(db);
	if (image != NULL)
		image[WRITE_VERSION_AT] = image[READ_VERSION_AT] = VERSION_WAL;
	return image;
}

static int write_all(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(fd, bytes, count);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			count -= (size_t)written;
		}
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Under its name it appears whole, so that no kill leaves half of one and no two are made. */
static int publish_image(int folder_fd, const char *name, const uint8_t *image, size_t bytes)
{
	char fresh[NAME_BYTES];
	uint64_t random;
	int fd;
	int err;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(fresh, sizeof(fresh), "%s.%016llx.new", name, (unsigned long long)random);
	fd = dps_beneath_open(folder_fd, fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	err = write_all(fd, image, bytes);
	close(fd);
	if (err == 0 && linkat(folder_fd, fresh, folder_fd, name, 0) != 0 && errno != EEXIST)
		err = -errno;
	if (unlinkat(folder_fd, fresh, 0) != 0 && err == 0)
		err = -errno;
	if (err == 0 && fsync(folder_fd) != 0)
		err = -errno;
	return err;
}

static int make_journal(int folder_fd, const char *name)
{
	sqlite3_int64 bytes = 0;
	uint8_t *image = make_image(&bytes);
	int err = image ? publish_image(folder_fd, name, image, (size_t)bytes) : -ENOMEM;

	sqlite3_free(image);
	return err == -EDQUOT || err == -EFBIG ? -ENOSPC : err;
}

int dps_journal_prepare_place(struct dps_journal *journal, const char *name)
{
	int folder_fd = journal->folder_fd;
	int64_t bytes, wal_bytes, index_bytes;

	if (faccessat(folder_fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0)
		return dps_journal_fail(journal, -errno, "its folder");
	/* The WAL first: where it has something, the file before it had something already. */
	wal_bytes = look_beside(folder_fd, name, "-wal");
	if (wal_bytes < 0 && wal_bytes != -ENOENT)
		return dps_journal_fail(journal, (int)wal_bytes, "its -wal file");
	index_bytes = look_beside(folder_fd, name, "-shm");
	if (index_bytes < 0 && index_bytes != -ENOENT)
		return dps_journal_fail(journal, (int)index_bytes, "its -shm file");
	journal->has_wal = wal_bytes > 0;
	bytes = look_at(folder_fd, name);
	if (bytes == -ENOENT && !journal->has_wal) {
		int err = make_journal(folder_fd, name);

		return err < 0 ? dps_journal_fail(journal, err, "could not be made") : 0;
	}
	if (bytes == -ENOENT)
		return dps_journal_fail_damaged(journal, "it is gone, and its -wal file is not");
	if (bytes < 0)
		return dps_journal_fail(journal, (int)bytes, NULL);
	/* SQLite would take it for a new one, and delete its WAL. */
	if (bytes < DPS_JOURNAL_PAGE_BYTES)
		return dps_journal_fail_damaged(journal, "all but its beginning is gone");
	/* It would fill up the last page with zeros. A WAL may have that page. */
	if (bytes % DPS_JOURNAL_PAGE_BYTES != 0 && !journal->has_wal)
		return dps_journal_fail_damaged(journal, "its end was cut off");
	return 0;
}
