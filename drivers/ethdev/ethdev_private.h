/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the ethdev port share; nobody else includes it. */
#pragma once
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/frame.h"
#include "drivers/ethdev/interrupt_gate.h"
#include "drivers/ethdev/neighbour.h"
#include "engine/steering.h"
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <rte_ring.h>
#include <stdatomic.h>

enum {
	ETHDEV_DESCRIPTORS = 256,
	ETHDEV_AREAS_MAX = 16,
	ETHDEV_INBOX_COUNT = 256, /* what one lane may have for another */
	ETHDEV_FRAME_MAX = DPS_ETHDEV_MTU_MAX + DPS_FRAME_MAC_BYTES + DPS_FRAME_VLAN_BYTES,
	/* memif reports no descriptor limits, and its ring is given by its logarithm. */
	ETHDEV_MEMIF_RING_LOG2_MAX = 14,
};

/* A body that the device holds. Its shared info lives here, so that it needs no allocation. */
struct ethdev_body {
	struct rte_mbuf_ext_shared_info info;
	struct ethdev *owner;
	uint32_t token;
	bool is_held;
};

struct ethdev_remote {
	bool is_used;
	bool is_fixed; /* its MAC came with the address and is authenticated */
	struct dps_address address;
	struct dps_resolution resolution;
	struct dps_frame_template template;
	uint32_t datagram_bytes_max; /* that both ends can take */
};

/* Where a memif client is in looking for its server. */
enum ethdev_search {
	ETHDEV_SEARCH_NONE,  /* not a memif client */
	ETHDEV_SEARCH_WAIT,  /* stopped; tries at search_at_ns */
	ETHDEV_SEARCH_ROUND, /* stopped; waits until the interrupt thread has gone round */
	ETHDEV_SEARCH_HELLO, /* connected; the link must come up before search_at_ns */
	ETHDEV_SEARCH_FOUND,
	ETHDEV_SEARCH_QUIET, /* its server is lost; stops when the other lanes keep out */
};

/*
 * What one lane has of a device: a queue pair and all that belongs to it. The first lane's leads:
 * it alone starts, stops and looks after the device (ethdev_queues.c).
 *
 * Owner: its lane, but for what is atomic and the leader's views, which are set before lanes run.
 */
struct ethdev {
	struct dps_port port;
	struct dps_port_ops ops; /* the port's: without reserve where it lends no rooms */
	struct dps_gate_side gate;
	struct dps_port_name name;
	char device[RTE_ETH_NAME_MAX_LEN];
	uint16_t id;	 /* DPDK's */
	uint16_t serial; /* ours: names of what belongs to this port */
	uint16_t descriptors;
	bool is_started;
	bool is_up;
	bool is_memif;
	bool is_server;	   /* the one of a memif link that made the socket */
	bool is_zero_copy; /* memif client: the peer reads and writes our buffers */
	bool is_attached;
	bool is_hotplugged;
	bool has_kernel_side; /* a network interface named what stands behind it */
	int groups_fd;	      /* keeps that interface listening to groups; -1: none */
	bool copies_bodies;   /* the device takes one segment, or keeps it out of our sight */
	bool lends_rooms;     /* bodies are written into frames of its own */
	bool needs_iova;      /* the device reads by itself, and only what it was told of */
	bool can_clean;	      /* rte_eth_tx_done_cleanup works */
	struct dps_frame_self self;
	struct dps_subnet subnet;
	uint32_t frame_bytes; /* largest frame */
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t tx_flags_ipv4;
	uint64_t tx_flags_ipv6;
	enum dps_frame_checksum checksum_ipv4;
	enum dps_frame_checksum checksum_ipv6;

	struct rte_mempool *rx_pool;
	struct rte_mempool
		*head_pool; /* headers and head; whole frames to copy or write bodies to */
	struct rte_mempool *body_pool;	  /* no room of their own */
	struct rte_mempool *control_pool; /* whole frames */

	struct ethdev_body *bodies;
	uint32_t *bodies_free; /* a stack of indices */
	uint32_t bodies_count;
	uint32_t bodies_free_count;

	/* Taken, but not yet by the device: offered again before anything else. The first place is
	 * a control frame's. */
	struct rte_mbuf *unsent[1 + DPS_PORT_BURST];
	uint32_t unsent_at;
	uint32_t unsent_count;
	uint32_t lent_count;
	struct dps_frame_last last_received;

