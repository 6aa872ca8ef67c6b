/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flight: the bytes that all streams have posted and nobody acknowledged, and whose the rest is;
 * of one peer, and of all that share a limit.
 */
#include "engine/stream.h"

static void on_turn(void *owner)
{
	dps_streams_wake_own(owner);
}

void dps_stream_flight_init(struct dps_streams *streams)
{
	uint64_t limit_bytes = streams->config.flight_bytes;

	streams->flight = (struct dps_stream_flight){
		.limit_bytes = limit_bytes > 0 ? limit_bytes : UINT64_MAX,
		.round = 1,
		.shared = streams->config.flight,
	};
	dps_flight_waiter_init(&streams->flight.waiter, on_turn, streams);
}

/* ---- What counts: what is under way, and what is kept for those who were told of room. ---- */

static uint64_t counted(const struct dps_stream_flight *flight)
{
	return flight->bytes + flight->kept_bytes;
}

static void set_counted(struct dps_stream_flight *flight, uint64_t bytes, uint64_t kept_bytes)
{
	uint64_t before = counted(flight);

	flight->bytes = bytes;
	flight->kept_bytes = kept_bytes;
	if (flight->shared != NULL)
		dps_flight_move(flight->shared, before, counted(flight));
}

void dps_stream_flight_fini(struct dps_streams *streams)
{
	struct dps_stream_flight *flight = &streams->flight;

	set_counted(flight, 0, 0);
	dps_flight_leave(&flight->waiter);
	dps_stream_flight_wake_others(streams);
	flight->shared = NULL;
}

/* Something is kept for it; not for ever, once it has heard of it. */
static bool is_kept(const struct dps_streams *streams, const struct dps_stream_sender *send)
{
	return send->is_promised &&
	       (send->promised_round == 0 || send->promised_round == streams->flight.round);
}

static uint64_t kept_for(const struct dps_streams *streams, const struct dps_stream *stream)
{
	return is_kept(streams, &stream->send) ? stream->send.wanted_bytes : 0;
}

void dps_stream_flight_take(struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes)
{
	struct dps_stream_flight *flight = &streams->flight;

	/* It was this peer's turn, and that was it. */
	if (bytes > 0 && !is_kept(streams, &stream->send))
		dps_flight_leave(&flight->waiter);
	set_counted(flight, flight->bytes + bytes, flight->kept_bytes);
}

void dps_stream_flight_give(struct dps_streams *streams, uint64_t bytes)
{
	struct dps_stream_flight *flight = &streams->flight;

	DPS_ASSERT(bytes <= flight->bytes);
	set_counted(flight, flight->bytes - bytes, flight->kept_bytes);
}

void dps_stream_promise(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_flight *flight = &streams->flight;

	stream->send.is_promised = true;
	stream->send.promised_round = 0;
	set_counted(flight, flight->bytes, flight->kept_bytes + stream->send.wanted_bytes);
	dps_flight_leave(&flight->waiter);
}

void dps_stream_unpromise(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_flight *flight = &streams->flight;
	uint64_t kept = kept_for(streams, stream);

	if (stream->send.promised_round == flight->round)
		flight->told_bytes -= kept;
	set_counted(flight, flight->bytes, flight->kept_bytes - kept);
	stream->send.is_promised = false;
}

bool dps_stream_is_promised(const struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes)
{
	return is_kept(streams, &stream->send) && bytes <= stream->send.wanted_bytes;
}

void dps_stream_on_writable_told(struct dps_streams *streams, struct dps_stream *stream)
{
	if (!stream->send.is_promised)
		return;
	streams->flight.told_bytes += stream->send.wanted_bytes;
	stream->send.promised_round = streams->flight.round;
}

void dps_streams_begin_round(struct dps_streams *streams)
{
	struct dps_stream_flight *flight = &streams->flight;
	uint64_t over_bytes = flight->told_bytes;

	flight->round++;
	flight->told_bytes = 0;
	if (over_bytes == 0)
		return;
	set_counted(flight, flight->bytes, flight->kept_bytes - over_bytes);
	dps_streams_wake_waiting(streams);
}

/* ---- Whether more fits. ---- */

bool dps_stream_flight_fits(const struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes)
{
	const struct dps_stream_flight *flight = &streams->flight;

	return dps_fits_limit(counted(flight) - kept_for(streams, stream), bytes,
			      flight->limit_bytes);
}

/* ---- Beside other peers. ---- */

bool dps_stream_flight_fits_beside(const struct dps_streams *streams,
				   const struct dps_stream *stream, uint64_t bytes)
{
	const struct dps_stream_flight *flight = &streams->flight;
	uint64_t kept = kept_for(streams, stream);

	if (flight->shared == NULL || dps_stream_is_promised(streams, stream, bytes) ||
	    dps_flight_is_own(flight->shared, counted(flight) - kept + bytes))
		return true;
	return dps_flight_is_turn(flight->shared, &flight->waiter) &&
	       dps_flight_fits(flight->shared, counted(flight), kept, bytes);
}

void dps_stream_flight_stand_in_line(struct dps_streams *streams, bool is_waiting)
{
	struct dps_stream_flight *flight = &streams->flight;

	if (is_waiting)
		dps_flight_join(flight->shared, &flight->waiter);
	else
		dps_flight_leave(&flight->waiter);
}

void dps_stream_flight_wake_others(struct dps_streams *streams)
{
	if (streams->flight.shared != NULL)
		dps_flight_wake(streams->flight.shared);
}
