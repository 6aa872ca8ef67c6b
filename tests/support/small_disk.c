/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/small_disk.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

/* What is mounted from now on is seen by nobody else. */
static bool keep_to_ourselves(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool open_over(const struct scratch *folder, struct scratch *small)
{
	*small = *folder;
	small->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return small->fd >= 0;
}

bool small_disk_of_memory(const struct scratch *folder, unsigned int bytes, struct scratch *small)
{
	char size[32];

	snprintf(size, sizeof(size), "size=%u", bytes);
	return keep_to_ourselves() && mount("tmpfs", folder->path, "tmpfs", 0, size) == 0 &&
	       open_over(folder, small);
}

bool small_disk_of_image(const struct scratch *folder, const char *kind, unsigned int bytes,
			 unsigned int block_bytes, struct scratch *small)
{
	const char *path = folder->path;
	char command[1200];

	snprintf(command, sizeof(command),
		 "truncate -s %u '%s/image' && mkfs.%s -q -b %u -m 0 '%s/image' && "
		 "mount -o loop '%s/image' '%s'",
		 bytes, path, kind, block_bytes, path, path, path);
	return keep_to_ourselves() && system(command) == 0 && open_over(folder, small);
}
