/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Engine: every path, channel and transfer of one lane as a pure function. Commands, packets,
 * finished reads and writes, and the moment go in; packets, reads and writes, events and the
 * next deadline come out. Nothing here allocates, locks, reads a clock, or does I/O.
 *
 * Owner: the lane. No other thread calls anything here.
 */
#pragma once
#include <dps/datagram.h>
#include <dps/limits.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_engine;
struct dps_streams;

/* Bytes of 64-byte aligned memory for dps_engine_init. */
size_t dps_engine_bytes(const struct dps_limits *limits);

/*
 * slots: limits->slots * limits->chunk_bytes of page-aligned memory that the port and the disk
 * know; the engine hands out addresses within it. lane_index goes into connection ids.
 */
struct dps_engine *dps_engine_init(void *memory, const struct dps_limits *limits, uint8_t *slots,
				   uint32_t lane_index, uint64_t seed, uint64_t now_ns);

/* ---- Commands. Each returns 0 or an index, or -errno and nothing changed. ---- */

struct dps_path_config {
	uint64_t remote_connection_id; /* what the peer chose; goes into every packet to it */
	uint32_t remote;	       /* the port's name for the destination */
	uint32_t datagram_bytes; /* largest UDP payload that both ends and the way may carry */
	uint8_t congestion_mode; /* enum dps_congestion_mode of engine/congestion.h: 0 fair, 1 fixed
				  */
	bool is_sealed; /* packets are authenticated: lies close the epoch, not just count */
	/*
	 * Not to be guessed by anyone, the peer included: no data goes to the remote before this
	 * came back from the peer, and beside probes no more than thrice what came from it. 0: the
	 * remote is known to be the peer.
	 */
	uint64_t challenge;
	uint64_t rate_bytes_per_s; /* ceiling, or the rate of fixed; UINT64_MAX for none */
	uint64_t probe_floor_ns;   /* least probe timeout: 1 ms on isolated cores, 5 ms on shared */
	uint64_t silence_ns;	   /* nothing arrives for so long: the path is lost */
};

/*
 * So many packets of a sealed path that do not open lose it, with DPS_CLOSE_PROTOCOL: far fewer
 * attempts than a forger needs for a chance that counts (RFC 9001 section 6.6), and new keys.
 */
#define DPS_BAD_SEALS_MAX (UINT64_C(1) << 36)

/*
 * A connection id that no open path has; give it to the peer, then open the path with its index.
 * Errors: -ENOSPC.
 */
int dps_engine_reserve_path(struct dps_engine *engine, uint64_t *connection_id);

/*
 * Opens a reserved path and starts to probe it. An event says when it carries packets. Errors:
 * -ENOENT it is not reserved; -EINVAL.
 */
int dps_engine_open_path(struct dps_engine *engine, uint32_t path,
			 const struct dps_path_config *config, uint64_t now_ns);

/* Tells the peer (once, unreliably) and forgets the path with all its channels; no events follow.
 */
void dps_engine_close_path(struct dps_engine *engine, uint32_t path, uint32_t reason,
			   uint64_t now_ns);

/*
 * Whether the path is all that is left of the peer: its control connection is lost. Then it says
 * something often, and the silence that loses it is max(3 probe timeouts, 50 probe floors), counted
 * from now at the earliest. When it is not alone any more, silence_ns holds again as soon as a
 * packet has come: a way that died meanwhile is found out as fast.
 */
void dps_engine_watch_path(struct dps_engine *engine, uint32_t path, bool is_alone,
			   uint64_t now_ns);

struct dps_channel_config {
	uint32_t path;
	uint32_t number; /* on the wire; both sides know it, unique per path and direction */
	bool is_sender;
	uint64_t window_bytes; /* receiver: the most that may be granted and not done; credit
				  follows what the way can hold up to it. Sender: any but 0 */
	/*
	 * A transfer over several paths is a channel on each, announced the same extents: of
	 * chunks, the channel has those whose number modulo stripes is stripe, and the rest counts
	 * as padding. stripes 0 is 1.
	 */
	uint16_t stripe;
	uint16_t stripes;
};

