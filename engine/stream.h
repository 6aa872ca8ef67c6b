/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams' state, and what their files ask of each other. Contract: <dps/stream.h> and
 * <dps/stream_carriage.h>. Behaviour is split by what happens: stream_open, stream_send,
 * stream_emit, stream_ack ...; they meet here.
 *
 * Owner: the lane.
 */
#pragma once
#include "engine/bits.h"
#include "engine/credit_window.h"
#include "engine/flight.h"
#include "engine/owner.h"
#include "engine/ranges.h"
#include "engine/slots.h"
#include "engine/stream_state.h"
#include "engine/timers.h"
#include <dps/assert.h>
#include <dps/stream_carriage.h>

#define DPS_STREAM_INDEX_NONE UINT32_MAX
#define DPS_STREAM_NUMBER_NONE UINT32_MAX

/*
 * Streams wait in queues, each for one thing. What is taken out is looked at again: a record that
 * does not want it any more, or is another stream's by now, is passed over. So nothing is ever
 * taken out of the middle.
 */
enum dps_stream_queue {
	DPS_QUEUE_TURN,	  /* for the peer to allow one more stream */
	DPS_QUEUE_SAY,	  /* messages */
	DPS_QUEUE_TELL,	  /* events */
	DPS_QUEUE_SEND,	  /* slices */
	DPS_QUEUE_ROOM,	  /* for segments or blocks to send from */
	DPS_QUEUE_ACK,	  /* acknowledgements */
	DPS_QUEUE_CREDIT, /* for blocks to receive into */
	DPS_QUEUE_AWAIT,  /* for credit, or an acknowledgement */
	DPS_QUEUES_COUNT,
};

/* One half. Only dps_stream_enter() writes state and cause. */
struct dps_stream_side {
	struct dps_error cause;
	uint8_t state; /* enum dps_stream_state */
};

enum dps_segment_flags {
	DPS_SEGMENT_LAST = 1,	  /* of a send whose outcome is told */
	DPS_SEGMENT_POSTED = 2,	  /* ... and that it was posted */
	DPS_SEGMENT_IN_TOLD = 4,  /* in the queue of what is to be told */
	DPS_SEGMENT_IS_OUT = 8,	  /* was posted, not told yet */
	DPS_SEGMENT_IS_DONE = 16, /* has its outcome, and is no stream's any more */
};

/* A run of a stream's bytes in one piece of memory. */
struct dps_segment {
	const uint8_t *memory;
	uint64_t offset;
	uint64_t cookie;	  /* LAST: of its send */
	uint64_t send_bytes;	  /* LAST: of all of its send */
	uint64_t posted_bytes;	  /* of the send, once it has its outcome */
	uint64_t delivered_bytes; /* likewise */
	struct dps_error cause;
	struct dps_handle handle;
	uint32_t bytes;
	uint32_t block;	     /* DPS_SLOT_NONE: the program's memory */
	uint32_t references; /* slices that the port holds */
	uint32_t next;	     /* in its stream; or the next free one */
	uint32_t next_told;
	uint8_t flags;
};

enum { DPS_STREAM_MISSING_MAX = 6 };

/*
 * The bytes that are not acknowledged yet, as segments in order.
 * Invariant: acknowledged <= sent <= sent_max <= posted.
 */
struct dps_stream_sender {
	uint64_t window_bytes;
	uint64_t posted;
	uint64_t sent;	   /* in this epoch */
	uint64_t sent_max; /* in any */
	uint64_t acknowledged;
	uint64_t credit;
	struct dps_ranges missing; /* offsets to be sent again, within acknowledged..sent */
	struct dps_range missing_items[DPS_STREAM_MISSING_MAX];
	uint64_t asked_acknowledged; /* what was known when it was looked at last */
	uint64_t asked_credit;
	uint64_t turn_bytes; /* left of its turn */
	uint32_t owed_bytes; /* by which it went beyond the last one */
	uint32_t first;	     /* segments */
	uint32_t last;
	uint32_t cursor;     /* where sent is, or before */
	uint32_t fill_block; /* that a copy may be added to, DPS_SLOT_NONE */
	uint32_t fill_bytes; /* of it, used */
	uint32_t weight;
	uint32_t wanted_segments; /* of the send that was told FULL */
	uint32_t wanted_blocks;
	uint64_t wanted_bytes;
	uint64_t promised_round; /* 0: WRITABLE was not taken yet */
	uint8_t asks_count;	 /* in a row, without a word */
	uint8_t asks_wait;	 /* looks until the next */
	bool is_wanting;
	bool is_promised;     /* wanted_bytes, with WRITABLE; not while it is wanting */
	bool is_end_sent;     /* in this epoch */
	bool is_end_sent_max; /* in any */
	bool is_end_missing;
	bool is_lingering; /* aborted when everything is acknowledged */
	bool is_over_told;
};

