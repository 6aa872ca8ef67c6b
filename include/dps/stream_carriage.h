/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream carriage: what goes between the two ends of streams (<dps/stream.h>), for who carries it;
 * a program with an endpoint (<dps/endpoint.h>) needs nothing of this. All streams between two
 * peers are a pure function: what the program calls and what the far side says go in; slices to
 * send, acknowledgements, messages and the next deadline come out. Slices and acknowledgements may
 * be lost, repeated and late; messages go in order and arrive, within an epoch.
 *
 * Everything carries its epoch, and what is of another one moves nothing and is counted.
 *
 * Owner: the thread of the streams. They are there: what is NULL or was let go of is not carried.
 */
#pragma once
#include <dps/stream.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The connection. ---- */

/* It is gone and may come back; nothing comes out until then. Errors: -ESTALE another epoch. */
int dps_streams_park(struct dps_streams *streams, uint64_t epoch);

/*
 * A new connection to the same peer's same streams: what was not acknowledged is sent again, and
 * what the peer may not have heard is said again. Errors: -ESTALE the epoch is not greater.
 */
int dps_streams_resume(struct dps_streams *streams, uint64_t epoch);

/*
 * It is gone for good: every stream that has not ended is lost. What has arrived with its end can
 * still be read.
 */
void dps_streams_lose(struct dps_streams *streams, uint32_t reason);

/*
 * The connection is being closed, by us or by the far side: dps_stream_open answers
 * -DPS_ERROR_SHUTTING_DOWN from now on, and what is open goes on to its end. By us: what the far
 * side opens anew is refused with DPS_CODE_SHUTTING_DOWN, without a word to the program, and so is
 * what waits for its turn here, unless its end was said, or it lingers: that still goes when its
 * turn comes. By the far side: what that opens is taken in, as it was opened before, and what waits
 * for its turn here is refused, as it would be there.
 */
void dps_streams_shut(struct dps_streams *streams, bool is_ours);

/* Of the connection there is; 0 while parked, and when it is lost. */
uint64_t dps_streams_epoch(const struct dps_streams *streams);

/*
 * Another way to the same peer, within the connection: what was not acknowledged is sent again over
 * it, and what may not have been acknowledged is. Errors: -ESTALE another epoch.
 */
int dps_streams_reroute(struct dps_streams *streams, uint64_t epoch);

/*
 * Whether there is something to emit; none while parked. The number changes whenever there may be
 * more slices, acknowledgements or asks than before, so that who had all of them need not look.
 */
bool dps_streams_has_slices(struct dps_streams *streams, uint64_t epoch);
bool dps_streams_has_acks(const struct dps_streams *streams, uint64_t epoch);
bool dps_streams_has_messages(const struct dps_streams *streams, uint64_t epoch);
uint64_t dps_streams_changes(const struct dps_streams *streams);

/* ---- Slices, to be sent and received. ---- */

/* A run of bytes to be sent; never crosses a multiple of block_bytes. */
struct dps_stream_slice {
	const uint8_t *memory;
	uint64_t offset;
	uint32_t number;
	uint32_t bytes; /* 0: only the end */
	uint32_t token; /* for on_released: memory is lent till then. Of the end alone: NONE */
	uint8_t flags;	/* enum dps_stream_slice_flags */
};

#define DPS_STREAM_TOKEN_NONE UINT32_MAX

enum dps_stream_slice_flags {
	DPS_SLICE_END = 1,     /* the stream ends behind it */
	DPS_SLICE_BLOCKED = 2, /* uses up the credit, and there is more */
	DPS_SLICE_RESENT = 4,
};

/*
 * What to send next, at most room slices of at most so many bytes, of each stream that has any in
 * turn, as long as its weight says; returns how many. None while parked.
 */
unsigned int dps_streams_emit_slices(struct dps_streams *streams, uint64_t epoch,
				     struct dps_stream_slice *slices, unsigned int room,
				     uint32_t slice_bytes_max);

/* The port is done with a slice, whatever epoch it went out in and whatever became of its stream.
 */
void dps_streams_on_released(struct dps_streams *streams, uint32_t token);

/* ---- Acknowledgements. ---- */

/* What the receiver says of a stream; may be lost, repeated or late. All of it only rises. */
struct dps_stream_ack {
	uint64_t credit;     /* the sender may send bytes below this offset */
	uint64_t contiguous; /* every byte below has arrived */
	uint32_t number;
	bool has_end; /* and the end */
};

