/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer: one at the other end of a connection, dialled again whenever it is lost, and what both say
 * to each other: calls with one answer each, notices, and what they have to say of their streams.
 *
 * Nothing here waits, allocates, or knows a socket. What the connection did goes in (on_…), what is
 * to be done with it comes out (emit_step, emit_slices), and so does what the program is to hear
 * (emit_event), each thing once. Bytes that came are always taken: neither a permit, nor a program
 * that is slow, nor a far side that does not read, ever stops the reading. What is bounded is
 * bounded by credit that the far side was given; whoever goes beyond it is ended.
 *
 * What is queued and not wholly sent when a connection is lost goes out on the next one. What was
 * sent may have arrived or not: a call among it ends as lost, a notice is only counted as sent.
 *
 * Every connection has an epoch; what carries another one moves nothing and is counted.
 *
 * Owner: one thread, the first that takes events; of all peers that share permits, the same. A
 * debug build of the library answers what another one calls with -DPS_ERROR_THREAD. A peer that is
 * NULL, or was let go of, answers -DPS_ERROR_CLOSED, and of it nothing comes out. Wire:
 * docs/protocol.md.
 */
#pragma once
#include <dps/permits.h>
#include <dps/registry.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_peer;
struct dps_streams;

/* What goes first when more than one may go; see docs/architecture.md for what each is owed. */
enum dps_peer_class {
	DPS_PEER_CONTROL, /* small and rare: what must be heard whatever else waits */
	DPS_PEER_REPLY,	  /* answers to the far side's calls */
	DPS_PEER_CALL,
	DPS_PEER_BULK,
	DPS_PEER_CLASSES,
};

enum dps_peer_limits {
	DPS_PEER_BODY_BYTES_LIMIT = (1 << 20) - 12, /* of any message, whatever is configured */
	DPS_PEER_CALLS_LIMIT = 1 << 16,
};

struct dps_peer_config {
	uint32_t body_bytes_max;   /* of a message; what the far side may send must not be longer */
	uint32_t queue_bytes;	   /* to be sent; an eighth of it holds the longest message */
	uint32_t control_bytes;	   /* notices that came and were not taken: control */
	uint32_t bulk_bytes;	   /* ... and bulk; each at least twice the longest message */
	uint32_t request_bytes;	   /* calls that came and were not taken; what is more is `busy` */
	uint32_t calls;		   /* of ours at once */
	uint32_t requests;	   /* of theirs at once, those that are told `busy` among them */
	uint32_t requests_waiting; /* of these, for a permit; what is more is `busy` */
	struct dps_permits *permits; /* borrowed until dps_peer_fini; NULL: requests bounds it */
	/*
	 * Streams to this peer, borrowed likewise; NULL: none. The peer carries what they say, and
	 * parks, resumes and loses them with its connections, whose epochs become theirs: they
	 * start with epoch 0. Their bytes go another way (dps_engine_attach_streams), from each
	 * DPS_PEER_EVENT_CONNECTED on.
	 */
	struct dps_streams *streams;
	uint32_t patience_bytes[DPS_PEER_CLASSES]; /* passed over for so many: its turn */
	uint64_t call_timeout_ns;
	uint64_t connect_timeout_ns; /* for a dial, and again for the greeting behind it */
	uint64_t backoff_cap_ns;
	uint64_t stable_ns; /* connected for so long: the next loss waits as the first did */
	uint64_t linger_ns; /* for the last frame and the far side's end, once all is said */
	uint64_t seed;	    /* of the jitter */
	bool takes_none;    /* nobody here handles calls: each is answered DPS_PEER_CODE_UNKNOWN */
};

/* 64 KiB a message, 64 calls each way, 60 s a call, 100 ms to 1 h between dials, a stable minute.
 */
void dps_peer_config_init(struct dps_peer_config *config);

/* Bytes of 64-byte aligned memory for dps_peer_init; 0 when the configuration is not valid. */
size_t dps_peer_bytes(const struct dps_peer_config *config);

/* memory is borrowed until dps_peer_fini. NULL: it is, or is not aligned, or config is not valid.
 */
struct dps_peer *dps_peer_init(void *memory, const struct dps_peer_config *config);

/*
 * Lets go of it in whatever state, without a word: permits of its requests go to who waits, and its
 * memory may go, or stay, and then every call answers -DPS_ERROR_CLOSED. No event follows. Nothing
 * for NULL.
 */
void dps_peer_fini(struct dps_peer *peer);

/* ---- Its life. ---- */

