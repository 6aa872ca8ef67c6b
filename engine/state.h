/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * State: all that one lane's engine holds, and what its files ask of each other. Behaviour is
 * split by event: recv_*.c take packets in, emit_*.c build them, chunk_*.c move bytes to and from
 * files. They meet only here.
 *
 * Owner: the lane.
 */
#pragma once
#include "engine/bits.h"
#include "engine/carrier.h"
#include "engine/channel.h"
#include "engine/choice.h"
#include "engine/chunk.h"
#include "engine/extent.h"
#include "engine/path.h"
#include "engine/random.h"
#include "engine/run.h"
#include "engine/slots.h"
#include "engine/timers.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <dps/engine.h>

enum {
	DPS_ENGINE_HEAD_BYTES = 128,  /* of a data packet: header, seal, digest */
	DPS_ENGINE_BODY_BYTES = 1280, /* of one without, head included, padding of probes aside */
	DPS_ENGINE_SENT_SPARE = 64,   /* packet numbers that data leaves for acknowledgements */
	DPS_ENGINE_EVENTS_SPARE = 1024,
	DPS_ENGINE_READ_AHEAD_CHUNKS_MIN = 3,	   /* by a sender */
	DPS_ENGINE_QUANTUM_BYTES = 256 << 10,	   /* a channel's turn on its path ... */
	DPS_ENGINE_SHORT_QUANTUM_BYTES = 64 << 10, /* ... while one waits that has less than that */
	DPS_ENGINE_UNSTORED_BYTES_MAX = 128 << 20,
};

struct dps_engine {
	struct dps_limits limits;
	uint32_t lane_index;
	uint32_t chunk_shift;
	uint64_t now_ns; /* of the latest input: what emit_ios and emit_events need */

	struct dps_slots slots;
	struct dps_chunks chunks;
	struct dps_extents extents;
	struct dps_channel *channels;
	struct dps_channel_table table;
	struct dps_path *paths;
	struct dps_timers timers; /* by path */
	struct dps_carrier *carriers;
	uint32_t carriers_count;
	uint32_t carrier_lives; /* the last that was given */
	struct dps_random random;

	uint32_t active_channels; /* those that hold chunks: they share the slots */
	uint32_t senders_count;	  /* open channels that send */
	uint32_t starved_senders; /* of those that wait for a slot */
	uint32_t fed_count;	  /* channels that a slot is kept for */

	/* Queues through the records. */
	uint32_t first_touched, last_touched; /* paths that may have something to emit */
	uint32_t turn_path;		      /* whose peer asks for another port; DPS_PATH_NONE */
	uint32_t first_carrier;		      /* of those that have a path */
	uint32_t first_hungry, last_hungry;   /* channels that want chunks made */
	uint32_t first_starved, last_starved; /* ... and found no slot: wait for one to be free */
	uint32_t first_io, last_io;	      /* chunks with reads or writes to emit */

	struct dps_event *events;
	uint32_t events_capacity;
	uint32_t events_head;
	uint32_t events_tail;

	uint8_t *scratch; /* DPS_PAYLOAD_BYTES_MAX: a packet whose place is not known to be free */
	uint8_t *heads;	  /* of data packets, one per packet of an emit */
	uint8_t *bodies;  /* heads and bodies of the others */
	uint32_t zero_slot; /* zeros: the padding of probes */
	uint32_t bodies_used;
	struct dps_ack ack;			      /* the one being built or read */
	struct dps_stream_placement stream_placement; /* of the packet placed last */
	struct dps_run run;			      /* of the data packets that come in */
	bool is_wary;				      /* the last that was not of a run was bad */

	struct dps_engine_counters counters;
	uint64_t limit_since_ns;
	uint8_t limit; /* enum dps_limit */
};

/* ---- engine.c ---- */
void dps_engine_push_event(struct dps_engine *engine, const struct dps_event *event);

static inline uint64_t dps_chunk_number(const struct dps_engine *engine, uint64_t offset)
{
	return offset >> engine->chunk_shift;
}

static inline uint64_t dps_chunk_base(const struct dps_engine *engine, uint64_t number)
{
	return number << engine->chunk_shift;
}

