/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/beneath.h"
#include "drivers/store/name.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	/* openat2(2) answers EAGAIN when a rename raced with the walk; it asks to be called again.
	 */
	RACES_MAX = 128,
};

int dps_beneath_open(int folder_fd, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) != 0 ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	unsigned int races = 0;
	long fd;

	do {
		fd = syscall(SYS_openat2, folder_fd, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++races < RACES_MAX)));
	return fd < 0 ? -errno : (int)fd;
}

/* Whether direct reads and writes of whole pages at page offsets will be taken (Linux 6.1 tells).
 */
static bool takes_pages(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0 ||
	    (status.stx_mask & STATX_DIOALIGN) == 0)
		return true;
	return status.stx_dio_offset_align > 0 &&
	       DPS_PAGE_BYTES % status.stx_dio_offset_align == 0 &&
	       DPS_PAGE_BYTES % status.stx_dio_mem_align == 0;
}

int dps_beneath_open_wish(int folder_fd, const char *name, int flags, mode_t mode,
			  enum dps_wish wish, bool *is_direct)
{
	int fd;

	*is_direct = wish == DPS_WISH_DIRECT;
	fd = dps_beneath_open(folder_fd, name, flags | (*is_direct ? O_DIRECT : 0), mode);
	if (fd == -EINVAL && *is_direct) {
		*is_direct = false;
		fd = dps_beneath_open(folder_fd, name, flags, mode);
	}
	if (fd >= 0 && *is_direct && !takes_pages(fd)) {
		*is_direct = false;
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT);
	}
	return fd;
}

int dps_beneath_open_regular(int folder_fd, const char *name, enum dps_wish wish, bool *is_direct)
{
	int fd = dps_beneath_open_wish(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, wish,
				       is_direct);
	struct stat status;

	if (fd < 0)
		return fd;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	/* Where the file system cannot tell whether it would wait, io_uring answers -EAGAIN. */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static int open_folder(int folder_fd, const char *name)
{
	return dps_beneath_open(folder_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

/* The folder called part in parent_fd, made if it is not there. */
static int make_part(int parent_fd, const char *part, void (*on_made)(void *context, int parent_fd),
		     void *context)
{
	if (mkdirat(parent_fd, part, 0777) == 0)
		on_made(context, parent_fd);
	else if (errno != EEXIST)
		return -errno;
	/* Opened again from its parent: whatever stands there by now must be a folder. */
	return open_folder(parent_fd, part);
}

int dps_beneath_make_folder(int folder_fd, const char *name,
			    void (*on_made)(void *context, int parent_fd), void *context)
{
	char part[DPS_NAME_PART_BYTES_MAX + 1];
	int fd = open_folder(folder_fd, name[0] == '\0' ? "." : name);

	if (fd != -ENOENT)
		return fd;
	fd = open_folder(folder_fd, ".");
	while (fd >= 0 && *name != '\0') {
		size_t bytes = strcspn(name, "/");
		int parent_fd = fd;

		DPS_ASSERT(bytes > 0 && bytes <= DPS_NAME_PART_BYTES_MAX);
		memcpy(part, name, bytes);
		part[bytes] = '\0';
		fd = make_part(parent_fd, part, on_made, context);
		close(parent_fd);
		name += bytes + (name[bytes] == '/');
	}
	return fd;
}
