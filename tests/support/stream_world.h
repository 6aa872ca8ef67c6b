/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream world: two programs that call anything of their streams at any time, against a model of
 * what was sent. Whatever carries the streams: no state leaves an end, memory is within its bounds,
 * each send has exactly one outcome, delivered is what has arrived, what is read is what was sent,
 * and its end is the end. Asserts all of that; what fails is told the caller's seed by the caller.
 */
#pragma once
#include "engine/random.h"
#include "tests/support/stream_rig.h"

enum {
	WORLD_STREAMS = 256,
	WORLD_SENDS = 2048,
	WORLD_SEND_BYTES = 2000,
	WORLD_LOG_BYTES = 16384,
};

struct model_half { /* what a side sends on a stream */
	uint8_t *log;
	uint32_t posted;
	bool is_finished; /* finish was said */
};

struct model_end { /* a side of a stream */
	struct dps_handle handle;
	bool is_open;
	uint8_t states[2]; /* as seen last */
	struct dps_error causes[2];
	uint32_t lent;
	uint32_t read;
	bool is_end_read;
	bool is_over_told[2];
};

struct model {
	struct model_half sent[2];
	struct model_end ends[2];
};

struct model_send {
	uint8_t *memory; /* lent */
	uint32_t bytes;
	uint32_t end;
	uint16_t stream;
	uint8_t side;
	bool is_posted;
	bool is_told;
};

struct world {
	struct stream_rig rig;
	struct rig_side *sides[2];
	struct dps_flight flight; /* of both sides, where they share one */
	struct dps_random random;
	uint64_t now_ns;
	struct model streams[WORLD_STREAMS];
	unsigned int streams_count;
	struct model_send sends[WORLD_SENDS];
	unsigned int sends_count;
	bool is_parked;
	bool is_lost;
	bool is_healing;
};

/* Every change of state that was seen, and how often each outcome, in all worlds. */
extern bool world_is_seen[DPS_HALVES_COUNT][DPS_STREAM_STATES_COUNT][DPS_STREAM_STATES_COUNT];
extern unsigned int world_outcomes[32];

void world_open(struct world *world, uint64_t seed, const struct dps_streams_config *near,
		const struct dps_streams_config *far);
void world_close(struct world *world);
/* Before it is opened: both have so much under way together. */
void world_share_flight(struct world *world, uint64_t limit_bytes, struct dps_streams_config *near,
			struct dps_streams_config *far);

uint64_t world_below(struct world *world, uint64_t bound);
struct dps_streams *world_streams(struct world *world, unsigned int side);

/* What holds between any two calls. */
void world_check(struct world *world);

/* ---- What a program does, perhaps: one call of a kind, with what was drawn. ---- */
void world_open_one(struct world *world, unsigned int side);
void world_answer(struct world *world, unsigned int side);
void world_send_one(struct world *world, unsigned int side);
void world_cancel_one(struct world *world, unsigned int side);
void world_end_one(struct world *world, unsigned int side); /* finish, abort, stop, close ... */
void world_read_one(struct world *world, struct model *model, unsigned int side);
void world_read_some(struct world *world, unsigned int side);
void world_change_window(struct world *world, unsigned int side);
void world_take_events(struct world *world, unsigned int side);

/* ---- The end of it. ---- */
void world_accept_all(struct world *world);
void world_finish_all(struct world *world);
/* Those that have come to their end make room for those that wait. Returns how many are open. */
unsigned int world_close_ended(struct world *world);
/* Records, segments, blocks: nothing is missing, and every send has its outcome. */
void world_check_all_is_back(struct world *world);
