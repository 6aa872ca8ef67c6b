/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfer loading: what the journal knows of a transfer, compared with what is on disk, as a
 * manifest that a transfer goes on with.
 *
 * Owner: the control core; while the job is pushed, the store thread, which then owns manifest,
 * names and folder as well.
 */
#pragma once
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/name_table.h"
#include "apps/dpdk-streamd/transfer_owner.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/journal.h"
#include "drivers/store/staging.h"

struct dps_loading_row;

struct dps_transfer_loading {
	struct dps_job job;
	void *owner;

	/* In. */
	struct dps_staging *staging;
	struct dps_journal *journal;
	uint32_t chunk_bytes;
	const struct dps_peer_standing *standing; /* of who asks for it */
	const atomic_bool *must_hurry;		  /* then what changed is not read; NULL: none */

	/* Out. The manifest has its states, and of files that are staged their past. */
	struct dps_staging_folder *folder; /* claimed and open; closed when it failed */
	struct dps_manifest *manifest;
	struct dps_name_table *names;
	struct dps_journal_transfer transfer; /* without its key */
	uint32_t *published; /* files that got their names unnoticed; to be freed */
	uint32_t published_count;
	uint64_t memory_bytes;		       /* of batches */
	enum dps_control_code code;	       /* DPS_CODE_NONE, or why not ... */
	char text[DPS_MESSAGE_TEXT_BYTES_MAX]; /* ... and a sentence */

	/* The job's own. */
	struct dps_loading_row *rows;
	uint32_t rows_count;
	uint32_t rows_room;
	struct dps_message_file *files; /* of the next batch, names in text */
	uint32_t files_count;
	struct dps_message_item *have;
	struct dps_digest *have_stamps;
	uint32_t have_count;
	char *names_text;
	size_t names_bytes;
	size_t names_room;
};

/* For the job's run. */
void dps_transfer_loading_run(struct dps_job *job);
