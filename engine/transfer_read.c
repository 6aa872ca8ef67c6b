/* SPDX-License-Identifier: BSD-3-Clause */
/* What any thread may see of a transfer. */
#include "engine/transfer.h"

static void read_lane(const struct dps_transfer_lane *lane, struct dps_transfer_snapshot *snapshot)
{
	snapshot->state = (uint8_t)dps_sequence_get(&lane->state);
	snapshot->is_blocked = dps_sequence_get(&lane->is_blocked) != 0;
	snapshot->epoch = dps_sequence_get(&lane->epoch);
	snapshot->window_bytes = dps_sequence_get(&lane->window_bytes);
	snapshot->sent = dps_sequence_get(&lane->sent);
	snapshot->sent_max = dps_sequence_get(&lane->sent_max);
	snapshot->acknowledged = dps_sequence_get(&lane->acknowledged);
	snapshot->stored = dps_sequence_get(&lane->stored);
	snapshot->lowest = dps_sequence_get(&lane->lowest);
	snapshot->heard_at_ns = dps_sequence_get(&lane->heard_at_ns);
	snapshot->progress_at_ns = dps_sequence_get(&lane->progress_at_ns);
	snapshot->parked_at_ns = dps_sequence_get(&lane->parked_at_ns);
	snapshot->chunks_released = dps_sequence_get(&lane->tail);
	snapshot->acks = dps_sequence_get(&lane->acks);
	snapshot->acks_useless = dps_sequence_get(&lane->acks_useless);
	snapshot->acks_stale = dps_sequence_get(&lane->acks_stale);
	snapshot->acks_misplaced = dps_sequence_get(&lane->acks_misplaced);
	snapshot->anomalies = dps_sequence_get(&lane->anomalies);
	snapshot->parks = dps_sequence_get(&lane->parks);
	snapshot->resumes = dps_sequence_get(&lane->resumes);
	snapshot->resumes_refused = dps_sequence_get(&lane->resumes_refused);
	snapshot->sent_bytes = dps_sequence_get(&lane->sent_bytes);
	snapshot->resent_bytes = dps_sequence_get(&lane->resent_bytes);
}

static void read_producer(const struct dps_transfer_producer *producer,
			  struct dps_transfer_snapshot *snapshot)
{
	snapshot->file_index = (uint32_t)dps_sequence_get(&producer->file_index);
	snapshot->posted = dps_sequence_get(&producer->posted);
	snapshot->posted_at_ns = dps_sequence_get(&producer->posted_at_ns);
	snapshot->busy_at_ns = dps_sequence_get(&producer->busy_at_ns);
	snapshot->chunks_posted = dps_sequence_get(&producer->head);
}

static bool try_lane(const struct dps_transfer_lane *lane, struct dps_transfer_snapshot *snapshot)
{
	for (unsigned int i = 0; i < DPS_SEQUENCE_TRIES; i++) {
		uint32_t begun = dps_sequence_begin(&lane->sequence);

		read_lane(lane, snapshot);
		if (dps_sequence_is_whole(&lane->sequence, begun))
			return true;
	}
	return false;
}

static bool try_producer(const struct dps_transfer_producer *producer,
			 struct dps_transfer_snapshot *snapshot)
{
	for (unsigned int i = 0; i < DPS_SEQUENCE_TRIES; i++) {
		uint32_t begun = dps_sequence_begin(&producer->sequence);

		read_producer(producer, snapshot);
		if (dps_sequence_is_whole(&producer->sequence, begun))
			return true;
	}
	return false;
}

bool dps_transfer_read(const struct dps_transfer *transfer, struct dps_transfer_snapshot *snapshot)
{
	struct dps_transfer_snapshot found = {
		.is_source_idle_ended = transfer->config.is_source_idle_ended,
		.release = transfer->config.release,
		.idle_ns = transfer->config.idle_ns,
		.reconnect_ns = transfer->config.reconnect_ns,
	};

	/* The lane's first: what it acknowledged was posted before, and that is read after. */
	if (!try_lane(&transfer->lane, &found) || !try_producer(&transfer->producer, &found))
		return false;
	if (found.state != DPS_TRANSFER_FINISHED && dps_transfer_cancel_reason(transfer) != NULL)
		found.state = DPS_TRANSFER_CANCELLED;
	*snapshot = found;
	return true;
}

enum dps_transfer_outcome dps_transfer_outcome_of(const struct dps_transfer_snapshot *snapshot,
						  uint64_t offset)
{
	if (offset <= snapshot->stored)
		return DPS_OUTCOME_STORED;
	if (offset <= snapshot->acknowledged)
		return DPS_OUTCOME_RECEIVED;
	if (snapshot->state == DPS_TRANSFER_CANCELLED)
		return DPS_OUTCOME_LOST;
	if (snapshot->state == DPS_TRANSFER_ATTACHED && offset <= snapshot->sent)
		return DPS_OUTCOME_SENT;
	return DPS_OUTCOME_QUEUED;
}

uint32_t dps_transfer_changes(const struct dps_transfer *transfer)
{
	/* acquire: pairs with the release in dps_transfer_signal() */
	return atomic_load_explicit(&transfer->lane.changes, memory_order_acquire);
}

uint64_t dps_transfer_acknowledged(const struct dps_transfer *transfer)
{
	return dps_sequence_get(&transfer->lane.acknowledged);
}

uint64_t dps_transfer_released(const struct dps_transfer *transfer)
{
	return dps_sequence_get(transfer->config.release == DPS_RELEASE_STORED
					? &transfer->lane.stored
					: &transfer->lane.acknowledged);
}