/* ---- paths.c ---- */
/* The path has something to emit, or its deadline may have moved. */
void dps_path_touch(struct dps_engine *engine, struct dps_path *path);
/* Ends a path from within: an event says why. */
/* A packet of the path was damaged or forged: one of DPS_BAD_SEALS_MAX. */
void dps_path_on_bad_seal(struct dps_engine *engine, struct dps_path *path);
void dps_path_lose(struct dps_engine *engine, struct dps_path *path, uint32_t reason);
/* A probe of this size was acknowledged: data may flow. */
void dps_path_validate(struct dps_engine *engine, struct dps_path *path, uint32_t datagram_bytes);
void dps_path_free(struct dps_engine *engine, struct dps_path *path);
/* An authentic packet came. */
static inline void dps_path_hear(struct dps_path *path, uint64_t now_ns)
{
	path->last_received_ns = now_ns;
	if (path->is_alone_until_heard)
		path->is_alone = path->is_alone_until_heard = false;
}

/* ---- proof.c ---- */
void dps_proof_init(struct dps_path *path);
/* The peer has a probe or ping of ours, of so many bytes. */
void dps_proof_on_acked(struct dps_engine *engine, struct dps_path *path, uint32_t wire_bytes);
void dps_proof_on_probe(struct dps_engine *engine, struct dps_path *path,
			const struct dps_probe *probe);
/* Whether a packet that is no probe may go where nobody has proved to be: thrice what came. */
bool dps_proof_may_send(const struct dps_path *path, uint32_t bytes);

/* ---- carrier.c ---- */
void dps_carrier_detach(struct dps_engine *engine, struct dps_path *path);
/* So many bodies go to the port: what their tokens are, beside those of the slices. */
uint32_t dps_carrier_lend(struct dps_engine *engine, struct dps_carrier *carrier, uint32_t bodies);
void dps_carrier_on_released(struct dps_engine *engine, uint32_t token, uint32_t count);
/* A slice, or an acknowledgement of streams, is lost: what it said is said again. */
void dps_carrier_on_lost(const struct dps_path *path, const struct dps_sent_packet *packet);
bool dps_carrier_has_slices(const struct dps_path *path);
/* Programs do things with streams that the engine is not told of. */
void dps_carriers_touch(struct dps_engine *engine);
bool dps_carriers_have_news(const struct dps_engine *engine);

/* ---- channels.c ---- */
/* A sender may have something to send. */
void dps_channel_sendable(struct dps_engine *engine, struct dps_channel *channel);
/* What is left of the turn of the first in the queue of those with something to send. */
static inline uint32_t dps_path_turn_bytes(const struct dps_path *path)
{
	const uint32_t beyond = DPS_ENGINE_QUANTUM_BYTES - DPS_ENGINE_SHORT_QUANTUM_BYTES;

	if (path->brief_count == 0)
		return path->send_quantum;
	return path->send_quantum > beyond ? path->send_quantum - beyond : 0;
}
/* The peer should hear of the channel's offsets in the next ACK. */
void dps_channel_report(struct dps_engine *engine, struct dps_channel *channel);
void dps_channel_close(struct dps_engine *engine, struct dps_channel *channel);
/* Says what is done, in order, and frees it. */
void dps_channel_settle_all(struct dps_engine *engine, struct dps_channel *channel);
static inline void dps_channel_settle(struct dps_engine *engine, struct dps_channel *channel)
{
	const struct dps_extent *first;

	if (channel->first_extent != DPS_EXTENT_NONE) {
		first = &engine->extents.items[channel->first_extent];
		if (first->pieces_pending > 0 || channel->made_offset < first->end)
			return; /* as most of the time */
	}
	dps_channel_settle_all(engine, channel);
}
/* The extent will not be sent from the piece at this offset on. */
void dps_channel_skip(struct dps_engine *engine, struct dps_channel *channel, uint32_t extent_index,
		      uint64_t from_offset);
/* From an offset below made_offset on to what a chunk holds, or to made_offset. */
uint64_t dps_channel_next_held(const struct dps_engine *engine, const struct dps_channel *channel,
			       uint64_t offset);