/*
 * What arrives. Blocks are numbered by offset; those from first_block on that are not lent, or
 * lent and not given back, are promised (nothing has come) or stand in the table of blocks.
 * Invariant: released <= read <= contiguous <= highest <= end.
 */
struct dps_stream_receiver {
	struct dps_credit_window window;
	uint64_t contiguous;
	uint64_t read;
	uint64_t released;
	uint64_t highest;     /* one past the last byte that has come */
	uint64_t end;	      /* UINT64_MAX: not known */
	uint64_t first_block; /* number */
	uint64_t granted;     /* blocks: one past the last that may be sent */
	uint64_t told_credit; /* bytes */
	uint32_t blocks;      /* promised, or used */
	uint32_t extra;	      /* of those, more than the one that each stream may have */
};

struct dps_stream {
	struct dps_stream_sender send;
	struct dps_stream_receiver receive;
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

enum { DPS_STREAM_BLOCK_GAPS_MAX = 8 };

/* A block of receive memory, while something has arrived in it. */
struct dps_stream_block {
	uint64_t number;
	uint32_t stream;
	uint32_t next_in_bucket;
	struct dps_ranges arrived; /* offsets */
	struct dps_range items[DPS_STREAM_BLOCK_GAPS_MAX];
};

/* A word about a number that has no record. */
struct dps_stream_stray {
	uint64_t value;
	uint32_t number;
	uint8_t type;
};

/*
 * What was posted on any stream and is neither acknowledged nor given up. Who waited and was told
 * WRITABLE has its bytes kept until it sends, or until it heard of it and the next events are
 * taken: others would be there first time and again.
 */
struct dps_stream_flight {
	uint64_t limit_bytes;
	uint64_t bytes;
	uint64_t kept_bytes; /* for those who were told, or are to be */
	uint64_t told_bytes; /* of those, for who heard of it in this round */
	uint64_t round;	     /* of taking events */

	/* All of it counts with that of other peers. Stands in line with them while the first
	   stream that waits does so for what they share, and for nothing else. */
	struct dps_flight *shared; /* NULL: none */
	struct dps_flight_waiter waiter;
};

struct dps_streams {
	struct dps_streams_config config;
	struct dps_stream *records;
	uint32_t *buckets; /* by number */
	uint32_t places;   /* of buckets, a power of two */
	uint32_t first_free;
	uint32_t used_count;
	uint32_t ours_count; /* of those, opened here */
	uint32_t live_count; /* halves under way */
	uint64_t changes;    /* how often there was more to emit */
	uint32_t first[DPS_QUEUES_COUNT];
	uint32_t last[DPS_QUEUES_COUNT];
	struct dps_timers timers; /* by record: the answer to an open */

	uint64_t epoch;
	bool is_attached;
	bool is_lost;
	bool is_shut;	    /* nothing new is opened here */
	bool is_limit_said; /* our limit, as it is now */
	bool is_used_said;  /* how many numbers we gave out before this epoch */
	uint32_t lost_reason;
	uint64_t refusal; /* code for what the peer opens anew; 0: it is taken in */

	uint32_t opened;      /* numbers given out here */
	uint32_t opened_max;  /* ... that the peer allows */
	uint32_t arrived;     /* numbers the peer has used */
	uint64_t arrived_max; /* ... that it may */

	struct dps_stream_flight flight;
	struct dps_slots send_blocks;
	struct dps_slots receive_blocks;
	struct dps_stream_block *blocks; /* by slot of receive_blocks */
	uint32_t *block_buckets;	 /* by stream and number */
	uint32_t block_places;		 /* a power of two */
	uint32_t newest_block;		 /* what arrives next is most often in it */
	uint32_t block_shift;
	uint32_t extra_used; /* blocks beyond one for each stream, of extra_max */
	uint32_t extra_max;
	uint8_t *scratch; /* of a slice whose place is not known to be free */
	struct dps_segment *segments;
	uint32_t first_free_segment;
	uint32_t free_segments;
	uint32_t first_told; /* segments with something to tell */
	uint32_t last_told;

