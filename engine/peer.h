/* SPDX-License-Identifier: BSD-3-Clause */
/* Peer's state, and what its parts ask of each other. Contract: <dps/peer.h>. */
#pragma once
#include "engine/owner.h"
#include "engine/peer_frame.h"
#include "engine/peer_inbox.h"
#include "engine/peer_queue.h"
#include "engine/timers.h"
#include <dps/backoff.h>
#include <dps/peer.h>

enum dps_peer_sizes {
	DPS_PEER_FRAMES = 16,	      /* under way to the socket, at most; a power of two */
	DPS_PEER_AHEAD_BYTES = 65536, /* taken for writing when less than that waits for it */
	DPS_PEER_TOLD_MAX = 8,	      /* events of its life that wait to be heard */
	DPS_PEER_STRANGE_MAX = 64,    /* answers to calls never made, until it is enough */
};

#define DPS_PEER_NONE UINT32_MAX

/* ---- Calls of ours. ---- */

enum dps_peer_call_state {
	DPS_PEER_CALL_FREE,
	DPS_PEER_CALL_QUEUED, /* in the queue, or not wholly written */
	DPS_PEER_CALL_SENT,
	DPS_PEER_CALL_DONE, /* its event waits to be heard */
};

struct dps_peer_call_slot {
	uint64_t id;
	uint64_t cookie;
	uint64_t made_at_ns;
	uint8_t *answer;
	uint32_t answer_room;
	uint32_t answer_bytes;
	uint32_t message;     /* while it is queued */
	uint32_t next;	      /* of those done, or free */
	uint32_t next_cancel; /* of those whose cancellation is to be told */
	uint16_t code;
	uint8_t state;
	uint8_t outcome;
	bool is_taken;	     /* queued, and being written */
	bool is_cancel_owed; /* the far side is to be told */
	bool is_told;	     /* the program was; free when nothing is owed either */
};

/* Lists of slots and requests: in the order in which they joined. */
struct dps_peer_list {
	uint32_t first;
	uint32_t last;
};

/* ---- Calls of theirs. ---- */

enum dps_peer_request_state {
	DPS_PEER_REQUEST_FREE,
	DPS_PEER_REQUEST_ARRIVING, /* its body is coming in */
	DPS_PEER_REQUEST_WAITING,  /* for a permit */
	DPS_PEER_REQUEST_READY,	   /* to be given to the program */
	DPS_PEER_REQUEST_TAKEN,	   /* the program has it */
	DPS_PEER_REQUEST_ANSWERED, /* its answer is queued or being written */
	DPS_PEER_REQUEST_REFUSED,  /* an answer of ours is to be written */
	DPS_PEER_REQUEST_STATES,
};

struct dps_peer_request_slot {
	uint64_t id;	/* theirs */
	uint64_t at_ns; /* its state began */
	uint32_t generation;
	uint32_t message; /* its body in the inbox, or DPS_PEER_NONE */
	uint32_t next;	  /* of the list of its state */
	uint32_t previous;
	uint16_t code; /* of the refusal */
	uint8_t state;
	bool has_permit;
	bool is_over;	   /* nobody waits for its answer */
	bool is_over_told; /* and the program knows */
};

/* ---- What comes. ---- */

enum dps_peer_place {
	DPS_PEER_PLACE_HEAD,
	DPS_PEER_PLACE_OWN,	/* a frame of the protocol's own */
	DPS_PEER_PLACE_REQUEST, /* index: of the request */
	DPS_PEER_PLACE_NOTICE,	/* index: its room in the inbox */
	DPS_PEER_PLACE_ANSWER,	/* index: of the call */
	DPS_PEER_PLACE_NOWHERE,
};

/* Persists between any two bytes (E51). */
struct dps_peer_reader {
	uint8_t head_bytes[DPS_PEER_HEAD_BYTES];
	uint8_t own[DPS_PEER_OWN_BODY_BYTES_MAX];
	struct dps_peer_head head;
	struct dps_block_cursor cursor;
	uint32_t have; /* of the head, then of the body */
	uint32_t index;
	uint8_t place;
};

/* ---- What goes. ---- */

struct dps_peer_frame {
	uint8_t head[DPS_PEER_HEAD_BYTES + DPS_PEER_OWN_BODY_BYTES_MAX]; /* and an own body */
	uint32_t head_bytes;
	uint32_t message; /* of the queue; DPS_PEER_NONE: the head is all */
	uint32_t bytes;	  /* of all of it */
	uint64_t taken_at_ns;
};

struct dps_peer_writer {
	struct dps_peer_frame frames[DPS_PEER_FRAMES]; /* head..tail, modulo */
	uint32_t head;
	uint32_t tail;
	uint32_t sent_bytes;  /* of the first of them */
	uint64_t ahead_bytes; /* taken and not sent, of all of them */
};

/* What the far side and we may do on this connection; cleared with it. */
struct dps_peer_bounds {
	uint64_t used[DPS_PEER_CLASSES];    /* by us, of their credit */
	uint64_t allowed[DPS_PEER_CLASSES]; /* their credit */
	uint64_t come[DPS_PEER_CLASSES];    /* from them */
	uint64_t granted[DPS_PEER_CLASSES]; /* ours, as it was last told */
};

