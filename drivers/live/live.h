/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Live: a source that can be read once, a pipe or FIFO, as a disk whose reads come from a ring of
 * memory. A thread of its own reads the source straight into the ring, chunk by chunk, and waits
 * when it is full: nothing is dropped, whoever writes the source is held up. A byte stays in the
 * ring until it is released, and until then any connection may read it, as often as it needs to.
 *
 * Three threads, no locks: the source's own fills, the lane reads, the control core asks and
 * releases.
 */
#pragma once
#include "drivers/disk.h"
#include "drivers/live/producer.h"
#include <dps/types.h>

struct dps_live;

/* What is read. */
struct dps_live_input {
	int fd; /* read to its end, never written to; -1: there is none */
	/*
	 * A pipe ends alike for a writer that closed it and for one that was killed. When we
	 * started the writer, its exit tells. Otherwise, when it is a pipe whose bytes are a
	 * capture, an end inside a packet does; nothing else can.
	 */
	struct dps_producer *producer; /* who writes; NULL: not known */
	bool is_pipe;
};

struct dps_live_config {
	struct dps_live_input input; /* its fd is taken; the producer is ours until the close */
	uint64_t ring_bytes;	     /* rounded down to whole chunks, at least two */
	uint32_t chunk_bytes;
	unsigned int depth; /* most requests between submit and reap */
	/* Called by the source's thread when more may be read, or it has ended. */
	void (*on_more)(void *context);
	void *context;
};

/* Starts to read. Errors: -EINVAL, -ENOMEM, -EMFILE, -EAGAIN; then fd stays the caller's. */
int dps_live_open(const struct dps_live_config *config, struct dps_live **live);

/* Ends the thread. After the disk is not used any more; its own close only lets go of requests. */
void dps_live_close(struct dps_live *live);

/*
 * Reads of what the ring does not hold (not there yet, or released) end with -ENODATA; writes with
 * -EBADF. add_file takes any descriptor, -1 too. Reads lie within one chunk.
 */
struct dps_disk *dps_live_disk(struct dps_live *live);

struct dps_live_state {
	uint64_t lowest; /* bytes below are not held any more */
	uint64_t filled; /* bytes below came: whole chunks, and behind the end the rest */
	bool has_ended;	 /* nothing will come any more */
	bool is_full;	 /* the source is not read because there is no room */
	/*
	 * What came is not all there was: -errno of reading it, -ECHILD: its producer failed,
	 * -EBADMSG: a capture was cut inside a packet, -ECANCELED: it was stopped.
	 */
	int error;
};

/* Control core. What has_ended says of filled and digest is final. */
void dps_live_read(const struct dps_live *live, struct dps_live_state *state);

const struct dps_live_input *dps_live_input(const struct dps_live *live);

/* Of all that came; only of a source that has ended. */
struct dps_digest dps_live_digest(const struct dps_live *live);

/*
 * The source ends here: nothing more is read, and what was read can be had. A producer is told to
 * end instead, and read to its end, which is what it says it is. Control core; may come again.
 */
void dps_live_stop(struct dps_live *live);

/* Bytes below are not needed any more; whole chunks of them make room. Control core. */
void dps_live_release(struct dps_live *live, uint64_t offset);