enum dps_peer_state {
	DPS_PEER_IDLE,	     /* neither dialled nor accepted */
	DPS_PEER_WAITING,    /* for the moment of the next dial */
	DPS_PEER_CONNECTING, /* the driver dials */
	DPS_PEER_GREETING,   /* a connection is there; its hello is not in yet */
	DPS_PEER_CONNECTED,
	DPS_PEER_DRAINING,  /* we are closing: no calls nor streams of theirs are taken, what is
			       under way goes on */
	DPS_PEER_LEAVING,   /* they are closing: no calls nor streams of ours are begun, what is
			       under way goes on */
	DPS_PEER_FINISHING, /* all is said: the last frame, and the far side's end */
	DPS_PEER_CLOSED,
	DPS_PEER_STATES,
};

/* Why a connection, or a peer, is over. Not on the wire. */
enum dps_peer_reason {
	DPS_PEER_REASON_NONE,
	DPS_PEER_UNREACHABLE, /* the driver could not connect */
	DPS_PEER_CONNECT_TIMEOUT,
	DPS_PEER_HELLO_TIMEOUT,
	DPS_PEER_VERSION_UNKNOWN,   /* no version in common */
	DPS_PEER_LONGER_MESSAGES,   /* it takes no messages as long as ours may be */
	DPS_PEER_OTHER_BLOCKS,	    /* its streams have other block_bytes than ours */
	DPS_PEER_CONNECTION_FAILED, /* the driver says why */
	DPS_PEER_ENDED,		    /* without a goodbye, between two frames */
	DPS_PEER_TRUNCATED,	    /* ... inside a frame */
	DPS_PEER_BAD_LENGTH,
	DPS_PEER_PROTOCOL,	  /* a frame that is not allowed, or not there */
	DPS_PEER_BEYOND_CREDIT,	  /* more calls or notices than it may have under way */
	DPS_PEER_ANSWERS_NOTHING, /* too many answers to calls that were never made */
	DPS_PEER_SUPERSEDED,	  /* another connection of it was accepted */
	DPS_PEER_ASKED,		  /* closed, and all was said */
	DPS_PEER_GRACE_OVER,	  /* closed, and something was not */
	DPS_PEER_REASONS,
};

/* `unreachable`, `bad_length`, ...: stable. */
const char *dps_peer_reason_name(enum dps_peer_reason reason);

/*
 * From now on dials, and dials again whatever happens. Errors: -EISCONN it has a life already;
 * -EAGAIN take the events of the one before first.
 */
int dps_peer_dial(struct dps_peer *peer, uint64_t now_ns);

/*
 * The far side has connected. One that is still there ends as superseded: its side may have lost it
 * before ours noticed. Errors: -EISCONN it is dialled, or closing; -EAGAIN take its events first;
 * -EINVAL there is no room for the epoch (NULL).
 */
int dps_peer_accept(struct dps_peer *peer, uint64_t *epoch, uint64_t now_ns);

/* A dial that waits is due now, and the next wait is short again: the address has changed. */
int dps_peer_hurry(struct dps_peer *peer, uint64_t now_ns);

/*
 * Stops taking calls and streams, sends what is queued, waits for answers both ways and for streams
 * to end until the grace is over, says goodbye and ends; without a connection at once. What is not
 * done by then ends with DPS_PEER_GRACE_OVER, and is counted. Neither side opens new streams
 * meanwhile (dps_streams_shut). code goes to the far side. Twice: the sooner deadline holds.
 */
int dps_peer_close(struct dps_peer *peer, uint16_t code, uint64_t grace_ns, uint64_t now_ns);

enum dps_peer_state dps_peer_state(const struct dps_peer *peer);

/* ---- The connection: what it did, and what to do with it. ---- */

void dps_peer_on_connected(struct dps_peer *peer, uint64_t epoch, uint64_t now_ns);

/* Takes all of it, whatever it is. */
void dps_peer_on_bytes(struct dps_peer *peer, uint64_t epoch, const uint8_t *bytes, size_t length,
		       uint64_t now_ns);

/* So many of the bytes that were emitted are written. */
void dps_peer_on_sent(struct dps_peer *peer, uint64_t epoch, size_t bytes, uint64_t now_ns);

/* The far side has ended its half. */
void dps_peer_on_end(struct dps_peer *peer, uint64_t epoch, uint64_t now_ns);

/* It could not be made, or failed; tell what was written before. error: an errno, for the event. */
void dps_peer_on_lost(struct dps_peer *peer, uint64_t epoch, int error, uint64_t now_ns);

void dps_peer_on_deadline(struct dps_peer *peer, uint64_t now_ns);

