/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoint: what brings a transfer's data to disk at one moment: files that grow are synced,
 * whole ones get their size, time and final name, those that failed go away. In this order: data
 * to disk, journal to disk, names to disk; so nothing has a name that the journal does not know.
 *
 * Owner: the control core; while the job is pushed, the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/adoption.h"
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/piece_digests.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/journal.h"
#include "drivers/store/publish.h"
#include "drivers/store/staging.h"

enum dps_checkpoint_wish {
	DPS_CHECKPOINT_SYNC,	/* stays open, its data on disk */
	DPS_CHECKPOINT_PUBLISH, /* closed afterwards, under its name or dropped */
	DPS_CHECKPOINT_DROP,	/* closed and removed */
	DPS_CHECKPOINT_CLOSE,	/* its data on disk, closed, and left for later */
	DPS_CHECKPOINT_LEAVE,	/* the same, cut to its size: nothing more will come */
};

struct dps_checkpoint_item {
	void *owner;
	const char *name; /* of what is published */
	uint64_t size_bytes;
	int64_t mtime_ns;
	struct dps_staged_file staged;
	struct dps_piece_run run; /* pieces that no journal has; to be freed */
	struct dps_digest digest; /* of what is published */
	int error;		  /* out: 0 or -errno */
	uint8_t wish;
	bool is_new; /* in the journal as a file that is open */
	bool is_published;
	bool is_folder; /* nothing is staged */
};

struct dps_checkpoint {
	struct dps_job job;
	void *owner;
	struct dps_staging *staging;
	struct dps_staging_folder *folder;
	bool may_overwrite;
	uint32_t read_back_bytes; /* in chunks of so many what is published is read again; 0: not */
	const atomic_bool *must_hurry; /* then it is not, and stays staged; may be NULL */
	bool is_last;  /* the staging folder is closed, and goes away with all that is in it ... */
	bool is_kept;  /* ... unless it stays for later */
	bool is_final; /* what finds no space fails; otherwise it waits */
	struct dps_journal *journal; /* NULL: there is none */
	struct dps_journal_transfer transfer;
	char owner_text[DPS_TRANSFER_OWNER_BYTES]; /* its key */
	bool is_journalled; /* in the journal already; a new one replaces what has its id */
	struct dps_manifest_batch **batches; /* of files that are new to the journal, in order */
	uint32_t batches_count;
	struct dps_journal_change *changes; /* of files that ended */
	uint32_t changes_count;
	struct dps_adoption_move *moves; /* of earlier transfers, to this one */
	uint32_t moves_count;
	struct dps_checkpoint_item *items;
	uint32_t count;
	uint32_t room;

	/*
	 * Out: the journal, or a name, found no space. Nothing is lost by it: the job is to be run
	 * again, as it is, and goes on where it stopped.
	 */
	bool lacks_space;
	bool was_written;  /* out: into the journal */
	int journal_error; /* out: 0, or -errno: then nothing was published, nor dropped */
	char trouble[DPS_JOURNAL_SENTENCE_BYTES];

	/* The job's own. */
	bool is_synced;	   /* data are on disk, or known not to be: asked again, fsync(2) forgets */
	bool is_committed; /* the journal is, too: names are what is left */
	struct dps_staged_file *synced;
	struct dps_publication *publications;
};

/* Memory for so many items; -ENOMEM. Kept for the next time. */
int dps_checkpoint_reserve(struct dps_checkpoint *checkpoint, uint32_t count);
void dps_checkpoint_fini(struct dps_checkpoint *checkpoint);

/* For the job's run. */
void dps_checkpoint_run(struct dps_job *job);
