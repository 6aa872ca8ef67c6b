/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/dump.h"
#include <errno.h>
#include <sys/prctl.h>

/* A limit of 0 for cores would not do: it is passed on to --exec's command, and stops no debugger.
 */
int dps_dump_forbid(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno;
}
