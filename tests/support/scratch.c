/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void stop(const char *what, const char *name)
{
	fprintf(stderr, "scratch: %s %s: %s\n", what, name, strerror(errno));
	abort();
}

void scratch_create(struct scratch *scratch, enum scratch_place place)
{
	char cwd[200];

	if (place == SCRATCH_TMPFS)
		snprintf(cwd, sizeof(cwd), "/dev/shm");
	else if (getcwd(cwd, sizeof(cwd)) == NULL)
		stop("getcwd", "");
	snprintf(scratch->path, sizeof(scratch->path), "%s/scratch-XXXXXX", cwd);
	if (mkdtemp(scratch->path) == NULL)
		stop("mkdtemp", scratch->path);
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch->fd < 0)
		stop("open", scratch->path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
	close(scratch->fd);
	if (nftw(scratch->path, remove_one, 32, FTW_DEPTH | FTW_PHYS) != 0)
		stop("remove", scratch->path);
}

static void make_parents(const struct scratch *scratch, const char *name)
{
	char parent[512];

	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - name), name);
		if (mkdirat(scratch->fd, parent, 0777) != 0 && errno != EEXIST)
			stop("mkdir", parent);
	}
}

void scratch_write(const struct scratch *scratch, const char *name, const void *bytes,
		   size_t bytes_count)
{
	size_t done = 0;
	int fd;

	make_parents(scratch, name);
	fd = openat(scratch->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		stop("create", name);
	while (done < bytes_count) {
		ssize_t written = write(fd, (const uint8_t *)bytes + done, bytes_count - done);

		if (written <= 0)
			stop("write", name);
		done += (size_t)written;
	}
	close(fd);
}

uint8_t *scratch_read(const struct scratch *scratch, const char *name, size_t *bytes_count)
{
	int fd = openat(scratch->fd, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *bytes;
	size_t done = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) != 0)
		stop("stat", name);
	bytes = malloc((size_t)status.st_size + 1);
	if (bytes == NULL)
		stop("malloc", name);
	while (done < (size_t)status.st_size) {
		ssize_t got = read(fd, bytes + done, (size_t)status.st_size - done);

		if (got <= 0)
			stop("read", name);
		done += (size_t)got;
	}
	close(fd);
	*bytes_count = done;
	return bytes;
}
