/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint state: what an endpoint holds, for the files that make it up. */
#pragma once
#include "drivers/clock.h"
#include "drivers/control/listener.h"
#include "drivers/control/lobby.h"
#include "drivers/control/loop.h"
#include "drivers/control/peer_wire.h"
#include "drivers/credentials/credentials.h"
#include "drivers/endpoint/alarm.h"
#include "drivers/endpoint/greeted.h"
#include "drivers/lane.h"
#include <dps/endpoint.h>
#include <dps/stream_carriage.h>
#include <pthread.h>
#include <stdatomic.h>

enum dps_endpoint_state_sizes {
	DPS_ENDPOINT_GUESTS_MAX = 16, /* proved a key, and have not greeted yet */
	DPS_ENDPOINT_GREETING_SECONDS = 5,
};

#define DPS_ENDPOINT_NO_PATH UINT32_MAX

struct dps_endpoint_post {
	void (*run)(void *argument);
	void *argument;
};

/* What other threads want done. */
struct dps_endpoint_posts {
	pthread_mutex_t lock; /* of the rest; not held while anything is run */
	struct dps_endpoint_post waiting[DPS_ENDPOINT_POSTS_MAX];
	unsigned int count;
	bool is_closed; /* nobody polls any more */
};

struct dps_endpoint_visit;

/* Calls of other threads that sleep until they have an answer (endpoint_doors.c). */
struct dps_endpoint_doors {
	pthread_mutex_t lock;			      /* of arrived */
	_Atomic(struct dps_endpoint_visit *) arrived; /* the last first; looked at without it */
	struct dps_endpoint_visit *waiting;	      /* asked before. Owner: who polls */
	_Atomic(const void *) poller; /* who polled last, and must not sleep; writer: who polls */
};

/* The path of one connection: reserved when we greet, opened when the far side has. */
struct dps_endpoint_path {
	uint32_t name; /* the lane's; DPS_ENDPOINT_NO_PATH: none */
	uint64_t connection_id;
	bool is_opened; /* towards where the far side is */
	bool is_attached;
};

struct dps_endpoint_member {
	struct dps_endpoint *endpoint;
	bool is_used;
	bool is_leaving; /* let go of; the port has what it sends still */
	bool is_dialled;
	bool is_over;	    /* CLOSED was told */
	bool was_connected; /* streams may have begun: they are of the instance that it had */
	uint32_t generation;
	struct dps_peer *peer; /* in memory of its own, as the next two */
	struct dps_streams *streams;
	struct dps_peer_wire *wire;
	void *peer_memory; /* for every life of this place */
	void *streams_memory;
	uint8_t *blocks;
	struct dps_endpoint_path path;
	char name[DPS_LOBBY_NAME_BYTES + DPS_ENDPOINT_HOST_BYTES]; /* as it was dialled */
	bool has_wanted_key;
	struct dps_fingerprint wanted_key;
	struct dps_fingerprint key; /* that it proved */
	uint64_t instance;	    /* that it greeted with; 0: not yet */
	uint64_t own_instance;	    /* that we greet it with: of what we remember of it */
	uint64_t lost_at_ns;	    /* DPS_NEVER_NS: it is there, or is dialled */
};

/* One that has proved its key and is to greet. */
struct dps_endpoint_guest {
	struct dps_endpoint *endpoint;
	struct dps_socket *socket; /* NULL: the place is free */
	struct dps_loop_source source;
	struct dps_endpoint_path path;
	struct dps_fingerprint key;
	uint64_t instance;	      /* 0: has not greeted yet */
	struct dps_greeting greeting; /* ours, whose instance depends on who it is */
	uint64_t until_ns;
};

struct dps_endpoint {
	struct dps_endpoint_config config;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_loop_timer timer;
	struct dps_credentials credentials;

	struct dps_port *port;
	struct dps_disk *disk; /* of a lane that moves no files */
	struct dps_seal clear;
	struct dps_lane *lane;
	struct dps_loop_source port_source;
	bool is_port_polled;	/* nothing but polling tells what arrived there */
	uint64_t idle_since_ns; /* the last turn that had work; for such a port */
	struct dps_alarm alarm; /* what ends a wait when nothing arrives */
	bool is_watched;	/* somebody waits for our descriptor */

	struct dps_listener listener;
	struct dps_loop_source listener_source;
	struct dps_lobby lobby;
	bool is_listening;
	bool has_lobby;
	struct dps_endpoint_guest guests[DPS_ENDPOINT_GUESTS_MAX];

