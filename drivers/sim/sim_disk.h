/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim disk: files that need no memory: sources know what they hold, sinks check what they get. */
#pragma once
#include "drivers/disk.h"
#include "drivers/sim/sim.h"
#include "engine/ranges.h"

struct dps_sim_disk_config {
	uint64_t latency_ns;	/* of every request, after its turn at the bandwidth */
	uint64_t jitter_ns_max; /* and up to so much more, so that requests overtake each other */
	uint64_t bytes_per_s;	/* 0: not limited */
	uint32_t in_flight_max; /* submit takes no more */
	uint32_t refuse_ppm;	/* a submit takes fewer than it could, and none for ... */
	uint64_t refuse_ns_max; /* ... the time after it */
	uint32_t stall_ppm;	/* a request stops the whole disk for ... */
	uint64_t stall_ns_max;
	uint32_t read_error_ppm;  /* -EIO */
	uint32_t write_error_ppm; /* -EIO, and nothing was written */
	uint64_t space_bytes;	  /* writes beyond it in sum fail with -ENOSPC; 0: no end */
	uint64_t room_at_ns;	  /* there is more space from then on; 0: never */
	uint64_t fsync_ns_min;
	uint64_t fsync_ns_max;
	uint32_t fsync_error_ppm;
	bool is_thin; /* contents are zeros that nobody touches or checks: for measuring */
};

struct dps_sim_file_config {
	uint64_t seed;	     /* of the content: of a sink, what it must get */
	uint64_t bytes;	     /* reads end here; writes past it are a failure of the world */
	uint64_t bad_offset; /* a request over this byte gets -EIO, always; UINT64_MAX for none */
	bool is_sink;
	bool may_rewrite; /* bytes may come twice (the right ones), else that is a failure */
	bool is_frozen;	  /* published: whoever writes to it fails the world */
};

struct dps_sim_file {
	struct dps_sim_file_config config;
	struct dps_ranges written;
	struct dps_ranges synced;
	uint64_t written_bytes;
	uint64_t synced_bytes;
};

/* What the disk calls by an index; a file may be named twice at a time. */
struct dps_sim_open_file {
	struct dps_sim_file *file; /* NULL for a free index */
	uint32_t in_flight;
};

struct dps_sim_request; /* under way */

/* Owner: the world. */
struct dps_sim_disk {
	struct dps_disk disk;
	struct dps_sim_node node;
	struct dps_sim_disk_config config;
	struct dps_sim_node *host; /* woken when there are results; NULL for none */
	struct dps_sim_queue requests;
	struct dps_sim_request *requests_free;
	struct dps_sim_file **files; /* by descriptor - DPS_SIM_DISK_FIRST_FD */
	uint32_t files_count;
	struct dps_sim_open_file *open; /* by the disk's index */
	uint32_t open_count;
	uint64_t busy_until_ns;
	uint64_t full_until_ns;
	uint64_t written_bytes;
	struct dps_sim_queue fsyncs;
};

enum dps_sim_disk_limits {
	DPS_SIM_DISK_FIRST_FD = 1000, /* so that a descriptor is not taken for an index */
	DPS_SIM_DISK_FILES_OPEN_MAX = 1024,
};

/* 100 us latency, 64 in flight, no limit, no faults. */
extern const struct dps_sim_disk_config dps_sim_disk_plain;

/* The name is unique in the world. */
void dps_sim_disk_open(struct dps_sim_disk *disk, struct dps_sim *sim, const char *name,
		       const struct dps_sim_disk_config *config);

/* Makes a file; returns what stands for its descriptor. */
int dps_sim_disk_create(struct dps_sim_disk *disk, const struct dps_sim_file_config *config);

/*
 * Starts an fsync of a file and calls on_done with 0 or -errno when it ends; what was written when
 * it started is then synced.
 */
void dps_sim_disk_fsync(struct dps_sim_disk *disk, int fd,
			void (*on_done)(void *context, int fd, int error), void *context);

/*
 * The host dies. What was fsynced stays; of the rest, what was under way included, any pages may be
 * there or not, as drawn: on all of it, on none, or on each. Results and fsyncs under way are never
 * heard of, and nothing is open any more.
 */
void dps_sim_disk_crash(struct dps_sim_disk *disk);

/*
 * Someone goes on with a sink behind its first bytes: what is behind them may be written once more.
 * Those in front must have been fsynced, and nothing of it be under way, or the world fails.
 */
void dps_sim_disk_resume(struct dps_sim_disk *disk, int fd, uint64_t bytes);

/* A sink is published: it must be whole and fsynced, and stay as it is, or the world fails. */
void dps_sim_disk_freeze(struct dps_sim_disk *disk, int fd);

const struct dps_sim_file *dps_sim_disk_file(const struct dps_sim_disk *disk, int fd);

/* Whether a sink has every byte, or every byte fsynced. */
bool dps_sim_file_is_written(const struct dps_sim_file *file);
bool dps_sim_file_is_synced(const struct dps_sim_file *file);

/* Frees the files, after close. */
void dps_sim_disk_fini(struct dps_sim_disk *disk);
