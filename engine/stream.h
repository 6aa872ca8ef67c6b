/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams' state, and what their files ask of each other. Contract: <dps/stream.h>. Behaviour is
 * split by what happens: stream_open, stream_message, stream_event, stream_end; they meet here.
 *
 * Owner: the lane.
 */
#pragma once
#include "engine/bits.h"
#include "engine/stream_state.h"
#include "engine/timers.h"
#include <dps/assert.h>
#include <dps/stream.h>

#define DPS_STREAM_INDEX_NONE UINT32_MAX
#define DPS_STREAM_NUMBER_NONE UINT32_MAX

/*
 * Streams wait in queues, each for one thing. What is taken out is looked at again: a record that
 * does not want it any more, or is another stream's by now, is passed over. So nothing is ever
 * taken out of the middle.
 */
enum dps_stream_queue {
	DPS_QUEUE_TURN, /* for the peer to allow one more stream */
	DPS_QUEUE_SAY,	/* messages */
	DPS_QUEUE_TELL, /* events */
	DPS_QUEUES_COUNT,
};

/* One half. Only dps_stream_enter() writes state and cause. */
struct dps_stream_side {
	struct dps_error cause;
	uint8_t state; /* enum dps_stream_state */
};

struct dps_stream {
	struct dps_stream_side halves[DPS_HALVES_COUNT];
	uint64_t tag;
	uint32_t generation;
	uint32_t number;
	uint32_t next_in_bucket; /* of the number; or the next free record */
	uint32_t next[DPS_QUEUES_COUNT];
	uint8_t queued; /* bits: enum dps_stream_queue */
	uint8_t say;	/* bits: enum dps_stream_message_type */
	uint8_t tell;	/* bits: enum dps_stream_event_type */
	bool is_used;
	bool is_held; /* the program has a handle */
	bool is_ours;
	bool is_both_ways;
	bool is_peer_done; /* nothing more comes of it from the peer */
	bool is_end_said;  /* finish was called, perhaps before the stream was open */
};

/* A word about a number that has no record. */
struct dps_stream_stray {
	uint64_t value;
	uint32_t number;
	uint8_t type;
};

struct dps_streams {
	struct dps_streams_config config;
	struct dps_stream *records;
	uint32_t *buckets; /* by number */
	uint32_t places;   /* of buckets, a power of two */
	uint32_t first_free;
	uint32_t used_count;
	uint32_t ours_count; /* of those, opened here */
	uint32_t first[DPS_QUEUES_COUNT];
	uint32_t last[DPS_QUEUES_COUNT];
	struct dps_timers timers; /* by record: the answer to an open */

	uint64_t epoch;
	bool is_attached;
	bool is_lost;
	bool is_limit_said; /* our limit, as it is now */
	uint32_t lost_reason;

	uint32_t opened;      /* numbers given out here */
	uint32_t opened_max;  /* ... that the peer allows */
	uint32_t arrived;     /* numbers the peer has used */
	uint64_t arrived_max; /* ... that it may */

	struct dps_stream_stray *strays; /* a ring */
	uint32_t strays_head;
	uint32_t strays_count;

	struct dps_streams_counters counters;
};

/* ---- streams.c ---- */
/* NULL when the handle leads to nothing. */
struct dps_stream *dps_stream_of(const struct dps_streams *streams, struct dps_handle handle);
uint32_t dps_stream_index(const struct dps_streams *streams, const struct dps_stream *stream);
struct dps_handle dps_stream_handle(const struct dps_streams *streams,
				    const struct dps_stream *stream);
/* NULL when no stream has the number. */
struct dps_stream *dps_stream_numbered(const struct dps_streams *streams, uint32_t number);
/* There is one. Its halves are NONE. */
struct dps_stream *dps_stream_make(struct dps_streams *streams, bool is_ours, uint64_t tag);
void dps_stream_number(struct dps_streams *streams, struct dps_stream *stream, uint32_t number);
/* Frees the record when nobody needs it any more. Last thing to be done with it. */
void dps_stream_settle(struct dps_streams *streams, struct dps_stream *stream);
void dps_stream_enqueue(struct dps_streams *streams, struct dps_stream *stream,
			enum dps_stream_queue queue);
/* The next; NULL when there is none. */
struct dps_stream *dps_stream_dequeue(struct dps_streams *streams, enum dps_stream_queue queue);

/* ---- stream_end.c ---- */
/*
 * What happens to a half, which must be able to happen; returns whether it changed. value: the
 * code or reason, where the input has one.
 */
bool dps_stream_enter(struct dps_streams *streams, struct dps_stream *stream,
		      enum dps_stream_half half, enum dps_stream_input input, uint64_t value);
/* The same for each half that the stream has and to which it can happen. */
bool dps_stream_enter_both(struct dps_streams *streams, struct dps_stream *stream,
			   enum dps_stream_input input, uint64_t value);
bool dps_stream_can(const struct dps_stream *stream, enum dps_stream_half half,
		    enum dps_stream_input input);
bool dps_stream_is_half_over(const struct dps_stream *stream, enum dps_stream_half half);
/* What of its end a half has to say to the peer. */
void dps_stream_say_end(struct dps_streams *streams, struct dps_stream *stream,
			enum dps_stream_half half);

/* ---- stream_open.c ---- */
/* The far side accepted. */
void dps_stream_on_accepted(struct dps_streams *streams, struct dps_stream *stream);
/* Those who wait for their turn, as far as the peer allows. */
void dps_streams_take_turns(struct dps_streams *streams);

/* ---- stream_message.c ---- */
void dps_stream_say(struct dps_streams *streams, struct dps_stream *stream,
		    enum dps_stream_message_type type);

/* ---- stream_event.c ---- */
void dps_stream_tell(struct dps_streams *streams, struct dps_stream *stream,
		     enum dps_stream_event_type type);
