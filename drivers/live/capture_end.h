/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capture end: whether bytes that begin as a capture end where one may end, behind a whole packet.
 * They come in order, cut anywhere; pcap with times in us and ns, in both byte orders, and pcapng.
 * Only lengths are looked at: what else is wrong with a capture is for who reads it.
 *
 * What begins as neither is no capture. Nor is, from there on, what says a length that no packet
 * has: it is moved as it is, and nothing is known of its end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DPS_CAPTURE_HEAD_BYTES_MAX = 24,
	/* libpcap reads packets of at most 128 MiB; a block has its options besides. */
	DPS_CAPTURE_RECORD_BYTES_MAX = 129 << 20,
};

/* Owner: any one thread. */
struct dps_capture_end {
	uint32_t body_bytes; /* of the record under way: still to come */
	uint8_t head[DPS_CAPTURE_HEAD_BYTES_MAX];
	uint8_t head_bytes; /* of it: there ... */
	uint8_t head_wants; /* ... and enough to go on */
	uint8_t part;	    /* what the head is of */
	bool is_big_endian;
};

void dps_capture_end_init(struct dps_capture_end *capture);
void dps_capture_end_add(struct dps_capture_end *capture, const uint8_t *bytes, size_t count);

/* A capture that would end here would end inside a packet, or a header. */
bool dps_capture_end_is_cut(const struct dps_capture_end *capture);
