/* SPDX-License-Identifier: BSD-3-Clause */
/* Seal: the 16 bytes between header and payload that tell a packet as sent from a damaged one. */
#pragma once
#include <dps/engine.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The two things one does with a seal, whichever it is: clear as below, or one with a key. A seal
 * that encrypts takes its nonce from the packet number and its key from the number's phase
 * (dps_wire_key_phase). Owner: the lane of the path.
 */
struct dps_seal {
	/*
	 * Seals each packet of a burst: head (header, 16 bytes room for the seal, then head_bytes
	 * - 56 of payload) and the body that follows it. A seal that encrypts writes the body to
	 * the packet's room, which is body from then on, and what lies in head in place.
	 */
	void (*make)(struct dps_seal *seal, struct dps_outgoing *packets, unsigned int count);
	/* As dps_seal_clear_open. */
	bool (*open)(struct dps_seal *seal, uint64_t packet_number,
		     const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		     void *to, const uint8_t *from, size_t bytes);
	/*
	 * As open for each of a run, up to the first that is bad; returns how many are good. NULL:
	 * they are opened one by one.
	 */
	unsigned int (*open_run)(struct dps_seal *seal, const struct dps_run_placement *run,
				 const struct dps_incoming *incoming);
	/* Ends it and leaves nothing of its keys behind; NULL for a seal that has none. */
	void (*destroy)(struct dps_seal *seal);
	void *key; /* of a seal that has one, else NULL */
};

/* Opens a run as it was placed, up to the first bad packet; returns how many are good. */
static inline unsigned int dps_seal_open_run(struct dps_seal *seal,
					     const struct dps_run_placement *run,
					     const struct dps_incoming *incoming)
{
	unsigned int i;

	if (seal->open_run)
		return seal->open_run(seal, run, incoming);
	for (i = 0; i < run->count; i++)
		if (!seal->open(seal, run->packet_number + i, run->headers[i],
				incoming[i].bytes + DPS_HEADER_BYTES,
				run->to + (size_t)i * run->payload_bytes,
				incoming[i].bytes + DPS_ENVELOPE_BYTES, run->payload_bytes))
			break;
	return i;
}

/* The seal without a key: finds damage, not forgery. */
void dps_seal_init_clear(struct dps_seal *seal);

/*
 * Fills head[40..55]: CRC32C (RFC 3720 appendix B.4, big-endian) over the 40 bytes of header, the
 * payload in head from 56 on, and body (NULL when there is none); then twelve zeros.
 * head_bytes is at least 56.
 */
void dps_seal_clear_make(uint8_t *head, size_t head_bytes, const uint8_t *body, size_t body_bytes);

/*
 * Copies bytes of payload to `to` and tells whether the copy is what was sealed. It is the copy
 * that is checked, as the peer may still write to `from` when memory is shared; header is the
 * caller's own copy for the same reason. `to` NULL or equal to `from`: checked where it lies. When
 * false, `to` holds bytes that mean nothing.
 */
bool dps_seal_clear_open(const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
			 void *to, const uint8_t *from, size_t bytes);
