/* SPDX-License-Identifier: BSD-3-Clause */
/* Line: copies of datagrams in waiting, in one direction: first delayed, then held back by others.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_line_limits {
	DPS_LINE_BEHIND_MAX = 8, /* others that one datagram is held back by */
	DPS_LINE_NONE = -1,
};

/* Nobody comes after it: then a datagram is held back so long and no longer. */
#define DPS_LINE_HELD_NS_MAX (10 * DPS_NS_PER_MS)

struct dps_line_copy {
	uint8_t *bytes; /* head, then body */
	uint32_t head_bytes;
	uint32_t body_bytes;
	uint32_t remote; /* sent ones; UINT32_MAX when it was removed */
	uint8_t ecn;	 /* received ones */
	bool is_astray;	 /* ... that came to another queue */
	uint8_t behind;	 /* how many others are to pass it */
	struct dps_address from;
	uint64_t due_ns;   /* end of the delay; once held, when it is let go at the latest */
	uint64_t due_pass; /* once held: lets go when so many have passed in all */
	int next;
};

struct dps_line_queue {
	int first;
	int last;
};

/* Owner: the port's lane. */
struct dps_line {
	struct dps_line_copy *copies;
	uint32_t copies_count;
	uint32_t copy_bytes;
	uint64_t delay_ns; /* of all, so that the first in is the first out */
	uint64_t passed;   /* datagrams that reached the end of the delay, held ones too */
	int free;
	struct dps_line_queue delayed;
	struct dps_line_queue ready;
	int held[DPS_LINE_BEHIND_MAX];
	uint32_t held_count;
};

/*
 * In given memory: copies and, for their bytes, count * copy_bytes. Everything is taken here.
 */
void dps_line_init(struct dps_line *line, struct dps_line_copy *copies, uint32_t count,
		   uint8_t *bytes, uint32_t copy_bytes, uint64_t delay_ns);

/* A copy to fill in, or DPS_LINE_NONE: all of them wait, or bytes is more than one has room for. */
int dps_line_take(struct dps_line *line, uint64_t bytes);
void dps_line_give(struct dps_line *line, int copy);

/* Sends a filled copy on its way: through the delay, then past `behind` others, then ready. */
void dps_line_push(struct dps_line *line, int copy, uint64_t now_ns);

/* A datagram went by without a copy; those it was the last to overtake become ready. */
void dps_line_pass(struct dps_line *line);

/* How many may go by until one that is held back becomes ready; UINT32_MAX when none is held. */
uint32_t dps_line_until_ready(const struct dps_line *line);

/* Moves on what is due. */
void dps_line_advance(struct dps_line *line, uint64_t now_ns);

/* The next that is ready, without and with taking it out; DPS_LINE_NONE when there is none. */
int dps_line_first_ready(const struct dps_line *line);
int dps_line_take_ready(struct dps_line *line);

/* Makes one that was taken out the first again. */
void dps_line_put_back(struct dps_line *line, int copy);

/* Marks all that wait for a remote, as it is no more. */
void dps_line_forget(struct dps_line *line, uint32_t remote);
