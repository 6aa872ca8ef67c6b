/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive: a packet is placed, opened by the driver, and committed: one at a time, in this order.
 */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

enum {
	ACK_PACKETS = 64, /* acknowledge at the latest after so many */
	ELICITING = 1 << DPS_PACKET_DATA | 1 << DPS_PACKET_PROBE | 1 << DPS_PACKET_PING |
		    1 << DPS_PACKET_STREAM | 1 << DPS_PACKET_STREAM_ACK,
};

static struct dps_path *find_path(struct dps_engine *engine, uint64_t connection_id)
{
	uint32_t index = (uint32_t)(connection_id >> 40) & 0xffff;
	struct dps_path *path;

	if (index >= engine->limits.paths)
		return NULL;
	path = &engine->paths[index];
	if (path->connection_id != connection_id ||
	    (path->state != DPS_PATH_OPEN && path->state != DPS_PATH_PROBING))
		return NULL;
	return path;
}

static bool is_duplicate(const struct dps_path_ack *ack, uint64_t number)
{
	if (number > ack->largest_number || !ack->has_any)
		return false;
	return number < ack->forgotten_below ||
	       dps_ranges_has_all(&ack->received, number, number + 1);
}

static enum dps_verdict drop(uint64_t *counter)
{
	(*counter)++;
	return DPS_VERDICT_DROP;
}

/* What is not data. By itself, or what it keeps in registers is missing where data are placed. */
static __attribute__((noinline)) enum dps_verdict
place_other(struct dps_engine *engine, struct dps_path *path, struct dps_placement *placement)
{
	struct dps_engine_counters *counters = &engine->counters;

	switch (placement->type) {
	case DPS_PACKET_ACK:
	case DPS_PACKET_PROBE:
	case DPS_PACKET_PING:
	case DPS_PACKET_CLOSE:
		return DPS_VERDICT_OPEN;
	case DPS_PACKET_STREAM:
		if ((placement->flags & DPS_PACKET_OPTIONS) || engine->is_wary)
			return DPS_VERDICT_OPEN;
		placement->is_placed = true;
		return dps_place_stream(engine, path, placement) ? DPS_VERDICT_OPEN
								 : DPS_VERDICT_DROP;
	case DPS_PACKET_STREAM_ACK:
		/* Not acknowledged, so that it comes again when there are streams. */
		return path->carrier ? DPS_VERDICT_OPEN : drop(&counters->dropped_stream);
	default:
		return drop(&counters->dropped_type);
	}
}

enum dps_verdict dps_engine_place(struct dps_engine *engine, const uint8_t *bytes, uint32_t length,
				  uint8_t ecn, struct dps_placement *placement)
{
	struct dps_engine_counters *counters = &engine->counters;
	struct dps_header header;
	struct dps_path *path;
	int result;

	counters->received_packets++;
	if (length < DPS_ENVELOPE_BYTES)
		return drop(&counters->dropped_short);
	/* The sender may share this memory: judge and check one and the same copy. */
	memcpy(placement->header, bytes, DPS_HEADER_BYTES);
	if (engine->run.length != 0) {
		if (length == engine->run.tail_length &&
		    dps_run_place_tail(engine, placement, ecn & 3))
			return DPS_VERDICT_OPEN;
		if (dps_run_has_more(&engine->run))
			dps_run_count(engine);
	}
	result = dps_header_decode(placement->header, length, &header);
	if (result < 0)
		return drop(result == -EPROTONOSUPPORT ? &counters->dropped_version
						       : &counters->dropped_short);
	path = find_path(engine, header.connection_id);
	if (!path)
		return drop(&counters->dropped_connection);
	if (is_duplicate(&path->ack, header.packet_number))
		return drop(&counters->duplicate_packets);
	placement->to = engine->scratch;
	placement->payload_bytes = header.payload_bytes;
	placement->path = path->index;
	placement->packet_number = header.packet_number;
	placement->offset = header.offset;
	placement->channel = header.channel;
	placement->type = header.type;
	placement->flags = header.flags;
	placement->ecn = ecn & 3;
	placement->is_placed = false;
	if (header.type == DPS_PACKET_DATA) { /* as most are */
		/* Where the data begins is known when the options can be believed. */
		if ((header.flags & DPS_PACKET_OPTIONS) || engine->is_wary)
			return DPS_VERDICT_OPEN;
		placement->is_placed = true;
		return dps_place_data(engine, path, placement) ? DPS_VERDICT_OPEN
							       : DPS_VERDICT_DROP;
	}
	return place_other(engine, path, placement);
}

static void note_number(struct dps_path_ack *ack, uint64_t number)
{
	if (dps_ranges_add(&ack->received, number, number + 1) >= 0)
		return;
	/* More gaps than we keep: the oldest is what the sender gives up first. */
	ack->forgotten_below = ack->received.items[0].end;
	dps_ranges_remove_lowest(&ack->received);
	if (number >= ack->forgotten_below)
		(void)dps_ranges_add(&ack->received, number, number + 1);
}

void dps_ack_follow_floor(struct dps_path_ack *ack, uint64_t floor)
{
	if (floor <= ack->forgotten_below)
		return;
	ack->forgotten_below = floor;
	/* The range that reaches largest is what the next ACK starts with: keep its end. */
	dps_ranges_remove_below(&ack->received, dps_min_u64(floor, ack->largest_number));
}