/* Moves contiguous as far as what was received allows. */
void dps_channel_advance_contiguous(struct dps_engine *engine, struct dps_channel *channel);
/* Receiver: every byte below was written. */
uint64_t dps_channel_written(const struct dps_engine *engine, const struct dps_channel *channel);
uint32_t dps_channel_index(const struct dps_engine *engine, const struct dps_channel *channel);

/* ---- credit.c: of receivers ---- */
void dps_credit_open(const struct dps_engine *engine, struct dps_channel *channel);
/* As much is promised, and nothing of it has come, as the window allows. */
bool dps_credit_is_full(const struct dps_engine *engine, const struct dps_channel *channel);
/* Whether its pace lets it grant now; else it is asked again when it does. */
bool dps_credit_is_ready(struct dps_engine *engine, struct dps_channel *channel);
/* The time of a path has come: its channels that waited for theirs want to grant. */
void dps_credit_on_time(struct dps_engine *engine, struct dps_path *path);
/* An ACK tells of the channel's credit. */
void dps_credit_on_told(const struct dps_engine *engine, struct dps_channel *channel);
/* Data came up to an offset; is_blocked: the sender says that its credit is used up. */
void dps_credit_on_data(struct dps_engine *engine, struct dps_channel *channel, uint64_t end,
			uint64_t new_bytes, bool is_first_of_chunk, bool is_blocked);

/* ---- hunger.c ---- */
/* The channel may be able to make chunks. */
void dps_channel_want(struct dps_engine *engine, struct dps_channel *channel);
/* The next that wants; NULL when none does. */
struct dps_channel *dps_channel_take_hungry(struct dps_engine *engine);
/* Whether a slot is left for a channel to read into, or to promise. */
bool dps_channel_may_have_slot(const struct dps_engine *engine, const struct dps_channel *channel);
/* None is: the channel waits behind the others. */
void dps_channel_starve(struct dps_engine *engine, struct dps_channel *channel);
/* Slots may be free: those who wait longest and may have them go on, each with a claim to one. */
void dps_channel_feed_all_starved(struct dps_engine *engine);
static inline void dps_channel_feed_starved(struct dps_engine *engine)
{
	if (engine->first_starved != DPS_CHANNEL_NONE)
		dps_channel_feed_all_starved(engine);
}
/* The claim was used, or is not needed. */
void dps_channel_unfeed(struct dps_engine *engine, struct dps_channel *channel);
void dps_channel_forget_hunger(struct dps_engine *engine, struct dps_channel *channel);

/* ---- chunk_make.c ---- */
/* Serves the hungry: chunks to read for senders, credit for receivers. */
void dps_make_chunks(struct dps_engine *engine);

/* ---- chunk_io.c ---- */
/* Gives back one reference to a slot. */
void dps_slot_drop(struct dps_engine *engine, uint32_t slot);
void dps_chunk_queue_ios(struct dps_engine *engine, uint32_t chunk_index);
/* Receiver: every byte is here, or needs not come: on to its files. */
void dps_chunk_complete(struct dps_engine *engine, uint32_t chunk_index);
/* All of it is acknowledged, or written: gives everything back. */
void dps_chunk_finish(struct dps_engine *engine, uint32_t chunk_index);
/* The same without a word, when its channel goes. */
void dps_chunk_discard(struct dps_engine *engine, uint32_t chunk_index);

/* ---- chunk_space.c: of receivers ---- */
bool dps_io_found_no_space(int64_t result);
/* All its writes have come back, one without success: whether it waits for another attempt. */
bool dps_chunk_waits_for_space(struct dps_engine *engine, uint32_t chunk_index);
/* Makes the writes of a chunk again that found no space. */
void dps_chunk_write_again(struct dps_engine *engine, uint32_t chunk_index);

/* A piece: the part of an extent within a chunk. Empty when they do not meet. */
struct dps_piece {
	uint64_t start;
	uint64_t end;
};
struct dps_piece dps_piece_of(const struct dps_chunk *chunk, const struct dps_extent *extent);
/* Where the state of an extent's piece within a chunk is kept. */
struct dps_piece_state *dps_piece_state_of(struct dps_engine *engine, struct dps_chunk *chunk,
					   struct dps_extent *extent);
