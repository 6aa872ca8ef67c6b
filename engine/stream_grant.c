/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credit of receiving halves: how much of the receive memory is promised to whom. Each stream may
 * have one block whatever the others do, so none of them stands still because of another; what is
 * beyond goes to who asked first.
 */
#include "engine/stream.h"

enum {
	START_BYTES = 1 << 20,
	FLOOR_BYTES = 64 << 10,
	SLACK_MS = 8,		   /* a lane or a program that was not scheduled */
	SLACK_BYTES_MAX = 4 << 20, /* what lies longer has left the processor's caches */
};

void dps_stream_window_init(struct dps_streams *streams, struct dps_stream *stream)
{
	const struct dps_streams_config *config = &streams->config;
	const struct dps_credit_window_config fixed = {
		.floor_bytes = config->receive_window_bytes,
		.limit_bytes = config->receive_window_bytes,
		.start_bytes = config->receive_window_bytes,
	};
	const struct dps_credit_window_config adaptive = {
		.floor_bytes = FLOOR_BYTES,
		.limit_bytes = config->receive_window_bytes,
		.start_bytes = START_BYTES,
		.slack_ns = SLACK_MS * DPS_NS_PER_MS,
		.slack_bytes_max = SLACK_BYTES_MAX,
	};

	dps_credit_window_init(&stream->receive.window, config->is_adaptive ? &adaptive : &fixed);
}

static bool is_receiving(const struct dps_stream *stream)
{
	uint8_t state = stream->halves[DPS_HALF_RECEIVE].state;

	return state == DPS_STREAM_OPEN || state == DPS_STREAM_ENDING ||
	       state == DPS_STREAM_FINISHED;
}

void dps_stream_report(struct dps_streams *streams, struct dps_stream *stream)
{
	if (is_receiving(stream))
		dps_stream_enqueue(streams, stream, DPS_QUEUE_ACK);
}

static bool is_window_full(const struct dps_streams *streams, const struct dps_stream *stream)
{
	const struct dps_stream_receiver *receive = &stream->receive;
	uint64_t outstanding = receive->granted - (receive->released >> streams->block_shift);

	return outstanding > 0 &&
	       (outstanding + 1) << streams->block_shift > receive->window.window_bytes;
}

/* One block more; the first is there for it. */
static void grant_one(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_receiver *receive = &stream->receive;

	if (receive->blocks > 0) {
		streams->extra_used++;
		receive->extra++;
	}
	dps_slots_reserve(&streams->receive_blocks);
	receive->blocks++;
	receive->granted++;
}

static bool wants_more(const struct dps_streams *streams, const struct dps_stream *stream)
{
	return stream->is_used && stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_OPEN &&
	       !is_window_full(streams, stream) &&
	       stream->receive.granted < DPS_OFFSET_MAX >> streams->block_shift;
}

/* One block each, in turn: who gives many back does not take them all again before the others. */
static void serve_waiting(struct dps_streams *streams)
{
	while (streams->extra_used < streams->extra_max) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_CREDIT);

		if (stream == NULL)
			return;
		if (!wants_more(streams, stream))
			continue;
		grant_one(streams, stream);
		dps_stream_report(streams, stream);
		dps_stream_enqueue(streams, stream, DPS_QUEUE_CREDIT);
	}
}

void dps_stream_grant(struct dps_streams *streams, struct dps_stream *stream)
{
	if (!wants_more(streams, stream))
		return;
	if (stream->receive.blocks == 0) {
		grant_one(streams, stream);
		dps_stream_report(streams, stream);
	}
	dps_stream_enqueue(streams, stream, DPS_QUEUE_CREDIT);
	serve_waiting(streams);
}

static uint64_t block_behind(const struct dps_streams *streams, uint64_t offset)
{
	return (offset + streams->config.block_bytes - 1) >> streams->block_shift;
}

