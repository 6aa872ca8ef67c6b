/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rooms of a port on net_ring, which gives out what it was given and, like a NIC, keeps the buffers
 * for as long as nobody takes them.
 */
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/frame.h"
#include "tests/support/cmocka.h"
#include "tests/support/with_eal.h"
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MTU = 9000,
	HEADERS_BYTES = 14 + 20 + 8,
	HEAD_BYTES = 56,
	BODY_BYTES = 3000,
	LINE_BYTES = 64,
	RING_PLACES = 1023, /* net_ring's */
};

struct fixture {
	struct dps_port *port;
	struct rte_mempool *pool; /* that rooms come from */
	uint16_t device;
	uint32_t remote;
	uint8_t *slots;
	unsigned int released_count;
	/* What a lane would have: emitted, in order. */
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	uint8_t heads[DPS_PORT_BURST][DPS_PORT_HEAD_BYTES];
};

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct fixture *fixture = context;

	(void)token;
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

/* The pool is found by the number in its name, which counts up with the ports. */
static struct fixture *open_port(uint16_t descriptors, bool is_sealed)
{
	static unsigned int number;
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_ethdev_config config = {
		.udp_port = 7420,
		.descriptors = descriptors,
		.mtu = MTU,
		.is_sealed = is_sealed,
	};
	struct dps_address remote = address_of("192.0.2.2/24", true);
	struct dps_port_name name;
	char text[32], why[512];

	snprintf(text, sizeof(text), "dps_head_%u", number);
	assert_null(rte_mempool_lookup(text));
	snprintf(text, sizeof(text), "vdev:net_ring%u", number);
	assert_int_equal(dps_port_name_parse(&name, text, why, sizeof(why)), 0);
	config.name = &name;
	assert_int_equal(dps_subnet_parse(&config.subnet, "192.0.2.1/24", why, sizeof(why)), 0);
	if (dps_ethdev_open(&fixture->port, &config, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(rte_eth_dev_get_port_by_name(text + 5, &fixture->device), 0);
	snprintf(text, sizeof(text), "dps_head_%u", number++);
	fixture->pool = rte_mempool_lookup(text);
	assert_non_null(fixture->pool);
	fixture->port->on_released = on_released;
	fixture->port->released_context = fixture;
	fixture->port->ops->poll(fixture->port, DPS_NS_PER_S);
	assert_true(fixture->port->ops->is_up(fixture->port));
	fixture->remote = (uint32_t)fixture->port->ops->add_remote(fixture->port, &remote);
	fixture->slots = fixture->port->ops->allocate(fixture->port, 1 << 20);
	assert_non_null(fixture->slots);
	return fixture;
}

static void close_port(struct fixture *fixture)
{
	assert_int_equal(fixture->released_count, 0);
	fixture->port->ops->close(fixture->port);
	free(fixture);
}

/* Gives out all that was sent; returns how many, and whether they count up from first. */
static unsigned int take_sent(struct fixture *fixture, unsigned int first, bool *are_right)
{
	struct rte_mbuf *frame;
	unsigned int count = 0;

	*are_right = true;
	while (rte_eth_rx_burst(fixture->device, 0, &frame, 1) == 1) {
		const uint8_t *payload = rte_pktmbuf_mtod(frame, uint8_t *) + HEADERS_BYTES;

		if (frame->pkt_len == HEADERS_BYTES + HEAD_BYTES + BODY_BYTES) {
			uint8_t value = (uint8_t)(first + count++);

			for (unsigned int i = 0; i < HEAD_BYTES + BODY_BYTES; i++)
				*are_right = *are_right && payload[i] == value;
		}
		rte_pktmbuf_free(frame);
	}
	return count;
}

/* Emits datagrams, numbered from first on, whose bodies are not yet anywhere. */
static void emit(struct fixture *fixture, unsigned int first, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		memset(fixture->heads[i], (int)(first + i), HEAD_BYTES);
		fixture->outgoing[i] = (struct dps_outgoing){
			.head = fixture->heads[i],
			.head_bytes = HEAD_BYTES,
			.body = fixture->slots,
			.body_bytes = BODY_BYTES,
			.remote = fixture->remote,
		};
	}
}

/* What a seal does. */
static void seal(struct fixture *fixture, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct dps_outgoing *out = &fixture->outgoing[i];

		memset(out->room, out->head[0], out->body_bytes);
		out->body = out->room;
	}
}