/* Where the padding behind an extent's piece ends: at the next piece, or with the chunk. */
uint64_t dps_piece_fill_end(const struct dps_engine *engine, const struct dps_chunk *chunk,
			    const struct dps_extent *extent);
bool dps_extent_is_large(const struct dps_engine *engine, const struct dps_extent *extent);
bool dps_piece_is_skipped(const struct dps_extent *extent, const struct dps_piece *piece);
/* The chunk that holds a channel's offset, in the ring or read again; DPS_CHUNK_NONE. */
uint32_t dps_chunk_find(const struct dps_engine *engine, const struct dps_channel *channel,
			uint64_t offset);
/* The extent with this offset, from a chunk's first on; DPS_EXTENT_NONE in padding. */
uint32_t dps_extent_find(const struct dps_engine *engine, const struct dps_chunk *chunk,
			 uint64_t offset);

/* ---- recv_*.c ---- */
bool dps_place_data(struct dps_engine *engine, struct dps_path *path,
		    struct dps_placement *placement);
/* The first of a chunk came: the slot that was promised, which dps_slots_next was, is its own. */
void dps_chunk_take_slot(struct dps_engine *engine, struct dps_chunk *chunk);
/* False when the packet could not be kept and must not be acknowledged. */
bool dps_recv_data(struct dps_engine *engine, struct dps_path *path,
		   const struct dps_placement *placement);
void dps_recv_ack(struct dps_engine *engine, struct dps_path *path, const uint8_t *body,
		  size_t length, uint64_t now_ns);
void dps_recv_probe(struct dps_engine *engine, struct dps_path *path,
		    const struct dps_placement *placement);
void dps_recv_close(struct dps_engine *engine, struct dps_path *path, const uint8_t *body,
		    size_t length);

/* ---- recv_stream.c ---- */
/* False: it is dropped, and counted. */
bool dps_place_stream(struct dps_engine *engine, const struct dps_path *path,
		      struct dps_placement *placement);
/* False when it was not kept and must not be acknowledged. */
bool dps_recv_stream(struct dps_engine *engine, struct dps_path *path,
		     struct dps_placement *placement, uint64_t now_ns);
/* It was placed, and was bad. */
void dps_forget_stream(struct dps_engine *engine, const struct dps_placement *placement);
void dps_recv_stream_ack(struct dps_engine *engine, const struct dps_path *path,
			 const uint8_t *body, size_t length);

/* ---- receive.c ---- */
/* The sender does not wait for numbers below its floor any more: nor do we keep them. */
void dps_ack_follow_floor(struct dps_path_ack *ack, uint64_t floor);
/* So many packets came that ask for an acknowledgement. */
void dps_ack_owe(struct dps_path_ack *ack, uint32_t packets, uint64_t now_ns);

/* ---- recv_run.c ---- */
/* The packet that was just counted may be followed by others like it. */
void dps_run_begin(struct dps_engine *engine, const struct dps_path *path,
		   const struct dps_placement *placement);
/* Counts what the run brought, which is something: before anything else looks at it. */
void dps_run_count(struct dps_engine *engine);
enum { DPS_RUN_TAIL = 16 }; /* a placement's type that no header has */
/*
 * The packet behind the run that ends its piece and brings the digest, if the one whose header was
 * copied to the placement, and which is as long, is that: it needs no look-up, and is counted with
 * the run.
 */
bool dps_run_place_tail(struct dps_engine *engine, struct dps_placement *placement, uint8_t ecn);
void dps_run_commit_tail(struct dps_engine *engine, const struct dps_placement *placement);
/* No packet goes on with it: something else happened to its path or chunk, outside of a run. */
void dps_run_forget(struct dps_engine *engine);
/* What the packets behind this one look like, if they are like it. */
void dps_run_describe(struct dps_run *run, const struct dps_placement *placement);
/* The run's numbers that are not counted yet, which all are newer than any before. */
void dps_run_note_numbers(struct dps_engine *engine, struct dps_path *path);

/* ---- recv_slices.c ---- */
/* Within a burst: the slice that was just counted may be followed by others like it. */
void dps_slices_begin(struct dps_engine *engine, const struct dps_path *path,
		      const struct dps_placement *placement);