void dps_ack_owe(struct dps_path_ack *ack, uint32_t packets, uint64_t now_ns)
{
	ack->packets_count += packets;
	if (ack->packets_count >= ACK_PACKETS)
		ack->is_now = true;
	if (ack->at_ns == DPS_NEVER_NS)
		ack->at_ns = now_ns + ack->delay_max_ns;
}

static void note_packet(struct dps_path *path, const struct dps_placement *placement,
			uint64_t now_ns)
{
	const struct dps_header header = {
		.packet_number = placement->packet_number,
		.floor = dps_header_peek_floor(placement->header),
	};
	struct dps_path_ack *ack = &path->ack;
	bool is_eliciting = (ELICITING >> placement->type & 1) != 0;

	ack->ecn_counts[placement->ecn]++;
	note_number(ack, placement->packet_number);
	if (!ack->has_any || placement->packet_number > ack->largest_number) {
		/* A gap: the sender should hear of it with this burst. */
		if (is_eliciting && ack->has_any &&
		    placement->packet_number != ack->largest_number + 1)
			ack->is_now = true;
		ack->largest_number = placement->packet_number;
		ack->largest_at_ns = now_ns;
		ack->largest_sent_at_us = dps_header_peek_sent_at_us(placement->header);
		ack->has_any = true;
	} else if (is_eliciting) {
		ack->is_now = true; /* fills a gap */
	}
	dps_ack_follow_floor(ack, dps_header_floor(&header));
	if (!is_eliciting)
		return;
	if ((placement->flags & (DPS_PACKET_ACK_NOW | DPS_PACKET_FIN)) ||
	    placement->type == DPS_PACKET_PING)
		ack->is_now = true;
	dps_ack_owe(ack, 1, now_ns);
}

/* What stands behind the options is the packet; false when it is to be dropped. */
static bool step_over_options(struct dps_engine *engine, struct dps_placement *placement)
{
	int bytes = dps_options_skip(placement->to, placement->payload_bytes);

	if (bytes < 0) {
		engine->counters.dropped_body++;
		return false;
	}
	placement->to += bytes;
	placement->payload_bytes -= (uint32_t)bytes;
	return true;
}

/* Data that was opened in scratch before it was asked where it belongs; false: it is dropped. */
static bool place_late(struct dps_engine *engine, struct dps_path *path,
		       struct dps_placement *placement)
{
	uint8_t *at = placement->to;

	if (!dps_place_data(engine, path, placement))
		return false;
	placement->to = at; /* where it is, not where it may go */
	placement->is_scratch = true;
	return true;
}

/* By itself, too: a bad packet shall cost nothing of what a good one needs. */
static __attribute__((noinline)) void commit_good(struct dps_engine *engine,
						  struct dps_placement *placement, uint64_t now_ns)
{
	struct dps_path *path = &engine->paths[placement->path];

	engine->now_ns = now_ns;
	if (placement->type == DPS_RUN_TAIL) {
		dps_run_commit_tail(engine, placement);
		return;
	}
	dps_run_forget(engine);
	if ((placement->flags & DPS_PACKET_OPTIONS) && !step_over_options(engine, placement))
		return;
	if (placement->type == DPS_PACKET_DATA &&
	    ((!placement->is_placed && !place_late(engine, path, placement)) ||
	     !dps_recv_data(engine, path, placement)))
		return; /* as if it never came: it will come again */
	if (placement->type == DPS_PACKET_STREAM &&
	    !dps_recv_stream(engine, path, placement, now_ns))
		return;
	dps_path_hear(path, now_ns);
	if (!path->proof.is_there)
		path->proof.received_bytes += DPS_ENVELOPE_BYTES + placement->payload_bytes;
	note_packet(path, placement, now_ns);
	dps_path_touch(engine, path);
	switch (placement->type) {
	case DPS_PACKET_ACK:
		dps_recv_ack(engine, path, placement->to, placement->payload_bytes, now_ns);
		break;
	case DPS_PACKET_PROBE:
	case DPS_PACKET_PING:
		dps_recv_probe(engine, path, placement);
		break;
	case DPS_PACKET_STREAM_ACK:
		dps_recv_stream_ack(engine, path, placement->to, placement->payload_bytes);
		break;
	case DPS_PACKET_CLOSE:
		dps_recv_close(engine, path, placement->to, placement->payload_bytes);
		break;
	case DPS_PACKET_DATA:
		if (engine->run.is_burst && placement->chunk != DPS_CHUNK_NONE)
			dps_run_begin(engine, path, placement);
		break;
	case DPS_PACKET_STREAM:
		if (engine->run.is_burst)
			dps_slices_begin(engine, path, placement);
		break;
	default:
		break;
	}
}

void dps_engine_commit(struct dps_engine *engine, struct dps_placement *placement, bool is_good,
		       uint64_t now_ns)
{
	/* Where one came that is not worth its place, the next is opened before it is given one. */
	engine->is_wary = !is_good;
	if (is_good) {
		commit_good(engine, placement, now_ns);
		return;
	}
	if (placement->type == DPS_PACKET_STREAM)
		dps_forget_stream(engine, placement);
	dps_path_on_bad_seal(engine, &engine->paths[placement->path]);
}