/* When on_deadline, emit_step or emit_event has something to do; 0 at once, DPS_NEVER_NS. */
uint64_t dps_peer_next_deadline_ns(const struct dps_peer *peer);

enum dps_peer_step {
	DPS_PEER_STEP_NONE,
	DPS_PEER_STEP_DIAL,   /* connect, then on_connected or on_lost with this epoch */
	DPS_PEER_STEP_FINISH, /* end our half; all that was emitted is written */
	DPS_PEER_STEP_DROP,   /* end every connection of this epoch or older, dials too */
};

/* What to do with which connection. Each once; call until it says NONE. */
enum dps_peer_step dps_peer_emit_step(struct dps_peer *peer, uint64_t *epoch, uint64_t now_ns);

struct dps_peer_slice {
	const uint8_t *memory;
	size_t bytes;
};

/*
 * What to write next, in order, at most room slices; lent until the next call with this peer. The
 * same is given again until on_sent says that it is written. Returns how many.
 */
unsigned int dps_peer_emit_slices(struct dps_peer *peer, uint64_t epoch,
				  struct dps_peer_slice *slices, unsigned int room,
				  uint64_t now_ns);

/* ---- Saying something. Bodies are copied. ---- */

struct dps_peer_call {
	const void *body;
	uint32_t bytes;
	void *answer; /* its room is lent until the call's event */
	uint32_t answer_room;
	uint64_t cookie;     /* comes back in the event */
	uint64_t timeout_ns; /* 0: as configured */
};

/*
 * Makes a call; exactly one DPS_PEER_EVENT_CALL_OVER follows. Without a connection it waits for
 * one. call_id may be NULL. Errors: -EAGAIN full, or as many are under way, or to be called off, as
 * there may be: DPS_PEER_EVENT_BACKLOG_LOW says when to try again; -EMSGSIZE; -ESHUTDOWN closing or
 * closed; -EINVAL bytes, or room for the answer, that are nowhere (NULL).
 */
int dps_peer_call(struct dps_peer *peer, const struct dps_peer_call *call, uint64_t *call_id,
		  uint64_t now_ns);

/* Its event says cancelled, and the far side is told if it has heard of it. Errors: -ENOENT. */
int dps_peer_cancel(struct dps_peer *peer, uint64_t call_id, uint64_t now_ns);

/* A message without an answer, of class control or bulk. Errors: as call; -EINVAL. */
int dps_peer_notify(struct dps_peer *peer, enum dps_peer_class message_class, const void *body,
		    uint32_t bytes, uint64_t now_ns);

/* What an answer says. A program has its own from DPS_PEER_CODE_OWN on. */
enum dps_peer_code {
	DPS_PEER_CODE_OK = 0,
	DPS_PEER_CODE_BUSY = 1,		 /* not handled; the same may work later */
	DPS_PEER_CODE_INTERNAL = 2,	 /* a fault of who should have handled it */
	DPS_PEER_CODE_SHUTTING_DOWN = 3, /* not handled */
	DPS_PEER_CODE_UNKNOWN = 4,	 /* nobody here handles such a call */
	DPS_PEER_CODE_OWN = 256,
};

/*
 * Answers a request and lets go of it: its permit goes to who waits. Every request that was given
 * out is answered, one that is over too, where nothing is sent: a handler that goes on is work,
 * whoever has stopped waiting. Errors: -EAGAIN full, the request stays; -EMSGSIZE, likewise;
 * -ECANCELED over, let go of; -ENOENT; -EINVAL, the request stays.
 */
int dps_peer_reply(struct dps_peer *peer, struct dps_handle request, uint16_t code,
		   const void *body, uint32_t bytes, uint64_t now_ns);

/* ---- What the program is to hear. ---- */

enum dps_peer_event_kind {
	DPS_PEER_EVENT_CONNECTING,     /* epoch */
	DPS_PEER_EVENT_CONNECTED,      /* epoch: both sides have greeted */
	DPS_PEER_EVENT_CONNECT_FAILED, /* epoch, reason, error: it did not come to that */
	DPS_PEER_EVENT_LOST,	       /* epoch, reason, error; of one that closes CLOSED says it */
	DPS_PEER_EVENT_RETRY,	       /* wait_ns */
	DPS_PEER_EVENT_CLOSED, /* is_ours, reason, code, unsent_…: the last, unless it begins anew
				*/
	DPS_PEER_EVENT_CALL_OVER,    /* cookie, outcome, code, bytes */
	DPS_PEER_EVENT_REQUEST,	     /* request, bytes: a body */
	DPS_PEER_EVENT_REQUEST_OVER, /* request: nobody waits for it; answer it all the same */
	DPS_PEER_EVENT_NOTICE,	     /* message_class, bytes: a body */
	DPS_PEER_EVENT_BACKLOG_HIGH, /* message_class: one was refused */
	DPS_PEER_EVENT_BACKLOG_LOW,  /* message_class: there is room again for any; not told of
					what takes nothing any more */
};

