/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoint: what a program is to its peers: a port for data with the engine behind it, a listener
 * or dialled connections with TLS for control, and for each peer what <dps/peer.h> and
 * <dps/stream.h> promise. It dials again what was lost, proves and checks keys, agrees with the
 * peer on a path for each connection, and goes on with its streams.
 *
 *     open -> dial, or take who comes -> poll, poll, poll ... -> close
 *
 * All happens in dps_endpoint_poll: packets, connections, and the program's callbacks. Between two
 * polls the program calls whatever it likes of <dps/stream.h> and <dps/peer.h> on what
 * dps_endpoint_streams and dps_endpoint_peer give it; also in callbacks.
 *
 * Owner: one thread, the first that polls it; until then, and once that one has ended, any may set
 * it up or close it. A debug build of the library answers what another one calls with
 * -DPS_ERROR_THREAD. dps_endpoint_wake, dps_endpoint_post and dps_endpoint_now_ns are any thread's:
 * the first ends its sleep, the second has it do something; calls that wait for what it does are
 * in <dps/door.h>. An endpoint that is NULL has no peers, and is -EINVAL for
 * whatever returns an error; why may be NULL everywhere.
 */
#pragma once
#include <dps/peer.h>
#include <dps/stream.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_endpoint;
struct dps_ports;

enum dps_endpoint_sizes {
	DPS_ENDPOINT_WHY_BYTES = 1024, /* room for any sentence of this header */
	DPS_ENDPOINT_KEY_BYTES = 72,   /* "sha256:", 64 hexadecimal digits and a zero */
	DPS_ENDPOINT_PEERS_MAX = 64,
	DPS_ENDPOINT_POSTS_MAX = 256,
};

/* What the program is told of, in dps_endpoint_poll. Each may be NULL. */
struct dps_endpoint_ops {
	/* One that is not known came and proved a key that is trusted; its connection follows. */
	void (*on_arrived)(void *context, struct dps_handle peer, const char *key);
	/*
	 * Connection, calls, notices. A body can be read during the call (dps_peer_read_body).
	 * NULL: calls of the far side are answered DPS_PEER_CODE_UNKNOWN.
	 */
	void (*on_peer)(void *context, struct dps_handle peer, const struct dps_peer_event *event);
	/* NULL: streams that the far side opens are refused with DPS_CODE_UNWANTED. */
	void (*on_stream)(void *context, struct dps_handle peer,
			  const struct dps_stream_event *event);
	/* Who was not let in, or why a connection came to nothing: a sentence for people. */
	void (*on_trouble)(void *context, const char *who, const char *why);
	void *context;
};

struct dps_endpoint_config {
	/* For data: `udp`, or `udp:ADDRESS` of this machine; or any of ports. */
	const char *port;
	const struct dps_ports *ports; /* over DPDK (<dps/ethdev.h>); NULL: only udp */
	/* Of a port that is not the kernel's: its own address, ADDRESS/BITS; NULL: an IPv6 one. */
	const char *ip;
	uint16_t vlan;	    /* ... and a tag for all it sends, 1 to 4094; 0: untagged. With
			       udp both are -EINVAL: they are the kernel's */
	const char *listen; /* for control: [ADDRESS]:PORT, of port 0 any; NULL: takes nobody */
	/*
	 * Folder of the key that is shown to peers, made at first, and of authorized_peers, whose
	 * keys are trusted beside our own; NULL: that of this user's dpdk-streamd.
	 */
	const char *state;
	const char *peer_key;	   /* `sha256:...`: this key alone is trusted; NULL: as above */
	bool trusts_on_first_use;  /* who is dialled and not known is remembered */
	bool is_clear;		   /* data is not encrypted; both sides, or refused */
	uint32_t mtu;		   /* 0: the device's */
	uint32_t peers;		   /* at once, at most DPS_ENDPOINT_PEERS_MAX */
	uint64_t rate_bytes_per_s; /* most to each peer; UINT64_MAX: what the way takes */
	uint64_t flight_bytes;	   /* under way on all peers' streams (<dps/flight.h>); 0: any */
	uint64_t reconnect_ns;	   /* who came and is lost for so long is given up */
	/* Of each; streams and seed are the endpoint's to set, as takes_none where nobody hears. */
	struct dps_peer_config peer;
	/* Of each; epoch, seed, is_dialer and flight are, too, and takes_none where nobody hears
	   of them. */
	struct dps_streams_config streams;
	struct dps_endpoint_ops ops;
};

/*
 * `udp`, nobody taken, 8 peers, the default peer, and for each 64 streams (half the peer's) with 16
 * MiB of blocks either way.
 */
void dps_endpoint_config_init(struct dps_endpoint_config *config);

/* What an endpoint of this configuration takes of its port's memory (<dps/ethdev.h>). */
size_t dps_endpoint_port_bytes(const struct dps_endpoint_config *config);

