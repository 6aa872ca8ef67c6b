/* SPDX-License-Identifier: BSD-3-Clause */
/* Repair: what is lost is sent again, byte by byte of its channel, under new packet numbers. */
#include "engine/state.h"

enum {
	PROBE_PACKETS = 2,	    /* per probe timeout (RFC 9002 section 6.2.4) */
	PERSISTENT_TIMEOUTS = 3,    /* RFC 9002 section 7.6.1 */
	REMEMBER_LOST_TIMEOUTS = 3, /* how long a late acknowledgement is still waited for */
};

/*
 * All that is in flight may be lost and must find room in the queue. What is sent again leaves the
 * queue as it goes into flight, so it needs no room and must never wait for any. What goes in
 * several packets does need some; a few places are kept for when there is nothing else to send.
 */
bool dps_repair_has_room(const struct dps_path *path, uint32_t packets)
{
	return path->sent.packets_in_flight + dps_repair_count(path) + packets <
	       path->sent.capacity - DPS_ENGINE_SENT_SPARE / 2;
}

bool dps_repair_queue_bytes(struct dps_path *path, uint32_t channel, uint32_t generation,
			    uint64_t offset, uint32_t bytes)
{
	uint32_t mask = (uint32_t)path->sent.capacity - 1;

	if (dps_repair_count(path) > mask)
		return false;
	path->resends[path->resends_head++ & mask] = (struct dps_resend){
		.offset = offset,
		.channel = channel,
		.generation = generation,
		.bytes = bytes,
	};
	return true;
}

bool dps_repair_queue(struct dps_path *path, const struct dps_sent_packet *packet)
{
	return dps_repair_queue_bytes(path, packet->channel, packet->generation, packet->offset,
				      packet->data_bytes);
}

/* What it carried is to be sent again. */
static void on_lost(struct dps_path *path, const struct dps_sent_packet *packet)
{
	if (packet->flags & DPS_SENT_DATA) {
		bool is_queued = dps_repair_queue(path, packet);

		DPS_ASSERT(is_queued); /* emit_data keeps the room */
	} else if (path->carrier) {
		dps_carrier_on_lost(path, packet);
	}
}

struct dps_resend *dps_repair_next(struct dps_engine *engine, struct dps_path *path,
				   struct dps_chunk **chunk, struct dps_range *gap)
{
	uint32_t mask = (uint32_t)path->sent.capacity - 1;

	for (; dps_repair_count(path) > 0; path->resends_tail++) {
		struct dps_resend *resend = &path->resends[path->resends_tail & mask];
		const struct dps_channel *channel = &engine->channels[resend->channel];
		uint64_t end = resend->offset + resend->bytes;
		uint32_t index;

		if (!channel->is_open || channel->generation != resend->generation)
			continue;
		index = dps_chunk_find(engine, channel, resend->offset);
		/* A chunk that is being read again is queued anew when it is there. */
		if (index == DPS_CHUNK_NONE || engine->chunks.items[index].state != DPS_CHUNK_READY)
			continue;
		*chunk = &engine->chunks.items[index];
		*gap = dps_ranges_next_missing(&(*chunk)->done, resend->offset, end);
		if (gap->start >= gap->end)
			continue;
		resend->offset = gap->start;
		resend->bytes = (uint32_t)(end - gap->start);
		return resend;
	}
	return NULL;
}

/* Packets lost in a row, with nothing acknowledged between them, and how long the row lasted. */
struct row {
	uint64_t next_number;
	uint64_t began_at_ns;
	uint64_t longest_ns;
};

static void extend_row(struct row *row, uint64_t number, uint64_t sent_at_ns)
{
	if (number != row->next_number)
		row->began_at_ns = sent_at_ns;
	row->next_number = number + 1;
	row->longest_ns = dps_max_u64(row->longest_ns, sent_at_ns - row->began_at_ns);
}

/* Congestion control was told of a loss: as it was before is kept until all is known of it. */
static void keep_undo(struct dps_path *path, const struct dps_congestion *then)
{
	struct dps_path_undo *undo = &path->undo;

	if (path->congestion.events_count == then->events_count ||
	    (undo->is_there && undo->packets_missed == path->sent.packets_missed))
		return;
	undo->then = *then;
	undo->packets_missed = path->sent.packets_missed;
	undo->is_there = true;
}

