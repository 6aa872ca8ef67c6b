/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream: an ordered sequence of bytes that a program sends to a peer, one way or both ways, with
 * an end that the other side can tell from a failure. This is what the program calls and hears of;
 * what goes between the two ends is an endpoint's affair (<dps/endpoint.h>), or of who carries it
 * otherwise (<dps/stream_carriage.h>). Nothing here waits, allocates, or reads a clock.
 *
 * Each way is a half, with a life of its own:
 *
 *   none -> waiting -> opening -> open -> ending -> finished
 *                 \          \       \         \
 *                  ------------------------------> aborted, stopped, lost,
 *                                                  refused, cancelled, timed out
 *
 * Finished and those below are ends. What ended a half first stays what ended it: a call that
 * comes later is told that, with its code or reason, until the stream is closed. Before an end, a
 * sender that said finish is told `finished`; what then aborts, stops or loses the half counts
 * more than that, so that nobody takes for delivered what was not.
 *
 * Owner: one thread, the lane's; no other calls anything here. It is the first that takes events;
 * a debug build of the library answers what another one calls with -DPS_ERROR_THREAD. A handle is
 * valid until dps_stream_close; whatever is called with another one, or with streams that are NULL
 * or were let go of, answers -DPS_ERROR_CLOSED, as of a half that the stream does not have, and
 * one that lacks memory for its result -EINVAL.
 *
 * After the send stream of msquic-async and the streaming calls of Cap'n Proto, with what their
 * users met put right: docs/architecture.md, "Streams".
 */
#pragma once
#include <dps/error.h>
#include <dps/flight.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_streams;

/* Of one half of a stream. */
enum dps_stream_state {
	DPS_STREAM_NONE,    /* the stream has no such half */
	DPS_STREAM_WAITING, /* as many are open as the peer allows; waits for its turn */
	DPS_STREAM_OPENING, /* the far side was asked and has not answered; or we were */
	DPS_STREAM_OPEN,
	DPS_STREAM_ENDING,    /* the end is said, or has arrived; not all before it was taken yet */
	DPS_STREAM_FINISHED,  /* everything and the end arrived at the far side, or was read here */
	DPS_STREAM_ABORTED,   /* the sending side gave it up; code */
	DPS_STREAM_STOPPED,   /* the receiving side did; code */
	DPS_STREAM_LOST,      /* the connection is gone for good; reason */
	DPS_STREAM_REFUSED,   /* the far side would not have it; code */
	DPS_STREAM_CANCELLED, /* given up by who asked for it, before the answer */
	DPS_STREAM_TIMED_OUT, /* not answered in time */
	DPS_STREAM_STATES_COUNT,
};

struct dps_streams_config {
	uint64_t epoch;	       /* of the connection it starts on; 0: none yet, it starts parked */
	uint64_t seed;	       /* of hashes, so that a peer cannot choose its places */
	uint64_t window_bytes; /* sender: most that is posted and not acknowledged */
	uint64_t flight_bytes; /* ... on all streams together; 0: no bound but each one's window */
	struct dps_flight *flight;     /* ... and with those of other peers: borrowed until
					  dps_streams_fini; NULL: none */
	uint64_t receive_window_bytes; /* receiver: most that is granted and not read */
	uint32_t streams;	       /* at once, the peer's among them */
	uint32_t peer_streams;	       /* ... that the peer may have opened */
	uint32_t segments;	       /* pieces of memory that wait to be sent or acknowledged */
	uint32_t send_blocks;	       /* for copies of them */
	uint32_t receive_blocks;       /* for what arrives; at least one for each stream */
	uint32_t block_bytes; /* the same on both sides: a power of two, 64 B to 1 MiB. No slice
				 crosses a multiple of it */
	bool is_dialer;	      /* this side made the connection: its streams have even numbers */
	bool is_asking;	      /* the program accepts or refuses each stream that arrives */
	bool takes_none;  /* nobody here reads what arrives: each is refused, DPS_CODE_UNWANTED */
	bool is_adaptive; /* the receive window follows what the way can hold, up to its bytes */
};

/* 1024 streams, half of them the peer's, 64 KiB blocks, windows of 64 MiB. Epoch is 1. */
void dps_streams_config_init(struct dps_streams_config *config, bool is_dialer);

/* Bytes of 64-byte aligned memory for dps_streams_init; 0 when the configuration is not valid. */
size_t dps_streams_bytes(const struct dps_streams_config *config);

