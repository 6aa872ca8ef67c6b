/* SPDX-License-Identifier: BSD-3-Clause */
/* Plan: what a seed means: hosts, a link, transfers and misfortunes, all drawn from it. */
#pragma once
#include "tests/sim/rig.h"

/* Seeds from this one on have a source that is read once, in place of files. */
#define PLAN_LIVE_SEEDS (UINT64_C(1) << 32)

/* A world ready to run, with at least 2000 packets of data to move. */
struct rig *plan_create(uint64_t seed);

/* Says in some lines what was drawn. */
void plan_print(const struct rig *rig, FILE *out);
