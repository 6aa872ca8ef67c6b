/* SPDX-License-Identifier: BSD-3-Clause */
/* State folder: where a user's key and trusted peers lie. */
#pragma once

enum { DPS_STATE_FOLDER_BYTES = 4096 };

/* Of a user who gave none, from the environment; empty: there is none. */
void dps_state_folder_default(char folder[DPS_STATE_FOLDER_BYTES]);

/*
 * Makes a folder and those above it, for its owner alone, as far as they are missing. Returns a
 * descriptor or -errno; -ENOENT for an empty name.
 */
int dps_state_folder_open(const char *folder);
