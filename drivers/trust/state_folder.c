/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/state_folder.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void dps_state_folder_default(char folder[DPS_STATE_FOLDER_BYTES])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	folder[0] = '\0';
	if (geteuid() == 0)
		snprintf(folder, DPS_STATE_FOLDER_BYTES, "/var/lib/dpdk-streamd");
	else if (state && state[0] == '/')
		snprintf(folder, DPS_STATE_FOLDER_BYTES, "%s/dpdk-streamd", state);
	else if (home && home[0] == '/')
		snprintf(folder, DPS_STATE_FOLDER_BYTES, "%s/.local/state/dpdk-streamd", home);
}

int dps_state_folder_open(const char *folder)
{
	char path[DPS_STATE_FOLDER_BYTES];
	int fd;

	if (folder[0] == '\0')
		return -ENOENT;
	if ((size_t)snprintf(path, sizeof(path), "%s", folder) >= sizeof(path))
		return -ENAMETOOLONG;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700); /* one that is missing shows below */
		*slash = '/';
	}
	(void)mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