struct dps_peer {
	struct dps_peer_config config;
	const void
		*owner; /* engine/owner.h: who takes events; NULL: nobody yet, or not looked at */
	bool is_gone;	/* the program has let go of it */
	enum dps_peer_state state;
	uint64_t epoch; /* of the connection there is, or was last */

	/* its life */
	struct dps_backoff backoff;
	uint64_t until_ns;   /* of the state: dial, greeting, grace, linger; DPS_NEVER_NS */
	uint64_t drop_epoch; /* 0: nothing to drop */
	uint16_t close_code; /* ours, for closing and goodbye */
	bool is_dialled;
	bool is_ours; /* we were the first to close */
	bool is_hello_owed;
	bool is_closing_owed;
	bool is_bye_owed;
	bool is_bye_sent; /* wholly written */
	bool is_finish_told;
	bool has_bye;				       /* theirs came: nothing else will */
	bool has_ended;				       /* their half of the connection */
	struct dps_peer_event told[DPS_PEER_TOLD_MAX]; /* life, in order */
	uint32_t told_head;
	uint32_t told_tail;
	struct dps_peer_event over; /* waits until all else was heard */
	bool is_over_owed;

	/* what goes */
	struct dps_peer_queue queue;
	struct dps_peer_writer writer;
	uint32_t high;	    /* classes that refused, a bit for each */
	uint32_t high_told; /* ... and the program knows */

	/* what comes */
	struct dps_peer_reader reader;
	struct dps_peer_inbox inbox;
	struct dps_peer_bounds bounds;
	uint32_t strange; /* answers to nothing, on this connection */
	uint32_t lent;	  /* the body of the last event, DPS_PEER_NONE */

	/* calls, by index; ids count up by the number of slots */
	struct dps_peer_call_slot *calls;
	struct dps_timers timers;
	struct dps_peer_list calls_free;
	struct dps_peer_list calls_done;
	struct dps_peer_list calls_cancel; /* by next_cancel */
	uint32_t calls_now;		   /* neither free nor done */

	struct dps_peer_request_slot *requests;
	struct dps_peer_list requests_by[DPS_PEER_REQUEST_STATES];
	uint32_t requests_count[DPS_PEER_REQUEST_STATES];
	uint32_t requests_over; /* the program is to be told of */
	uint32_t requests_lost; /* taken and over: nobody waits for them */
	struct dps_permits_waiter waiter;

	struct dps_peer_snapshot figures; /* what is counted; the rest is filled in when read */
};

/* peer_life.c: nothing else changes the state. */
bool dps_peer_has_connection(const struct dps_peer *peer);
bool dps_peer_is_current(struct dps_peer *peer, uint64_t epoch); /* counts what is not */
void dps_peer_break(struct dps_peer *peer, enum dps_peer_reason reason, uint64_t now_ns);
void dps_peer_on_hello(struct dps_peer *peer, uint64_t now_ns);
void dps_peer_on_closing(struct dps_peer *peer, uint16_t code, uint64_t now_ns);
void dps_peer_on_bye(struct dps_peer *peer, uint16_t code, uint64_t now_ns);
/* Something came to its end: if that was all of a peer that closes, it goes on. */
void dps_peer_on_said(struct dps_peer *peer, uint64_t now_ns);

/* peer_events.c */
void dps_peer_tell(struct dps_peer *peer, const struct dps_peer_event *event);
bool dps_peer_has_told_all(const struct dps_peer *peer); /* of its life, but its end */
bool dps_peer_has_room_to_tell(const struct dps_peer *peer);
bool dps_peer_has_events(const struct dps_peer *peer);

/* peer_say.c */
/* The index of a message in the queue. Errors: -EMSGSIZE; -EAGAIN, and its class is high. */
int dps_peer_enqueue(struct dps_peer *peer, const struct dps_peer_message *message,
		     const void *body, uint32_t *queued);
/* The same for what begins something: not when the peer closes, or has no slot for it. */
int dps_peer_say(struct dps_peer *peer, const struct dps_peer_message *message, const void *body,
		 bool has_slot, uint32_t *queued);

/* peer_calls.c: calls of ours */
void dps_peer_calls_init(struct dps_peer *peer);
uint32_t dps_peer_call_index(const struct dps_peer *peer, uint64_t id);
/* The slot of a call that the far side may answer; DPS_PEER_NONE: counted as late or strange. */
uint32_t dps_peer_call_answered(struct dps_peer *peer, uint64_t id);
void dps_peer_call_on_taken(struct dps_peer *peer, uint64_t id);
void dps_peer_call_on_sent(struct dps_peer *peer, uint64_t id);
/* Its message did not go out: whether it is to be kept for the next connection. */
bool dps_peer_call_on_unsent(struct dps_peer *peer, uint64_t id);
void dps_peer_call_end(struct dps_peer *peer, uint32_t index, enum dps_peer_outcome outcome,
		       uint64_t now_ns);
