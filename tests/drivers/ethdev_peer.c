/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of a link for the tests of drivers/ethdev: opens a port, sends numbered datagrams to the
 * other end, checks what arrives, and tells on stdout what happens, one line an event.
 *
 *   ethdev_peer PORT server|client IP/LEN REMOTE_IP COUNT BODY_BYTES [WINDOW [VLAN]]
 *
 * COUNT datagrams each way, in order and complete; 0: until stdin ends, checking only contents.
 * WINDOW: how many more may be sent than have been received, for links that drop what is too much.
 * IP/LEN "-": link-local from the MAC. REMOTE_IP "-": a line "MAC IP" on stdin, as a peer's hello
 * would tell it. Lines: "open MAC IP", "up", "down", "resolved", "received N" (each time it
 * doubles, or each 1000), "done" (everything sent, given back and received), "closed". Whatever is
 * wrong ends it with a line on stderr and status 1.
 */
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/ethdev_port.h"
#include "engine/bits.h"
#include <arpa/inet.h>
#include <poll.h>
#include <rte_ether.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOTS_COUNT = 64,
	SLOT_BYTES = 16384,
	HEAD_BYTES = 56,
	LIFE_S = 400, /* never left behind */
};

struct peer {
	struct dps_port *port;
	uint64_t count;
	uint32_t body_bytes;
	uint32_t remote;
	uint64_t window;
	uint64_t sent;
	uint64_t received;
	uint64_t released;
	uint64_t bodies;
	uint8_t *slots;
	bool is_held[SLOTS_COUNT];
	uint32_t next_slot;
	bool is_up;
	bool is_resolved;
	bool is_done;
};

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * DPS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct peer *peer = context;

	if (count != 1 || token >= SLOTS_COUNT || !peer->is_held[token])
		fail("token %u came back without being out", token);
	peer->is_held[token] = false;
	peer->released++;
}

/* Every third datagram has no body; the others differ in length. */
static uint32_t body_bytes_of(const struct peer *peer, uint64_t index)
{
	if (peer->body_bytes == 0 || index % 3 == 2)
		return 0;
	return peer->body_bytes - (uint32_t)(index % 7);
}

static bool make(struct peer *peer, uint64_t index, uint8_t *head, struct dps_outgoing *out)
{
	uint32_t bytes = body_bytes_of(peer, index);
	uint8_t *slot = peer->slots + (size_t)peer->next_slot * SLOT_BYTES;

	if (bytes != 0 && peer->is_held[peer->next_slot])
		return false;
	memset(head, 0, HEAD_BYTES);
	dps_store_be64(head, index);
	dps_store_be32(head + 8, bytes);
	*out = (struct dps_outgoing){ .head = head, .head_bytes = HEAD_BYTES };
	out->remote = peer->remote;
	if (bytes != 0) {
		if (peer->count != 0 || slot[bytes - 1] != (index & 0xff))
			memset(slot, (int)(index & 0xff), bytes);
		out->body = slot;
		out->body_bytes = bytes;
		out->token = peer->next_slot;
		peer->is_held[peer->next_slot] = true;
		peer->next_slot = (peer->next_slot + 1) % SLOTS_COUNT;
	}
	return true;
}

static bool may_send(const struct peer *peer, uint64_t index)
{
	return (peer->count == 0 || index < peer->count) &&
	       (peer->window == 0 || index < peer->received + peer->window);
}

static void send_some(struct peer *peer)
{
	static uint8_t heads[DPS_PORT_BURST][HEAD_BYTES];
	static struct dps_outgoing outgoing[DPS_PORT_BURST];
	static unsigned int made, taken;

	if (taken == made) {
		made = taken = 0;
		while (made < DPS_PORT_BURST && may_send(peer, peer->sent + made) &&
		       make(peer, peer->sent + made, heads[made], &outgoing[made]))
			made++;
	}
	unsigned int n = peer->port->ops->send(peer->port, outgoing + taken, made - taken);

	for (unsigned int i = taken; i < taken + n; i++)
		peer->bodies += outgoing[i].body != NULL;
	memset(heads[taken], 0xff, (size_t)n * HEAD_BYTES); /* borrowed for the call only */
	taken += n;
	peer->sent += n;
}

static void check(struct peer *peer, const struct dps_incoming *in)
{
	uint64_t index;
	uint32_t bytes;

	if (in->length < HEAD_BYTES)
		fail("a datagram of %u bytes arrived", in->length);
	index = dps_load_be64(in->bytes);
	bytes = dps_load_be32(in->bytes + 8);
	if (in->length != HEAD_BYTES + bytes || bytes != body_bytes_of(peer, index))
		fail("datagram %llu has %u bytes", (unsigned long long)index, in->length);
	if (peer->count != 0 && index != peer->received)
		fail("datagram %llu arrived in place of %llu", (unsigned long long)index,
		     (unsigned long long)peer->received);
	/* Without a count it is to keep the device busy, not itself. */
	for (uint32_t i = HEAD_BYTES; i < in->length; i += peer->count != 0 ? 1 : 211)
		if (in->bytes[i] != (uint8_t)index)
			fail("datagram %llu is damaged at %u", (unsigned long long)index, i);
	peer->received++;
	if (dps_is_power_of_two(peer->received) || peer->received % 1000 == 0)
		printf("received %llu\n", (unsigned long long)peer->received);
}

static unsigned int receive_some(struct peer *peer)
{
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int n = peer->port->ops->receive(peer->port, incoming, DPS_PORT_BURST);

	for (unsigned int i = 0; i < n; i++)
		check(peer, &incoming[i]);
	peer->port->ops->release(peer->port, incoming, n);
	return n;
}

