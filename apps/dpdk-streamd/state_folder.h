/* SPDX-License-Identifier: BSD-3-Clause */
/* State folder: where a user's key, trusted peers and the exporter's mirror lie. */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "drivers/trust/state_folder.h"

/* The folder of --state, or the default. */
void dps_state_folder_find(const struct dps_options *options, char folder[DPS_STATE_FOLDER_BYTES]);
