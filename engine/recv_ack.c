/* SPDX-License-Identifier: BSD-3-Clause */
/* An acknowledgement came: what arrived, what it says of the way, and how far channels may go. */
#include "engine/state.h"
#include <string.h>

enum {
	OLDER_AT = DPS_WIRE_ACK_HEAD_BYTES + DPS_WIRE_RANGE_BYTES, /* ranges behind the newest */
};

/* What one ACK did, gathered while its ranges are walked. */
struct outcome {
	uint64_t acked_bytes;
	uint64_t largest_number; /* newly acknowledged */
	uint64_t largest_sent_at_ns;
	uint64_t in_flight_before;
	bool has_new;
};

/* Bytes of one chunk that arrived in packets of consecutive numbers. */
struct run {
	uint64_t number; /* of the first packet */
	uint64_t start;
	uint64_t end;
	uint32_t channel;
	uint32_t generation;
	bool has_digest; /* it ends a piece */
};

/* False when there are too many gaps to note it. */
static bool note_acked(struct dps_engine *engine, const struct run *run)
{
	struct dps_channel *channel = &engine->channels[run->channel];
	uint64_t fill_end = run->end;
	struct dps_chunk *chunk;
	uint32_t index;

	if (!channel->is_open || channel->generation != run->generation)
		return true;
	index = dps_chunk_find(engine, channel, run->start);
	if (index == DPS_CHUNK_NONE)
		return true; /* acknowledged before, by another packet */
	chunk = &engine->chunks.items[index];
	if (chunk->state != DPS_CHUNK_READY || run->number < chunk->first_number)
		return true;
	if (run->has_digest) {
		uint32_t extent = dps_extent_find(engine, chunk, run->start);

		fill_end = dps_piece_fill_end(engine, chunk, &engine->extents.items[extent]);
	}
	if (dps_chunk_add_done(chunk, run->start, run->end, fill_end) < 0)
		return false;
	if (chunk->done_bytes == chunk->needed_bytes)
		dps_chunk_finish(engine, index);
	return true;
}

static void on_run_acked(struct dps_engine *engine, struct dps_path *path, const struct run *run)
{
	/* What cannot be noted is sent again when there are fewer gaps. */
	if (!note_acked(engine, run))
		(void)dps_repair_queue_bytes(path, run->channel, run->generation, run->start,
					     (uint32_t)(run->end - run->start));
}

/* So many packets from one on, which were sent as a run. */
static struct run run_of(const struct dps_sent_packet *packet, uint64_t number, uint64_t count)
{
	return (struct run){
		.number = number,
		.start = packet->offset,
		.end = packet->offset + count * packet->data_bytes,
		.channel = packet->channel,
		.generation = packet->generation,
		.has_digest = (packet->flags & DPS_SENT_DIGEST) != 0,
	};
}

/*
 * Whether a packet goes on where a run ends: bytes of the same piece, as a run's digest is its
 * end. While a chunk is read and sent again, whose numbers count is a matter of each packet.
 */
static bool continues(const struct dps_engine *engine, const struct run *run,
		      const struct dps_sent_packet *packet)
{
	return packet->offset == run->end && !run->has_digest && packet->channel == run->channel &&
	       packet->generation == run->generation && (packet->flags & DPS_SENT_DATA) &&
	       (packet->offset & (engine->limits.chunk_bytes - 1)) != 0 &&
	       engine->channels[run->channel].extra_chunk == DPS_CHUNK_NONE;
}

/*
 * Takes what an ACK newly names of one word of numbers; a run may go on in the next. Packets that
 * were sent as a run, as most are, are taken as far as they are named without a gap.
 */
