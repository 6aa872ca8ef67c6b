/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lane cycles: what a lane's time goes to. The counter of ticks is read at the borders of a turn's
 * stages, and whatever lies between two readings is booked on one account, so the accounts add up
 * to the time that passed. A reading is for a burst, never for a packet; a stage that had nothing
 * to do is not read and falls to the next.
 *
 * Only one period in DPS_LANE_METER_PERIODS is metered, a period being the time between two
 * snapshots, about a millisecond: what is asked is where the time goes, and for that a share of it
 * will do. Accounts and packets are those of the same periods, so their ratios hold as they are.
 *
 * Time in which the scheduler gave the core to somebody else counts where it fell: on a shared core
 * the busy accounts are an upper bound.
 *
 * Owner: the lane's thread. Copies are anyone's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { DPS_LANE_METER_PERIODS = 16 };

enum dps_lane_stage {
	DPS_STAGE_RX,	 /* bursts of data received: placed, checked, counted */
	DPS_STAGE_ACK,	 /* bursts without data, either way: acknowledgements, probes */
	DPS_STAGE_TX,	 /* bursts of data sent, with loss recovery and pacing */
	DPS_STAGE_DISK,	 /* reads and writes asked for and finished, with their digests */
	DPS_STAGE_OTHER, /* commands, events, snapshots, the port's housekeeping */
	DPS_STAGE_IDLE,	 /* turns that found nothing to do, and the rest after them */
	DPS_STAGES_COUNT,
};

struct dps_lane_cycles {
	uint64_t spent[DPS_STAGES_COUNT];
};

struct dps_lane_meter {
	struct dps_lane_cycles cycles;
	uint64_t packets;    /* that moved in metered periods */
	uint64_t packets_at; /* at the start of this one */
	uint64_t read_at;    /* ticks of the last reading */
	uint32_t periods;
	bool is_on;    /* this period is metered */
	bool had_work; /* the last turn; set by the lane */
};

/* From here on time counts; also after a pause that is to be nobody's. packets: so far, of data. */
void dps_lane_meter_start(struct dps_lane_meter *meter, uint64_t packets, uint64_t ticks);

/* Whose the time before a turn is. */
static inline enum dps_lane_stage dps_lane_meter_between(const struct dps_lane_meter *meter)
{
	return meter->had_work ? DPS_STAGE_OTHER : DPS_STAGE_IDLE;
}

/* While it is on: a stage ends and has the time since the last reading. */
void dps_lane_meter_book(struct dps_lane_meter *meter, enum dps_lane_stage stage, uint64_t ticks);

/* Another period begins, between two turns. packets: so far, of data, either way. */
void dps_lane_meter_next(struct dps_lane_meter *meter, uint64_t packets, uint64_t ticks);

/* "rx", "ack", "tx", "disk", "other", "idle" */
const char *dps_lane_stage_name(enum dps_lane_stage stage);

/* All but idle. */
uint64_t dps_lane_cycles_busy(const struct dps_lane_cycles *cycles);

/* Adds another lane's. */
void dps_lane_cycles_add(struct dps_lane_cycles *sum, const struct dps_lane_cycles *more);

/* What came since an earlier copy of the same lane's. */
struct dps_lane_cycles dps_lane_cycles_since(const struct dps_lane_cycles *now,
					     const struct dps_lane_cycles *then);
