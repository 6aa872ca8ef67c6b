/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics: a lane's counters as text: in a mapped file that outlives the process, or a log. */
#pragma once
#include "drivers/lane.h"
#include <stddef.h>

enum { DPS_STATISTICS_BYTES = 8192 };

/* Writes "name value" lines, the values of one width, so that a later text covers an earlier one.
 */
size_t dps_statistics_print(const struct dps_lane_snapshot *snapshot,
			    char text[DPS_STATISTICS_BYTES]);

/* A file of DPS_STATISTICS_BYTES, mapped: what is written stays readable after a SIGKILL. */
struct dps_statistics_file {
	char *mapped; /* NULL: not open */
};

/* Errors: -errno of opening or mapping it. */
int dps_statistics_open(struct dps_statistics_file *file, const char *path);
void dps_statistics_write(struct dps_statistics_file *file,
			  const struct dps_lane_snapshot *snapshot);
void dps_statistics_close(struct dps_statistics_file *file);