void dps_repair_undo(struct dps_path *path, uint64_t now_ns)
{
	struct dps_path_undo *undo = &path->undo;

	if (undo->is_there && undo->packets_missed == path->sent.packets_missed)
		path->congestion.ops->on_spurious(&path->congestion, &undo->then, now_ns);
	undo->is_there = false;
}

void dps_repair_detect(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns)
{
	struct row row = { .next_number = UINT64_MAX };
	uint64_t timeout_ns = dps_path_probe_timeout_ns(path);
	uint64_t in_flight = path->sent.bytes_in_flight;
	uint64_t lost_bytes = 0, newest_ns = 0;
	uint64_t number = path->sent.floor_number;
	struct dps_congestion then;

	while ((number = dps_loss_next(&path->loss, &path->sent, &path->rtt, number, now_ns)) !=
	       UINT64_MAX) {
		const struct dps_sent_packet packet = dps_sent_at(&path->sent, number);

		dps_sent_mark_lost(&path->sent, number);
		engine->counters.lost_packets++;
		lost_bytes += packet.wire_bytes;
		newest_ns = dps_max_u64(newest_ns, packet.sent_at_ns);
		extend_row(&row, number, packet.sent_at_ns);
		on_lost(path, &packet);
		number++;
	}
	dps_sent_forget_lost_before(
		&path->sent, now_ns - dps_min_u64(now_ns, REMEMBER_LOST_TIMEOUTS * timeout_ns));
	if (lost_bytes == 0)
		return;
	then = path->congestion;
	path->congestion.ops->on_lost(&path->congestion, lost_bytes, newest_ns, in_flight, now_ns);
	if (dps_rtt_is_measured(&path->rtt) && row.longest_ns > PERSISTENT_TIMEOUTS * timeout_ns)
		path->congestion.ops->on_persistent(&path->congestion, now_ns);
	keep_undo(path, &then);
	dps_path_touch(engine, path);
}

/*
 * When numbers run out because nothing is acknowledged, the oldest packets count as lost: else
 * there would be none left to ask with, nor to acknowledge what the other side sends.
 */
void dps_repair_make_room(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns)
{
	struct dps_sent *sent = &path->sent;
	uint64_t in_flight = sent->bytes_in_flight;
	uint64_t lost_bytes = 0, newest_ns = 0;

	while (sent->floor_number < sent->next_number &&
	       sent->next_number - sent->floor_number + PROBE_PACKETS >
		       sent->capacity - DPS_ENGINE_SENT_SPARE) {
		uint64_t number = sent->floor_number;
		const struct dps_sent_packet packet = dps_sent_at(sent, number);

		if (dps_sent_is_live(sent, number)) {
			dps_sent_mark_lost(sent, number);
			engine->counters.lost_packets++;
			lost_bytes += packet.wire_bytes;
			newest_ns = dps_max_u64(newest_ns, packet.sent_at_ns);
			on_lost(path, &packet);
		}
		dps_sent_forget_lost(sent, number);
	}
	/* Of a way of which nothing is known yet, a lost probe says nothing either. */
	if (lost_bytes > 0 && path->state == DPS_PATH_OPEN)
		path->congestion.ops->on_lost(&path->congestion, lost_bytes, newest_ns, in_flight,
					      now_ns);
}

void dps_repair_on_probe_timeout(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns)
{
	struct dps_sent *sent = &path->sent;
	uint64_t number;

	dps_repair_make_room(engine, path, now_ns);
	number = sent->next_number
			 ? dps_sent_next_live(sent, sent->floor_number, sent->next_number - 1)
			 : UINT64_MAX;
	engine->counters.probe_timeouts++;
	path->loss.probes_count++;
	path->probes_owed = PROBE_PACKETS;
	/* The oldest is what the far side waits for; it stays in flight, this is only a copy. */
	for (unsigned int i = 0; i < PROBE_PACKETS && number != UINT64_MAX; i++) {
		const struct dps_sent_packet packet = dps_sent_at(sent, number);

		if ((packet.flags & DPS_SENT_DATA) && dps_repair_has_room(path, PROBE_PACKETS))
			(void)dps_repair_queue(path, &packet);
		else if (path->carrier)
			dps_carrier_on_lost(path, &packet);
		number = number + 1 < sent->next_number
				 ? dps_sent_next_live(sent, number + 1, sent->next_number - 1)
				 : UINT64_MAX;
	}
	dps_path_touch(engine, path);
}
