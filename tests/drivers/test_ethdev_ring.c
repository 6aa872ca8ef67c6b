/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port on net_ring, which gives out what it was given: like a NIC, and unlike memif and
 * af_packet, it keeps the buffers for as long as nobody takes them.
 */
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/frame.h"
#include "tests/support/cmocka.h"
#include "tests/support/with_eal.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_COUNT = 2048,
	SLOT_BYTES = 4096,
	HEAD_BYTES = 56,
	BODIES_MAX = 256 + 128, /* that one port has out with default rings */
};

struct fixture {
	struct dps_port *port;
	uint16_t device;
	uint32_t remote;
	uint8_t *slots;
	unsigned int released[SLOTS_COUNT];
	unsigned int released_count;
};

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct fixture *fixture = context;

	fixture->released[token] += count;
	fixture->released_count += count;
}

static struct dps_address address_of(const char *text, bool has_mac)
{
	struct dps_subnet subnet;
	char why[256];

	assert_int_equal(dps_subnet_parse(&subnet, text, why, sizeof(why)), 0);
	subnet.address.udp_port = 7420;
	subnet.address.has_mac = has_mac;
	memcpy(subnet.address.mac, "\x02\x00\x00\x00\x00\x02", 6);
	return subnet.address;
}

static struct fixture *open_port(uint16_t descriptors)
{
	static unsigned int number;
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_ethdev_config config = { .udp_port = 7420, .descriptors = descriptors };
	struct dps_address remote = address_of("192.0.2.2/24", true);
	struct dps_port_name name;
	char text[32], why[512];
	int index;

