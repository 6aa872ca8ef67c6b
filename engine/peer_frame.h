/* SPDX-License-Identifier: BSD-3-Clause */
/* Peer frame: the head that is in front of everything two peers say, and the bodies of its own. */
#pragma once
#include <dps/peer.h>
#include <stdbool.h>

struct dps_stream_message;

enum dps_peer_frame_sizes {
	DPS_PEER_HEAD_BYTES = 16,
	DPS_PEER_LENGTH_BYTES = 4,	  /* of the head; does not count itself */
	DPS_PEER_LENGTH_MAX = 1 << 20,	  /* as of every frame of a control connection */
	DPS_PEER_OWN_BODY_BYTES_MAX = 40, /* of the frames that are not a program's */
	DPS_PEER_HELLO_BYTES = 36,
	DPS_PEER_WORD_BYTES = 16,
	DPS_PEER_CREDIT_BYTES = 24,
	DPS_PEER_VERSION = 1,
};

/*
 * On the wire, so never renumbered. All above 0x7f: no JSON begins with such a byte, so frames of
 * both kinds can share a connection.
 */
enum dps_peer_kind {
	DPS_PEER_HELLO = 0x81,	 /* each side's first */
	DPS_PEER_REQUEST = 0x82, /* a call; id: the caller's */
	DPS_PEER_ANSWER = 0x83,	 /* id: of the call; code: 0, or why not */
	DPS_PEER_NOTICE = 0x84,	 /* class: control or bulk */
	DPS_PEER_STREAM = 0x85,	 /* a word about a stream */
	DPS_PEER_CANCEL = 0x86,	 /* id: of a call whose answer nobody waits for any more */
	DPS_PEER_CREDIT = 0x87,	 /* how far the other side may go */
	DPS_PEER_CLOSING = 0x88, /* no calls are taken any more; code: why */
	DPS_PEER_BYE = 0x89,	 /* the last frame; code: why */
};

struct dps_peer_head {
	uint64_t id;
	uint32_t body_bytes;
	uint16_t code;
	uint8_t kind;
	uint8_t class;
};

/* Absolute, counted from the beginning of the connection: cost of notices, number of calls. */
struct dps_peer_credit {
	uint64_t up_to[DPS_PEER_CLASSES]; /* of answers: not used, they are asked for */
};

struct dps_peer_hello {
	uint16_t version_min;
	uint16_t version_max;
	uint32_t body_bytes_max; /* of a message; a longer one ends the connection */
	struct dps_peer_credit credit;
	uint32_t block_bytes; /* of its streams; 0: it has none */
};

/* What a notice costs in credit: whole blocks, one at least. */
uint32_t dps_peer_cost(uint32_t body_bytes);

void dps_peer_head_encode(const struct dps_peer_head *head, uint8_t bytes[DPS_PEER_HEAD_BYTES]);

/* False for a length that no frame has; the rest is not looked at. */
bool dps_peer_head_decode(struct dps_peer_head *head, const uint8_t bytes[DPS_PEER_HEAD_BYTES]);

void dps_peer_hello_encode(const struct dps_peer_hello *hello, uint8_t *body);
bool dps_peer_hello_decode(struct dps_peer_hello *hello, const uint8_t *body, uint32_t bytes);
void dps_peer_credit_encode(const struct dps_peer_credit *credit, uint8_t *body);
bool dps_peer_credit_decode(struct dps_peer_credit *credit, const uint8_t *body, uint32_t bytes);
void dps_peer_word_encode(const struct dps_stream_message *word, uint8_t *body);
bool dps_peer_word_decode(struct dps_stream_message *word, const uint8_t *body, uint32_t bytes);
