/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer pair: two peers over a byte stream in memory, each with a driver and a program that do as
 * they are told. A dials, B accepts.
 */
#pragma once
#include "engine/peer_frame.h"
#include "tests/support/cmocka.h"
#include <dps/peer.h>

enum {
	PAIR_HEARD_MAX = 1024,
	PAIR_WIRE_BYTES = 1 << 20,
	PAIR_TEXT_BYTES = 64,
	PAIR_CALLS = 256,
};

/* An event, and the first bytes of its body as text. */
struct peer_heard {
	struct dps_peer_event event;
	char text[PAIR_TEXT_BYTES];
};

struct peer_side {
	struct dps_peer_config config;
	struct dps_peer *peer;
	void *memory;
	struct peer_side *other;

	/* the driver */
	uint64_t epoch;	  /* of its connection */
	bool is_up;	  /* it has one */
	bool is_ended;	  /* and has ended its half */
	bool is_end_due;  /* the other is to hear of that, behind all bytes */
	bool is_stuck;	  /* the socket takes nothing */
	size_t write_max; /* at once */
	size_t deliver_max;
	size_t wire_max; /* what a wire holds: the socket takes no more */
	uint8_t *wire;	 /* written and not delivered */
	size_t wire_bytes;
	unsigned int steps[DPS_PEER_STEP_DROP + 1];

	/* the program */
	bool is_deaf; /* it takes no events */
	struct peer_heard heard[PAIR_HEARD_MAX];
	unsigned int heard_count;
	unsigned int heard_next;
	char answers[PAIR_CALLS][PAIR_TEXT_BYTES]; /* by cookie */
	uint64_t calls;				   /* cookies given */
};

struct peer_pair {
	struct peer_side a;
	struct peer_side b;
	uint64_t now_ns;
	bool is_unreachable; /* dials fail */
	bool is_dial_silent; /* or are never heard of again */
};

/* Small: bodies of at most 1 KiB, 4 calls each way, a queue of 8 KiB. */
void pair_config(struct dps_peer_config *config);

/* Neither dialled nor accepted, at a moment that is not zero. */
void pair_open(struct peer_pair *pair, const struct dps_peer_config *a,
	       const struct dps_peer_config *b);
void pair_close(struct peer_pair *pair);

/* pair_open with pair_config on both sides, and connected; what was heard of that is forgotten. */
void pair_open_connected(struct peer_pair *pair);

/* Dials, and forgets what was heard of it. */
void pair_connect(struct peer_pair *pair);

/* Both sides do what there is to do, until there is nothing; time stands. */
void pair_run(struct peer_pair *pair);

/* One thing that a driver or a program does, and whether there was anything to do. */
enum pair_deed {
	PAIR_STEP,    /* what is to be done with the connection */
	PAIR_WRITE,   /* of what is to go, no more than write_max */
	PAIR_DELIVER, /* of what it has written, to the other, no more than deliver_max */
	PAIR_HEAR,    /* one event */
	PAIR_DEEDS,
};
bool pair_do(struct peer_pair *pair, struct peer_side *side, enum pair_deed deed);

/* So much time passes, and everything in it. */
void pair_pass(struct peer_pair *pair, uint64_t wait_ns);

/* The connection is lost, with all that was on its way. */
void pair_cut(struct peer_pair *pair);

/* The next event that the side has heard, which must be of this kind. */
const struct peer_heard *pair_heard(struct peer_side *side, enum dps_peer_event_kind kind);

/* It has heard nothing else. */
void pair_heard_all(const struct peer_side *side);

/* How many of a kind it has heard in all. */
unsigned int pair_count(const struct peer_side *side, enum dps_peer_event_kind kind);

/* What was heard so far is not looked at any more. */
void pair_forget(struct peer_side *side);

/* A call with this text; its id, and its answer's text when it has one. */
uint64_t pair_call(struct peer_pair *pair, struct peer_side *side, const char *text);
const char *pair_answer(const struct peer_side *side, uint64_t cookie);

/* Answers what was heard. */
int pair_reply(struct peer_pair *pair, struct peer_side *side, const struct peer_heard *request,
	       const char *text);
int pair_notify(struct peer_pair *pair, struct peer_side *side, enum dps_peer_class class,
		const char *text);

/* What the side's peer is given, as if the other had written it. */
void pair_inject(struct peer_pair *pair, struct peer_side *side, const struct dps_peer_head *head,
		 const void *body);