	snprintf(text, sizeof(text), "vdev:net_ring%u", number++);
	assert_int_equal(dps_port_name_parse(&name, text, why, sizeof(why)), 0);
	config.name = &name;
	config.mtu = 9000;
	assert_int_equal(dps_subnet_parse(&config.subnet, "192.0.2.1/24", why, sizeof(why)), 0);
	if (dps_ethdev_open(&fixture->port, &config, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	fixture->port->on_released = on_released;
	fixture->port->released_context = fixture;
	assert_int_equal(rte_eth_dev_get_port_by_name(text + 5, &fixture->device), 0);
	fixture->port->ops->poll(fixture->port, DPS_NS_PER_S);
	assert_true(fixture->port->ops->is_up(fixture->port));
	index = fixture->port->ops->add_remote(fixture->port, &remote);
	assert_true(index >= 0);
	fixture->remote = (uint32_t)index;
	fixture->slots = fixture->port->ops->allocate(fixture->port, SLOTS_COUNT * SLOT_BYTES);
	assert_non_null(fixture->slots);
	assert_int_equal((uintptr_t)fixture->slots % 4096, 0);
	return fixture;
}

static void close_port(struct fixture *fixture)
{
	fixture->port->ops->close(fixture->port);
	free(fixture);
}

/* Offers count datagrams, tokens from first on; returns how many were taken. */
static unsigned int offer(struct fixture *fixture, unsigned int first, unsigned int count)
{
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	uint8_t heads[DPS_PORT_BURST][HEAD_BYTES];

	for (unsigned int i = 0; i < count; i++) {
		memset(heads[i], (int)(first + i), HEAD_BYTES);
		memset(fixture->slots + (size_t)(first + i) * SLOT_BYTES, (int)(first + i), 3000);
		outgoing[i] = (struct dps_outgoing){
			.head = heads[i],
			.head_bytes = HEAD_BYTES,
			.body = fixture->slots + (size_t)(first + i) * SLOT_BYTES,
			.body_bytes = 3000,
			.remote = fixture->remote,
			.token = first + i,
		};
	}
	count = fixture->port->ops->send(fixture->port, outgoing, count);
	memset(heads, 0xee, sizeof(heads)); /* borrowed for the call only */
	return count;
}

static unsigned int offer_all(struct fixture *fixture, unsigned int first, unsigned int count)
{
	unsigned int taken = 0, step;

	do {
		step = offer(fixture, first + taken,
			     count - taken < DPS_PORT_BURST ? count - taken : DPS_PORT_BURST);
		taken += step;
	} while (step != 0 && taken < count);
	return taken;
}

/* What the port sent comes back as frames for somebody else: it drops them, and frees the bodies.
 */
static void drain(struct fixture *fixture)
{
	struct dps_incoming incoming[DPS_PORT_BURST];

	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(
			fixture->port->ops->receive(fixture->port, incoming, DPS_PORT_BURST), 0);
}

static void assert_released_once(const struct fixture *fixture, unsigned int count)
{
	assert_int_equal(fixture->released_count, count);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(fixture->released[i], 1);
}

static void send__keeps_a_body_until_the_device_has_freed_it(void **state)
{
	struct fixture *fixture = open_port(0);

	(void)state;
	assert_int_equal(offer_all(fixture, 0, 100), 100);
	for (unsigned int i = 0; i < 100; i++)
		fixture->port->ops->poll(fixture->port, (2 + i) * DPS_NS_PER_S);
	assert_int_equal(fixture->released_count, 0);
	drain(fixture);
	assert_released_once(fixture, 100);
	assert_int_equal(fixture->port->counters.sent_datagrams, 100);
	assert_int_equal(fixture->port->counters.sent_bytes, 100 * 3056);
	close_port(fixture);
}

static void send__copies_no_body(void **state)
{
	struct fixture *fixture = open_port(0);
	struct rte_mbuf *frame;

	(void)state;
	drain(fixture); /* our own announcement */
	assert_int_equal(offer(fixture, 5, 1), 1);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
	assert_int_equal(frame->nb_segs, 2);
	assert_int_equal(frame->pkt_len, 14 + 20 + 8 + HEAD_BYTES + 3000);
	assert_int_equal(frame->data_len, 14 + 20 + 8 + HEAD_BYTES);
	assert_int_equal(rte_pktmbuf_mtod_offset(frame, uint8_t *, 42)[0], 5);
	assert_int_equal(rte_pktmbuf_mtod_offset(frame, uint8_t *, 42)[HEAD_BYTES - 1], 5);
	assert_ptr_equal(rte_pktmbuf_mtod(frame->next, uint8_t *),
			 fixture->slots + 5 * (size_t)SLOT_BYTES);
	assert_int_equal(fixture->released_count, 0);
	rte_pktmbuf_free(frame);
	assert_int_equal(fixture->released[5], 1);
	close_port(fixture);
}

/* What a program lends may lie anywhere: the device knows nothing of it, so it gets a copy. */
static void send__copies_a_body_that_is_not_in_the_ports_memory(void **state)
{
	struct fixture *fixture = open_port(0);
	uint8_t *own = malloc(8900), head[HEAD_BYTES] = { 7 };
	struct dps_outgoing out = {
		.head = head,
		.head_bytes = HEAD_BYTES,
		.body = own,
		.body_bytes = 8900,
		.remote = fixture->remote,
		.token = 9,
	};
	struct rte_mbuf *frame;

	(void)state;
	assert_non_null(own);
	memset(own, 0x77, 8900);
	drain(fixture);
	assert_int_equal(fixture->port->ops->send(fixture->port, &out, 1), 1);
	assert_int_equal(fixture->released[9], 1);
	memset(own, 0, 8900); /* it is the program's again */
	assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
	assert_int_equal(frame->nb_segs, 1);
	assert_int_equal(frame->pkt_len, 14 + 20 + 8 + HEAD_BYTES + 8900);
	assert_int_equal(rte_pktmbuf_mtod_offset(frame, uint8_t *, 42 + HEAD_BYTES)[0], 0x77);
	assert_int_equal(rte_pktmbuf_mtod_offset(frame, uint8_t *, 42 + HEAD_BYTES)[8899], 0x77);
	rte_pktmbuf_free(frame);
	/* What is lent last of the port's own goes without one. */
	out.body = fixture->slots + SLOTS_COUNT * (size_t)SLOT_BYTES - 1;
	out.body_bytes = 1;
	assert_int_equal(fixture->port->ops->send(fixture->port, &out, 1), 1);
	assert_int_equal(fixture->released[9], 1);
	drain(fixture);
	assert_int_equal(fixture->released[9], 2);
	assert_int_equal(fixture->port->counters.send_errors, 0);
	free(own);
	close_port(fixture);
}

/* As a relay has it, which sends by one port what came by another. */
static void send__copies_no_body_in_another_ports_memory(void **state)
{
	struct fixture *fixture = open_port(0), *other = open_port(0);
	uint8_t head[HEAD_BYTES] = { 7 };
	const struct dps_outgoing out = {
		.head = head,
		.head_bytes = HEAD_BYTES,
		.body = other->slots,
		.body_bytes = 3000,
		.remote = fixture->remote,
		.token = 9,
	};
	struct rte_mbuf *frame;

	(void)state;
	memset(other->slots, 0x77, 3000);
	drain(fixture);
	assert_int_equal(fixture->port->ops->send(fixture->port, &out, 1), 1);
	assert_int_equal(fixture->released[9], 0);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
	assert_int_equal(frame->nb_segs, 2);
	assert_ptr_equal(rte_pktmbuf_mtod(frame->next, uint8_t *), other->slots);
	rte_pktmbuf_free(frame);
	assert_int_equal(fixture->released[9], 1);
	close_port(fixture);
	close_port(other);
}

static void send__stops_when_the_device_holds_all_and_goes_on(void **state)
{
	struct fixture *fixture = open_port(0);

	(void)state;
	assert_int_equal(offer_all(fixture, 0, 1000), BODIES_MAX);
	assert_int_equal(offer(fixture, BODIES_MAX, 1), 0);
	drain(fixture);
	assert_released_once(fixture, BODIES_MAX);
	assert_int_equal(offer_all(fixture, BODIES_MAX, 300), 300);
	drain(fixture);
	assert_released_once(fixture, BODIES_MAX + 300);
	close_port(fixture);
}

/* The ring has 1023 places, the port more: part of a burst is left, and offered again first. */
static void send__keeps_what_the_device_refuses(void **state)
{
	struct fixture *fixture = open_port(1024);
	unsigned int taken;

	(void)state;
	drain(fixture);
	taken = offer_all(fixture, 0, 1100);
	assert_int_equal(taken, 1024);
	assert_int_equal(fixture->port->counters.refused_sends, 1);
	assert_int_equal(offer(fixture, taken, 1), 0);
	drain(fixture);
	assert_released_once(fixture, 1023);
	fixture->port->ops->poll(fixture->port, 9 * DPS_NS_PER_S);
	drain(fixture);
	assert_released_once(fixture, 1024);
	close_port(fixture);
}

static void pools__tell_the_least_that_was_free(void **state)
{
	struct fixture *fixture = open_port(0);
	const struct dps_port_pool *rx = &fixture->port->pools[DPS_PORT_POOL_RX];
	const struct dps_port_pool *head = &fixture->port->pools[DPS_PORT_POOL_HEAD];
	const struct dps_port_pool *body = &fixture->port->pools[DPS_PORT_POOL_BODY];

	(void)state;
	drain(fixture);
	assert_true(rx->count > 0 && head->count > 0 && body->count > 0);
	assert_int_equal(head->free_low, head->count);
	assert_int_equal(offer_all(fixture, 0, 100), 100);
	assert_int_equal(head->free_low, head->count - 100);
	assert_int_equal(body->free_low, body->count - 100);
	drain(fixture);
	/* What came back does not undo it, and less than before does not change it. */
	assert_int_equal(offer_all(fixture, 100, 50), 50);
	assert_int_equal(head->free_low, head->count - 100);
	assert_int_equal(body->free_low, body->count - 100);
	drain(fixture);
	assert_int_equal(rx->free_low, rx->count); /* net_ring gives out the sender's buffers */
	close_port(fixture);
}

static void send__takes_and_drops_what_cannot_go(void **state)
{
	struct fixture *fixture = open_port(0);
	struct dps_address unknown = address_of("192.0.2.3/24", false);
	int index = fixture->port->ops->add_remote(fixture->port, &unknown);
	uint8_t head[HEAD_BYTES] = { 0 };
	struct dps_outgoing large = { .head = head, .head_bytes = HEAD_BYTES };

	(void)state;
	assert_true(index >= 0);
	assert_false(dps_ethdev_is_resolved(fixture->port, (uint32_t)index));
	assert_true(dps_ethdev_is_resolved(fixture->port, fixture->remote));
	large.remote = fixture->remote;
	fixture->remote = (uint32_t)index;
	assert_int_equal(offer(fixture, 0, 32), 32);
	assert_released_once(fixture, 32);
	assert_int_equal(fixture->port->counters.send_errors, 32);
	/* One byte more than the MTU leaves room for. */
	large.body = fixture->slots;
	large.body_bytes = 9000 - 20 - 8 - HEAD_BYTES + 1;
	large.token = 32;
	assert_int_equal(fixture->port->ops->send(fixture->port, &large, 1), 1);
	assert_released_once(fixture, 33);
	assert_int_equal(fixture->port->counters.sent_datagrams, 0);
	large.body_bytes--;
	assert_int_equal(fixture->port->ops->send(fixture->port, &large, 1), 1);
	assert_int_equal(fixture->port->counters.sent_datagrams, 1);
	close_port(fixture);
}

/* Whether it asks who has an IPv4 address. */
static bool is_question(const struct rte_mbuf *frame)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);