/* What is wrong with it is counted, never an error. */
void dps_streams_on_ack(struct dps_streams *streams, uint64_t epoch,
			const struct dps_stream_ack *ack);

/* A slice is lost: it comes out again, and so may what lies between it and others that are. */
void dps_streams_on_missing(struct dps_streams *streams, uint64_t epoch,
			    const struct dps_stream_slice *slice);

/* Where a slice that came is to be put. Only to is for the caller. */
struct dps_stream_placement {
	uint8_t *to; /* room for its bytes: where they stay, or scratch */
	uint64_t offset;
	uint32_t stream;
	uint32_t bytes;
	uint8_t flags;
	bool is_scratch;
};

/*
 * Judges a slice by what it says of itself (memory and token are not looked at). False: it is
 * dropped, and counted; nothing of it may be kept. Otherwise copy or open its bytes to
 * placement->to, which overwrites nothing that has arrived, and commit, before the next is placed.
 */
bool dps_streams_place(struct dps_streams *streams, uint64_t epoch,
		       const struct dps_stream_slice *slice,
		       struct dps_stream_placement *placement);

/*
 * is_good: it is authentic and whole; otherwise it leaves no trace but a counter. False when it
 * was not kept and must come again.
 */
bool dps_streams_commit(struct dps_streams *streams, const struct dps_stream_placement *placement,
			bool is_good, uint64_t now_ns);

/* What to acknowledge, of at most room streams; returns how many. None while parked. */
unsigned int dps_streams_emit_acks(struct dps_streams *streams, uint64_t epoch,
				   struct dps_stream_ack *acks, unsigned int room, uint64_t now_ns);

/* The sender asks to be told again: its acknowledgement may have been lost. */
void dps_streams_on_asked(struct dps_streams *streams, uint64_t epoch, uint32_t number);

/* What was told of any may have been lost. */
void dps_streams_on_asked_all(struct dps_streams *streams, uint64_t epoch);

/*
 * The numbers of streams to ask for, at most room: they wait for credit or an acknowledgement, and
 * have heard nothing since this was called before; each ever more rarely while that goes on. To be
 * called about every probe timeout while is_awaiting. Returns how many.
 */
unsigned int dps_streams_emit_asks(struct dps_streams *streams, uint64_t epoch, uint32_t *numbers,
				   unsigned int room);
bool dps_streams_is_awaiting(const struct dps_streams *streams, uint64_t epoch);

/* ---- Messages. ---- */

/*
 * What one side says to the other and must not get lost: carried in order, within an epoch
 * reliably, by the control connection.
 */
enum dps_stream_message_type {
	DPS_STREAM_SAYS_LIMIT = 1, /* value: so many streams the receiver may open in all */
	DPS_STREAM_SAYS_OPEN = 2,  /* value: tag */
	DPS_STREAM_SAYS_ACCEPT = 3,
	DPS_STREAM_SAYS_REFUSE = 4,  /* value: code */
	DPS_STREAM_SAYS_ABORT = 5,   /* value: code; of what its sender sends */
	DPS_STREAM_SAYS_STOP = 6,    /* value: code; of what its receiver sends */
	DPS_STREAM_SAYS_DONE = 7,    /* nothing of it comes any more: forget it */
	DPS_STREAM_SAYS_UNKNOWN = 8, /* it is not, or not any more, known here */
	/* After a resume, behind the streams that were named: so many numbers were given out; those
	   that were neither named nor heard of are of streams that have ended. */
	DPS_STREAM_SAYS_USED = 9,
};

struct dps_stream_message {
	uint8_t type;  /* enum dps_stream_message_type */
	uint8_t flags; /* OPEN: DPS_STREAM_BOTH_WAYS */
	uint32_t number;
	uint64_t value;
};

/* What makes no sense is counted and changes nothing; of another epoch, likewise. */
void dps_streams_on_message(struct dps_streams *streams, uint64_t epoch,
			    const struct dps_stream_message *message);

/* What to say next, at most room messages; returns how many. None while parked. */
unsigned int dps_streams_emit_messages(struct dps_streams *streams, uint64_t epoch,
				       struct dps_stream_message *messages, unsigned int room);

/* ---- Time. ---- */

/* Of opening; DPS_NEVER_NS. */
uint64_t dps_streams_next_deadline_ns(const struct dps_streams *streams);
void dps_streams_on_deadline(struct dps_streams *streams, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
