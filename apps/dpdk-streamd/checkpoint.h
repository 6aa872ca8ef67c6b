/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoint: what brings a transfer's data to disk at one moment: files that grow are synced,
 * whole ones get their size, time and final name, those that failed go away.
 *
 * Owner: the control core; while the job is pushed, the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/publish.h"
#include "drivers/store/staging.h"

enum dps_checkpoint_wish {
	DPS_CHECKPOINT_SYNC,	/* stays open, its data on disk */
	DPS_CHECKPOINT_PUBLISH, /* closed afterwards, under its name or dropped */
	DPS_CHECKPOINT_DROP,	/* closed and removed */
};

struct dps_checkpoint_item {
	void *owner;
	const char *name; /* of what is published */
	uint64_t size_bytes;
	int64_t mtime_ns;
	struct dps_staged_file staged;
	int error; /* out: 0 or -errno */
	uint8_t wish;
	bool is_folder; /* nothing is staged */
};

struct dps_checkpoint {
	struct dps_job job;
	void *owner;
	struct dps_staging *staging;
	struct dps_staging_folder *folder;
	bool may_overwrite;
	bool is_last; /* the staging folder goes away, with all that is in it */
	struct dps_checkpoint_item *items;
	uint32_t count;
	uint32_t room;

	/* The job's own. */
	struct dps_staged_file *synced;
	struct dps_publication *publications;
};

/* Memory for so many items; -ENOMEM. Kept for the next time. */
int dps_checkpoint_reserve(struct dps_checkpoint *checkpoint, uint32_t count);
void dps_checkpoint_fini(struct dps_checkpoint *checkpoint);

/* For the job's run. */
void dps_checkpoint_run(struct dps_job *job);