/*
 * blocks: (send_blocks + receive_blocks) * block_bytes of memory that the port knows; it and memory
 * are borrowed until the streams are not used any more. Errors: -EINVAL, also for memory that is
 * NULL or not aligned.
 */
int dps_streams_init(void *memory, const struct dps_streams_config *config, uint8_t *blocks,
		     struct dps_streams **streams);

/*
 * Lets go of them in whatever state, once dps_engine_holds_streams says no: their memory may go, or
 * stay, and then every call answers -DPS_ERROR_CLOSED. No event follows. Nothing for NULL.
 */
void dps_streams_fini(struct dps_streams *streams);

/* ---- Opening and closing. ---- */

enum dps_stream_flags {
	DPS_STREAM_BOTH_WAYS = 1, /* the far side sends, too */
	DPS_STREAM_NO_WAIT = 2,	  /* when the peer allows no more: fail instead of waiting */
};

struct dps_stream_options {
	uint64_t tag;		   /* what for: the far side is told */
	uint64_t window_bytes;	   /* 0: as configured */
	uint64_t open_deadline_ns; /* to be answered by; DPS_NEVER_NS */
	uint32_t flags;		   /* enum dps_stream_flags */
	uint32_t weight;	   /* as dps_stream_set_weight; 0: 1 */
};

enum { DPS_STREAM_WEIGHT_MAX = 256 };

/*
 * Opens a stream; data may be sent at once and leave when the far side has accepted, which an
 * event tells. Errors: -DPS_ERROR_LIMIT (with NO_WAIT), -DPS_ERROR_NO_ROOM, -EINVAL (flags,
 * weight), -DPS_ERROR_SHUTTING_DOWN either side closes, -DPS_ERROR_LOST the connection is gone for
 * good.
 */
int dps_stream_open(struct dps_streams *streams, const struct dps_stream_options *options,
		    struct dps_handle *handle);

/*
 * Takes a stream that arrived, where the program is asked. Errors: what ended it meanwhile;
 * -DPS_ERROR_ALREADY answered; -EINVAL it is ours.
 */
int dps_stream_accept(struct dps_streams *streams, struct dps_handle handle);

/*
 * Does not, and closes it. code: at most DPS_CODE_MAX, here and everywhere. Errors: as above;
 * -EINVAL (code).
 */
int dps_stream_refuse(struct dps_streams *streams, struct dps_handle handle, uint64_t code);

enum dps_stream_close {
	DPS_STREAM_LINGER, /* what was sent still arrives; then the end, if it was said, or an abort
			      with DPS_CODE_DROPPED: half a stream is never taken for a whole one */
	DPS_STREAM_DROP,   /* abort with DPS_CODE_DROPPED; what has not left never does */
};

/*
 * Lets go of a stream in whatever state. What is still to be received is stopped with
 * DPS_CODE_DROPPED, and what was lent by dps_stream_read is given back. Of sends that are not done
 * all is told as ever, their outcome last; no other event follows. Errors: -EINVAL (how).
 */
int dps_stream_close(struct dps_streams *streams, struct dps_handle handle,
		     enum dps_stream_close how);

/* ---- Sending. ---- */

/* A run of bytes in memory. */
struct dps_bytes {
	const uint8_t *memory;
	size_t bytes;
};

enum dps_send_flags {
	DPS_SEND_BORROW = 1, /* no copy: the memory is lent until the send's outcome is told */
	DPS_SEND_TELL = 2,   /* the outcome of a copy, too; that of lent memory is told always */
	DPS_SEND_POSTED = 4, /* as TELL; and before the outcome, when all of it was handed over */
	DPS_SEND_FINISH = 8, /* and dps_stream_finish: the end leaves with the last byte */
};

enum { DPS_SEND_PIECES_MAX = 1024 };

/*
 * Sends the pieces, one behind the other: all of them, or nothing on an error. Nothing waits: it
 * is sent when the stream is open and the far side takes it. A send whose outcome is told has
 * exactly one: DELIVERED, CANCELLED or LOST (enum dps_stream_event_type), with its cookie, in the
 * order of the sends. No bytes: nothing is sent, and that succeeds.
 * Errors: what ended the half, -DPS_ERROR_FINISHED; -DPS_ERROR_FULL, and WRITABLE is told when it
 * would fit: the window, the flight_bytes of all streams, or the flight of several peers (what is
 * longer than one of them passes when nothing of it is outstanding), or memory that all streams
 * share; -DPS_ERROR_TOO_LONG it never would, or is beyond 4 GiB; -EINVAL.
 * For what all share, streams are told in the order in which they were refused. While one waits
 * none that comes later is ahead of it, and what it was told fits is kept for it until events are
 * taken again.
 */
