/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_store.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include "drivers/store/reason.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SWEEP_S_MAX = 3600 };

static void say_swept(const struct dps_collect_store *store)
{
	if (store->sweep.removed > 0)
		dps_log("collect", DPS_LOG_NOTICE,
			"removed what was staged of %d transfers that nobody went on with",
			store->sweep.removed);
	else if (store->sweep.removed < 0)
		dps_log("collect", DPS_LOG_WARNING,
			"the staging folder holds files of earlier transfers that cannot be "
			"removed: it %s",
			dps_reason(store->sweep.removed));
}

/* So that nothing is kept for longer than twice as long as it should be. */
static uint64_t pause_ns(const struct dps_options *options)
{
	uint64_t keep_s = options->keep_partial_ns / DPS_NS_PER_S;

	return (keep_s > 0 && keep_s < SWEEP_S_MAX ? keep_s : SWEEP_S_MAX) * DPS_NS_PER_S;
}

static void prepare_sweep(struct dps_collect_store *store, struct dps_collect_context *context,
			  uint64_t now_ns)
{
	store->sweep_at_ns = now_ns + pause_ns(context->options);
	store->sweep = (struct dps_partial_sweep){
		.owner = store,
		.staging = context->staging,
		.journal = context->journal,
		.keep_s = (int64_t)(context->options->keep_partial_ns / DPS_NS_PER_S),
		.now_s = time(NULL),
	};
}

static int open_journal(struct dps_collect_store *store, const struct dps_options *options,
			char *sentence)
{
	char folder[4096];
	const struct dps_journal_config config = {
		.folder_fd = store->staging.stage_fd,
		.folder = options->stage ? options->stage : folder,
		.name = "journal",
		.sync = DPS_JOURNAL_SYNC_FULL,
		.busy_ms = DPS_JOURNAL_BUSY_MS,
	};

	snprintf(folder, sizeof(folder), "%.4000s/" DPS_STAGING_FOLDER, options->into);
	return dps_journal_open(&store->journal, &config, sentence);
}

int dps_collect_store_open(struct dps_collect_store *store, struct dps_collect_context *context,
			   uint64_t now_ns, char *sentence)
{
	const struct dps_options *options = context->options;
	const struct dps_staging_config config = { .into = options->into, .stage = options->stage };
	int err;

	store->sweep_at_ns = DPS_NEVER_NS;
	if (options->is_discard)
		return 0;
	err = dps_staging_open(&store->staging, &config, sentence);
	if (err < 0)
		return err;
	err = open_journal(store, options, sentence);
	if (err < 0) {
		dps_staging_close(&store->staging);
		return err;
	}
	context->staging = &store->staging;
	context->journal = store->journal;
	prepare_sweep(store, context, now_ns);
	store->sweep.is_start = true;
	dps_partial_sweep_run(&store->sweep.job);
	say_swept(store);
	return 0;
}

void dps_collect_store_close(struct dps_collect_store *store)
{
	if (!store->journal)
		return;
	free(store->sweep.active);
	dps_journal_close(store->journal);
	dps_staging_close(&store->staging);
}

static void on_swept(struct dps_job *job, uint64_t now_ns)
{
	struct dps_collect_store *store = ((struct dps_partial_sweep *)job)->owner;

	(void)now_ns;
	store->is_sweeping = false;
	free(store->sweep.active);
	store->sweep.active = NULL;
	say_swept(store);
}

void dps_collect_store_bound(struct dps_collect_store *store,
			     const struct dps_peer_standing *standing)
{
	if (!standing->has_key || (standing->grant.bytes == 0 && standing->grant.transfers == 0) ||
	    store->bounds_count == DPS_COLLECT_STORE_BOUNDS_MAX)
		return;
	store->bounds[store->bounds_count++] = *standing;
}

/* The last that came; others follow when it is done. */
static void take_bound(struct dps_collect_store *store)
{
	const struct dps_peer_standing *standing;

	if (store->bounds_count == 0)
		return;
	standing = &store->bounds[--store->bounds_count];
	dps_transfer_owner_format(store->sweep.owner_text, "", standing);
	store->sweep.owner_bytes = standing->grant.bytes;
	store->sweep.owner_transfers = standing->grant.transfers;
}

void dps_collect_store_step(struct dps_collect_store *store, struct dps_collect_context *context,
			    uint64_t now_ns)
{
	struct dps_partial_sweep *sweep = &store->sweep;

	if (context->is_stopping)
		store->bounds_count = 0;
	if (store->is_sweeping || context->is_stopping || !store->journal ||
	    (now_ns < store->sweep_at_ns && store->bounds_count == 0))
		return;
	prepare_sweep(store, context, now_ns);
	take_bound(store);
	sweep->active = malloc((context->intakes_count + 1) * sizeof(*sweep->active));
	if (!sweep->active)
		abort(); /* out of memory */
	for (const struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		sweep->active[sweep->active_count++] = intake->id;
	sweep->job = (struct dps_job){ .run = dps_partial_sweep_run, .done = on_swept };
	store->is_sweeping = true;
	dps_worker_push(context->store, &sweep->job);
}

uint64_t dps_collect_store_deadline_ns(const struct dps_collect_store *store)
{
	if (store->is_sweeping)
		return DPS_NEVER_NS;
	return store->bounds_count > 0 ? 0 : store->sweep_at_ns;
}