static uint64_t on_word(struct dps_engine *engine, struct dps_path *path, uint64_t from,
			uint64_t bits, struct run *run)
{
	uint64_t base = from - from % DPS_SENT_WORD_BITS, wire_bytes = 0;
	uint64_t rest = bits;

	while (rest != 0) {
		unsigned int at = (unsigned int)__builtin_ctzll(rest);
		uint64_t number = base + at, ones = ~(rest >> at);
		const struct dps_sent_packet packet = dps_sent_at(&path->sent, number);
		uint64_t count = ones != 0 ? (uint64_t)__builtin_ctzll(ones) : DPS_SENT_WORD_BITS;

		count = dps_min_u64(count, packet.run_left + 1U);
		rest &= ~(UINT64_MAX >> (DPS_SENT_WORD_BITS - count) << at);
		wire_bytes += count * packet.wire_bytes;
		if (continues(engine, run, &packet)) {
			run->end += count * packet.data_bytes;
			run->has_digest = (packet.flags & DPS_SENT_DIGEST) != 0;
			continue;
		}
		if (run->end > run->start)
			on_run_acked(engine, path, run);
		*run = (struct run){ 0 };
		if (packet.flags & DPS_SENT_DATA)
			*run = run_of(&packet, number, count);
		else if (packet.flags & DPS_SENT_PROBE)
			dps_proof_on_acked(engine, path, packet.wire_bytes);
	}
	dps_sent_remove_bits(&path->sent, from, bits, wire_bytes);
	return wire_bytes;
}

static void on_live(struct dps_engine *engine, struct dps_path *path, uint64_t first, uint64_t last,
		    struct outcome *outcome)
{
	struct dps_sent *sent = &path->sent;
	struct run run = { 0 };

	for (; first <= last; first = dps_sent_word_end(first) + 1) {
		uint64_t bits = dps_sent_live_bits(sent, first, last);
		uint64_t newest;

		if (bits == 0)
			continue;
		newest = dps_sent_word_end(first) - (uint64_t)__builtin_clzll(bits);
		outcome->acked_bytes += on_word(engine, path, first, bits, &run);
		if (!outcome->has_new || newest > outcome->largest_number) {
			outcome->largest_number = newest;
			outcome->largest_sent_at_ns = dps_sent_at(sent, newest).sent_at_ns;
		}
		outcome->has_new = true;
	}
	if (run.end > run.start)
		on_run_acked(engine, path, &run);
}

/* What was taken for lost and came after all. */
static void on_spurious(struct dps_engine *engine, struct dps_path *path, uint64_t first,
			uint64_t last)
{
	struct dps_sent *sent = &path->sent;
	uint64_t number = dps_sent_next_lost(sent, first, last);

	for (; number != UINT64_MAX;
	     number = number == last ? UINT64_MAX : dps_sent_next_lost(sent, number + 1, last)) {
		const struct dps_sent_packet packet = dps_sent_at(sent, number);
		struct run run = run_of(&packet, number, 1);

		dps_sent_remove_lost(sent, number);
		engine->counters.spurious_packets++;
		dps_loss_on_spurious(&path->loss, engine->ack.largest - number,
				     engine->now_ns - packet.sent_at_ns, engine->now_ns);
		/* What cannot be noted has been queued, when it was taken for lost. */
		if (packet.flags & DPS_SENT_DATA)
			(void)note_acked(engine, &run);
	}
	if (sent->packets_lost == 0)
		dps_repair_undo(path, engine->now_ns);
}

static void on_range(struct dps_engine *engine, struct dps_path *path, uint64_t first,
		     uint64_t last, struct outcome *outcome)
{
	if (last >= path->sent.live_floor)
		on_live(engine, path, dps_max_u64(first, path->sent.live_floor), last, outcome);
	if (path->sent.packets_lost != 0 && last >= path->sent.floor_number)
		on_spurious(engine, path, first, last);
}

/*
 * An ACK repeats what those before it said, for they may be lost: most of its ranges, and most of
 * the newest, were dealt with when the last one came.
 */
static void on_ranges(struct dps_engine *engine, struct dps_path *path, const struct dps_ack *ack,
		      const uint8_t *body, struct outcome *outcome)
{
	const struct dps_ack_range *settled = path->settled;
	const struct dps_ack_range *end = settled + path->settled_count;

	for (unsigned int i = 0; i < ack->ranges_count; i++) {
		uint64_t first = ack->ranges[i].first, last = ack->ranges[i].last;

		if (settled < end && settled->first == first && settled->last == last) {
			settled++; /* as nearly all but the newest */
			continue;
		}
		while (settled < end && settled->first > last)
			settled++; /* newer */
		if (settled < end && settled->first <= first && settled->last >= first) {
			const struct dps_ack_range *before = settled;

			settled += before->first == first; /* nothing older touches it */
			first = before->last + 1;
		}
		if (first <= last)
			on_range(engine, path, first, last, outcome);
	}
	memcpy(path->settled, ack->ranges, ack->ranges_count * sizeof(ack->ranges[0]));
	memcpy(path->settled_older, body + OLDER_AT,
	       (ack->ranges_count - 1U) * DPS_WIRE_RANGE_BYTES);
	path->settled_count = ack->ranges_count;
}

