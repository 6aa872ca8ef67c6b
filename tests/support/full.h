/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether this is a run of `tools/test --full`. */
#pragma once
#include <stdbool.h>
#include <stdlib.h>

/* DPS_FULL is set and empty in any other run of tools/test. */
static inline bool is_full_run(void)
{
	const char *full = getenv("DPS_FULL");

	return full != NULL && full[0] != '\0';
}
