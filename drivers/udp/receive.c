/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/parts.h"
#include "drivers/udp/sockaddr.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

void dps_udp_inbox_init(struct dps_udp_inbox *in, size_t stride, size_t skew)
{
	in->train = 1;
	for (unsigned int i = 0; i < DPS_PORT_BURST; i++) {
		in->parts[i].iov_base = (uint8_t *)in->buffers.memory + i * stride + skew;
		in->parts[i].iov_len = stride - skew;
		in->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &in->from[i],
			.msg_namelen = sizeof(in->from[i]),
			.msg_iov = &in->parts[i],
			.msg_iovlen = 1,
			.msg_control = in->control[i],
			.msg_controllen = DPS_UDP_CONTROL_BYTES,
		};
	}
}

/* 0 where there is no number, as in what was cut off. */
static int read_int(const struct cmsghdr *control)
{
	int value = 0;

	if (control->cmsg_len == CMSG_LEN(sizeof(value)))
		memcpy(&value, CMSG_DATA(control), sizeof(value));
	return value;
}

/* What the datagrams of a message share. */
static void read_front(struct mmsghdr *message, struct dps_incoming *front)
{
	struct msghdr *header = &message->msg_hdr;

	*front = (struct dps_incoming){ .bytes = header->msg_iov->iov_base,
					.length = message->msg_len };
	dps_sockaddr_decode(header->msg_name, &front->from);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			front->ecn = *CMSG_DATA(c) & 3; /* one byte, unlike IPv6's int */
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			front->ecn = (uint8_t)(read_int(c) & 3);
		else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO && read_int(c) > 0)
			front->length = (uint32_t)read_int(c);
	}
}

/* Asks the kernel for about as many datagrams as there is room, so that little stays in the cache.
 */
static void fill(struct dps_udp *udp, unsigned int room)
{
	struct dps_udp_inbox *in = &udp->in;
	unsigned int wanted = (room + in->train - 1) / in->train;
	int count;

	for (unsigned int i = 0; i < in->count; i++) {
		in->messages[i].msg_hdr.msg_namelen = sizeof(in->from[i]);
		in->messages[i].msg_hdr.msg_controllen = DPS_UDP_CONTROL_BYTES;
	}
	do
		count = recvmmsg(udp->fd, in->messages, wanted, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	in->count = count > 0 ? (unsigned int)count : 0;
	in->next = 0;
	in->next_at = 0;
	in->handed_out = 0;
}

/* Cut short by the kernel: the message, or what says where its datagrams begin. */
static bool is_cut(const struct mmsghdr *message)
{
	return (message->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
}

/* Takes the next datagram of the messages that are there; false when it is none of ours. */
static bool take_next(struct dps_udp *udp, struct dps_incoming *incoming)
{
	struct dps_udp_inbox *in = &udp->in;
	struct mmsghdr *message = &in->messages[in->next];
	uint32_t room = dps_port_datagram_bytes(udp->port.mtu, DPS_ADDRESS_IPV4);

	if (in->next_at == 0)
		read_front(message, &in->front);
	*incoming = in->front;
	incoming->bytes += in->next_at;
	incoming->length = (uint32_t)dps_min_u64(incoming->length, message->msg_len - in->next_at);
	in->next_at += incoming->length;
	in->handed_out++;
	if (in->next_at >= message->msg_len) {
		in->next_at = 0;
		in->next++;
		in->train = (in->handed_out + in->next - 1) / in->next;
	}
	return incoming->length <= room && !is_cut(message);
}

unsigned int dps_udp_receive(struct dps_port *port, struct dps_incoming *incoming,
			     unsigned int room)
{
	struct dps_udp *udp = dps_udp_of(port);
	struct dps_udp_inbox *in = &udp->in;
	unsigned int taken = 0;

	DPS_ASSERT(in->lent_count == 0);
	room = (unsigned int)dps_min_u64(room, DPS_PORT_BURST);
	if (room == 0)
		return 0;
	if (in->is_known_empty) {
		in->is_known_empty = false;
		return 0;
	}
	if (!dps_udp_has_more(in))
		fill(udp, room);
	while (taken < room && dps_udp_has_more(in)) {
		if (take_next(udp, &incoming[taken]))
			port->counters.received_bytes += incoming[taken++].length;
		else
			port->counters.dropped_malformed++;
	}
	port->counters.received_datagrams += taken;
	in->lent_count = taken;
	return taken;
}

void dps_udp_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	struct dps_udp *udp = dps_udp_of(port);

	(void)incoming;
	DPS_ASSERT(count == udp->in.lent_count);
	udp->in.lent_count = 0;
}