/* Returns the channel's index. Errors: -ENOSPC, -EEXIST, -ENOENT (path), -EINVAL. */
int dps_engine_open_channel(struct dps_engine *engine, const struct dps_channel_config *config);

/* Forgets a channel and gives back all it holds; late packets, reads and writes of it move nothing.
 */
void dps_engine_close_channel(struct dps_engine *engine, uint32_t channel);

/*
 * Changes a channel's window while it lives. What was granted stays granted.
 * Errors: -ENOENT, -EINVAL (0).
 */
int dps_engine_set_window(struct dps_engine *engine, uint32_t channel, uint64_t window_bytes);

/*
 * Receiver: how fast new data may come, as credit for them is granted no faster; 0: as fast as it
 * can. Holds from now on. Errors: -ENOENT.
 */
int dps_engine_set_rate(struct dps_engine *engine, uint32_t channel, uint64_t bytes_per_s);

/* A file, or the next stretch of one, at its place in the channel (engine/layout.h). */
struct dps_extent_config {
	uint64_t
		offset; /* in the channel, page-aligned if it has bytes, not below the last's end */
	uint64_t bytes; /* may be 0: done at once */
	uint64_t file_offset; /* where the stretch lies in its file: 0, or a multiple of a chunk */
	uint32_t file_index;  /* of the transfer; comes back in events */
	uint32_t file;	      /* the disk's name of it */
};

/* Errors: -EAGAIN no room now (an extent will be done), -EINVAL, -ENOENT. */
int dps_engine_announce(struct dps_engine *engine, uint32_t channel,
			const struct dps_extent_config *extent);

/*
 * No extent follows: what is announced is all. A chunk is read or granted when all of it is
 * announced, as small files may share it: announce ahead to a chunk's end, or say this. Errors:
 * -ENOENT.
 */
int dps_engine_announce_last(struct dps_engine *engine, uint32_t channel);

/*
 * The rest of a file will not be sent (sender) or come (receiver), from this offset of the channel
 * on: counts as done without data, so that the other files go on. Errors: -ENOENT, also of a file
 * that is done already, or not announced yet.
 */
int dps_engine_skip(struct dps_engine *engine, uint32_t channel, uint32_t file_index,
		    uint64_t from_offset, uint64_t now_ns);

/*
 * Receiver: every byte below is on disk, fsynced and journalled; the peer is told.
 * Errors: -ENOENT, -EINVAL (a sender, or past DPS_OFFSET_MAX).
 */
int dps_engine_mark_stored(struct dps_engine *engine, uint32_t channel, uint64_t offset);

/*
 * Receiver: makes the writes again that found no space. Those that find none still are said anew.
 * Errors: -ENOENT.
 */
int dps_engine_write_again(struct dps_engine *engine, uint32_t channel, uint64_t now_ns);

/*
 * Sender: reads a piece again and sends it, because it arrived with a wrong digest.
 * Errors: -EAGAIN, -ENOENT, -EINVAL (not within one chunk, or not sent yet).
 */
int dps_engine_resend(struct dps_engine *engine, uint32_t channel,
		      const struct dps_extent_config *piece, uint64_t file_offset);

/* ---- Streams: slices and acknowledgements of a peer's streams go over one path to it. ---- */

/*
 * From now on they go over this path, until it is detached, closed or lost; over another one they
 * do not go any more then, and what was not acknowledged goes again. The streams stay the
 * program's, which may call anything of them between any two calls of the engine; their messages,
 * deadlines and connection (park, resume, lose) are its affair, or their peer's (dps_peer_config).
 * epoch: the one they are in; in another one nothing goes over the path before they are attached
 * anew. Errors: -ENOENT (path), -ESTALE (epoch), -EBUSY the path has other streams, -ENOSPC.
 */