int dps_stream_send(struct dps_streams *streams, struct dps_handle handle,
		    const struct dps_bytes *pieces, unsigned int count, uint32_t flags,
		    uint64_t cookie);

/*
 * Whether so many bytes may be sent now: whether it is clear to send the next. Errors: as above;
 * 0 then, even past the deadline; -ETIMEDOUT from the deadline on, and the stream goes on;
 * -DPS_ERROR_FULL before.
 */
int dps_stream_has_room(struct dps_streams *streams, struct dps_handle handle, uint64_t bytes,
			uint64_t deadline_ns, uint64_t now_ns);

/*
 * Takes a send back of which nothing has left yet; what was sent behind it moves up. Its outcome
 * is CANCELLED. Errors: -DPS_ERROR_ALREADY some of it has left; -DPS_ERROR_UNKNOWN no such cookie.
 */
int dps_stream_cancel_send(struct dps_streams *streams, struct dps_handle handle, uint64_t cookie);

/* From now on; what is outstanding beyond a smaller one drains. Errors: -EINVAL (0). */
int dps_stream_set_window(struct dps_streams *streams, struct dps_handle handle,
			  uint64_t window_bytes);

/*
 * How much of what leaves is this stream's, beside others that have something to send: one of
 * weight 3 sends three bytes for each byte of one of weight 1. From now on. Errors: -EINVAL (0, or
 * above DPS_STREAM_WEIGHT_MAX).
 */
int dps_stream_set_weight(struct dps_streams *streams, struct dps_handle handle, uint32_t weight);

/*
 * Nothing follows. Again changes nothing. Errors: what ended the half otherwise, so that an abort
 * is never taken for a finish.
 */
int dps_stream_finish(struct dps_streams *streams, struct dps_handle handle);

/*
 * Whether everything that was sent and the end are at the far side; says finish if it was not
 * said. Errors: the first that any send of the stream met, and nothing left after it;
 * -ETIMEDOUT from the deadline on, and the stream goes on; -DPS_ERROR_FULL before.
 */
int dps_stream_end(struct dps_streams *streams, struct dps_handle handle, uint64_t deadline_ns,
		   uint64_t now_ns);

/*
 * Gives up what is to be sent, also after finish, unless the end has been acknowledged. Nothing
 * more leaves; the far side is told the code. The first code stays. Errors:
 * -DPS_ERROR_FINISHED too late; what ended the half otherwise; -EINVAL (code).
 */
int dps_stream_abort(struct dps_streams *streams, struct dps_handle handle, uint64_t code);

/* ---- Receiving. ---- */

/*
 * Lends what has arrived and was not lent yet, in order, where it lies: at most room runs of bytes,
 * until they are given back with dps_stream_release. Returns how many; 0 at the end of the stream,
 * every time. Errors: what ended the half, though bytes before it may have arrived; -DPS_ERROR_FULL
 * nothing more has arrived, and READABLE is told when it has; -EINVAL no room.
 */
int dps_stream_read(struct dps_streams *streams, struct dps_handle handle, struct dps_bytes *runs,
		    unsigned int room);

/*
 * Copies what has arrived instead, at most so many bytes, which are given back with it. Returns how
 * many. Errors: as above; -EINVAL no room, while something is lent, and for more than INT32_MAX.
 */
int dps_stream_read_copy(struct dps_streams *streams, struct dps_handle handle, uint8_t *memory,
			 size_t bytes);

/*
 * Gives back so many bytes of what was lent, the first ones first; the far side may send as many
 * more. Also behind the end of the half. Errors: -EINVAL more than is lent.
 */
int dps_stream_release(struct dps_streams *streams, struct dps_handle handle, uint64_t bytes);

/*
 * Wants no more of it: the far side is told the code, and what arrived and was not lent is
 * dropped. The first code stays. Errors: what ended the half otherwise, -DPS_ERROR_FINISHED;
 * -EINVAL (code).
 */
int dps_stream_stop(struct dps_streams *streams, struct dps_handle handle, uint64_t code);

/* From now on; what was granted stays granted. Errors: -EINVAL (0). */
int dps_stream_set_receive_window(struct dps_streams *streams, struct dps_handle handle,
				  uint64_t window_bytes);