/* What became of a call. */
enum dps_peer_outcome {
	DPS_PEER_ANSWERED,    /* code, bytes of the answer */
	DPS_PEER_LONG,	      /* answered, but longer than its room: bytes says how long */
	DPS_PEER_TIMED_OUT,   /* the far side is told, if it has heard of it */
	DPS_PEER_CANCELLED,   /* by the program, or by the end of the grace */
	DPS_PEER_CALL_LOST,   /* sent, and then the connection was lost: it may have been handled */
	DPS_PEER_CALL_UNSENT, /* and never will be: it was not handled */
	DPS_PEER_OUTCOMES,
};

struct dps_peer_event {
	enum dps_peer_event_kind kind;
	enum dps_peer_reason reason;
	enum dps_peer_outcome outcome;
	enum dps_peer_class message_class;
	int error;
	bool is_ours; /* this side closed first */
	uint16_t code;
	uint32_t bytes;
	uint64_t epoch;
	uint64_t wait_ns;
	uint64_t cookie;
	uint64_t unsent_messages; /* were accepted and not wholly sent */
	uint64_t unsent_bytes;	  /* of their bodies */
	struct dps_handle request;
};

/*
 * The next thing that happened; false when there is none (of a peer that is NULL, or another
 * thread's, too). Of what came meanwhile: the connection's life first, then control notices, ends
 * of calls and requests, new requests, bulk, and CLOSED.
 */
bool dps_peer_emit_event(struct dps_peer *peer, struct dps_peer_event *event, uint64_t now_ns);

/*
 * Copies from the body of the last event, from an offset on, at most room bytes; returns how many.
 * It is there until the next emit_event.
 */
uint32_t dps_peer_read_body(const struct dps_peer *peer, uint32_t offset, void *memory,
			    uint32_t room);

/* ---- Figures. ---- */

enum dps_peer_phase {
	DPS_PEER_QUEUED,       /* from call, notify, reply until it is taken for writing */
	DPS_PEER_TRANSFERRING, /* until its last byte is written */
	DPS_PEER_RECEIVED,     /* from its last byte until the program takes it */
	DPS_PEER_HANDLED,      /* requests: until they are answered */
	DPS_PEER_PHASES,
};

enum dps_peer_histogram_sizes {
	DPS_PEER_BUCKETS = 16,
};

/* Bucket i counts what took less than 4^i us and not less than the one before; the last the rest.
 */
struct dps_peer_histogram {
	uint64_t counts[DPS_PEER_BUCKETS];
	uint64_t count;
	uint64_t total_ns;
	uint64_t longest_ns;
};

/* The upper bound of a bucket; DPS_NEVER_NS of the last, and of what is none. */
uint64_t dps_peer_bucket_ns(unsigned int bucket);

struct dps_peer_traffic {
	uint64_t messages;
	uint64_t bytes; /* of bodies */
};

struct dps_peer_snapshot {
	enum dps_peer_state state;
	uint64_t epoch;
	uint64_t in_phase[DPS_PEER_PHASES]; /* messages now */
	struct dps_peer_histogram phases[DPS_PEER_PHASES];
	struct dps_peer_histogram calls; /* from the call until its event */
	struct dps_peer_traffic sent[DPS_PEER_CLASSES];
	struct dps_peer_traffic received[DPS_PEER_CLASSES];
	uint64_t wire_bytes_sent; /* heads and our own frames too */
	uint64_t wire_bytes_received;
	uint64_t ends[DPS_PEER_REASONS]; /* connections, and dials that failed */
	uint64_t outcomes[DPS_PEER_OUTCOMES];
	uint64_t connections;
	uint64_t calls_now;
	uint64_t requests_now;
	uint64_t requests_refused;   /* told `busy` or `shutting_down` */
	uint64_t requests_over;	     /* nobody waited for them any more */
	uint64_t answers_late;	     /* their call was over */
	uint64_t answers_to_nothing; /* their call was never made */
	uint64_t answers_unsent;     /* their connection was gone */
	uint64_t refused;	     /* -EAGAIN of call, notify, reply */
	uint64_t unknown_frames;
	uint64_t stale; /* inputs of another epoch */
};

void dps_peer_read(const struct dps_peer *peer, struct dps_peer_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