static unsigned int reserve(struct fixture *fixture, unsigned int count)
{
	return fixture->port->ops->reserve(fixture->port, fixture->outgoing, count);
}

static unsigned int offer(struct fixture *fixture, unsigned int first, unsigned int count)
{
	return fixture->port->ops->send(fixture->port, fixture->outgoing + first, count);
}

static void reserve__is_for_ports_that_encrypt(void **state)
{
	struct fixture *fixture = open_port(0, false);

	(void)state;
	assert_null(fixture->port->ops->reserve);
	assert_null(fixture->port->ops->forgo);
	close_port(fixture);
}

/* Heads of any length, as those with a digest or with padding are. */
static void reserve__makes_room_where_the_frame_leaves_from(void **state)
{
	static const uint32_t heads[] = { HEAD_BYTES, HEAD_BYTES + 16, 300, DPS_PORT_HEAD_BYTES };
	struct fixture *fixture = open_port(0, true);
	bool are_right;

	(void)state;
	take_sent(fixture, 0, &are_right); /* our own announcement */
	for (unsigned int i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct dps_outgoing *out = fixture->outgoing;
		struct rte_mbuf *frame;

		emit(fixture, 7, 1);
		out->head_bytes = heads[i];
		out->body_bytes = MTU - 20 - 8 - heads[i]; /* the largest */
		memset(out->head, 7, heads[i]);
		assert_int_equal(reserve(fixture, 1), 1);
		assert_int_equal((uintptr_t)out->room % LINE_BYTES, 0);
		seal(fixture, 1);
		assert_int_equal(offer(fixture, 0, 1), 1);
		assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
		assert_int_equal(frame->nb_segs, 1);
		assert_int_equal(frame->pkt_len, 14 + MTU);
		assert_ptr_equal(
			rte_pktmbuf_mtod_offset(frame, uint8_t *, HEADERS_BYTES + heads[i]),
			out->room);
		for (unsigned int k = HEADERS_BYTES; k < frame->pkt_len; k++)
			assert_int_equal(rte_pktmbuf_mtod(frame, uint8_t *)[k], 7);
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	close_port(fixture);
}

static void reserve__is_of_datagrams_without_a_body_too(void **state)
{
	struct fixture *fixture = open_port(0, true);
	struct rte_mbuf *frame;
	bool are_right;

	(void)state;
	take_sent(fixture, 0, &are_right);
	emit(fixture, 3, 1);
	fixture->outgoing[0].body = NULL;
	fixture->outgoing[0].body_bytes = 0;
	assert_int_equal(reserve(fixture, 1), 1);
	assert_null(fixture->outgoing[0].room);
	assert_int_equal(offer(fixture, 0, 1), 1);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
	assert_int_equal(frame->pkt_len, HEADERS_BYTES + HEAD_BYTES);
	rte_pktmbuf_free(frame);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	close_port(fixture);
}

static void reserve__has_none_when_memory_is_short_and_again_later(void **state)
{
	struct fixture *fixture = open_port(0, true);
	static struct dps_outgoing all[64][DPS_PORT_BURST];
	unsigned int bursts = 0;

	(void)state;
	do {
		emit(fixture, 0, DPS_PORT_BURST);
		if (reserve(fixture, DPS_PORT_BURST) == 0)
			break;
		memcpy(all[bursts], fixture->outgoing, sizeof(all[0]));
	} while (++bursts < 64);
	assert_in_range(bursts, 256 / DPS_PORT_BURST, 63);
	for (unsigned int i = 0; i < bursts; i++)
		fixture->port->ops->forgo(fixture->port, all[i], DPS_PORT_BURST);
	assert_int_equal(reserve(fixture, DPS_PORT_BURST), DPS_PORT_BURST);
	fixture->port->ops->forgo(fixture->port, fixture->outgoing, DPS_PORT_BURST);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	close_port(fixture);
}

/* What the ring has no place for is offered again as it was sealed, and arrives once. */
static void send__takes_again_what_was_refused(void **state)
{
	struct fixture *fixture = open_port(1024, true);
	unsigned int sent = 0, taken, rest;
	bool are_right;

	(void)state;
	take_sent(fixture, 0, &are_right);
	do {
		emit(fixture, sent, DPS_PORT_BURST);
		assert_int_equal(reserve(fixture, DPS_PORT_BURST), DPS_PORT_BURST);
		seal(fixture, DPS_PORT_BURST);
		taken = offer(fixture, 0, DPS_PORT_BURST);
		sent += taken;
	} while (taken == DPS_PORT_BURST);
	assert_int_equal(offer(fixture, taken, DPS_PORT_BURST - taken), 0);
	rest = take_sent(fixture, 0, &are_right);
	assert_true(are_right);
	assert_int_equal(rest, RING_PLACES);
	assert_int_equal(offer(fixture, taken, DPS_PORT_BURST - taken), DPS_PORT_BURST - taken);
	rest = take_sent(fixture, RING_PLACES, &are_right);
	assert_true(are_right);
	assert_int_equal(RING_PLACES + rest, sent + DPS_PORT_BURST - taken);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	close_port(fixture);
}

static void send__frees_what_cannot_go(void **state)
{
	struct fixture *fixture = open_port(0, true);
	struct dps_address unknown = address_of("192.0.2.3/24", false);
	int nowhere = fixture->port->ops->add_remote(fixture->port, &unknown);
	bool are_right;

	(void)state;
	take_sent(fixture, 0, &are_right);
	assert_true(nowhere >= 0);
	emit(fixture, 0, 3);
	fixture->outgoing[1].remote = (uint32_t)nowhere;
	assert_int_equal(reserve(fixture, 3), 3);
	seal(fixture, 3);
	assert_int_equal(offer(fixture, 0, 3), 3);
	assert_int_equal(fixture->port->counters.send_errors, 1);
	assert_int_equal(fixture->port->counters.sent_datagrams, 2);
	take_sent(fixture, 0, &are_right);
	/* Without a link nothing can. */
	emit(fixture, 0, 5);
	assert_int_equal(reserve(fixture, 5), 5);
	seal(fixture, 5);
	assert_int_equal(rte_eth_dev_set_link_down(fixture->device), 0);
	fixture->port->ops->poll(fixture->port, 2 * DPS_NS_PER_S);
	assert_false(fixture->port->ops->is_up(fixture->port));
	assert_int_equal(offer(fixture, 0, 5), 5);
	assert_int_equal(fixture->port->counters.send_errors, 6);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	close_port(fixture);
}

/* On a lane with paths that are encrypted and others that are not. */
static void send__takes_those_with_rooms_and_without_in_order(void **state)
{
	struct fixture *fixture = open_port(0, true);
	unsigned int taken = 0;
	bool are_right;

	(void)state;
	take_sent(fixture, 0, &are_right);
	emit(fixture, 0, 10);
	for (unsigned int i = 0; i < 10; i++) {
		struct dps_outgoing *out = &fixture->outgoing[i];

		if (i % 4 < 2) {
			assert_int_equal(fixture->port->ops->reserve(fixture->port, out, 1), 1);
			memset(out->room, (int)i, BODY_BYTES);
			out->body = out->room;
		} else {
			out->body = fixture->slots + (size_t)i * 4096;
			memset(fixture->slots + (size_t)i * 4096, (int)i, BODY_BYTES);
		}
	}
	while (taken < 10) {
		unsigned int some = offer(fixture, taken, 10 - taken);

		assert_int_not_equal(some, 0);
		taken += some;
	}
	for (unsigned int i = 0; i < 10; i++) {
		struct rte_mbuf *frame;

		assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 1);
		assert_int_equal(frame->nb_segs, i % 4 < 2 ? 1 : 2);
		assert_int_equal(
			rte_pktmbuf_mtod_offset(frame, uint8_t *, HEADERS_BYTES)[HEAD_BYTES - 1],
			i);
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(fixture->released_count, 4);
	fixture->released_count = 0;
	close_port(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve__is_for_ports_that_encrypt),
		cmocka_unit_test(reserve__makes_room_where_the_frame_leaves_from),
		cmocka_unit_test(reserve__is_of_datagrams_without_a_body_too),
		cmocka_unit_test(reserve__has_none_when_memory_is_short_and_again_later),
		cmocka_unit_test(send__takes_again_what_was_refused),
		cmocka_unit_test(send__frees_what_cannot_go),
		cmocka_unit_test(send__takes_those_with_rooms_and_without_in_order),
	};

	return cmocka_run_group_tests(tests, with_eal_start, with_eal_stop);
}