/* ---- Looking. ---- */

struct dps_stream_half_state {
	uint8_t state;		/* enum dps_stream_state */
	struct dps_error cause; /* how it ended; error 0: not, or well */
};

struct dps_stream_snapshot {
	struct dps_stream_half_state send;
	struct dps_stream_half_state receive;
	uint64_t tag;
	uint32_t number; /* on the wire; UINT32_MAX before its turn */
	bool is_ours;	 /* opened here */

	uint64_t window_bytes;
	uint64_t posted;       /* offset: so much was sent by the program */
	uint64_t sent;	       /* offset: handed to the port once in this epoch */
	uint64_t acknowledged; /* offset: below it everything is at the far side */
	uint64_t credit;       /* offset: so much the far side takes */

	uint64_t arrived;  /* offset: below it everything is here */
	uint64_t read;	   /* offset: so much was lent to the program */
	uint64_t released; /* offset: ... and given back */
	uint64_t granted;  /* offset: the far side may send so much */
};

int dps_stream_look(const struct dps_streams *streams, struct dps_handle handle,
		    struct dps_stream_snapshot *snapshot);

/* No half of any is under way: each has ended, or was not opened. */
bool dps_streams_are_over(const struct dps_streams *streams);

/* ---- Events. ---- */

enum dps_stream_event_type {
	DPS_STREAM_EVENT_ARRIVED = 1, /* the peer opened it */
	DPS_STREAM_EVENT_OPENED,      /* the far side accepted it */
	DPS_STREAM_EVENT_READABLE,    /* there is more to read, or the end */
	DPS_STREAM_EVENT_WRITABLE,    /* what was refused as FULL last fits by now */
	DPS_STREAM_EVENT_SEND_OVER,   /* the sending half has ended, all outcomes are told; cause */
	DPS_STREAM_EVENT_RECEIVE_OVER, /* the receiving half has, otherwise than by being read to
					  its end; cause */

	/* Of one send. Behind an outcome its memory is not used any more. */
	DPS_STREAM_EVENT_POSTED = 16, /* handed to the port, all of it; no outcome yet */
	DPS_STREAM_EVENT_DELIVERED,   /* all of it is at the far side */
	DPS_STREAM_EVENT_CANCELLED,   /* taken back, or its half was ended by either side; cause */
	DPS_STREAM_EVENT_LOST,	      /* the connection was lost before all of it was known to be
					 at the far side; cause */
};

struct dps_stream_event {
	uint8_t type; /* enum dps_stream_event_type */
	struct dps_handle handle;
	struct dps_error cause;
	uint64_t value; /* ARRIVED: tag; of a send: its cookie */

	/* Of a send. */
	uint64_t bytes;		  /* in all */
	uint64_t posted_bytes;	  /* of those, handed to the port at least once */
	uint64_t delivered_bytes; /* of those, known to be at the far side */
};

/*
 * What happened, at most room events; returns how many. Each is told once. Nothing is lost by
 * leaving them there, but the room that WRITABLE tells of is kept from other streams meanwhile. Of
 * streams that are NULL, or another thread's (debug builds look), none.
 */
unsigned int dps_streams_emit_events(struct dps_streams *streams, struct dps_stream_event *events,
				     unsigned int room);

struct dps_streams_counters {
	uint64_t opened;	 /* here */
	uint64_t arrived;	 /* opened by the peer, and taken in */
	uint64_t refused_limit;	 /* opened by the peer, more than it was allowed */
	uint64_t dropped_epoch;	 /* of a connection that is over */
	uint64_t dropped_number; /* of a stream that is not known */
	uint64_t dropped_credit; /* slices beyond what was granted */
	uint64_t dropped_layout; /* slices across blocks, or behind the end */
	uint64_t dropped_seal;	 /* slices that were not good */
	uint64_t dropped_full;	 /* slices among too many gaps */
	uint64_t duplicates;	 /* slices with nothing new */
	uint64_t anomalies;	 /* what a peer that keeps to the protocol does not say */
};

void dps_streams_read_counters(const struct dps_streams *streams,
			       struct dps_streams_counters *counters);

/* 0 of streams that are NULL. */
uint32_t dps_streams_block_bytes(const struct dps_streams *streams);

/* Records in use: 0 when every stream was closed and nothing of any is under way. */
uint32_t dps_streams_count(const struct dps_streams *streams);

#ifdef __cplusplus
}
#endif
