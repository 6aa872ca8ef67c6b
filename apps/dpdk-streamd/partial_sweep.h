/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial sweep: forgets transfers that nobody went on with for long, and removes what is staged of
 * them; at the start also what is staged of transfers that the journal does not know. For a peer
 * whose grant has limits also its oldest, when what is kept of it comes to more than that: breaking
 * off transfers is no way round.
 *
 * Owner: the control core; while the job is pushed, the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/transfer_owner.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/journal.h"
#include "drivers/store/staging.h"

struct dps_partial_kept;

struct dps_partial_sweep {
	struct dps_job job;
	void *owner;
	struct dps_staging *staging;
	struct dps_journal *journal;
	int64_t keep_s;
	int64_t now_s; /* wall clock */
	bool is_start; /* nothing is under way here */

	char owner_text[DPS_TRANSFER_OWNER_BYTES]; /* the peer; "": none */
	uint64_t owner_bytes;	  /* the most that is kept of its transfers; 0: any */
	uint64_t owner_transfers; /* the most of them; 0: any */

	struct dps_transfer_id *active; /* those under way, never forgotten; to be freed */
	uint32_t active_count;
	int removed; /* out: how many, or -errno */

	/* The job's own. */
	struct dps_transfer_id *known; /* the journal's that stay ... */
	uint32_t known_count;
	uint32_t known_room;
	struct dps_transfer_id *old; /* ... and those that go */
	uint32_t old_count;
	uint32_t old_room;
	struct dps_partial_kept *kept; /* of the peer */
	uint32_t kept_count;
};

/* For the job's run. */
void dps_partial_sweep_run(struct dps_job *job);