	/* Bodies that the device freed in this burst and that the lane hears of with the next of
	 * another token, or at its end. */
	uint32_t released_token;
	uint32_t released_count;
	bool is_in_burst;

	const struct rte_memzone *areas[ETHDEV_AREAS_MAX];
	uint32_t areas_count;

	enum ethdev_search search;
	uint64_t search_at_ns;
	uint64_t search_round;
	uint64_t search_look_at_ns; /* whether its server is still the one with the name */
	uint64_t server_mark;
	char memif_socket[DPS_PORT_NAME_BYTES]; /* the name it has now */
	uint64_t now_ns;
	uint64_t housekeeping_at_ns;
	uint64_t link_at_ns;
	uint64_t statistics_at_ns;
	uint64_t dropped_before; /* what the device had dropped when the counters were last read */

	struct ethdev_remote remotes[DPS_ETHDEV_REMOTES_MAX];
	uint32_t remotes_end; /* none is used from here on */
	uint8_t scratch[ETHDEV_FRAME_MAX];

	struct ethdev *leader;			     /* itself, if it leads */
	struct ethdev *views[DPS_ETHDEV_QUEUES_MAX]; /* the leader's, by queue */
	uint16_t queue;
	uint16_t queues_count;
	uint16_t open_count; /* the leader's: views that are not closed */
	/* The leader\'s, if the NIC scales and takes no rules; not changed once lanes run. */
	struct dps_steering steering;
	struct rte_ring
		*inboxes[DPS_ETHDEV_QUEUES_MAX]; /* from each other queue: datagrams of ours */
	/* The leader's: odd while the others have to keep out. writer: leader; readers: the others
	 */
	atomic_uint phase;
	atomic_uint phase_seen; /* writer: its lane; reader: the leader */
	atomic_bool is_link_up; /* the leader's. writer: leader; readers: the others */
};

static inline struct ethdev *ethdev_of(struct dps_port *port)
{
	return (struct ethdev *)port;
}

/* Around every call that touches the queues of a memif device. */
static inline void ethdev_enter(struct ethdev *ethdev)
{
	if (ethdev->is_memif)
		dps_gate_enter(&ethdev->gate);
}

static inline void ethdev_leave(struct ethdev *ethdev)
{
	if (ethdev->is_memif)
		dps_gate_leave(&ethdev->gate);
}

/* ethdev_send.c */
unsigned int ethdev_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			 unsigned int count);
/* Offers the unsent again; true when none are left. */
bool ethdev_send_unsent(struct ethdev *ethdev);
/* Frees the unsent: their datagrams are lost. */
void ethdev_drop_unsent(struct ethdev *ethdev);
/* Sends or drops one frame that is no datagram of the lane's; takes it. */
void ethdev_send_control(struct ethdev *ethdev, struct rte_mbuf *frame);
/* Gives back the tokens of bodies that the device never freed. */
void ethdev_release_bodies(struct ethdev *ethdev);

/* ethdev_reserve.c */
unsigned int ethdev_reserve(struct dps_port *port, struct dps_outgoing *outgoing,
			    unsigned int count);
void ethdev_forgo(struct dps_port *port, const struct dps_outgoing *outgoing, unsigned int count);
/* Puts headers and head in front of a body in its room. */
void ethdev_complete(struct dps_frame_template *template, const struct dps_outgoing *out);

/* ethdev_receive.c */
unsigned int ethdev_receive(struct dps_port *port, struct dps_incoming *incoming,
			    unsigned int room);
void ethdev_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count);

/* ethdev_queues.c */
/* Makes the views of the other queues, as far as a plan goes. Returns 0 or -ENOMEM. */
int ethdev_queues_create(struct ethdev *leader, uint16_t count);
/* What the leader has learned of the device is every view's. */
void ethdev_queues_adopt(struct ethdev *leader);
/* Makes the rings between lanes. Returns 0 or -errno. */
int ethdev_queues_connect(struct ethdev *leader);
/* The rings between lanes; nobody is in them. */
void ethdev_queues_free(struct ethdev *leader);
/* Passes a frame on to the lane that its datagram is for; takes it. */
void ethdev_hand_over(struct ethdev *ethdev, uint16_t queue, struct rte_mbuf *frame);
/* Takes what other lanes received for this one. */
unsigned int ethdev_take_handed(struct ethdev *ethdev, struct rte_mbuf **frames, unsigned int room);
/* Tells every other lane what a control frame claimed: only one of them sees an answer. */
void ethdev_share_claim(struct ethdev *ethdev, const uint8_t *frame, uint32_t bytes,
			int vlan_stripped);
