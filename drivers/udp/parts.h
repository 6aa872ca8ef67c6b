/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the port over kernel sockets: what its sending and its receiving half share. */
#pragma once
#include "drivers/udp/udp.h"
#include <netinet/in.h>
#include <stdalign.h>
#include <sys/socket.h>

enum dps_udp_part_limits {
	DPS_UDP_CONTROL_BYTES = 96, /* room for what the kernel tells of a message */
	DPS_UDP_TRAIN_BYTES_MAX = 65000,
	DPS_UDP_REGIONS_MAX = 64,
};

struct dps_udp_remote {
	struct sockaddr_storage to;
	uint32_t to_bytes;     /* 0: not in use */
	bool is_without_train; /* on the way there a device cannot cut them */
};

struct dps_udp_region {
	void *memory;
	size_t bytes;
};

/*
 * With offload a message of the kernel carries a train: datagrams of one size (the last one may be
 * shorter) to or from one address, back to back. Without, a message is a datagram.
 */
struct dps_udp_inbox {
	struct mmsghdr messages[DPS_PORT_BURST];
	struct iovec parts[DPS_PORT_BURST];
	struct sockaddr_storage from[DPS_PORT_BURST];
	alignas(8) uint8_t control[DPS_PORT_BURST][DPS_UDP_CONTROL_BYTES];
	struct dps_udp_region buffers;
	unsigned int count;	   /* messages that are there */
	unsigned int next;	   /* the first of them that was not handed out in full */
	uint32_t next_at;	   /* how far it was */
	struct dps_incoming front; /* what its datagrams share; length that of each */
	unsigned int handed_out;   /* datagrams of the messages so far */
	unsigned int train;	   /* datagrams in a message, as last seen */
	unsigned int lent_count;
	bool is_known_empty; /* as of a moment ago */
};

struct dps_udp_outbox {
	struct mmsghdr messages[DPS_PORT_BURST];
	struct iovec parts[2 * DPS_PORT_BURST];
	unsigned int datagrams[DPS_PORT_BURST]; /* in each message */
	alignas(8) uint8_t control[DPS_PORT_BURST][CMSG_SPACE(sizeof(uint16_t))];
	bool may_train;
	bool is_full; /* it did not take all of the last burst */
};

/* Owner: the port's lane. */
struct dps_udp {
	struct dps_port port;
	int fd;
	int family;   /* AF_INET or AF_INET6 */
	bool is_dual; /* every address, IPv4 mapped into IPv6 */
	bool may_receive_trains;
	uint32_t receive_buffer_bytes;
	uint64_t drops_due_ns;
	uint32_t kernel_drops; /* as last read; the kernel's counter wraps */
	struct dps_udp_inbox in;
	struct dps_udp_outbox out;
	struct dps_udp_remote remotes[DPS_UDP_REMOTES_MAX];
	struct dps_udp_region regions[DPS_UDP_REGIONS_MAX];
	uint32_t regions_count;
	char name[96];
};

static inline struct dps_udp *dps_udp_of(const struct dps_port *port)
{
	return (struct dps_udp *)(uintptr_t)port; /* its first member */
}

/* receive.c */

/* Once buffers are mapped: each of stride bytes, the datagrams at skew. */
void dps_udp_inbox_init(struct dps_udp_inbox *in, size_t stride, size_t skew);
/* Whether messages are there that were not handed out in full. */
static inline bool dps_udp_has_more(const struct dps_udp_inbox *in)
{
	return in->next < in->count;
}

unsigned int dps_udp_receive(struct dps_port *port, struct dps_incoming *incoming,
			     unsigned int room);
void dps_udp_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count);

/* send.c */

unsigned int dps_udp_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			  unsigned int count);
