/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/parts.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

static void release_body(struct dps_port *port, const struct dps_outgoing *outgoing)
{
	if (outgoing->body != NULL)
		port->on_released(port->released_context, outgoing->token, 1);
}

static uint32_t length_of(const struct dps_outgoing *outgoing)
{
	return outgoing->head_bytes + (outgoing->body != NULL ? outgoing->body_bytes : 0);
}

/* How many of the datagrams can leave in one message: same address, same size, only the last
 * shorter. */
static unsigned int find_train(const struct dps_udp *udp, const struct dps_outgoing *outgoing,
			       unsigned int count)
{
	uint32_t length = length_of(&outgoing[0]), total = length;
	unsigned int i;

	if (!udp->out.may_train || udp->remotes[outgoing->remote].is_without_train || length == 0 ||
	    length > dps_port_datagram_bytes(udp->port.mtu, DPS_ADDRESS_IPV4))
		return 1;
	for (i = 1; i < count && outgoing[i].remote == outgoing[0].remote; i++) {
		uint32_t next = length_of(&outgoing[i]);

		if (next == 0 || next > length || total + next > DPS_UDP_TRAIN_BYTES_MAX)
			break;
		total += next;
		if (next < length)
			return i + 1;
	}
	return i;
}

/* Tells the kernel where to cut a train; nothing for a single datagram. */
static void mark_train(struct msghdr *message, uint8_t *control, uint32_t length, bool is_train)
{
	uint16_t size = (uint16_t)length;
	struct cmsghdr *c;

	message->msg_control = is_train ? control : NULL;
	message->msg_controllen = is_train ? CMSG_SPACE(sizeof(size)) : 0;
	if (!is_train)
		return;
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

/* Fills in one message with so many datagrams. Returns the parts used. */
static unsigned int describe(struct dps_udp *udp, unsigned int index, unsigned int parts_count,
			     const struct dps_outgoing *outgoing, unsigned int count)
{
	const struct dps_udp_remote *remote = &udp->remotes[outgoing->remote];
	struct msghdr *message = &udp->out.messages[index].msg_hdr;
	struct iovec *part = &udp->out.parts[parts_count];

	message->msg_iov = part;
	for (unsigned int i = 0; i < count; i++) {
		part->iov_base = (void *)(uintptr_t)outgoing[i].head;
		part++->iov_len = outgoing[i].head_bytes;
		if (outgoing[i].body == NULL)
			continue;
		part->iov_base = (void *)(uintptr_t)outgoing[i].body;
		part++->iov_len = outgoing[i].body_bytes;
	}
	message->msg_iovlen = (size_t)(part - message->msg_iov);
	message->msg_name = (void *)(uintptr_t)&remote->to;
	message->msg_namelen = remote->to_bytes;
	udp->out.datagrams[index] = count;
	mark_train(message, udp->out.control[index], length_of(&outgoing[0]), count > 1);
	return (unsigned int)message->msg_iovlen;
}

/* Describes messages up to the first whose remote is gone, the first `singles` datagrams one by
 * one. */
static unsigned int describe_all(struct dps_udp *udp, const struct dps_outgoing *outgoing,
				 unsigned int count, unsigned int singles)
{
	unsigned int messages = 0, parts = 0;

	for (unsigned int i = 0; i < count;) {
		unsigned int train = i < singles ? 1 : find_train(udp, outgoing + i, count - i);

		DPS_ASSERT(outgoing[i].remote < DPS_UDP_REMOTES_MAX);
		if (udp->remotes[outgoing[i].remote].to_bytes == 0)
			break;
		parts += describe(udp, messages++, parts, outgoing + i, train);
		i += train;
	}
	return messages;
}

/* Counts and gives back what so many messages carried; returns the datagrams. */
static unsigned int finish(struct dps_udp *udp, const struct dps_outgoing *outgoing,
			   unsigned int messages)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < messages; i++) {
		udp->port.counters.sent_bytes += udp->out.messages[i].msg_len;
		taken += udp->out.datagrams[i];
	}
	dps_port_release_bodies(&udp->port, outgoing, taken);
	udp->port.counters.sent_datagrams += taken;
	return taken;
}

/* Errors that a device which cannot cut trains, or compute their checksums, gives. */
static bool is_against_trains(int error)
{
	return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE;
}

unsigned int dps_udp_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			  unsigned int count)
{
	struct dps_udp *udp = dps_udp_of(port);
	unsigned int taken = 0, singles = 0;
	bool is_suspect = false; /* a train was refused; do its datagrams pass? */

	count = (unsigned int)dps_min_u64(count, DPS_PORT_BURST);
	udp->out.is_full = false;
	while (taken < count) {
		unsigned int messages = describe_all(udp, outgoing + taken, count - taken,
						     singles > taken ? singles - taken : 0);
		int sent = 0;

		if (messages > 0)
			sent = sendmmsg(udp->fd, udp->out.messages, messages, MSG_DONTWAIT);
		if (sent > 0) {
			if (is_suspect && singles > taken)
				udp->remotes[outgoing[taken].remote].is_without_train = true;
			taken += finish(udp, outgoing + taken, (unsigned int)sent);
		} else if (sent < 0 && errno == EINTR) {
			continue;
		} else if (sent < 0 && errno == EAGAIN) {
			port->counters.refused_sends += count - taken;
			udp->out.is_full = true;
			break;
		} else if (sent < 0 && udp->out.datagrams[0] > 1) {
			is_suspect = is_against_trains(errno);
			singles = taken + udp->out.datagrams[0];
		} else { /* the first one is hopeless; what follows it may not be */
			is_suspect = false;
			port->counters.send_errors++;
			release_body(port, &outgoing[taken++]);
		}
	}
	return taken;
}