int dps_engine_attach_streams(struct dps_engine *engine, uint32_t path, struct dps_streams *streams,
			      uint64_t epoch);
void dps_engine_detach_streams(struct dps_engine *engine, uint32_t path);

/* Whether they have a path, or the port still holds bodies of theirs: then neither their memory nor
 * their blocks may go. */
bool dps_engine_holds_streams(const struct dps_engine *engine, const struct dps_streams *streams);

/*
 * Tokens from here on are of bodies of streams: these lie in the streams' blocks, or in memory that
 * the program has lent, of which a port may know nothing. All others are of slots.
 */
#define DPS_TOKEN_STREAMS (UINT32_C(1) << 31)

/* ---- Packets in: place, open, commit; one packet at a time, or a run of them. ---- */

enum dps_verdict {
	DPS_VERDICT_DROP, /* counted; not to be looked at any further */
	DPS_VERDICT_OPEN, /* copy the payload to placement->to, check the seal, commit */
};

struct dps_placement {
	uint8_t header[DPS_HEADER_BYTES]; /* a copy: what was judged is what is checked */
	uint8_t *to;			  /* room for payload_bytes: in a slot, or scratch */
	uint32_t payload_bytes;
	uint32_t path;
	uint64_t packet_number;
	/* the engine's own */
	uint64_t offset;
	uint32_t channel;
	uint32_t chunk;
	uint8_t type;
	uint8_t flags;
	uint8_t ecn;
	bool is_scratch;
	bool is_placed; /* data: the rest was looked up before it was opened */
};

/* Judges the first bytes of a datagram; bytes are borrowed for the call. */
enum dps_verdict dps_engine_place(struct dps_engine *engine, const uint8_t *bytes, uint32_t length,
				  uint8_t ecn, struct dps_placement *placement);

/* What the seal said of the packet placed last. A bad one leaves no trace but a counter. */
void dps_engine_commit(struct dps_engine *engine, struct dps_placement *placement, bool is_good,
		       uint64_t now_ns);

/*
 * Packets that came together. Between begin and end only place and commit are called; what packets
 * that follow each other bring is then counted at the end, at that one moment, and no later.
 */
void dps_engine_begin_burst(struct dps_engine *engine, uint64_t now_ns);
void dps_engine_end_burst(struct dps_engine *engine);

enum { DPS_RUN_PACKETS_MAX = 32 };

/* Data packets that follow each other, in number and in offset, and lie in one slot side by side.
 */
struct dps_run_placement {
	uint8_t headers[DPS_RUN_PACKETS_MAX][DPS_HEADER_BYTES]; /* copies, as above */
	uint8_t *to;						/* room for all payloads */
	uint32_t payload_bytes;					/* of each */
	uint32_t path;
	uint64_t packet_number; /* of the first */
	unsigned int count;
};

/*
 * Within a burst: places as many datagrams, from the first on, as go on where the packet before
 * them ended, and returns how many; 0 when the first has to be placed by itself.
 */
unsigned int dps_engine_place_run(struct dps_engine *engine, const struct dps_incoming *incoming,
				  unsigned int count, struct dps_run_placement *run);

/*
 * The first good_count of those were opened and good; when it is not all, the next one was bad, and
 * what is behind it was not looked at and has to be placed anew.
 */
void dps_engine_commit_run(struct dps_engine *engine, const struct dps_run_placement *run,
			   unsigned int good_count);

/*
 * A good packet of this path (placement->path) came to another lane's queue. The peer is asked, now
 * and then and not for ever, to send from another UDP port, which NICs choose the queue by.
 */
void dps_engine_on_astray(struct dps_engine *engine, uint32_t path, uint64_t now_ns);

/* Whether a peer asked us to: the destination to which packets are to leave from another port. */
bool dps_engine_take_turn(struct dps_engine *engine, uint32_t *remote);

/* ---- What else happens. ---- */