static void tell(struct peer *peer)
{
	bool is_up = peer->port->ops->is_up(peer->port);
	bool is_resolved = dps_ethdev_is_resolved(peer->port, peer->remote);

	if (is_up != peer->is_up)
		puts(is_up ? "up" : "down");
	if (is_resolved && !peer->is_resolved)
		puts("resolved");
	peer->is_up = is_up;
	peer->is_resolved = is_resolved;
	if (!peer->is_done && peer->count != 0 && peer->sent == peer->count &&
	    peer->received == peer->count && peer->released == peer->bodies) {
		peer->is_done = true;
		puts("done");
	}
}

static bool has_stdin_ended(void)
{
	struct pollfd fd = { .fd = 0, .events = POLLIN };
	char byte;

	return poll(&fd, 1, 0) == 1 && read(0, &byte, 1) == 0;
}

static void run(struct peer *peer)
{
	uint64_t end_ns = now_ns() + LIFE_S * DPS_NS_PER_S;
	uint64_t look_ns = 0;

	for (;;) {
		uint64_t now = now_ns();

		peer->port->ops->poll(peer->port, now);
		tell(peer);
		unsigned int n = receive_some(peer);

		if (peer->is_resolved && peer->is_up)
			send_some(peer);
		if (n == 0)
			sched_yield();
		if (now < look_ns)
			continue;
		look_ns = now + DPS_NS_PER_MS;
		if (has_stdin_ended())
			return;
		if (now > end_ns)
			fail("nobody ended me in %d s: sent %llu, received %llu", LIFE_S,
			     (unsigned long long)peer->sent, (unsigned long long)peer->received);
	}
}

static void start_eal(const char *program, struct dps_port_name *name)
{
	struct dps_eal_config config = {
		.program = program,
		.ports = name,
		.ports_count = 1,
		.memory_bytes = SLOTS_COUNT * SLOT_BYTES,
		.lanes_count = 0,
		/* Hugepages are the machine's, and may be another's at any time. */
		.is_ordinary = true,
	};
	struct dps_eal eal;
	char why[512];

	if (dps_eal_start(&eal, &config, why, sizeof(why)) != 0)
		fail("%s", why);
	fprintf(stderr, "EAL %s\n", eal.line);
}

static void open_port(struct peer *peer, char **argv, struct dps_port_name *name)
{
	struct dps_ethdev_config config = { .name = name, .udp_port = 7420 };
	char mac[64], ip[INET6_ADDRSTRLEN], why[512];

	config.is_server = strcmp(argv[2], "server") == 0;
	if (argv[7] != NULL && argv[8] != NULL)
		config.vlan = (uint16_t)atoi(argv[8]);
	if ((strcmp(argv[3], "-") != 0 &&
	     dps_subnet_parse(&config.subnet, argv[3], why, sizeof(why)) != 0) ||
	    dps_ethdev_open(&peer->port, &config, why, sizeof(why)) != 0)
		fail("%s", why);
	peer->port->on_released = on_released;
	peer->port->released_context = peer;
	rte_ether_format_addr(mac, sizeof(mac), (void *)peer->port->local.mac);
	inet_ntop(peer->port->local.family == DPS_ADDRESS_IPV6 ? AF_INET6 : AF_INET,
		  peer->port->local.ip, ip, sizeof(ip));
	printf("open %s %s\n", mac, ip);
}

static struct dps_address find_remote(const struct peer *peer, const char *text)
{
	struct dps_address remote = { .family = peer->port->local.family, .udp_port = 7420 };
	char line[128], mac[64], ip[64];

	if (strcmp(text, "-") == 0) {
		if (fgets(line, sizeof(line), stdin) == NULL ||
		    sscanf(line, "%63s %63s", mac, ip) != 2 ||
		    rte_ether_unformat_addr(mac, (void *)remote.mac) != 0)
			fail("nobody told me the remote");
		remote.has_mac = 1;
		text = ip;
	}
	if (inet_pton(remote.family == DPS_ADDRESS_IPV6 ? AF_INET6 : AF_INET, text, remote.ip) != 1)
		fail("%s is no address", text);
	return remote;
}

int main(int argc, char **argv)
{
	static struct peer peer;
	struct dps_port_name name;
	struct dps_address remote;
	char why[512];
	int index;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 7 || argc > 9)
		fail("ethdev_peer PORT server|client IP/LEN REMOTE_IP COUNT BODY [WINDOW [VLAN]]");
	if (dps_port_name_parse(&name, argv[1], why, sizeof(why)) != 0)
		fail("%s", why);
	start_eal(argv[0], &name);
	open_port(&peer, argv, &name);
	peer.count = strtoull(argv[5], NULL, 10);
	peer.body_bytes = (uint32_t)atoi(argv[6]);
	peer.window = argc > 7 ? strtoull(argv[7], NULL, 10) : 0;
	peer.slots = peer.port->ops->allocate(peer.port, SLOTS_COUNT * SLOT_BYTES);
	if (peer.slots == NULL)
		fail("no memory for bodies");
	remote = find_remote(&peer, argv[4]);
	index = peer.port->ops->add_remote(peer.port, &remote);
	if (index < 0)
		fail("add_remote: %s", strerror(-index));
	peer.remote = (uint32_t)index;
	run(&peer);
	peer.port->ops->close(peer.port);
	if (peer.released != peer.bodies)
		fail("%llu bodies were taken, %llu came back", (unsigned long long)peer.bodies,
		     (unsigned long long)peer.released);
	puts("closed");
	dps_eal_stop();
	return 0;
}
