/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/state_folder.h"
#include <stdio.h>

void dps_state_folder_find(const struct dps_options *options, char folder[DPS_STATE_FOLDER_BYTES])
{
	if (options->state)
		snprintf(folder, DPS_STATE_FOLDER_BYTES, "%s", options->state);
	else
		dps_state_folder_default(folder);
}
