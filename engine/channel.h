/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel: a transfer or stream within a path. Owns offsets, credit, ring and reassembly. Channels
 * are found by (path, direction, number); a number is never used twice in an epoch, so a late
 * packet can not reach a younger channel.
 */
#pragma once
#include "engine/credit_pace.h"
#include "engine/credit_window.h"
#include "engine/extent.h"
#include "engine/replay_ring.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPS_CHANNEL_NONE UINT32_MAX

/* Owner: the lane. */
struct dps_channel {
	struct dps_replay_ring ring;
	uint32_t path;
	uint32_t number;
	uint32_t generation; /* of this record, so that what belongs to an earlier user is known */
	bool is_open;
	bool is_sender;
	bool is_last;	       /* no extent follows */
	bool is_reported;      /* CHANNEL_DONE was said */
	uint64_t window_bytes; /* receiver: the most that may be held at once */
	uint16_t stripe;       /* has the chunks whose number modulo stripes is this */
	uint16_t stripes;      /* at least 1 */

	/* The transfer's files that are announced and not done, in order of their offsets. */
	uint32_t first_extent;
	uint32_t last_extent;
	uint32_t make_extent; /* the first that reaches beyond made_offset */
	uint64_t announced_end;

	uint64_t made_offset; /* below it every chunk was made; for a receiver this is the credit */
	uint64_t contiguous;  /* every byte below was received, by us or by the far side */
	uint64_t stored;
	uint64_t bytes_done;   /* of files: acknowledged or written */
	uint32_t chunks_count; /* records held */

	/* Sender. */
	uint64_t send_offset; /* below it everything was posted once */
	uint64_t credit;
	uint32_t send_extent;	/* the first that reaches beyond send_offset */
	uint32_t unsent_chunks; /* made, and not posted to their end */
	uint32_t made_chunks;	/* ever; those that are not unsent were posted */
	uint32_t read_chunks;	/* how many are posted while one is read, lately at most */
	uint32_t extra_chunk; /* a piece that is read and sent again, DPS_CHUNK_NONE when none is */

	/* Receiver. */
	uint64_t reported_credit; /* what the last ACK said */
	uint32_t promised_chunks; /* granted, and nothing of them has come: they have no slot yet */
	struct dps_credit_window credit_window; /* how many bytes may be promised */
	struct dps_credit_pace credit_pace;	/* and how fast */
	uint64_t gap_start;			/* the longest stretch below made_offset ... */
	uint64_t gap_end;			/* ... without data and not stored yet */
	bool is_dirty;				/* in the path's queue of channels to report */

	/* Lists: a path's channels in a circle; channels to report; channels that want chunks. */
	uint32_t next_in_path;
	uint32_t previous_in_path;
	uint32_t next_dirty;
	uint32_t next_hungry;
	uint32_t next_sendable;
	bool is_sendable; /* in the path's queue of channels with something to send */
	bool is_brief;	  /* when it got there, it had less to send than a turn */
	bool is_hungry;
	bool is_starved;
	bool is_fed; /* a slot is kept for it until it is served */
};

/* The first chunk from this number on that the channel has. */
static inline uint64_t dps_channel_next_own(const struct dps_channel *channel, uint64_t number)
{
	uint64_t behind;

	if (channel->stripes == 1)
		return number;
	behind = (number + channel->stripes - channel->stripe) % channel->stripes;
	return behind == 0 ? number : number + channel->stripes - behind;
}

/* Finds channels; open addressing, linear probing, in memory for twice as many places. */
struct dps_channel_table {
	uint32_t *places; /* channel indexes */
	uint32_t mask;
};

size_t dps_channel_table_bytes(uint32_t channels);
void dps_channel_table_init(struct dps_channel_table *table, void *memory, uint32_t channels);
uint32_t dps_channel_table_find(const struct dps_channel_table *table,
				const struct dps_channel *channels, uint32_t path, bool is_sender,
				uint32_t number);
void dps_channel_table_add(struct dps_channel_table *table, const struct dps_channel *channels,
			   uint32_t index);
void dps_channel_table_remove(struct dps_channel_table *table, const struct dps_channel *channels,
			      uint32_t index);
