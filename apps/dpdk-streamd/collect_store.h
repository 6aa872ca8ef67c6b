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

struct dps_collect_store {
	struct dps_staging staging;
	struct dps_journal *journal;
	struct dps_partial_sweep sweep;
	bool is_sweeping;
	uint64_t sweep_at_ns; /* the next */
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

/* Sweeps once an hour, or as often as --keep-partial when that is shorter. Call once a turn. */
void dps_collect_store_step(struct dps_collect_store *store, struct dps_collect_context *context,
			    uint64_t now_ns);
uint64_t dps_collect_store_deadline_ns(const struct dps_collect_store *store);
