/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfer: credit, replay ring, resume and cancellation of one transfer, whatever carries its
 * bytes. For programs that embed the library and make bytes that exist nowhere else.
 *
 * Three kinds of thread, no locks, no call that waits:
 *   producer  one thread; writes chunks straight into the ring and posts them
 *   lane      one thread; sends what was posted, takes acknowledgements, parks and resumes
 *   any       cancels, reads snapshots
 * Waiting with a deadline is drivers/wait's work.
 *
 * An offset is a byte's place in the transfer, counted through all its files, which abut; it
 * also has a name of its own as (file index, offset in that file). An epoch is one life of the
 * connection; what carries another one moves nothing and is counted.
 *
 * After the credit window of repe-rs' stream module, with what its users met put right:
 * docs/architecture.md, "Transfer control".
 */
#pragma once
#include <dps/limits.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_transfer;

/* From when on the ring need not hold a byte any more. */
enum dps_transfer_release {
	DPS_RELEASE_RECEIVED, /* the far side has it; what is lost there can be read again here */
	DPS_RELEASE_STORED,   /* it is on the far side's disk, fsynced and journalled */
};

struct dps_transfer_config {
	uint64_t epoch;	       /* of the connection it starts on; later ones are greater */
	uint64_t window_bytes; /* most that is posted and not acknowledged */
	uint64_t ring_bytes;   /* of the memory given; >= window + chunk + DPS_ENVELOPE_BYTES */
	uint64_t idle_ns;      /* without progress for so long: what dps_watchdog judges by */
	uint64_t reconnect_ns; /* parked for so long: given up; DPS_NEVER_NS: never */
	uint32_t chunk_bytes;  /* most that one chunk may have; may exceed the window */
	uint32_t chunks;       /* most that the ring may hold, a power of two */
	uint32_t first_file;   /* index of the first file */
	uint32_t files_kept;   /* earlier files that stay resumable; 0: each is awaited in full */
	uint8_t release;       /* enum dps_transfer_release */
	bool is_source_idle_ended;  /* the watchdog ends a source that yields nothing for idle_ns */
	struct dps_digest identity; /* of the first file: what a resume must name */
};

/* The defaults, for files that can be read again or for a live source. Epoch and file are 0. */
void dps_transfer_config_init(struct dps_transfer_config *config, bool is_live);

/* Bytes of 64-byte aligned memory for dps_transfer_init; 0 when the configuration is not valid. */
size_t dps_transfer_bytes(const struct dps_transfer_config *config);

/*
 * ring: config->ring_bytes of memory that the port knows; it and memory are borrowed until no
 * thread uses the transfer. Starts attached to config->epoch. Errors: -EINVAL.
 */
int dps_transfer_init(void *memory, const struct dps_transfer_config *config, uint8_t *ring,
		      struct dps_transfer **transfer, uint64_t now_ns);

/* ---- Any thread. ---- */

/* Stable texts: programs and peers compare them. */
#define DPS_REASON_RECONNECT_TIMEOUT "reconnect_timeout"
#define DPS_REASON_PEER_STALLED "peer_stalled"
#define DPS_REASON_SOURCE_IDLE "source_idle"

/*
 * Ends a transfer: sticky, the first reason wins. The lane gives the ring back in its next call,
 * and drivers/wait wakes who waits. reason outlives the transfer. Returns whether this was the
 * first.
 */
bool dps_transfer_cancel(struct dps_transfer *transfer, const char *reason);

/* The reason, NULL when it was not cancelled. */
const char *dps_transfer_cancel_reason(const struct dps_transfer *transfer);

enum dps_transfer_state {
	DPS_TRANSFER_ATTACHED,
	DPS_TRANSFER_PARKED,	/* the connection is gone; a resume is awaited */
	DPS_TRANSFER_FINISHED,	/* everything was posted, and released */
	DPS_TRANSFER_CANCELLED, /* its reason: dps_transfer_cancel_reason */
};

/* As of one moment for what the lane writes, and one not earlier for what the producer writes. */
struct dps_transfer_snapshot {
	uint8_t state;		   /* enum dps_transfer_state */
	bool is_blocked;	   /* the peer said that its sink takes nothing */
	bool is_source_idle_ended; /* as configured */
	uint8_t release;	   /* as configured */
	uint32_t file_index;	   /* the producer's */
	uint64_t idle_ns;	   /* as configured */
	uint64_t reconnect_ns;	   /* as configured */

	/* writer: the producer */
	uint64_t posted;       /* offset: below it everything is in the ring, or was */
	uint64_t posted_at_ns; /* the last chunk */
	uint64_t busy_at_ns;   /* the last chunk that was posted when nothing was outstanding */
	uint64_t chunks_posted;