/* The run has come to the end of what it was sure of; false: it ends there. */
bool dps_slices_go_on(struct dps_engine *engine);
/* As dps_run_count. */
void dps_slices_count(struct dps_engine *engine);

/* ---- repair.c ---- */
/* Finds what is lost by now and queues it to be sent again. */
void dps_repair_detect(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns);
/* Queues the bytes of a packet to be sent again; false when the queue is full. */
bool dps_repair_queue(struct dps_path *path, const struct dps_sent_packet *packet);
bool dps_repair_queue_bytes(struct dps_path *path, uint32_t channel, uint32_t generation,
			    uint64_t offset, uint32_t bytes);
static inline uint32_t dps_repair_count(const struct dps_path *path)
{
	return path->resends_head - path->resends_tail;
}
/*
 * What is to be sent again next: its chunk, and the first gap of it that is still missing. Forgets
 * what needs no repair any more; NULL when nothing does.
 */
/* None of what was taken for lost is missing: nor shall the path be slower for it. */
void dps_repair_undo(struct dps_path *path, uint64_t now_ns);
struct dps_resend *dps_repair_next(struct dps_engine *engine, struct dps_path *path,
				   struct dps_chunk **chunk, struct dps_range *gap);
/* Whether so many packets more may be in flight that were not before. */
bool dps_repair_has_room(const struct dps_path *path, uint32_t packets);
/* Numbers run out: what is oldest is given up. */
void dps_repair_make_room(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns);
/* Sends the oldest of what is in flight again, or a probe, whatever the window says. */
void dps_repair_on_probe_timeout(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns);

/* ---- emit_*.c ---- */
/* Each appends packets to out and returns how many, at most room. */
unsigned int dps_emit_ack(struct dps_engine *engine, struct dps_path *path,
			  struct dps_outgoing *out, unsigned int room, uint64_t now_ns);
unsigned int dps_emit_control(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, uint64_t now_ns);
unsigned int dps_emit_data(struct dps_engine *engine, struct dps_path *path,
			   struct dps_outgoing *out, unsigned int room, uint8_t *heads,
			   uint64_t now_ns);
/* As many packets like the chosen one as may go now, at most room; 0 when there is no run of it. */
unsigned int dps_emit_run(struct dps_engine *engine, struct dps_path *path,
			  const struct dps_choice *choice, struct dps_outgoing *out,
			  unsigned int room, uint8_t *heads, uint64_t now_ns);
/* Both: data and slices of streams, in turn. Of a path that has a carrier. */
unsigned int dps_emit_shares(struct dps_engine *engine, struct dps_path *path,
			     struct dps_outgoing *out, unsigned int room, uint8_t *heads,
			     uint64_t now_ns);
/* is_due: another acknowledgement has just been built. Of a path that has a carrier. */
unsigned int dps_emit_stream_acks(struct dps_engine *engine, struct dps_path *path,
				  struct dps_outgoing *out, unsigned int room, bool is_due,
				  uint64_t now_ns);
/* Begins a packet without data; returns where its body goes, of DPS_WIRE_BODY_BYTES_MAX. */
uint8_t *dps_emit_start(struct dps_engine *engine, struct dps_outgoing *out);
/* Numbers a packet, fills in its header and records it. */
void dps_emit_finish(struct dps_path *path, struct dps_outgoing *out, struct dps_header *header,
		     struct dps_sent_packet *sent, uint64_t now_ns);
/* The same for a run whose headers are filled in: of an open path, which is a proved one. */
static inline void dps_emit_finish_run(struct dps_path *path, const struct dps_sent_packet *first,
				       uint32_t count)
{
	dps_sent_push_run(&path->sent, first, count);
	dps_loss_on_sent(&path->loss, first->sent_at_ns);
	path->last_sent_ns = first->sent_at_ns;
}

/* ---- deadlines.c ---- */
uint64_t dps_path_deadline_ns(const struct dps_path *path);
void dps_path_on_deadline(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns);
uint64_t dps_path_probe_timeout_ns(const struct dps_path *path);
/* Credit keeps a channel from sending and nothing is in flight: ask for it in a while; at once
 * when it is the first time. */
void dps_path_on_blocked(struct dps_path *path, uint32_t channel, bool is_first, uint64_t now_ns);
