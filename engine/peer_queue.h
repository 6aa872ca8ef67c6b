/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer queue: what a peer is yet to be told, in four classes over one budget of bytes.
 *
 * Within a class messages keep their order. Between classes the urgent one goes first, except that
 * one that was passed over for its patience in bytes goes before all that were passed over for
 * less. So what is first in its class, and may go, waits for no more than its patience and three
 * of the longest messages, whatever the others send.
 *
 * The budget has a step for each class: control may fill all of it, each class behind it an eighth
 * less. What is full of bulk still takes the answer that the far side waits for.
 *
 * Owner: the peer's thread.
 */
#pragma once
#include "engine/blocks.h"
#include <dps/peer.h>

/* No class has a message that may go. */
#define DPS_PEER_CLASS_NONE DPS_PEER_CLASSES

/* A message is known by its first block. */
struct dps_peer_message {
	uint64_t id; /* of the call it is about */
	uint64_t queued_at_ns;
	uint32_t bytes; /* of the body */
	uint32_t owner; /* the call or request whose it is */
	uint32_t next;	/* of its class */
	uint32_t previous;
	uint16_t code;
	uint8_t kind; /* enum dps_peer_kind */
	uint8_t class;
};

struct dps_peer_queue_class {
	uint32_t first;
	uint32_t last;
	uint32_t count;
	uint32_t limit_blocks; /* the class may push while no more are used */
	uint64_t passed_bytes; /* went before its first message, since that may go */
	uint64_t patience_bytes;
};

struct dps_peer_queue {
	struct dps_blocks blocks;
	struct dps_peer_message *messages; /* by first block */
	struct dps_peer_queue_class classes[DPS_PEER_CLASSES];
	uint64_t bytes; /* of all bodies, those that were taken and are not done too */
	uint32_t count; /* of all messages, likewise */
};

/* Bytes of 8-byte aligned memory for a queue with a budget of so many bytes, whole blocks. */
size_t dps_peer_queue_memory_bytes(uint32_t budget_bytes);

/* patience_bytes by class; that of control does not count, as it is first anyway. */
void dps_peer_queue_init(struct dps_peer_queue *queue, void *memory, uint32_t budget_bytes,
			 const uint32_t patience_bytes[DPS_PEER_CLASSES]);

/* The longest body that any class takes when nothing else is queued. */
uint32_t dps_peer_queue_body_max(uint32_t budget_bytes);

/* Whether the class takes a body of so many bytes now. */
bool dps_peer_queue_has_room(const struct dps_peer_queue *queue, enum dps_peer_class class,
			     uint32_t bytes);

/*
 * Whether the class has come down to half of its step: then it takes at least one message of any
 * length that it ever takes.
 */
bool dps_peer_queue_is_low(const struct dps_peer_queue *queue, enum dps_peer_class class);

/* Copies message and body to the end of its class. DPS_BLOCK_NONE: it is full, nothing changed. */
uint32_t dps_peer_queue_push(struct dps_peer_queue *queue, const struct dps_peer_message *message,
			     const uint8_t *body);

/* Takes a message out wherever it stands, as if it had never been pushed. */
void dps_peer_queue_withdraw(struct dps_peer_queue *queue, uint32_t message);

/*
 * The class whose turn it is, of those in may_go (a bit for each class): those that have something
 * to send and credit for it. A class whose bit is not set waits for no one and loses its place.
 */
enum dps_peer_class dps_peer_queue_choose(struct dps_peer_queue *queue, uint32_t may_go);

/* So many bytes of this class go out now: the others that may go were passed over. */
void dps_peer_queue_pass(struct dps_peer_queue *queue, enum dps_peer_class class, uint64_t bytes,
			 uint32_t may_go);

/* Takes the first message of a class, which keeps its memory until it is done or put back. */
uint32_t dps_peer_queue_take(struct dps_peer_queue *queue, enum dps_peer_class class);
void dps_peer_queue_done(struct dps_peer_queue *queue, uint32_t message);

/* To the front of its class again: the last that was taken first. */
void dps_peer_queue_put_back(struct dps_peer_queue *queue, uint32_t message);