/*
 * Whether an ACK names what the last one did and newer packets, as nearly all do: its newest range
 * begins where that one's did, and the older ones are told by the same bytes.
 */
static bool goes_on(const struct dps_path *path, const struct dps_ack *ack, const uint8_t *body)
{
	return ack->ranges_count <= path->settled_count &&
	       ack->ranges[0].first == path->settled[0].first &&
	       ack->largest >= path->settled[0].last &&
	       memcmp(body + OLDER_AT, path->settled_older,
		      (ack->ranges_count - 1U) * DPS_WIRE_RANGE_BYTES) == 0;
}

/* Only what is newer than the last ACK's newest is news. */
static void on_newest(struct dps_engine *engine, struct dps_path *path, const struct dps_ack *ack,
		      struct outcome *outcome)
{
	uint64_t first = path->settled[0].last + 1;

	if (first <= ack->largest)
		on_range(engine, path, first, ack->largest, outcome);
	path->settled[0].last = ack->largest;
	path->settled_count = ack->ranges_count;
}

/* Every byte below contiguous is at the far side, whatever became of single acknowledgements. */
static void finish_below(struct dps_engine *engine, struct dps_channel *channel)
{
	while (channel->ring.floor < channel->ring.head) {
		uint32_t index = dps_replay_ring_at(&channel->ring, channel->ring.floor);
		struct dps_chunk *chunk = &engine->chunks.items[index];

		if (chunk->end > channel->contiguous || chunk->state != DPS_CHUNK_READY ||
		    chunk->data_end > channel->send_offset)
			return;
		dps_ranges_clear(&chunk->done);
		chunk->done_bytes = chunk->needed_bytes;
		dps_chunk_finish(engine, index);
	}
}

/*
 * How far the other side may have come: it counts padding, up to the end of the chunk that was
 * posted last, and what is skipped or of another stripe.
 */
static uint64_t posted_end(const struct dps_engine *engine, const struct dps_channel *channel)
{
	uint64_t at = channel->send_offset;

	while (at < channel->made_offset) {
		const struct dps_chunk *chunk;

		at = dps_channel_next_held(engine, channel, at);
		if (at == channel->made_offset)
			break;
		chunk = &engine->chunks.items[dps_replay_ring_at(&channel->ring,
								 dps_chunk_number(engine, at))];
		if (chunk->done_bytes < chunk->needed_bytes)
			return dps_min_u64(dps_round_up(at, engine->limits.chunk_bytes),
					   channel->made_offset);
		at = chunk->end;
	}
	for (uint32_t i = channel->make_extent; i != DPS_EXTENT_NONE;
	     i = engine->extents.items[i].next) {
		const struct dps_extent *extent = &engine->extents.items[i];

		if (extent->skip_from > dps_max_u64(at, extent->start)) {
			/* What is in front of it was done by an earlier connection. */
			at = dps_max_u64(at, extent->start);
			break;
		}
		at = dps_max_u64(at, extent->end);
	}
	at = dps_chunk_number(engine, dps_round_up(at, engine->limits.chunk_bytes));
	return dps_chunk_base(engine, dps_channel_next_own(channel, at));
}

static void on_channel(struct dps_engine *engine, struct dps_path *path,
		       const struct dps_ack_channel *said)
{
	uint32_t index = dps_channel_table_find(&engine->table, engine->channels, path->index, true,
						said->channel);
	struct dps_channel *channel;
	uint64_t posted, contiguous;

	if (index == DPS_CHANNEL_NONE)
		return;
	channel = &engine->channels[index];
	if (said->credit > channel->credit) {
		channel->credit = said->credit;
		path->blocked_count = 0;
		dps_channel_want(engine, channel);
		dps_channel_sendable(engine, channel);
	}
	/* Most often what was sent is enough to believe it. */
	posted = dps_min_u64(channel->send_offset, channel->announced_end);
	if (said->contiguous > posted || said->stored > posted)
		posted = dps_min_u64(posted_end(engine, channel), channel->announced_end);
	if (said->contiguous > posted || said->stored > posted)
		engine->counters.anomalies++; /* acknowledges what was never posted */
	channel->stored = dps_max_u64(channel->stored, dps_min_u64(said->stored, posted));
	contiguous = dps_min_u64(said->contiguous, posted);
	if (contiguous > channel->contiguous) {
		channel->contiguous = contiguous;
		finish_below(engine, channel);
	}
}