	return bytes[12] == 8 && bytes[13] == 6 && bytes[21] == 1 &&
	       memcmp(bytes + 38, "\xc0\x00\x02\x03", 4) == 0;
}

/* Or datagrams to where a neighbour no longer is would keep the device too full to find it. */
static void send__asks_for_a_neighbour_though_the_device_is_full(void **state)
{
	struct fixture *fixture = open_port(1024);
	struct dps_address unknown = address_of("192.0.2.3/24", false);
	unsigned int count = 0, asked_at = 0;
	struct rte_mbuf *frame;

	(void)state;
	drain(fixture);
	assert_int_equal(offer_all(fixture, 0, 1100), 1024);
	assert_true(fixture->port->ops->add_remote(fixture->port, &unknown) >= 0);
	/* Asked for now, and not again for a tenth of a second. */
	fixture->port->ops->poll(fixture->port, 2 * DPS_NS_PER_S);
	for (unsigned int i = 0; i < 1023; i++) {
		assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
		assert_false(is_question(frame));
		rte_pktmbuf_free(frame);
	}
	fixture->port->ops->poll(fixture->port, 2 * DPS_NS_PER_S + DPS_NS_PER_MS);
	while (rte_eth_rx_burst(fixture->device, 0, &frame, 1) == 1) {
		count++;
		if (is_question(frame))
			asked_at = count;
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(asked_at, 1);
	assert_int_equal(count, 2); /* and the last of the datagrams */
	close_port(fixture);
}

static void close__gives_every_body_back(void **state)
{
	struct fixture *fixture = open_port(1024);
	struct fixture seen;

	(void)state;
	drain(fixture);
	/* One of them is with the port still. */
	assert_int_equal(offer_all(fixture, 0, 1100), 1024);
	fixture->port->ops->close(fixture->port);
	seen = *fixture;
	assert_released_once(&seen, 1024);
	free(fixture);
}

static void add_remote__says_why_not(void **state)
{
	struct fixture *fixture = open_port(0);
	struct dps_address far = address_of("198.51.100.1/24", true);
	struct dps_address own = address_of("192.0.2.1/24", true);
	struct dps_address other = address_of("2001:db8::2/64", true);
	struct dps_address near = address_of("192.0.2.7/24", true);
	int added = 1, index;

	(void)state;
	assert_int_equal(fixture->port->ops->add_remote(fixture->port, &far), -ENETUNREACH);
	assert_int_equal(fixture->port->ops->add_remote(fixture->port, &own), -EADDRINUSE);
	assert_int_equal(fixture->port->ops->add_remote(fixture->port, &other), -EAFNOSUPPORT);
	while ((index = fixture->port->ops->add_remote(fixture->port, &near)) >= 0)
		added++;
	assert_int_equal(index, -ENOSPC);
	assert_int_equal(added, DPS_ETHDEV_REMOTES_MAX);
	fixture->port->ops->remove_remote(fixture->port, 7);
	assert_int_equal(fixture->port->ops->add_remote(fixture->port, &near), 7);
	close_port(fixture);
}

static void receive__gives_out_datagrams_and_only_those(void **state)
{
	struct fixture *fixture = open_port(0);
	struct dps_frame_self other = { .address = address_of("192.0.2.2/24", true) };
	struct dps_frame_template template;
	struct dps_incoming incoming[DPS_PORT_BURST];
	struct rte_mempool *pool = rte_pktmbuf_pool_create("test", 63, 0, 0, 2048, SOCKET_ID_ANY);
	static const uint8_t payload[100] = { 1, 2, 3 };
	struct rte_mbuf *frames[3];

	(void)state;
	drain(fixture);
	dps_frame_template_init(&template, &other, &fixture->port->local, DPS_CHECKSUM_SOFTWARE);
	for (unsigned int i = 0; i < 3; i++) {
		frames[i] = rte_pktmbuf_alloc(pool);
		uint8_t *frame = rte_pktmbuf_mtod(frames[i], uint8_t *);
		unsigned int at = dps_frame_write(&template, frame, payload, 100, NULL, 0);

		memcpy(frame + at, payload, 100);
		frames[i]->data_len = (uint16_t)(at + 100);
		frames[i]->pkt_len = frames[i]->data_len;
	}
	rte_pktmbuf_mtod(frames[1], uint8_t *)[24] ^= 1; /* the IPv4 checksum */
	assert_int_equal(rte_eth_tx_burst(fixture->device, 0, frames, 3), 3);
	fixture->port->counters.dropped_malformed = 0;
	assert_int_equal(fixture->port->ops->receive(fixture->port, incoming, DPS_PORT_BURST), 2);
	assert_int_equal(incoming[1].length, 100);
	assert_memory_equal(incoming[1].bytes, payload, 100);
	assert_int_equal(incoming[1].from.udp_port, 7420);
	assert_int_equal(incoming[1].from.has_mac, 1);
	assert_memory_equal(incoming[1].from.ip, other.address.ip, 4);
	assert_int_equal(fixture->port->counters.dropped_malformed, 1);
	assert_int_equal(fixture->port->counters.received_datagrams, 2);
	assert_int_equal(rte_mempool_in_use_count(pool), 2);
	fixture->port->ops->release(fixture->port, incoming, 2);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	close_port(fixture);
	rte_mempool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__keeps_a_body_until_the_device_has_freed_it),
		cmocka_unit_test(send__copies_no_body),
		cmocka_unit_test(send__copies_a_body_that_is_not_in_the_ports_memory),
		cmocka_unit_test(send__copies_no_body_in_another_ports_memory),
		cmocka_unit_test(send__stops_when_the_device_holds_all_and_goes_on),
		cmocka_unit_test(send__keeps_what_the_device_refuses),
		cmocka_unit_test(pools__tell_the_least_that_was_free),
		cmocka_unit_test(send__takes_and_drops_what_cannot_go),
		cmocka_unit_test(send__asks_for_a_neighbour_though_the_device_is_full),
		cmocka_unit_test(close__gives_every_body_back),
		cmocka_unit_test(add_remote__says_why_not),
		cmocka_unit_test(receive__gives_out_datagrams_and_only_those),
	};

	return cmocka_run_group_tests(tests, with_eal_start, with_eal_stop);
}
