/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect context: what all transfers of a collector share.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/lane_report.h"
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/peer_trust.h"
#include "apps/dpdk-streamd/report.h"
#include "apps/dpdk-streamd/watch.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/store/staging.h"

struct dps_intake;
struct dps_intake_open;
struct dps_journal;

struct dps_collect_context {
	struct dps_node *node;
	struct dps_peer_trust *trust;
	const struct dps_options *options;
	struct dps_staging *staging; /* NULL with --discard */
	struct dps_journal *journal; /* the store thread's; NULL with --discard */
	struct dps_worker *store;    /* opens, syncs, publishes */
	struct dps_worker *examiner; /* looks at offers, which may take long */
	struct dps_report *report;
	struct dps_lane_marks lanes_at_last; /* report of progress */
	uint32_t chunk_bytes;
	uint32_t channels_count; /* receiving */
	uint32_t channels_max;
	uint32_t lane_files_count; /* to be announced, or not done; the lane's table is finite */
	uint32_t lane_files_max;
	uint32_t open_files_count; /* descriptors of staged files, and folders to be made */
	uint32_t open_files_max;
	uint64_t promised_bytes; /* of accepted files that take no space yet */
	uint64_t manifest_bytes; /* of memory, for names of all transfers */
	uint64_t next_serial;	 /* of transfers, to know late answers of the lane */
	struct dps_watch watch;	 /* all transfers by their ids, and the watchdog over them */
	struct dps_intake *intakes;
	unsigned int intakes_count;
	struct dps_intake_open **by_fd; /* what the lane has a descriptor of */
	size_t by_fd_room;
	bool is_stopping; /* nothing new is begun */
};

/* How many files and channels there may be: descriptors are taken out of what others leave. */
void dps_collect_context_set_budgets(struct dps_collect_context *context);

/* The transfer that is in memory, or that the lane means; NULL for none. */
struct dps_intake *dps_collect_context_find(const struct dps_collect_context *context,
					    const struct dps_transfer_id *id);
struct dps_intake *dps_collect_context_of_serial(const struct dps_collect_context *context,
						 uint64_t serial);
struct dps_intake *dps_collect_context_of_channel(const struct dps_collect_context *context,
						  const struct dps_event *event);

/* Notes whose descriptor it is, until it is taken. */
void dps_collect_context_note_fd(struct dps_collect_context *context, int fd,
				 struct dps_intake_open *open);

/* Whose descriptor the lane gives back; NULL for none. */
struct dps_intake_open *dps_collect_context_take_fd(struct dps_collect_context *context, int fd);