/* Of a half that goes on: what was given back, and what lies behind the end. */
static void trim_open(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_receiver *receive = &stream->receive;
	uint64_t gone = receive->released == receive->end
				? block_behind(streams, receive->end)
				: receive->released >> streams->block_shift;

	for (; receive->first_block < gone; receive->first_block++)
		dps_stream_block_free(streams, stream, receive->first_block);
	if (receive->end == UINT64_MAX)
		return;
	while (receive->granted > block_behind(streams, receive->end))
		dps_stream_block_free(streams, stream, --receive->granted);
}

/* Of one that is over: everything but what is lent. */
static void trim_over(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_receiver *receive = &stream->receive;
	uint64_t kept_end = receive->first_block;

	if (receive->read > receive->released) {
		uint64_t kept = receive->released >> streams->block_shift;

		kept_end = block_behind(streams, receive->read);
		for (; receive->first_block < kept; receive->first_block++)
			dps_stream_block_free(streams, stream, receive->first_block);
	}
	while (receive->granted > kept_end)
		dps_stream_block_free(streams, stream, --receive->granted);
}

void dps_stream_trim(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_receiver *receive = &stream->receive;
	uint32_t extra;

	if (dps_stream_is_half_over(stream, DPS_HALF_RECEIVE))
		trim_over(streams, stream);
	else
		trim_open(streams, stream);
	extra = receive->blocks > 0 ? receive->blocks - 1 : 0;
	streams->extra_used -= receive->extra - extra;
	receive->extra = extra;
	dps_stream_grant(streams, stream);
	serve_waiting(streams);
}

int dps_stream_set_receive_window(struct dps_streams *streams, struct dps_handle handle,
				  uint64_t window_bytes)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);
	struct dps_credit_window *window;

	if (error != 0)
		return error;
	if (window_bytes == 0)
		return -DPS_ERROR_INVALID;
	window = &stream->receive.window;
	if (!streams->config.is_adaptive)
		window->config.floor_bytes = window_bytes;
	dps_credit_window_set_limit(window, window_bytes);
	dps_stream_grant(streams, stream);
	return 0;
}

/* ---- Acknowledgements. ---- */

static struct dps_stream_ack ack_of(const struct dps_streams *streams, struct dps_stream *stream,
				    uint64_t now_ns)
{
	struct dps_stream_receiver *receive = &stream->receive;
	uint64_t credit = receive->granted << streams->block_shift;

	if (credit > receive->told_credit) {
		dps_credit_window_on_told(&receive->window, receive->told_credit,
					  is_window_full(streams, stream), now_ns);
		receive->told_credit = credit;
	}
	return (struct dps_stream_ack){
		.credit = receive->told_credit,
		.contiguous = receive->contiguous,
		.number = stream->number,
		.has_end = dps_stream_has_all(stream),
	};
}

unsigned int dps_streams_emit_acks(struct dps_streams *streams, uint64_t epoch,
				   struct dps_stream_ack *acks, unsigned int room, uint64_t now_ns)
{
	unsigned int count = 0;

	if (!streams->is_attached || epoch != streams->epoch)
		return 0;
	while (count < room) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_ACK);

		if (stream == NULL)
			break;
		if (stream->is_used && is_receiving(stream))
			acks[count++] = ack_of(streams, stream, now_ns);
	}
	return count;
}

bool dps_streams_has_acks(const struct dps_streams *streams, uint64_t epoch)
{
	return streams->is_attached && epoch == streams->epoch &&
	       streams->first[DPS_QUEUE_ACK] != DPS_STREAM_INDEX_NONE;
}

void dps_streams_on_asked_all(struct dps_streams *streams, uint64_t epoch)
{
	if (!streams->is_attached || epoch != streams->epoch)
		return;
	for (uint32_t i = 0; i < streams->config.streams; i++)
		if (streams->records[i].is_used)
			dps_stream_report(streams, &streams->records[i]);
}

void dps_streams_on_asked(struct dps_streams *streams, uint64_t epoch, uint32_t number)
{
	struct dps_stream *stream = dps_stream_numbered(streams, number);

	if (streams->is_attached && epoch == streams->epoch && stream != NULL)
		dps_stream_report(streams, stream);
}