/* The port is done with the bodies of so many packets that have this token. */
void dps_engine_on_released(struct dps_engine *engine, uint32_t token, uint32_t count);

/*
 * A read or write ended: bytes done or -errno. Reads bring the digest of what they read;
 * -EBADMSG for a write says that the bytes did not match the digest and were not written.
 */
void dps_engine_on_io(struct dps_engine *engine, uint64_t tag, int64_t result,
		      const struct dps_digest *digest, uint64_t now_ns);

void dps_engine_on_deadline(struct dps_engine *engine, uint64_t now_ns);

/* ---- Outputs: what to do next. Each fills at most room entries and returns how many. ---- */

enum { DPS_EMIT_PACKETS_MAX = 32 };

/*
 * Those of a path follow each other, in the order of their numbers.
 * head is lent until the next emit_packets; its bytes 40..55 are for the seal. body is NULL, or
 * where token says: one reference to it, until on_released.
 */
unsigned int dps_engine_emit_packets(struct dps_engine *engine, struct dps_outgoing *packets,
				     unsigned int room, uint64_t now_ns);

/* A piece to read from, or to check against its digest and write to, a file. */
struct dps_io {
	uint8_t *memory;
	uint64_t file_offset;
	uint64_t tag;
	uint32_t bytes;
	uint32_t file;
	bool is_write;
	struct dps_digest digest; /* of a write: what the bytes must have */
};

unsigned int dps_engine_emit_ios(struct dps_engine *engine, struct dps_io *ios, unsigned int room);

enum dps_event_type {
	DPS_EVENT_PATH_OPEN = 1, /* the path carries packets both ways; value: payload bytes */
	DPS_EVENT_PATH_LOST,	 /* error: enum dps_close_reason; the path is closed already */
	DPS_EVENT_PIECE, /* read, or received, checked and written: offset and bytes in its file,
			    digest */
	DPS_EVENT_FILE_DONE,   /* sender: all acknowledged; receiver: all written; error: -ECANCELED
				  if skipped */
	DPS_EVENT_FILE_FAILED, /* a read or write failed; error: -errno; offset in the channel: skip
				  from there */
	DPS_EVENT_NO_SPACE, /* receiver: a write found none (error: -ENOSPC, -EDQUOT). Its bytes are
			       kept: dps_engine_write_again, or skip the file; offset (channel) */
	DPS_EVENT_REFETCH, /* receiver: a piece arrived with a wrong digest; offset (channel), bytes
			    */
	DPS_EVENT_RESENT,  /* sender: a piece that was asked for again is acknowledged, or failed */
	DPS_EVENT_CHANNEL_DONE, /* last was announced and every file is done */
};

struct dps_event {
	uint8_t type; /* enum dps_event_type */
	uint32_t path;
	uint32_t channel;
	uint32_t generation; /* of the channel: tells a reused index apart */
	uint32_t file_index;
	uint32_t file; /* FILE_DONE, RESENT: the disk's name, not used any more */
	uint32_t bytes;
	int32_t error;
	uint64_t offset;
	uint64_t written; /* receiver: every byte of the channel below was written */
	struct dps_digest digest;
};

unsigned int dps_engine_emit_events(struct dps_engine *engine, struct dps_event *events,
				    unsigned int room);

/* Whether events wait for room: then stop feeding packets and results until they are taken. */
bool dps_engine_is_choked(const struct dps_engine *engine);

/* When on_deadline or emit_packets has something to do; DPS_NEVER_NS for never. */
uint64_t dps_engine_next_deadline_ns(const struct dps_engine *engine);

/* ---- Counters: written by the lane, copied out by it for others to read. ---- */

