/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/nowhere_port.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/version.h>
#include <errno.h>
#include <stdlib.h>

enum { REMOTES = 16, AREAS = 8, MTU = 1500 };

struct nowhere {
	struct dps_port port;
	bool remotes[REMOTES];
	void *areas[AREAS];
	unsigned int areas_count;
};

static unsigned int port_receive(struct dps_port *port, struct dps_incoming *incoming,
				 unsigned int room)
{
	(void)port, (void)incoming, (void)room;
	return 0;
}

static void port_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	(void)port, (void)incoming, (void)count;
}

static unsigned int port_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	const struct nowhere *nowhere = (const struct nowhere *)port;

	for (unsigned int i = 0; i < count; i++) {
		DPS_ASSERT(outgoing[i].remote < REMOTES && nowhere->remotes[outgoing[i].remote]);
		DPS_ASSERT(outgoing[i].head_bytes + outgoing[i].body_bytes <=
			   dps_port_datagram_bytes(MTU, DPS_ADDRESS_IPV4));
	}
	dps_port_release_bodies(port, outgoing, count);
	return count;
}

static void port_poll(struct dps_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

static bool port_is_up(const struct dps_port *port)
{
	(void)port;
	return true;
}

static int port_add_remote(struct dps_port *port, const struct dps_address *address)
{
	struct nowhere *nowhere = (struct nowhere *)port;

	DPS_ASSERT(address->family != DPS_ADDRESS_NONE && address->udp_port != 0);
	if (address->ip[0] == 0xff)
		return -ENETUNREACH;
	for (int i = 0; i < REMOTES; i++)
		if (!nowhere->remotes[i]) {
			nowhere->remotes[i] = true;
			return i;
		}
	return -ENOSPC;
}

static void port_remove_remote(struct dps_port *port, uint32_t remote)
{
	struct nowhere *nowhere = (struct nowhere *)port;

	DPS_ASSERT(remote < REMOTES && nowhere->remotes[remote]);
	nowhere->remotes[remote] = false;
}

static void *port_allocate(struct dps_port *port, size_t bytes)
{
	struct nowhere *nowhere = (struct nowhere *)port;
	void *area = aligned_alloc(4096, dps_round_up(bytes, 4096));

	DPS_ASSERT(area != NULL && nowhere->areas_count < AREAS);
	nowhere->areas[nowhere->areas_count++] = area;
	return area;
}

static void port_close(struct dps_port *port)
{
	struct nowhere *nowhere = (struct nowhere *)port;

	while (nowhere->areas_count > 0)
		free(nowhere->areas[--nowhere->areas_count]);
	free(nowhere);
}

static const struct dps_port_ops port_ops = {
	.receive = port_receive,
	.release = port_release,
	.send = port_send,
	.poll = port_poll,
	.is_up = port_is_up,
	.add_remote = port_add_remote,
	.remove_remote = port_remove_remote,
	.allocate = port_allocate,
	.close = port_close,
};

static int open_nowhere(const struct dps_port_wish *wish, struct dps_port **port, char *why,
			size_t why_bytes)
{
	struct nowhere *nowhere = calloc(1, sizeof(*nowhere));

	(void)why, (void)why_bytes;
	DPS_ASSERT(nowhere != NULL);
	nowhere->port = (struct dps_port){
		.ops = &port_ops,
		.name = wish->name,
		.mtu = MTU,
		.local = { .family = DPS_ADDRESS_IPV4, .udp_port = 7420 },
	};
	*port = &nowhere->port;
	return 0;
}

const struct dps_ports nowhere_ports = { .version = DPS_VERSION_NUMBER, .open = open_nowhere };