	struct dps_endpoint_member *members; /* config.peers of them */
	struct dps_flight flight;	     /* of their streams */
	struct dps_endpoint_posts posts;
	struct dps_endpoint_doors doors;
	const void *owner; /* engine/owner.h: who polls; NULL: nobody has yet, or not looked at */
	unsigned int told; /* callbacks of this poll */
	unsigned int busy_turns; /* since the last that had nothing to do */
	bool is_woken;
	bool is_polling;
};

/* ---- endpoint.c ---- */
void dps_endpoint_tell_trouble(struct dps_endpoint *endpoint, const char *who, const char *why);

/* ---- endpoint_posts.c ---- */
/* All that wait. */
void dps_endpoint_run_posts(struct dps_endpoint *endpoint);
/* ... for the last time. */
void dps_endpoint_end_posts(struct dps_endpoint *endpoint);

/* ---- endpoint_doors.c ---- */
/* Asks all that wait. Returns how many were answered, or may have led to something to be sent. */
unsigned int dps_endpoint_run_doors(struct dps_endpoint *endpoint, uint64_t now_ns);
uint64_t dps_endpoint_doors_deadline_ns(const struct dps_endpoint *endpoint);
/* Answers all that wait, as nobody polls any more. */
void dps_endpoint_end_doors(struct dps_endpoint *endpoint);
/* The calling thread is the one that polls from now on; whether it is. */
void dps_endpoint_take_poll(struct dps_endpoint *endpoint);
bool dps_endpoint_is_poller(const struct dps_endpoint *endpoint);

/* ---- endpoint_port.c ---- */
/* Port, lane and what they need; on an error dps_endpoint_close_port ends what there is. */
int dps_endpoint_open_port(struct dps_endpoint *endpoint, char *why);
void dps_endpoint_close_port(struct dps_endpoint *endpoint);

/* ---- endpoint_path.c ---- */
/* With a greeting that lacks only the instance. Errors: -EAGAIN none just now. */
int dps_endpoint_reserve_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
			      struct dps_greeting *greeting);
/* NULL: it is being opened; otherwise a sentence. below: the TLS socket of the connection. */
const char *dps_endpoint_open_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
				   const struct dps_greeting *greeting, struct dps_socket *below);
/* The streams' packets go over it from now on. */
void dps_endpoint_attach_path(struct dps_endpoint_member *member);
/* Whatever there is of it. */
void dps_endpoint_close_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
			     uint32_t reason);
/* What the lane has to say of paths. */
void dps_endpoint_take_lane_events(struct dps_endpoint *endpoint);

/* ---- endpoint_guests.c ---- */
int dps_endpoint_listen(struct dps_endpoint *endpoint, char *why);
void dps_endpoint_unlisten(struct dps_endpoint *endpoint);
uint64_t dps_endpoint_guests_deadline_ns(const struct dps_endpoint *endpoint, uint64_t now_ns);
void dps_endpoint_guests_on_time(struct dps_endpoint *endpoint, uint64_t now_ns);

/* ---- endpoint_members.c ---- */
struct dps_endpoint_member *dps_endpoint_find(struct dps_endpoint *endpoint,
					      struct dps_handle handle);
struct dps_handle dps_endpoint_handle(const struct dps_endpoint_member *member);
/* One that is nobody's; NULL: none. */
struct dps_endpoint_member *dps_endpoint_free_member(struct dps_endpoint *endpoint);
/* A new peer, by that name. count 0: it comes by itself. Errors: those of dps_streams_init. */
int dps_endpoint_begin(struct dps_endpoint_member *member, bool is_dialler, const char *name,
		       const struct dps_socket_address *addresses, unsigned int count);
/* The instance to greet one with that has greeted: that of the member it is, or a new one. */
uint64_t dps_endpoint_instance_for(struct dps_endpoint *endpoint,
				   const struct dps_endpoint_guest *guest);
/*
 * One that has greeted: who it is already, or a new member. Takes the socket and the path. A
 * sentence when it cannot be had: then neither is taken.
 */
const char *dps_endpoint_enter(struct dps_endpoint *endpoint, struct dps_endpoint_guest *guest,
			       uint64_t now_ns);
/* The connection is of no use any more: another has to be made. */
void dps_endpoint_drop(struct dps_endpoint_member *member, int error, uint64_t now_ns);
void dps_endpoint_forget_all(struct dps_endpoint *endpoint);

/* ---- endpoint_turns.c ---- */
/* Tells the program what its peers and streams have to say. */
void dps_endpoint_tell(struct dps_endpoint *endpoint, uint64_t now_ns);
/* 0: there is something to be told. */
uint64_t dps_endpoint_members_deadline_ns(struct dps_endpoint *endpoint);
void dps_endpoint_members_on_time(struct dps_endpoint *endpoint, uint64_t now_ns);