/* What kept a path from sending more, as shares of time. */
enum dps_limit {
	DPS_LIMIT_SOURCE, /* nothing is announced to send */
	DPS_LIMIT_DISK,	  /* reads are under way */
	DPS_LIMIT_CREDIT, /* the receiver gave no more */
	DPS_LIMIT_WINDOW, /* congestion window, or room to remember what is in flight */
	DPS_LIMIT_PACING,
	DPS_LIMIT_NIC, /* the port takes no more */
	DPS_LIMIT_CPU, /* nothing else: this lane was as fast as it could */
	DPS_LIMITS_COUNT,
};

struct dps_engine_counters {
	uint64_t received_packets;
	uint64_t data_packets_received;
	uint64_t duplicate_packets; /* by packet number, or with no new byte */
	uint64_t dropped_short;	    /* shorter than a header, or lengths that do not match */
	uint64_t dropped_version;
	uint64_t dropped_type;	     /* a type we do not know */
	uint64_t dropped_connection; /* no path has this connection id */
	uint64_t dropped_seal;	     /* a packet of an open path, damaged or forged */
	uint64_t dropped_channel;    /* a channel that is not open */
	uint64_t dropped_credit;     /* beyond the credit given */
	uint64_t dropped_layout;     /* crosses a chunk or a file, or lies in padding */
	uint64_t dropped_body;	     /* sealed well, but its body does not parse */
	uint64_t anomalies;    /* acknowledged what was not sent, offsets past what was posted */
	uint64_t data_packets; /* sent, first time and again */
	uint64_t data_bytes;   /* payload of those */
	uint64_t retransmitted_packets;
	uint64_t retransmitted_bytes;
	uint64_t lost_packets;	   /* declared lost */
	uint64_t spurious_packets; /* ... and acknowledged after all */
	uint64_t probes_sent;
	uint64_t probe_timeouts;
	uint64_t acks_sent;
	uint64_t acks_received;
	uint64_t digest_mismatches;
	uint64_t dropped_stream; /* no streams here, or they would not have it */
	uint64_t stream_packets; /* of slices sent, first time and again */
	uint64_t stream_bytes;
	uint64_t stream_packets_received;
	uint64_t stream_acks_sent;
	uint64_t stream_acks_received;
	uint64_t stream_asks_sent; /* how far a stream came */
	uint64_t limited_ns[DPS_LIMITS_COUNT];
};

void dps_engine_read_counters(const struct dps_engine *engine,
			      struct dps_engine_counters *counters);
/* Of them, the packets that carried bytes of channels or of streams. */
uint64_t dps_engine_data_packets_received(const struct dps_engine *engine);
uint64_t dps_engine_data_packets_sent(const struct dps_engine *engine);

struct dps_path_state {
	uint64_t smoothed_rtt_ns;
	uint64_t min_rtt_ns;
	uint64_t window_bytes;
	uint64_t in_flight_bytes;
	uint64_t pacing_bytes_per_s;
	uint32_t payload_bytes;
	bool is_open;
};

/* Whether packets to the path's remote may still come out: it is open, or has its last word to say.
 */
bool dps_engine_has_path(const struct dps_engine *engine, uint32_t path);

/* Errors: -ENOENT. */
int dps_engine_read_path(const struct dps_engine *engine, uint32_t path,
			 struct dps_path_state *state);

struct dps_channel_state {
	uint64_t posted;     /* sender: below it everything was handed to the wire once */
	uint64_t credit;     /* granted (receiver) or had (sender) */
	uint64_t contiguous; /* received by the far side (sender), or here */
	uint64_t stored;
	uint64_t bytes_done; /* of files, without padding: acknowledged, or written */
	uint32_t generation;
	bool is_sender;
};

/* Errors: -ENOENT. */
int dps_engine_read_channel(const struct dps_engine *engine, uint32_t channel,
			    struct dps_channel_state *state);

/* Slots that nobody holds: equals limits->slots when every channel is closed and the port idle. */
uint32_t dps_engine_free_slots(const struct dps_engine *engine);
/* When there were least. */
uint32_t dps_engine_free_slots_low(const struct dps_engine *engine);

#ifdef __cplusplus
}
#endif
