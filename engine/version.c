/* SPDX-License-Identifier: BSD-3-Clause */
#include <dps/version.h>

uint32_t dps_version(void)
{
	return DPS_VERSION_NUMBER;
}

const char *dps_version_text(void)
{
	return DPS_VERSION_TEXT;
}
