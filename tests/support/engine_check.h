/* SPDX-License-Identifier: BSD-3-Clause */
/* Engine check: what must hold in an engine between any two calls. */
#pragma once
#include "engine/state.h"

/* What does not hold, NULL when all does. */
const char *engine_check(const struct dps_engine *engine);

/* The same when all channels are closed and the ports and disks are idle: nothing is missing. */
const char *engine_check_empty(const struct dps_engine *engine);