	/* writer: the lane */
	uint64_t epoch;
	uint64_t window_bytes;
	uint64_t sent;		 /* offset, of this epoch */
	uint64_t sent_max;	 /* offset, of all epochs */
	uint64_t acknowledged;	 /* offset */
	uint64_t stored;	 /* offset */
	uint64_t lowest;	 /* offset: the lowest that a resume can have */
	uint64_t heard_at_ns;	 /* the peer spoke, in its epoch */
	uint64_t progress_at_ns; /* ... and that moved something; time parked is left out */
	uint64_t parked_at_ns;	 /* while parked */
	uint64_t chunks_released;
	uint64_t acks;
	uint64_t acks_useless;	 /* moved nothing */
	uint64_t acks_stale;	 /* of another epoch, or while parked */
	uint64_t acks_misplaced; /* of a file that is not held */
	uint64_t anomalies;	 /* acknowledged what was not posted: cut to what was */
	uint64_t parks;
	uint64_t resumes;
	uint64_t resumes_refused;
	uint64_t sent_bytes;
	uint64_t resent_bytes; /* of those, below what had been sent before */
};

/*
 * False when a writer was stopped in the middle of a change for longer than is worth waiting:
 * keep what you have and ask again. Never waits for anybody.
 */
bool dps_transfer_read(const struct dps_transfer *transfer, struct dps_transfer_snapshot *snapshot);

/* What became of everything posted below an offset. */
enum dps_transfer_outcome {
	DPS_OUTCOME_QUEUED, /* in the ring; also: in flight when the connection went, and parked */
	DPS_OUTCOME_SENT,   /* in flight */
	DPS_OUTCOME_RECEIVED, /* acknowledged */
	DPS_OUTCOME_STORED,
	DPS_OUTCOME_LOST, /* the transfer ended before it was acknowledged */
};

enum dps_transfer_outcome dps_transfer_outcome_of(const struct dps_transfer_snapshot *snapshot,
						  uint64_t offset);

/* Counts what one who waits may wait for: credit, acknowledgements, park, resume, end. */
uint32_t dps_transfer_changes(const struct dps_transfer *transfer);

/* Offsets by themselves, for who waits. */
uint64_t dps_transfer_acknowledged(const struct dps_transfer *transfer);
uint64_t dps_transfer_released(const struct dps_transfer *transfer);

/*
 * Whether it is attached (again). Errors: -ECANCELED before anything else, -ETIMEDOUT from the
 * deadline on, -EAGAIN before.
 */
int dps_transfer_has_reconnected(const struct dps_transfer *transfer, uint64_t deadline_ns,
				 uint64_t now_ns);

/* ---- The producer. ---- */

/*
 * Whether a chunk of so many bytes may be posted now: it fits into the window with what is not
 * acknowledged, or nothing is outstanding; and the ring has room.
 * Errors: -ECANCELED before anything else; 0 then, even past the deadline; -EMSGSIZE longer than a
 * chunk may be; -ENOTCONN parked; -ETIMEDOUT from the deadline on (the transfer goes on); -EAGAIN.
 */
int dps_transfer_has_credit(struct dps_transfer *transfer, uint64_t bytes, uint64_t deadline_ns,
			    uint64_t now_ns);

/*
 * Room in the ring for a chunk of up to so many bytes, to be written by the producer and then
 * committed; another reserve drops it. Errors: as has_credit, but that parked is -EAGAIN;
 * -EINVAL after a file's end.
 */
int dps_transfer_reserve(struct dps_transfer *transfer, uint64_t bytes, uint8_t **room);

enum dps_chunk_flags {
	DPS_CHUNK_FILE_END = 1, /* the file's last chunk; may be empty */
	DPS_CHUNK_END = 2,	/* ... of the last file */
};

/*
 * Posts what was written to the room: the ring's entry, its credit and the offset change in one
 * step, before the lane can send any of it. offset: the file's next one. No bytes: nothing goes
 * out but the flags. Errors: -EINVAL, nothing posted: another offset, more than was reserved, a
 * chunk after the file's end; -ECANCELED.
 */
int dps_transfer_commit(struct dps_transfer *transfer, uint64_t file_offset, uint64_t bytes,
			uint32_t flags, uint64_t now_ns);

/*
 * Begins the next file. Errors: -EINVAL this one has no last chunk, or its index is not greater;
 * -EAGAIN what came before is not released, as far as files_kept asks; -ECANCELED.
 */
int dps_transfer_advance(struct dps_transfer *transfer, uint32_t file_index,
			 const struct dps_digest *identity);

/* ---- The lane. ---- */

