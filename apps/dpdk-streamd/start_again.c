/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/start_again.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Arguments cannot say it: what EAL is given for memory would then be the user's. */
static const char second[] = "DPDK_STREAMD_SECOND_START";

bool dps_start_again_is_second(void)
{
	bool is_second = getenv(second);

	unsetenv(second);
	return is_second;
}

int dps_start_again(char *const *argv)
{
	if (setenv(second, "1", 1) == 0)
		execv("/proc/self/exe", argv);
	return -errno;
}
