/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mirror: what an exporter keeps of a transfer in its state folder, so that the same command goes
 * on with it after the process died: its id, its list of files and the digests of what was read.
 * The collector is the source of truth; without a mirror files are offered anew.
 *
 * Found again by its key: the peer and the paths as they were given. One process at a time has a
 * key: a record lock on DIR/exporters.lock, which the kernel takes back however the process ends.
 *
 * Owner: the control core until the first job that writes is pushed, then the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "drivers/store/journal.h"

enum {
	DPS_MIRROR_SENTENCE_BYTES = DPS_JOURNAL_SENTENCE_BYTES + 128,
};

struct dps_mirror_key {
	void *bytes; /* to be freed */
	size_t count;
};

struct dps_mirror {
	struct dps_journal *journal; /* NULL: none is kept, because of some trouble */
	int lock_fd;
	struct dps_mirror_key key;
	struct dps_transfer_id id; /* what is written now, or was found */
	bool is_found;
	uint32_t chunk_bytes; /* of what was found */
};

/* What stands for a command: of two commands equal if they would send the same to the same peer. */
struct dps_mirror_key dps_mirror_make_key(const struct dps_options *options, const char *folder);

/*
 * Opens the mirror and looks for the transfer of this command. Returns 0 with a mirror that may
 * keep nothing; sentence then says why, or is empty. Errors: -EBUSY (another process is under way
 * with the same command), and, if a folder was asked for with --state, whatever keeps it from being
 * used; sentence says so.
 */
int dps_mirror_open(struct dps_mirror *mirror, const struct dps_options *options,
		    char sentence[DPS_MIRROR_SENTENCE_BYTES]);
void dps_mirror_close(struct dps_mirror *mirror);
