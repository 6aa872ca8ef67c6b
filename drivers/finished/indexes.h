/* SPDX-License-Identifier: BSD-3-Clause */
/* Indexes: small numbers for files, each given to one file at a time, for disks that keep none. */
#pragma once
#include <stdint.h>

enum dps_indexes_limits {
	DPS_INDEXES_MAX = 65536,
};

/* Never larger than the most in use at a time. Owner: the disk's lane. */
struct dps_indexes {
	uint32_t *given_back;
	uint32_t given_back_count;
	uint32_t next; /* never given out so far */
};

/* -ENOMEM. */
int dps_indexes_create(struct dps_indexes *indexes);
void dps_indexes_destroy(struct dps_indexes *indexes);

/* One that is not in use; -ENFILE when all are. */
int dps_indexes_take(struct dps_indexes *indexes);
/* Gives one back that was taken. */
void dps_indexes_give(struct dps_indexes *indexes, uint32_t index);
