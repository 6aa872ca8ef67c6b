/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfer journal: what a checkpoint writes into the collector's journal: the files that were
 * accepted since the last one, pieces whose bytes are on disk, what is about to get its name, and
 * what ended.
 *
 * Owner: the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/checkpoint.h"

/*
 * One commit, or none when there is nothing to say. The checkpoint's data must be on disk. Returns
 * 0 or -errno with the checkpoint's trouble, a sentence; then nothing was written.
 */
int dps_transfer_journal_write(struct dps_checkpoint *checkpoint);