void dps_peer_calls_end_sent(struct dps_peer *peer, enum dps_peer_outcome outcome, uint64_t now_ns);
void dps_peer_calls_end_queued(struct dps_peer *peer, uint64_t now_ns);
void dps_peer_calls_forget_cancels(struct dps_peer *peer);
void dps_peer_calls_on_deadline(struct dps_peer *peer, uint64_t now_ns);
/* The id of a call whose end the far side is to be told of now, 0: none. */
uint64_t dps_peer_calls_take_cancel(struct dps_peer *peer);
bool dps_peer_calls_emit(struct dps_peer *peer, struct dps_peer_event *event);

/* peer.c */
/* It belongs to the calling thread from now on. */
void dps_peer_hand_over(struct dps_peer *peer);
/*
 * Whether the program may call this. -DPS_ERROR_CLOSED it was let go of (NULL, too);
 * -DPS_ERROR_THREAD another thread's.
 */
int dps_peer_may_call(const struct dps_peer *peer);

/* peer_requests.c: calls of theirs */
void dps_peer_requests_init(struct dps_peer *peer);
/* All of them, with their permits, and the place in line for more. */
void dps_peer_requests_fini(struct dps_peer *peer);
uint32_t dps_peer_requests_held(const struct dps_peer *peer);
/* Those whose answer the far side waits for. */
uint32_t dps_peer_requests_awaited(const struct dps_peer *peer);
/* False: it breaks the protocol. */
bool dps_peer_request_arrive(struct dps_peer *peer, const struct dps_peer_head *head,
			     uint32_t *index);
void dps_peer_request_on_whole(struct dps_peer *peer, uint32_t index, uint64_t now_ns);
void dps_peer_request_on_cancel(struct dps_peer *peer, uint64_t id, uint64_t now_ns);
void dps_peer_request_on_sent(struct dps_peer *peer, uint32_t index, uint64_t id);
/* Admission ends: what the program does not have is refused. */
void dps_peer_requests_refuse(struct dps_peer *peer);
/* Nobody waits for any of them any more. */
void dps_peer_requests_end(struct dps_peer *peer);
/* The next refusal to be written, if there is one. */
bool dps_peer_requests_take_refusal(struct dps_peer *peer, struct dps_peer_head *head);
bool dps_peer_requests_emit_over(struct dps_peer *peer, struct dps_peer_event *event);
bool dps_peer_requests_emit(struct dps_peer *peer, struct dps_peer_event *event, uint64_t now_ns);

/* peer_streams.c: nothing, of a peer without streams */
void dps_peer_streams_init(const struct dps_peer *peer);
uint32_t dps_peer_streams_block_bytes(const struct dps_peer *peer);
bool dps_peer_streams_agree(const struct dps_peer *peer, uint32_t block_bytes);
void dps_peer_streams_on_hello(struct dps_peer *peer, uint32_t block_bytes);
void dps_peer_streams_park(const struct dps_peer *peer);
void dps_peer_streams_shut(const struct dps_peer *peer, bool is_ours);
void dps_peer_streams_lose(const struct dps_peer *peer, enum dps_peer_reason reason);
bool dps_peer_streams_are_over(const struct dps_peer *peer);
bool dps_peer_streams_have_words(const struct dps_peer *peer);
/* False when there was none after all. */
bool dps_peer_streams_take_word(const struct dps_peer *peer, struct dps_stream_message *word);
/* False: it breaks the protocol. */
bool dps_peer_streams_on_word(const struct dps_peer *peer, const uint8_t *body, uint32_t bytes);

/* peer_receive.c */
void dps_peer_reader_reset(struct dps_peer *peer);
/* The answer that is coming in belongs to a call that is over: its room is not ours any more. */
void dps_peer_reader_forget_call(struct dps_peer *peer, uint32_t index);
/* Likewise a request that is coming in, when all of them end. */
void dps_peer_reader_forget_request(struct dps_peer *peer);

/* peer_emit.c */
uint32_t dps_peer_may_go(const struct dps_peer *peer);
bool dps_peer_writer_is_idle(const struct dps_peer *peer);
/* The connection is gone: what was not wholly sent goes back to the queue, answers do not. */
void dps_peer_writer_reset(struct dps_peer *peer);
/* Throws away what is queued and not being written; adds to what is unsent. */
void dps_peer_queue_purge(struct dps_peer *peer, uint64_t now_ns);

/* peer_credit.c */
void dps_peer_credit_reset(struct dps_peer *peer);
bool dps_peer_credit_is_owed(const struct dps_peer *peer);
/* What is told now, in a hello or a credit frame. */
void dps_peer_credit_grant(struct dps_peer *peer, struct dps_peer_credit *credit);
/* Something came: false when it was beyond its credit. */
bool dps_peer_credit_on_come(struct dps_peer *peer, enum dps_peer_class class, uint64_t cost);
void dps_peer_credit_on_told(struct dps_peer *peer, const struct dps_peer_credit *credit);
/* Whether the first message of a class may go, and that it goes. */
bool dps_peer_credit_allows(const struct dps_peer *peer, enum dps_peer_class class);
void dps_peer_credit_use(struct dps_peer *peer, enum dps_peer_class class, uint32_t bytes);
