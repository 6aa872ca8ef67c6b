/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/eal_prefix.h"
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PREFIXES_MAX = 256,
};

/* As DPDK chooses it (lib/eal/unix/eal_filesystem.c, eal_create_runtime_dir). */
static const char *find_base(void)
{
	const char *base = getenv("RUNTIME_DIRECTORY");

	if (base != NULL)
		return base;
	if (getuid() == 0)
		return "/var/run";
	base = getenv("XDG_RUNTIME_DIR");
	return base != NULL ? base : "/tmp";
}

/* The descriptor stays open: it is the lock. */
static bool hold(const char *folder)
{
	int fd;

	mkdir(folder, 0700);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (fd >= 0)
		close(fd);
	return false;
}

void dps_eal_prefix_claim(char *prefix, size_t prefix_bytes)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/dpdk", find_base());
	mkdir(folder, 0700);
	for (unsigned int i = 0; i < PREFIXES_MAX && access(folder, W_OK) == 0; i++) {
		char path[PATH_MAX + 64];

		if (i == 0)
			snprintf(prefix, prefix_bytes, "dpdk-streamd");
		else
			snprintf(prefix, prefix_bytes, "dpdk-streamd-%u", i);
		snprintf(path, sizeof(path), "%s/%s", folder, prefix);
		if (hold(path))
			return;
	}
	/* Nowhere to write: DPDK does without its files, and the name need only differ. */
	snprintf(prefix, prefix_bytes, "dpdk-streamd-%ld", (long)getpid());
}