	const void
		*owner; /* engine/owner.h: who takes events; NULL: nobody yet, or not looked at */

	struct dps_stream_stray *strays; /* a ring */
	uint32_t strays_head;
	uint32_t strays_count;

	struct dps_streams_counters counters;
};

/* ---- streams.c ---- */
/* They belong to the calling thread from now on. */
void dps_streams_hand_over(struct dps_streams *streams);
/*
 * Whether the program may call this. -DPS_ERROR_CLOSED there are no streams (NULL): their peer was
 * let go of; -DPS_ERROR_THREAD another thread's.
 */
int dps_streams_may_call(const struct dps_streams *streams);
/* The stream that a call of the program is about. Errors: likewise; a handle that leads to nothing.
 */
int dps_stream_find(const struct dps_streams *streams, struct dps_handle handle,
		    struct dps_stream **stream);
uint32_t dps_stream_index(const struct dps_streams *streams, const struct dps_stream *stream);
struct dps_handle dps_stream_handle(const struct dps_streams *streams,
				    const struct dps_stream *stream);
/* Mixes all of a value with the seed, for tables that a peer must not fill unevenly. */
uint32_t dps_streams_hash(const struct dps_streams *streams, uint64_t value);
/* NULL when no stream has the number. */
struct dps_stream *dps_stream_numbered(const struct dps_streams *streams, uint32_t number);
/* There is one. Its halves are NONE. */
struct dps_stream *dps_stream_make(struct dps_streams *streams, bool is_ours, uint64_t tag);
void dps_stream_number(struct dps_streams *streams, struct dps_stream *stream, uint32_t number);
/* Frees the record when nobody needs it any more. Last thing to be done with it. */
void dps_stream_settle(struct dps_streams *streams, struct dps_stream *stream);
void dps_stream_enqueue(struct dps_streams *streams, struct dps_stream *stream,
			enum dps_stream_queue queue);
/* In front of the others; it is not in the queue. */
void dps_stream_enqueue_first(struct dps_streams *streams, struct dps_stream *stream,
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
/* Refuses one that arrived, and lets go of it. Last thing to be done with it. */
void dps_stream_turn_away(struct dps_streams *streams, struct dps_stream *stream, uint64_t code);
/* Those who wait for their turn, as far as the peer allows. */
void dps_streams_take_turns(struct dps_streams *streams);

/* ---- stream_message.c ---- */
void dps_stream_say(struct dps_streams *streams, struct dps_stream *stream,
		    enum dps_stream_message_type type);
/* Of a stream of the peer's: what it was answered, if it was. */
void dps_stream_say_answer(struct dps_streams *streams, struct dps_stream *stream);

/* ---- stream_segment.c ---- */
void dps_segments_init(struct dps_streams *streams);
/* Puts a segment behind the others; there is a free one. */
struct dps_segment *dps_segment_append(struct dps_streams *streams, struct dps_stream *stream,
				       const uint8_t *memory, uint32_t bytes, uint32_t block);
/* Takes out the segment behind another (NONE: the first); cause: of what is not delivered. */
void dps_segment_drop(struct dps_streams *streams, struct dps_stream *stream, uint32_t before,
		      const struct dps_error *cause);
/* What is acknowledged, or not sent any more, goes, as far as the port has let go of it. */
void dps_stream_settle_sends(struct dps_streams *streams, struct dps_stream *stream);
void dps_segment_tell(struct dps_streams *streams, struct dps_segment *segment);
void dps_segment_free(struct dps_streams *streams, struct dps_segment *segment);

/* ---- stream_room.c ---- */
/* What one who wants to send is told, 0 when he may. */
int dps_stream_send_error(const struct dps_stream *stream);

/* What a send takes of what all streams share. */
struct dps_send_need {
	uint64_t bytes;
	uint64_t segments;
	uint64_t blocks;
	uint64_t blocks_alone; /* with nothing of its stream there */
};
struct dps_send_need dps_send_need_of_copy(const struct dps_streams *streams,
					   const struct dps_stream_sender *send, uint64_t bytes);
/* Bytes left in the block that copies are added to. */
uint64_t dps_stream_fill_room(const struct dps_streams *streams,
			      const struct dps_stream_sender *send);
/* Refuses what never fits, and keeps in mind what does not fit now. */
int dps_stream_find_room(struct dps_streams *streams, struct dps_stream *stream,
			 const struct dps_send_need *need);
/* There may be room for what was refused. */
void dps_stream_wake(struct dps_streams *streams, struct dps_stream *stream);
/* It sent, or will not: those behind it need not wait for it. */
void dps_stream_want_nothing(struct dps_streams *streams, struct dps_stream *stream);
/*
 * Something that they wait for has changed. Afterwards there is no room for the first who waits.
 * The own ones: of this peer only, for who does the same for others.
 */
void dps_streams_wake_waiting(struct dps_streams *streams);
void dps_streams_wake_own(struct dps_streams *streams);

/* ---- stream_flight.c ---- */
void dps_stream_flight_init(struct dps_streams *streams);
/* Others have what these had of what they share. */
void dps_stream_flight_fini(struct dps_streams *streams);
void dps_stream_flight_take(struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes);
/* Wakes nobody. */
void dps_stream_flight_give(struct dps_streams *streams, uint64_t bytes);
/* Whether a send fits beside all that is under way, or is kept for others, of this peer. */
bool dps_stream_flight_fits(const struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes);
/* ... and beside what other peers have; and it is this one's turn, or need not be. */
bool dps_stream_flight_fits_beside(const struct dps_streams *streams,
				   const struct dps_stream *stream, uint64_t bytes);
/* In line with other peers, or not. */
void dps_stream_flight_stand_in_line(struct dps_streams *streams, bool is_waiting);
void dps_stream_flight_wake_others(struct dps_streams *streams);
/* Keeps what it wanted for it; until it is unpromised, or the round after that of its event. */
void dps_stream_promise(struct dps_streams *streams, struct dps_stream *stream);
bool dps_stream_is_promised(const struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t bytes);
void dps_stream_unpromise(struct dps_streams *streams, struct dps_stream *stream);
void dps_stream_on_writable_told(struct dps_streams *streams, struct dps_stream *stream);
void dps_streams_begin_round(struct dps_streams *streams);

/* ---- stream_emit.c ---- */
/* There may be something to send. */
void dps_stream_sendable(struct dps_streams *streams, struct dps_stream *stream);
/* What was sent and is not acknowledged is sent again, in a new epoch. */
void dps_stream_rewind(struct dps_streams *streams, struct dps_stream *stream);

/* ---- stream_await.c ---- */
/* It may have to wait for a word of the far side. */
void dps_stream_await(struct dps_streams *streams, struct dps_stream *stream);

/* ---- stream_block.c ---- */
void dps_stream_blocks_init(struct dps_streams *streams);
/* NULL when nothing has come for it. */
struct dps_stream_block *dps_stream_block_find(const struct dps_streams *streams, uint32_t stream,
					       uint64_t number);
/* A promised block gets its memory. */
struct dps_stream_block *dps_stream_block_take(struct dps_streams *streams,
					       struct dps_stream *stream, uint64_t number);
/* Gives back a promised or used block. */
void dps_stream_block_free(struct dps_streams *streams, struct dps_stream *stream, uint64_t number);
uint8_t *dps_stream_block_at(const struct dps_streams *streams,
			     const struct dps_stream_block *block);

/* ---- stream_grant.c ---- */
void dps_stream_window_init(struct dps_streams *streams, struct dps_stream *stream);
/* Promises blocks as far as the window and what others have allow. */
void dps_stream_grant(struct dps_streams *streams, struct dps_stream *stream);
/* Gives back the blocks that nobody reads any more, and promises them to who waits. */
void dps_stream_trim(struct dps_streams *streams, struct dps_stream *stream);
/* The far side should hear of it. */
void dps_stream_report(struct dps_streams *streams, struct dps_stream *stream);

/* ---- stream_receive.c ---- */
/* Everything up to the end has arrived. */
bool dps_stream_has_all(const struct dps_stream *stream);
/*
 * Bytes from an offset on, all of one block, that may come and of which none has; to: where they
 * belong, as long as nothing else is committed. 0 when there is none, or no room to keep them.
 */
uint64_t dps_stream_gap(const struct dps_streams *streams, uint32_t index, uint64_t offset,
			uint8_t **to);

/* ---- stream_event.c ---- */
/* There may be some to take. */
bool dps_streams_has_events(const struct dps_streams *streams);
void dps_stream_tell(struct dps_streams *streams, struct dps_stream *stream,
		     enum dps_stream_event_type type);
