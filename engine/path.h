/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path: one peer over one lane. Owns connection ids, packet numbers, RTT, loss, congestion control,
 * pacer, payload size and acknowledgement; carries many channels.
 */
#pragma once
#include "engine/congestion.h"
#include "engine/loss.h"
#include "engine/pacer.h"
#include "engine/ranges.h"
#include "engine/rtt.h"
#include "engine/sent.h"
#include "engine/wire.h"
#include <dps/engine.h>
#include <stdbool.h>
#include <stdint.h>

#define DPS_PATH_NONE UINT32_MAX

struct dps_carrier;

enum {
	DPS_PATH_RANGES = 256,			  /* of packet numbers received, kept for ACKs */
	DPS_PATH_BASE_DATAGRAM_BYTES = 1200 - 28, /* what every way carries (RFC 8899's BASE) */
};

enum dps_path_state_name {
	DPS_PATH_FREE,
	DPS_PATH_RESERVED, /* has a connection id, waits for the peer's */
	DPS_PATH_PROBING,  /* nothing is known of the way yet */
	DPS_PATH_OPEN,	   /* packets came through and were acknowledged */
	DPS_PATH_CLOSING,  /* says CLOSE, once, and is free */
};

/* What is lost and waits to be sent again: a stretch of one packet's bytes. */
struct dps_resend {
	uint64_t offset;
	uint32_t channel;
	uint32_t generation;
	uint32_t bytes;
};

/* What we owe the peer: acknowledgement of what came. */
struct dps_path_ack {
	struct dps_ranges received; /* packet numbers */
	struct dps_range ranges[DPS_PATH_RANGES];
	uint64_t forgotten_below; /* numbers below it count as received */
	uint64_t largest_number;
	uint64_t largest_at_ns;
	uint64_t at_ns; /* when an ACK is due at the latest; DPS_NEVER_NS when nothing is owed */
	uint64_t delay_max_ns;
	uint32_t largest_sent_at_us;
	uint32_t packets_count; /* ack-eliciting ones since the last ACK */
	uint32_t sequence;
	uint32_t ecn_counts[4]; /* by the two ECN bits */
	bool is_now;		/* at the end of this burst */
	bool has_any;
};

/*
 * Congestion control as it was before packets were taken for lost of which each may yet come; one
 * that was missed since then makes it worthless.
 */
struct dps_path_undo {
	struct dps_congestion then;
	uint64_t packets_missed;
	bool is_there;
};

/* What is known of the address that packets go to; see proof.c. */
struct dps_path_proof {
	bool is_there;	    /* our challenge was answered, or there is none */
	bool is_full_acked; /* a probe of full size came through ... */
	bool is_base_acked; /* ... or at least one of the base size */
	uint64_t answer;    /* to the peer's challenge, owed; 0 for none */
	/* Before it is there: what the peer sent, and what was sent to it beside probes. */
	uint64_t received_bytes;
	uint64_t sent_bytes;
};

/* Owner: the lane. */
struct dps_path {
	uint8_t state; /* enum dps_path_state_name */
	bool is_touched;
	bool is_ping_owed;
	bool is_alone;		   /* the peer's control connection is lost */
	bool is_alone_until_heard; /* it is back, and nothing came over this path since */
	bool resend_turn;	   /* alternate between repair and new data */
	uint32_t index;
	uint32_t next_touched;
	uint64_t connection_id; /* ours: what the peer puts into its packets */
	struct dps_path_config config;
	uint32_t close_reason;
	uint32_t datagram_bytes;    /* validated */
	uint32_t payload_bytes_max; /* of one packet, digest included */
	uint32_t data_bytes_max;    /* of one packet */
	bool is_astray_owed;	    /* the peer is to hear that its packets come astray */
	uint8_t astray_count;	    /* how often it was told */
	uint64_t astray_at_ns;	    /* not before is it told again */
	uint64_t opened_at_ns;
	uint64_t last_received_ns;
	uint64_t alone_at_ns; /* while is_alone: since when */
	uint64_t last_sent_ns;
	uint64_t last_data_sent_ns; /* DPS_NEVER_NS before the first */
	uint64_t bad_seals_count;

	struct dps_path_proof proof;
	struct dps_sent sent;
	struct dps_loss loss;
	struct dps_rtt rtt;
	struct dps_pacer pacer;
	struct dps_congestion congestion;
	struct dps_path_undo undo;
	struct dps_path_ack ack;

	/*
	 * What the last ACK named: of that, nothing is in flight or remembered as lost any more.
	 * And what it told of the ranges behind its newest, byte by byte.
	 */
	struct dps_ack_range settled[DPS_WIRE_RANGES_MAX];
	uint8_t settled_older[(DPS_WIRE_RANGES_MAX - 1) * DPS_WIRE_RANGE_BYTES];
	uint16_t settled_count;

	/* Probing: of the way before it is open, of a silent peer, of one that gives no credit. */
	uint64_t probe_at_ns;	    /* while PROBING */
	uint32_t probes_sent;	    /* while PROBING */
	uint64_t full_probe_number; /* the last probe of full size, while PROBING */
	uint32_t probes_owed;	    /* after a probe timeout: packets that may exceed the window */
	uint64_t blocked_at_ns;	    /* when to ask for credit, DPS_NEVER_NS when not blocked */
	uint32_t blocked_count;	    /* how often we asked in a row */
	uint32_t blocked_channel;
	uint64_t grant_at_ns; /* when a channel's pace lets it grant more; DPS_NEVER_NS */

	/* Repair: a ring of as many entries as packets can be in flight. */
	struct dps_resend *resends;
	uint32_t resends_head; /* counts up; modulo the sent capacity */
	uint32_t resends_tail;

	struct dps_carrier *carrier; /* of streams; NULL: none go over it */

	uint32_t first_channel;	 /* a circle; DPS_CHANNEL_NONE when there is none */
	uint32_t first_sendable; /* senders with something to send; the first has its turn */
	uint32_t last_sendable;
	uint32_t send_quantum;	  /* bytes left of its turn: dps_path_turn_bytes */
	uint32_t brief_count;	  /* of those: how many are brief */
	uint32_t unasked_packets; /* data packets since one asked for an ACK at once */
	uint64_t told_rtt_ns;	  /* what the peer knows of the round trip */
	uint32_t first_dirty;	  /* channels to report in the next ACK */
	uint32_t last_dirty;
	uint32_t report_channel; /* where the rest of an ACK's room goes on */
	uint32_t last_channel;	 /* of the last data packet in: the next is likely the same */
	uint8_t limit;		 /* enum dps_limit: what stopped the last emit */
};
