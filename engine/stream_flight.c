/* SPDX-License-Identifier: BSD-3-Clause */
/* Flight: the bytes that all streams have posted and nobody acknowledged, and whose the rest is. */
#include "engine/stream.h"

void dps_stream_flight_init(struct dps_streams *streams)
{
	uint64_t limit_bytes = streams->config.flight_bytes;

	streams->flight = (struct dps_stream_flight){
		.limit_bytes = limit_bytes > 0 ? limit_bytes : UINT64_MAX,
		.round = 1,
	};
}

void dps_stream_flight_take(struct dps_streams *streams, uint64_t bytes)
{
	streams->flight.bytes += bytes;
}

void dps_stream_flight_give(struct dps_streams *streams, uint64_t bytes)
{
	DPS_ASSERT(bytes <= streams->flight.bytes);
	streams->flight.bytes -= bytes;
}

/* ---- What is kept for those who were told that there is room. ---- */

/* Of what a stream was promised, so much counts still: the round in which it heard of it is not
 * over, or has not come. */
static uint64_t *promises_with(struct dps_streams *streams, const struct dps_stream_sender *send)
{
	if (!send->is_promised)
		return NULL;
	if (send->promised_round == 0)
		return &streams->flight.kept_bytes;
	return send->promised_round == streams->flight.round ? &streams->flight.told_bytes : NULL;
}

static uint64_t promised(const struct dps_streams *streams)
{
	return streams->flight.kept_bytes + streams->flight.told_bytes;
}

void dps_stream_promise(struct dps_streams *streams, struct dps_stream *stream)
{
	stream->send.is_promised = true;
	stream->send.promised_round = 0;
	streams->flight.kept_bytes += stream->send.wanted_bytes;
}

void dps_stream_unpromise(struct dps_streams *streams, struct dps_stream *stream)
{
	uint64_t *promises = promises_with(streams, &stream->send);

	if (promises != NULL)
		*promises -= stream->send.wanted_bytes;
	stream->send.is_promised = false;
}

bool dps_stream_is_promised(struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes)
{
	return promises_with(streams, &stream->send) != NULL && bytes <= stream->send.wanted_bytes;
}

void dps_stream_on_writable_told(struct dps_streams *streams, struct dps_stream *stream)
{
	if (!stream->send.is_promised)
		return;
	streams->flight.kept_bytes -= stream->send.wanted_bytes;
	streams->flight.told_bytes += stream->send.wanted_bytes;
	stream->send.promised_round = streams->flight.round;
}

void dps_streams_begin_round(struct dps_streams *streams)
{
	bool is_any_over = streams->flight.told_bytes > 0;

	streams->flight.round++;
	streams->flight.told_bytes = 0;
	if (is_any_over)
		dps_streams_wake_waiting(streams);
}

/* ---- Whether more fits. ---- */

/* Longer than the limit passes when nothing is under way, nor kept for others. */
static bool is_free(const struct dps_stream_flight *flight, uint64_t taken, uint64_t bytes)
{
	return taken == 0 || (taken <= flight->limit_bytes && bytes <= flight->limit_bytes - taken);
}

bool dps_stream_flight_fits(struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes)
{
	const struct dps_stream_sender *send = &stream->send;
	uint64_t own = promises_with(streams, send) != NULL ? send->wanted_bytes : 0;

	return is_free(&streams->flight, streams->flight.bytes + promised(streams) - own, bytes);
}

bool dps_stream_flight_has_turn(const struct dps_streams *streams, uint64_t bytes)
{
	return is_free(&streams->flight, streams->flight.bytes + promised(streams), bytes);
}