static void on_round_trip(struct dps_engine *engine, struct dps_path *path,
			  const struct outcome *outcome, uint64_t now_ns)
{
	uint64_t delay_ns = (uint64_t)engine->ack.ack_delay_us * DPS_NS_PER_US;

	/* Only the newest packet's echo is a round trip (RFC 9002 section 5.1). */
	if (outcome->largest_number == engine->ack.largest && now_ns > outcome->largest_sent_at_ns)
		dps_rtt_on_sample(&path->rtt, now_ns - outcome->largest_sent_at_ns, delay_ns,
				  now_ns);
}

static void on_new(struct dps_path *path, const struct outcome *outcome, uint64_t now_ns)
{
	const struct dps_congestion_ack ack = {
		.acked_bytes = outcome->acked_bytes,
		.in_flight_bytes = outcome->in_flight_before,
		.largest_number = outcome->largest_number,
		.largest_sent_at_ns = outcome->largest_sent_at_ns,
		.next_number = path->sent.next_number,
		.latest_rtt_ns = path->rtt.latest_ns,
		.smoothed_rtt_ns = path->rtt.smoothed_ns,
		.min_rtt_ns = path->rtt.min_ns,
		.is_limited = path->limit != DPS_LIMIT_WINDOW && path->limit != DPS_LIMIT_PACING &&
			      path->limit != DPS_LIMIT_CPU && path->limit != DPS_LIMIT_NIC,
		.now_ns = now_ns,
	};

	path->congestion.ops->on_acked(&path->congestion, &ack);
	dps_pacer_set_rate(&path->pacer,
			   path->congestion.ops->pacing_rate_bytes_per_s(&path->congestion,
									 path->rtt.smoothed_ns),
			   path->data_bytes_max + DPS_ENVELOPE_BYTES, now_ns);
	path->probes_owed = 0;
	/* The far side's patience with ACKs should follow the round trip. */
	if (path->rtt.smoothed_ns > 2 * path->told_rtt_ns ||
	    path->rtt.smoothed_ns < path->told_rtt_ns / 2)
		path->is_ping_owed = path->is_ping_owed || path->told_rtt_ns != 0;
}

/* False when it is malformed; is_next: its older ranges are the last ACK's, and not decoded. */
static bool decode(const struct dps_path *path, const uint8_t *body, size_t length,
		   struct dps_ack *ack, bool *is_next)
{
	if (dps_ack_decode_front(body, length, ack) < 0)
		return false;
	*is_next = goes_on(path, ack, body);
	return *is_next || dps_ack_decode_older(body, ack) == 0;
}

void dps_recv_ack(struct dps_engine *engine, struct dps_path *path, const uint8_t *body,
		  size_t length, uint64_t now_ns)
{
	struct dps_ack *ack = &engine->ack;
	struct outcome outcome = { .in_flight_before = path->sent.bytes_in_flight };
	bool is_next;

	if (!decode(path, body, length, ack, &is_next)) {
		engine->counters.dropped_body++;
		return;
	}
	engine->counters.acks_received++;
	if (ack->largest >= path->sent.next_number) {
		/* Acknowledges what was never sent. Who can seal packets and lies is not to be
		 * served. */
		engine->counters.anomalies++;
		if (path->config.is_sealed)
			dps_path_lose(engine, path, DPS_CLOSE_PROTOCOL);
		return;
	}
	if (is_next)
		on_newest(engine, path, ack, &outcome);
	else
		on_ranges(engine, path, ack, body, &outcome);
	if (outcome.has_new)
		dps_sent_raise_floors(&path->sent);
	dps_loss_on_acked(&path->loss, ack->largest, outcome.has_new);
	if (outcome.has_new)
		on_round_trip(engine, path, &outcome, now_ns);
	dps_repair_detect(engine, path, now_ns);
	if (outcome.has_new)
		on_new(path, &outcome, now_ns);
	for (unsigned int i = 0; i < ack->channels_count; i++)
		on_channel(engine, path, &ack->channels[i]);
}
