/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect store: the collector's folders and journal, from their opening to their end, and how long
 * what nobody goes on with is kept there.
 *
 * Owner: the control core; staging and journal are used by the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/collect_context.h"
#include "apps/dpdk-streamd/partial_sweep.h"

enum dps_collect_store_limits {
	DPS_COLLECT_STORE_BOUNDS_MAX = 16, /* peers whose parts wait to be looked at */
};

struct dps_collect_store {
	struct dps_staging staging;
	struct dps_journal *journal;
	struct dps_partial_sweep sweep;
	bool is_sweeping;
	uint64_t sweep_at_ns; /* the next */
	struct dps_peer_standing bounds[DPS_COLLECT_STORE_BOUNDS_MAX];
	unsigned int bounds_count;
};

/*
 * Opens both for the context and removes what is too old; nothing with --discard. Before the store
 * thread has anything to do. Returns 0 or -errno; then nothing was changed, and sentence
 * (DPS_JOURNAL_SENTENCE_BYTES) says what is wrong.
 */
int dps_collect_store_open(struct dps_collect_store *store, struct dps_collect_context *context,
			   uint64_t now_ns, char *sentence);

/* When the store thread has ended. */
void dps_collect_store_close(struct dps_collect_store *store);

/*
 * Something of this peer is kept that was not before: if its grant has limits, the next step looks
 * whether what there is of it comes to more. When too many wait, with its next one.
 */
void dps_collect_store_bound(struct dps_collect_store *store,
			     const struct dps_peer_standing *standing);

/* Sweeps once an hour, or as often as --keep-partial when that is shorter. Call once a turn. */
void dps_collect_store_step(struct dps_collect_store *store, struct dps_collect_context *context,
			    uint64_t now_ns);
uint64_t dps_collect_store_deadline_ns(const struct dps_collect_store *store);
