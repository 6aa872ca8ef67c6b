/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of the WAL: a file that the processes with one journal share by writing to it in
 * memory. Where the disk has no block for a page of it, such a write ends the process by SIGBUS.
 * SQLite asks for one byte of each page, which is a block only where blocks are as large as pages.
 */
#include "drivers/store/journal_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

/* In linux/mman.h since 5.14, and in no C library that is older. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Gets all blocks, and leaves what is in them: others may use it already. 0 or -errno. */
static int fill_holes(void *memory, size_t bytes, int fd, off_t offset)
{
	if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == EFAULT) /* in place of SIGBUS */
		return -ENOSPC;
	/* Kernels before 5.14. What cannot be asked for either is as it was without this. */
	if (errno == EINVAL && fallocate(fd, 0, offset, (off_t)bytes) != 0 && errno != EOPNOTSUPP)
		return -errno;
	return 0;
}

void *dps_journal_map(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *memory = mmap(at, bytes, protection, flags, fd, offset);
	int err = 0;

	if (memory == MAP_FAILED)
		return memory;
	if ((protection & PROT_WRITE) && (flags & MAP_SHARED))
		err = fill_holes(memory, bytes, fd, offset);
	if (err == 0)
		return memory;
	munmap(memory, bytes);
	errno = -err;
	return MAP_FAILED;
}