/* Asks the other lanes to keep out of the device; lets them in again. */
void ethdev_ask_out(struct ethdev *leader);
void ethdev_let_in(struct ethdev *leader);
/* Whether they do, and hold nothing of it. */
bool ethdev_are_others_out(const struct ethdev *leader);
/* Frees what lanes have handed each other. While all keep out. */
void ethdev_empty_inboxes(struct ethdev *leader);
/* In a lane that does not lead, once a turn: follows what the leader asks. */
void ethdev_follow(struct ethdev *ethdev);

/* ethdev_steering.c */
/* What of its hashes, where a device has any, is over the ports of UDP. */
uint64_t ethdev_steering_hash(const struct rte_eth_dev_info *info);
/* Makes rules, or asks how the device scales. After start. */
void ethdev_steering_setup(struct ethdev *leader);

/* ethdev_pools.c */
int ethdev_pools_create(struct ethdev *ethdev, int socket);
void ethdev_pools_free(struct ethdev *ethdev);
/*
 * Takes back every buffer of a stopped zero-copy memif device: net_memif 22.11 forgets those that
 * its rings held. Nothing is lent or unsent.
 */
void ethdev_pools_recall(struct ethdev *ethdev);
/* Whether the peer of a zero-copy memif device could find the buffers (see the .c). */
bool ethdev_pools_are_sharable(const struct ethdev *ethdev);

/* ethdev_area.c */
void *ethdev_allocate(struct dps_port *port, size_t bytes);
void ethdev_areas_free(struct ethdev *ethdev);
/* Where the device finds bytes at body; RTE_BAD_IOVA: nowhere, or not in one piece. */
rte_iova_t ethdev_area_iova(const struct ethdev *ethdev, const uint8_t *body, uint32_t bytes);

/* ethdev_device.c */
/* What the name tells of the device: kind, MTU where the device does not know it, flags. */
int ethdev_device_plan(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
		       size_t why_bytes);
/* Finds or makes the device; asks it for its MTU and what it can do. After plan. */
int ethdev_device_attach(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
			 size_t why_bytes);
/* What one frame takes of af_packet's ring; net_af_packet wants as much room in a buffer. */
uint32_t ethdev_af_packet_frame(const struct ethdev *ethdev);
/* Sets up the queue pairs over their pools. After attach. */
int ethdev_device_configure(struct ethdev *ethdev, char *why, size_t why_bytes);
/* Stops, closes and removes it, as far as it came; what it holds is freed. */
void ethdev_device_detach(struct ethdev *ethdev);
/* Whether the link is up, now. */
bool ethdev_device_is_up(struct ethdev *ethdev);

/* ethdev_memif.c */
/* What has the name is a socket, or nothing has. Returns 0, or -errno and why. */
int ethdev_memif_check_socket(const struct dps_port_name *name, char *why, size_t why_bytes);
/* Removes the socket file of a server that is gone, if there is one. Returns 0, or -errno and why.
 */
int ethdev_memif_clear_socket(const struct dps_port_name *name, char *why, size_t why_bytes);
/* What a server listens on until it is started: a client would be turned away, and not told. */
int ethdev_memif_name_socket(struct ethdev *ethdev, char *why, size_t why_bytes);
/* Gives the server's socket the name that clients look for. After start. */
int ethdev_memif_publish(struct ethdev *ethdev, char *why, size_t why_bytes);
/* Makes the server's name disappear, and waits until nobody is half way in. Before detach. */
void ethdev_memif_withdraw(struct ethdev *ethdev);
/* Whether the folder of the socket is there and ours to use. Returns 0, or -errno and why. */
int ethdev_memif_check_folder(const struct dps_port_name *name, char *why, size_t why_bytes);
/* Looks for the server and sees to it that the link comes up again. */
void ethdev_memif_poll(struct ethdev *ethdev, uint64_t now_ns);
