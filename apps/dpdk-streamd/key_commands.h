/* SPDX-License-Identifier: BSD-3-Clause */
/* Key commands: `keygen` makes this user's key, `fingerprint` shows what peers call it. */
#pragma once
#include "apps/dpdk-streamd/options.h"

/*
 * Prints the fingerprint on standard output, alone on its line; what else there is to say goes to
 * standard error. keygen makes a key when there is none and never replaces one. Returns the exit
 * status.
 */
int dps_key_command_run(const struct dps_options *options);
