/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adoption: what is staged of earlier transfers of a peer that offers its files anew, since it has
 * forgotten them: found by path, size and time, to go on with under another transfer.
 *
 * A peer is known by its key (transfer_owner.h), and in journals without keys by its address.
 * Whoever is taken for another does no harm: what is adopted is compared by its head before, and is
 * part of the file's digest in the end.
 *
 * Owner: the control core; while the job is pushed, the store thread. What was found does not
 * change after that.
 */
#pragma once
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/piece_digests.h"
#include "apps/dpdk-streamd/transfer_owner.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/journal.h"
#include "drivers/store/staging.h"

enum dps_adoption_limits {
	DPS_ADOPTION_DONORS_MAX = 16, /* the last that were in use */
	DPS_ADOPTION_FILES_MAX = DPS_MESSAGE_ITEMS_MAX,
};

/* A file that is staged in part. */
struct dps_adoption_file {
	char *path; /* to be freed */
	uint64_t size_bytes;
	int64_t mtime_ns;
	uint64_t bytes; /* from its start, on disk and journalled */
	uint64_t device;
	uint64_t inode;
	struct dps_digest head;
	uint32_t donor;
	uint32_t index; /* in the donor */
	bool is_taken;	/* by a file of the new transfer: control core */
};

struct dps_adoption {
	struct dps_job job;
	void *owner;

	/* In. */
	struct dps_staging *staging;
	struct dps_journal *journal;
	struct dps_transfer_id id; /* of the new one */
	uint32_t chunk_bytes;
	char owner_text[DPS_TRANSFER_OWNER_BYTES]; /* of the new one */

	/* Out. */
	struct dps_staging_folder donors[DPS_ADOPTION_DONORS_MAX]; /* claimed */
	uint32_t donors_count;
	struct dps_adoption_file *files; /* sorted */
	uint32_t files_count;
};

/* For the job's run: looks for donors and claims those that have something. */
void dps_adoption_run(struct dps_job *job);

/* One that may be the beginning of this file, and is not taken; NULL for none. */
struct dps_adoption_file *dps_adoption_find(const struct dps_adoption *adoption,
					    const struct dps_message_file *file);

/* Lets go of what it has claimed. */
void dps_adoption_fini(struct dps_adoption *adoption);

/* ---- what moves, with a checkpoint of the transfer that adopts ---- */

struct dps_adoption_move {
	const struct dps_staging_folder *donor;
	struct dps_journal_move row;
	uint64_t bytes;			  /* that have to be there */
	struct dps_piece_digests *pieces; /* made by the owner; out: those of the bytes */
	int error;			  /* out: 0 or -errno: it stayed where it was */
	bool is_donor_empty; /* out: nothing is left there, and the journal forgot it */
};

/* Before the commit: second names, on disk. */
void dps_adoption_link(struct dps_staging *staging, struct dps_staging_folder *folder,
		       struct dps_adoption_move *moves, uint32_t count);
/* Within it. -errno: of the journal. */
int dps_adoption_write(struct dps_journal *journal, struct dps_adoption_move *moves,
		       uint32_t count);
/* After it: the names that are not valid go. */
void dps_adoption_settle(struct dps_staging *staging, struct dps_staging_folder *folder,
			 struct dps_adoption_move *moves, uint32_t count, bool was_written);