/* Errors: -EINVAL larger than the ring allows. What is in flight beyond a smaller one drains. */
int dps_transfer_set_window(struct dps_transfer *transfer, uint64_t window_bytes);

/* Takes note of a cancellation and of what became free. Once a turn, when nothing else is called.
 */
void dps_transfer_on_turn(struct dps_transfer *transfer);

#define DPS_FILE_NONE UINT32_MAX

/* All cumulative. An offset counts in its file, or with DPS_FILE_NONE through the transfer. */
struct dps_transfer_ack {
	uint64_t epoch;
	uint64_t received;
	uint64_t stored; /* implies received */
	uint32_t file_index;
	bool has_end; /* the end of that file (none: of the transfer) too arrived */
};

/* Returns whether it moved anything. What is wrong with it is counted, never an error. */
bool dps_transfer_on_ack(struct dps_transfer *transfer, const struct dps_transfer_ack *ack,
			 uint64_t now_ns);

/* The peer says that its sink takes nothing (full disk, slow reader), or does again. */
void dps_transfer_on_blocked(struct dps_transfer *transfer, uint64_t epoch, bool is_blocked,
			     uint64_t now_ns);

/* The connection of this epoch is gone. Errors: -ESTALE it was another's, nothing changed. */
int dps_transfer_park(struct dps_transfer *transfer, uint64_t epoch, uint64_t now_ns);

/* Why a resume is refused; sent to the peer, so never renumbered. */
enum dps_resume_code {
	DPS_RESUME_OK = 0,
	DPS_RESUME_WRONG_FILE = 1,    /* not held; answer: the file that the producer writes */
	DPS_RESUME_OUT_OF_WINDOW = 2, /* gone from the ring; answer: the lowest that is not */
	DPS_RESUME_AHEAD_OF_SENT = 3, /* never sent; answer: the highest that was */
	DPS_RESUME_CANCELLED = 4,
	DPS_RESUME_UNKNOWN = 5, /* no such transfer: said by who looked it up */
	DPS_RESUME_FINISHED = 6,
	DPS_RESUME_IDENTITY_CHANGED = 7, /* that file is another by now */
	DPS_RESUME_BUSY = 8,		 /* a connection at least as new has it */
};

/* `wrong_file`, `out_of_window`, ...: stable. */
const char *dps_resume_code_name(enum dps_resume_code code);

struct dps_transfer_resume {
	uint64_t epoch;		    /* of the new connection */
	uint64_t offset;	    /* in the file: below it the peer has everything */
	uint32_t file_index;	    /* DPS_FILE_NONE: offset counts through the transfer */
	bool has_end;		    /* as in an acknowledgement */
	struct dps_digest identity; /* of that file; not compared when all zero or no file */
};

struct dps_transfer_resumed {
	uint64_t offset; /* in the file: accepted, or see the code */
	uint32_t file_index;
	uint64_t resent_bytes; /* what was sent before and goes out again */
};

/*
 * Attaches a new connection and replays from the offset on, at any byte. One that is still
 * attached is parked first, so that nothing goes on behind a gap. The greatest epoch wins; a
 * refusal changes nothing but a counter.
 */
enum dps_resume_code dps_transfer_resume(struct dps_transfer *transfer,
					 const struct dps_transfer_resume *request,
					 struct dps_transfer_resumed *answer, uint64_t now_ns);

/*
 * Sends from an offset (through the transfer) on again, within the epoch. Codes as above; BUSY
 * also while parked.
 */
enum dps_resume_code dps_transfer_replay(struct dps_transfer *transfer, uint64_t epoch,
					 uint64_t offset);

/* A run of bytes of one chunk, to be sent. memory is lent until dps_transfer_on_released. */
struct dps_slice {
	const uint8_t *memory;
	uint64_t offset; /* through the transfer */
	uint64_t file_offset;
	uint64_t chunk; /* its number, for on_released */
	uint64_t epoch; /* not the transfer's any more: need not be sent, must be released */
	uint32_t bytes; /* 0: only the flags */
	uint32_t file_index;
	uint8_t flags; /* enum dps_chunk_flags, on the slice that reaches the chunk's end */
};

/*
 * What to send next, at most room slices of at most so many bytes; returns how many. None for an
 * epoch that is not attached, so a replay that was overtaken stops within one chunk.
 */
unsigned int dps_transfer_emit_slices(struct dps_transfer *transfer, uint64_t epoch,
				      struct dps_slice *slices, unsigned int room,
				      uint32_t slice_bytes_max);

/* The port is done with one slice of this chunk, whatever epoch it went out in. */
void dps_transfer_on_released(struct dps_transfer *transfer, uint64_t chunk);

#ifdef __cplusplus
}
#endif
