/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/heap_file.h"
#include <errno.h>
#include <fcntl.h>
#include <rte_memory.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES_MAX = 16,
	/* Above what a process uses, below the usual limit of 1024 with room for EAL. */
	RAISED_MAX = 900,
	EAL_ROOM = 100,
};

/* writer: main thread, before the lanes; readers: lanes */
static struct {
	int number; /* EAL's */
	int copy;
} files[FILES_MAX];
static unsigned int files_count;
static int raised[RAISED_MAX + 1];
static unsigned int raised_count;

void dps_heap_file_raise(void)
{
	struct rlimit limit;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 2 * EAL_ROOM)
		return;
	do {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		raised[raised_count++] = fd;
	} while (fd < RAISED_MAX && (rlim_t)fd < limit.rlim_cur - EAL_ROOM);
}

void dps_heap_file_lower(void)
{
	while (raised_count > 0)
		close(raised[--raised_count]);
}

static bool is_same_file(int a, int b)
{
	struct stat of_a, of_b;

	return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

static int keep(const struct rte_memseg_list *list, const struct rte_memseg *segment, void *context)
{
	int number = rte_memseg_get_fd_thread_unsafe(segment);
	unsigned int i = 0;

	(void)list;
	(void)context;
	while (i < files_count && files[i].number != number)
		i++;
	if (number < 0 || i < files_count || files_count == FILES_MAX)
		return 0;
	files[files_count].number = number;
	files[files_count].copy = fcntl(number, F_DUPFD_CLOEXEC, number);
	files_count += files[files_count].copy >= 0;
	return 0;
}

void dps_heap_file_keep(void)
{
	rte_memseg_walk(keep, NULL);
}

int dps_heap_file_restore(void)
{
	for (unsigned int i = 0; i < files_count; i++) {
		if (is_same_file(files[i].number, files[i].copy))
			continue;
		if (fcntl(files[i].number, F_GETFD) >= 0)
			return -EBUSY;
		if (dup3(files[i].copy, files[i].number, O_CLOEXEC) < 0)
			return -errno;
	}
	return 0;
}
