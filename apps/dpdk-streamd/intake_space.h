/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake space: a transfer whose disk is full. What could not be written, opened or written down is
 * kept where it is, and done when there is room; whoever has to wait for it is told why, again and
 * again, so that nobody takes a full disk for a dead peer.
 *
 * Owner: the control core; while the job is pushed, the store thread.
 */
#pragma once
#include "apps/dpdk-streamd/worker.h"
#include <stdbool.h>
#include <stdint.h>

struct dps_intake;

/* What waits for room; a set. */
enum dps_intake_part {
	DPS_INTAKE_PART_LANE = 1,	/* writes, in the slots */
	DPS_INTAKE_PART_OPENING = 2,	/* files whose turn it is */
	DPS_INTAKE_PART_CHECKPOINT = 4, /* the journal, or names */
};

struct dps_intake_space {
	struct dps_job look; /* whether there is room */
	struct dps_intake *owner;
	struct dps_staging *staging;
	uint64_t wanted_bytes;
	bool has_room; /* out */
	bool is_looking;
	bool is_final;	    /* no more is waited for: what lacks space fails */
	unsigned int lacks; /* enum dps_intake_part */
	unsigned int tries; /* of those: done again, and not known to lack it still */
	uint64_t since_ns;
	uint64_t look_at_ns;

	uint32_t said_why; /* enum dps_blocked_why: what the exporter knows */
	uint64_t said_at_ns;
};

/*
 * A part found no space. It is done again later, the transfer's waiting for it has no end before
 * --space-timeout; after that it is done once more as its last.
 */
void dps_intake_lack_space(struct dps_intake *intake, enum dps_intake_part part, uint64_t now_ns);

/* A part found what it needed, if it lacked it. */
void dps_intake_find_space(struct dps_intake *intake, enum dps_intake_part part, uint64_t now_ns);

#define DPS_INTAKE_LOST_DATA                                                                       \
	"the collector's disk was full before all that had come was on it; what is missing comes " \
	"again"

/*
 * Data of a file did not get to disk though they were written (fsync(2) failed, and forgets which).
 * For want of space: what the journal knows is right, so it is put away, and the exporter asked to
 * come back and go on from there. Otherwise the file fails.
 */
void dps_intake_lose_data(struct dps_intake *intake, uint32_t file, int error, uint64_t now_ns);

/* Looks for room, tells the exporter, gives up: what is due. Once a turn. */
void dps_intake_step_space(struct dps_intake *intake, uint64_t now_ns);
uint64_t dps_intake_space_deadline_ns(const struct dps_intake *intake);