/* Allocates all there is. Texts are copied. Errors: -errno with a sentence. */
int dps_endpoint_open(struct dps_endpoint **endpoint, const struct dps_endpoint_config *config,
		      char why[DPS_ENDPOINT_WHY_BYTES]);

/*
 * Ends every connection without a word: dps_peer_close first for a goodbye. Nothing for NULL. Not
 * in a callback: that ends the program.
 */
void dps_endpoint_close(struct dps_endpoint *endpoint);

/* Our own key, as peers are to know it. */
const char *dps_endpoint_key(const struct dps_endpoint *endpoint);

/* The TCP port that is listened on; 0: none. */
uint16_t dps_endpoint_listen_port(const struct dps_endpoint *endpoint);

/* ---- Peers. ---- */

/*
 * A peer at ADDRESS[:PORT], which is dialled in the next poll, and again whenever it is lost; port
 * 7420 unless said. key: `sha256:...`, which it has to prove; NULL: any that is trusted. A name is
 * looked up here, which may wait for the name service. One address may be dialled several times,
 * always with the same key: each is a peer. Also in a callback. Errors: -ENOSPC as many as
 * configured; -EINVAL, -EHOSTUNREACH; all with a sentence.
 */
int dps_endpoint_dial(struct dps_endpoint *endpoint, const char *to, const char *key,
		      struct dps_handle *peer, char why[DPS_ENDPOINT_WHY_BYTES]);

/*
 * Another address of a peer that was dialled, from the next dial on, which is due now if it waits;
 * a connection that is there stays until it is lost, one that is being made is given up. Its key is
 * asked for as before. Also for the same name, which is looked up anew; also in a callback. Errors:
 * -DPS_ERROR_CLOSED; -EINVAL, also of one that comes by itself; -EHOSTUNREACH; all with a sentence.
 */
int dps_endpoint_move(struct dps_endpoint *endpoint, struct dps_handle peer, const char *to,
		      char why[DPS_ENDPOINT_WHY_BYTES]);

/*
 * Its calls and notices, and its streams; until it is released. NULL: released. What moves its
 * connection (dps_peer_dial, _accept, on_..., emit_...; all of <dps/stream_carriage.h>) is the
 * endpoint's to call.
 */
struct dps_peer *dps_endpoint_peer(struct dps_endpoint *endpoint, struct dps_handle peer);
struct dps_streams *dps_endpoint_streams(struct dps_endpoint *endpoint, struct dps_handle peer);

/*
 * Forgets a peer, with its streams and its connection, and makes room for another one; what was
 * lent to be sent is the program's again, without a word. Every peer is released, also one that is
 * closed (DPS_PEER_EVENT_CLOSED): so long its streams can be read. Errors: -DPS_ERROR_CLOSED;
 * -EDEADLK in a callback: release it after the poll; -DPS_ERROR_BUSY the port has not given back
 * within half a second what it was sending: the peer is gone, but what was lent to it stays lent,
 * and its place taken, until another call says 0, or the endpoint is closed.
 */
int dps_endpoint_release(struct dps_endpoint *endpoint, struct dps_handle peer);

/* ---- Time and waiting. ---- */

/* The moment, as all deadlines of this endpoint count it. Any thread. */
uint64_t dps_endpoint_now_ns(const struct dps_endpoint *endpoint);

/*
 * Does all there is to do, and waits until something was told to the program, it was woken, or the
 * time is over: 0 does not wait, DPS_NEVER_NS waits as long as it takes. Returns how many
 * callbacks were made, or -errno: -EDEADLK in a callback.
 */
int dps_endpoint_poll(struct dps_endpoint *endpoint, uint64_t timeout_ns);

/*
 * For a loop of the program's own: readable when dps_endpoint_poll (of timeout 0) has something to
 * do. It stays the endpoint's. A port over DPDK tells nobody what arrives there: with one it is
 * readable every 200 us at the latest.
 */
int dps_endpoint_fd(struct dps_endpoint *endpoint);

/* Ends the wait of the poll under way, or of the next. Any thread; also a signal handler. */
void dps_endpoint_wake(struct dps_endpoint *endpoint);

/*
 * Has the polling thread call run, in the poll under way or the next, in the order in which it was
 * asked to: what another thread has to say to a peer. run is as a callback: it may call anything
 * of peers and streams. What was posted and not run when the endpoint is closed, is run then, so
 * that argument is let go of once. Any thread; it must have ended, or stopped posting, before
 * close: what it posts last may say so, and once that is run it touches the endpoint no more.
 * Errors: -EAGAIN DPS_ENDPOINT_POSTS_MAX wait already; -DPS_ERROR_CLOSED it is being closed;
 * -EINVAL (run).
 */
int dps_endpoint_post(struct dps_endpoint *endpoint, void (*run)(void *argument), void *argument);

#ifdef __cplusplus
}
#endif
