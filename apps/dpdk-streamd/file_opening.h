/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File opening: a batch of staged files to be created before their data is announced.
 *
 * Owner: the control core; while the job is pushed, the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/staging.h"

enum dps_file_opening_limits {
	DPS_FILE_OPENING_ITEMS_MAX = 64,
};

struct dps_file_opening_item {
	uint64_t size_bytes; /* DPS_NUMBER_NONE: not known yet */
	uint64_t offset;     /* the owner's */
	uint32_t file;	     /* index in its transfer */
	bool is_continued;   /* it is staged already, in part */
	int error;	     /* out: 0 or -errno */
	/*
	 * Out. The descriptor is open also when error is not 0, of a place that takes data and
	 * keeps none, so that the file can be announced and given up in its turn; -1: not even
	 * that.
	 */
	struct dps_staged_file staged;
};

struct dps_file_opening {
	struct dps_job job;
	void *owner;
	struct dps_staging *staging;
	struct dps_staging_folder *folder; /* opened when its descriptor is -1 */
	uint32_t first;			   /* items below were opened by an earlier run */
	uint32_t taken;			   /* the owner's: items below are its own already */
	uint32_t count;
	bool is_final;	  /* what finds no space fails; otherwise it and all behind it wait */
	bool lacks_space; /* out: from first on, nothing was opened: to be run again */
	struct dps_file_opening_item items[DPS_FILE_OPENING_ITEMS_MAX];
};

/* For the job's run. */
void dps_file_opening_run(struct dps_job *job);
