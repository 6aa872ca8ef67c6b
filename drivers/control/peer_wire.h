/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer wire: what a peer says and hears, over sockets and in a loop. It dials where the peer is,
 * reads all that comes, writes what the socket takes, and tells the program what happened.
 *
 * Owner: the loop's thread.
 */
#pragma once
#include "drivers/control/dialer.h"
#include "drivers/control/loop.h"
#include "drivers/control/socket.h"
#include <dps/peer.h>

enum dps_peer_wire_sizes {
	DPS_PEER_WIRE_BYTES = 65536, /* of one read */
};

struct dps_peer_wire_ops {
	/* Each event; its body can be read. May say anything, and closes nothing of the wire. */
	void (*on_event)(void *context, const struct dps_peer_event *event, uint64_t now_ns);
	/* Takes a socket that was dialled and gives the one to use: TLS over it. May be NULL. */
	struct dps_socket *(*wrap)(void *context, struct dps_socket *socket);
	void *context;
};

struct dps_peer_wire {
	struct dps_peer *peer;
	struct dps_loop *loop;
	struct dps_peer_wire_ops ops;
	struct dps_loop_timer timer;
	struct dps_loop_source source; /* of the socket, or of the attempt under way */
	struct dps_socket *socket;     /* NULL: none */
	uint64_t epoch;		       /* of the socket or the attempt */
	struct dps_dialer dialer;
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int addresses_count; /* 0: it is not dialled */
	bool is_dialling;
	bool is_moved;			    /* what is under way is to where it was before */
	bool has_ended;			    /* the far side's half */
	bool is_finish_owed;		    /* ours, when the socket takes it */
	bool is_write_blocked;		    /* the socket takes no more now */
	bool has_more;			    /* the last read was not the end of what is there */
	char why[DPS_ENDPOINT_ERROR_BYTES]; /* the last connection failed: a sentence */
	uint8_t bytes[DPS_PEER_WIRE_BYTES];
};

/* The peer is borrowed until fini. addresses: where it is dialled; count 0 for one that is not. */
void dps_peer_wire_init(struct dps_peer_wire *wire, struct dps_peer *peer, struct dps_loop *loop,
			const struct dps_peer_wire_ops *ops,
			const struct dps_socket_address *addresses, unsigned int count);

/* Ends whatever connection there is, without a word. */
void dps_peer_wire_fini(struct dps_peer_wire *wire);

/*
 * Other addresses from the next dial on, which is due now if it waits; an attempt under way, also
 * one that is greeted, comes to nothing. Also in on_event.
 */
void dps_peer_wire_move(struct dps_peer_wire *wire, const struct dps_socket_address *addresses,
			unsigned int count, uint64_t now_ns);

/*
 * Takes a socket that was accepted from this peer, wrapped and trusted. Errors: those of
 * dps_peer_accept and of the loop; the socket is closed then.
 */
int dps_peer_wire_accept(struct dps_peer_wire *wire, struct dps_socket *socket, uint64_t now_ns);

/* Ends the connection there is as one that was lost, for this errno; a dialled one is made anew. */
void dps_peer_wire_lose(struct dps_peer_wire *wire, int error, uint64_t now_ns);

/* Does what there is to do. After anything was asked of the peer outside of on_event. */
void dps_peer_wire_flush(struct dps_peer_wire *wire, uint64_t now_ns);
