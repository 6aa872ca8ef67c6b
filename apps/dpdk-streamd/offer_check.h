/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offer check: what a collector finds out about offered files before it accepts them: whether
 * their names will do, what stands there already, and whether they fit the disk.
 *
 * Owner: the control core; while the job is pushed, its worker. Checks of one transfer run one
 * after the other, since they share its name table.
 */
#pragma once
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/name_table.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/staging.h"
#include <stdatomic.h>

enum dps_offer_limits {
	DPS_OFFER_TEXT_BYTES = DPS_MESSAGE_TEXT_BYTES_MAX,
};

/* Why not; file is the index in the batch, or UINT32_MAX when it is about no single one. */
struct dps_offer_refusal {
	enum dps_control_code code; /* DPS_CODE_NONE: the offer is good */
	uint32_t file;
	int error;	  /* -errno, or 0 */
	const char *says; /* constant; follows the name of the file. NULL: error says it */
};

struct dps_offer_check {
	struct dps_job job;
	void *owner;
	struct dps_offer_check *following; /* the owner's */

	/* In. */
	const struct dps_staging *staging; /* NULL: nothing is stored, names only */
	struct dps_name_table *names;
	struct dps_manifest_batch *batch; /* only read */
	const atomic_bool *must_stop;
	uint64_t total_bytes; /* of the whole transfer, with its first offer; or DPS_NUMBER_NONE */
	uint64_t promised_bytes;	  /* of what was accepted before and takes no space yet */
	size_t names_room;		  /* the owner's */
	struct dps_message_item *partial; /* in order: files that are staged in part; to be freed */
	uint32_t partial_count;
	uint32_t chunk_bytes;
	bool may_overwrite;

	/* Out. */
	struct dps_offer_refusal refusal;
	struct dps_message_item *have;	/* in order; to be freed by the owner */
	struct dps_digest *have_stamps; /* of each, as it was then; the same */
	uint32_t have_count;
	uint64_t needed_bytes; /* of the files that are not there yet */
	uint64_t available_bytes;
	uint64_t space_needed_bytes; /* what was compared with available_bytes */
};

/* For the job's run. */
void dps_offer_check_run(struct dps_job *job);

/*
 * One sentence on why not. About one file it begins with the file's name, or, for a message that
 * brings the name besides, leaves it out.
 */
void dps_offer_check_explain(const struct dps_offer_check *check, bool is_named,
			     char text[DPS_OFFER_TEXT_BYTES]);
