/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hugepages lost: to be preloaded. Who asks for hugepages finds some the first time, whatever the
 * machine has, and none from then on: as if somebody else had taken them in between.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned int asked;

__attribute__((visibility("default"))) void *mmap(void *at, size_t bytes, int protection, int flags,
						  int fd, off_t offset)
{
	if ((flags & MAP_HUGETLB) && asked++ > 0) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	flags &= ~(MAP_HUGETLB | MAP_HUGE_MASK << MAP_HUGE_SHIFT);
	return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}
