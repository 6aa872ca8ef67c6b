/* SPDX-License-Identifier: BSD-3-Clause */
/* Several lanes over one net_ring, of which queue n receives what queue n sent. */
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/frame.h"
#include "drivers/ethdev/neighbour.h"
#include "engine/bits.h"
#include "engine/steering.h"
#include "tests/support/cmocka.h"
#include "tests/support/with_eal.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

enum {
	LANES = 3,
	PAYLOAD_BYTES = 100,
	INBOX_PLACES = 255, /* of what one lane has for another */
};

struct fixture {
	struct dps_port *ports[LANES];
	struct rte_mempool *pool; /* of frames that others send */
	uint16_t device;
	unsigned int released;
};

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)token;
	((struct fixture *)context)->released += count;
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

static void poll_all(struct fixture *fixture, uint64_t now_ns)
{
	for (unsigned int i = 0; i < LANES; i++)
		fixture->ports[i]->ops->poll(fixture->ports[i], now_ns);
}

/* Takes and gives back what came to a lane; the number of it. */
static unsigned int receive(struct fixture *fixture, unsigned int lane)
{
	struct dps_port *port = fixture->ports[lane];
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count = port->ops->receive(port, incoming, DPS_PORT_BURST);

	port->ops->release(port, incoming, count);
	return count;
}

static void drain(struct fixture *fixture)
{
	for (unsigned int i = 0; i < 20; i++)
		for (unsigned int lane = 0; lane < LANES; lane++)
			(void)receive(fixture, lane);
}

static int open_ports(void **state)
{
	static struct fixture fixture;
	static unsigned int number = 100;
	struct dps_ethdev_config config = { .udp_port = 7420, .queues = LANES, .mtu = 1500 };
	struct dps_port_name name;
	char text[32], why[512];

	memset(&fixture, 0, sizeof(fixture));
	snprintf(text, sizeof(text), "vdev:net_ring%u", number++);
	assert_int_equal(dps_port_name_parse(&name, text, why, sizeof(why)), 0);
	config.name = &name;
	assert_int_equal(dps_subnet_parse(&config.subnet, "192.0.2.1/24", why, sizeof(why)), 0);
	if (dps_ethdev_open(fixture.ports, &config, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(rte_eth_dev_get_port_by_name(text + 5, &fixture.device), 0);
	fixture.pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, 2048, SOCKET_ID_ANY);
	for (unsigned int i = 0; i < LANES; i++) {
		fixture.ports[i]->on_released = on_released;
		fixture.ports[i]->released_context = &fixture;
	}
	poll_all(&fixture, DPS_NS_PER_S);
	drain(&fixture); /* their own announcements */
	*state = &fixture;
	return 0;
}

static int close_ports(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned int i = 0; i < LANES; i++)
		fixture->ports[i]->ops->close(fixture->ports[i]);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
	rte_mempool_free(fixture->pool);
	return 0;
}

/* A frame from another host with a packet whose connection id names a lane. */
static struct rte_mbuf *make_frame(struct fixture *fixture, uint8_t lane, uint16_t to_port)
{
	struct dps_frame_self other = { .address = address_of("192.0.2.2/24", true) };
	struct dps_address to = fixture->ports[0]->local;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(fixture->pool);
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint8_t payload[PAYLOAD_BYTES] = { 0 };
	struct dps_frame_template template;
	unsigned int at;

	to.udp_port = to_port;
	payload[8] = lane;
	payload[99] = 0x77;
	dps_frame_template_init(&template, &other, &to, DPS_CHECKSUM_SOFTWARE);
	at = dps_frame_write(&template, frame, payload, PAYLOAD_BYTES, NULL, 0);
	memcpy(frame + at, payload, PAYLOAD_BYTES);
	mbuf->data_len = (uint16_t)(at + PAYLOAD_BYTES);
	mbuf->pkt_len = mbuf->data_len;
	return mbuf;
}

static void arrive(struct fixture *fixture, uint16_t queue, struct rte_mbuf *frame)
{
	assert_int_equal(rte_eth_tx_burst(fixture->device, queue, &frame, 1), 1);
}

static void receive__gives_each_lane_what_came_to_its_queue(void **state)
{
	struct fixture *fixture = *state;

	for (uint8_t lane = 0; lane < LANES; lane++)
		for (unsigned int i = 0; i <= lane; i++)
			arrive(fixture, lane, make_frame(fixture, lane, 7420));
	for (unsigned int lane = 0; lane < LANES; lane++) {
		assert_int_equal(receive(fixture, lane), lane + 1);
		assert_int_equal(receive(fixture, lane), 0);
		assert_int_equal(fixture->ports[lane]->counters.received_datagrams, lane + 1);
		assert_int_equal(fixture->ports[lane]->counters.handed_datagrams, 0);
	}
}

static void receive__hands_over_what_came_to_another_queue(void **state)
{
	struct fixture *fixture = *state;
	struct dps_port *port = fixture->ports[2];
	struct dps_incoming incoming[DPS_PORT_BURST];

	arrive(fixture, 0, make_frame(fixture, 2, 7420));
	arrive(fixture, 1, make_frame(fixture, 2, 7422));
	assert_int_equal(receive(fixture, 2), 0);
	assert_int_equal(receive(fixture, 0), 0);
	assert_int_equal(receive(fixture, 1), 0);
	assert_int_equal(fixture->ports[0]->counters.handed_datagrams, 1);
	assert_int_equal(fixture->ports[0]->counters.received_datagrams, 0);
	assert_int_equal(port->ops->receive(port, incoming, DPS_PORT_BURST), 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(incoming[i].length, PAYLOAD_BYTES);
		assert_int_equal(incoming[i].bytes[99], 0x77);
		assert_int_equal(incoming[i].from.udp_port, 7420);
	}
	assert_int_equal(port->counters.received_datagrams, 2);
	port->ops->release(port, incoming, 2);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
}

static void receive__keeps_what_names_no_lane(void **state)
{
	struct fixture *fixture = *state;

	arrive(fixture, 1, make_frame(fixture, LANES, 7420));
	arrive(fixture, 1, make_frame(fixture, 255, 7420));
	assert_int_equal(receive(fixture, 1), 2); /* the engine counts them */
	assert_int_equal(fixture->ports[1]->counters.handed_datagrams, 0);
}

static void receive__takes_every_port_of_its_range_and_no_other(void **state)
{
	struct fixture *fixture = *state;

	arrive(fixture, 0, make_frame(fixture, 0, 7420 + DPS_ETHDEV_UDP_PORTS - 1));
	assert_int_equal(receive(fixture, 0), 1);
	arrive(fixture, 0, make_frame(fixture, 0, 7420 + DPS_ETHDEV_UDP_PORTS));
	arrive(fixture, 0, make_frame(fixture, 0, 7419));
	assert_int_equal(receive(fixture, 0), 0);
	assert_int_equal(fixture->ports[0]->counters.dropped_malformed, 2);
}

static void hand_over__is_bounded_and_counts_what_is_lost(void **state)
{
	struct fixture *fixture = *state;
	unsigned int came = 0;

	for (unsigned int i = 0; i < INBOX_PLACES + 45; i++) {
		arrive(fixture, 0, make_frame(fixture, 1, 7420));
		assert_int_equal(receive(fixture, 0), 0);
	}
	assert_int_equal(fixture->ports[0]->counters.handed_datagrams, INBOX_PLACES);
	assert_int_equal(fixture->ports[0]->counters.dropped_handed, 45);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), INBOX_PLACES);
	for (unsigned int i = 0; i < INBOX_PLACES; i++)
		came += receive(fixture, 1);
	assert_int_equal(came, INBOX_PLACES);
	assert_int_equal(rte_mempool_in_use_count(fixture->pool), 0);
}

/* Both a full inbox and a full queue move on: neither waits until the other is empty. */
static void receive__serves_the_inbox_and_the_queue_in_one_burst(void **state)
{
	struct fixture *fixture = *state;
	struct dps_port *port = fixture->ports[1];
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int own = 0;

	for (unsigned int i = 0; i < 2 * DPS_PORT_BURST; i++) {
		arrive(fixture, 0, make_frame(fixture, 1, 7421));
		arrive(fixture, 1, make_frame(fixture, 1, 7422));
	}
	while (fixture->ports[0]->counters.handed_datagrams < 2 * DPS_PORT_BURST)
		(void)receive(fixture, 0);
	assert_int_equal(port->ops->receive(port, incoming, DPS_PORT_BURST), DPS_PORT_BURST);
	for (unsigned int i = 0; i < DPS_PORT_BURST; i++) /* the UDP header's destination */
		own += dps_load_be16(incoming[i].bytes - 6) == 7422;
	assert_int_equal(own, DPS_PORT_BURST / 2);
	port->ops->release(port, incoming, DPS_PORT_BURST);
	drain(fixture);
}

static void send__goes_out_on_the_lanes_own_queue(void **state)
{
	struct fixture *fixture = *state;
	struct dps_address remote = address_of("192.0.2.2/24", true);
	struct dps_port *port = fixture->ports[2];
	uint8_t *slots = port->ops->allocate(port, 4096);
	uint8_t head[56] = { 0 };
	struct dps_outgoing outgoing = { .head = head, .head_bytes = 56, .body = slots };
	struct rte_mbuf *frame;
	const uint8_t *udp;
	int index;

	assert_non_null(slots);
	remote.from_udp_port = 7433;
	index = port->ops->add_remote(port, &remote);
	assert_true(index >= 0);
	outgoing.remote = (uint32_t)index;
	outgoing.body_bytes = 1000;
	assert_int_equal(port->ops->send(port, &outgoing, 1), 1);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 0, &frame, 1), 0);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 1, &frame, 1), 0);
	assert_int_equal(rte_eth_rx_burst(fixture->device, 2, &frame, 1), 1);
	udp = rte_pktmbuf_mtod_offset(frame, const uint8_t *, 14 + 20);
	assert_int_equal(dps_load_be16(udp), 7433);
	assert_int_equal(dps_load_be16(udp + 2), 7420);
	rte_pktmbuf_free(frame);
	assert_int_equal(fixture->released, 1);
	assert_int_equal(port->counters.sent_datagrams, 1);
	assert_int_equal(fixture->ports[0]->counters.sent_datagrams, 0);
	assert_int_equal(port->local.udp_port, 7422);
}

/* A neighbour answers one queue, and all lanes asked. */
static void resolve__what_one_lane_hears_all_know(void **state)
{
	struct fixture *fixture = *state;
	struct dps_address unknown = address_of("192.0.2.9/24", false);
	struct dps_frame_self other = { .address = address_of("192.0.2.9/24", true) };
	struct rte_mbuf *answer = rte_pktmbuf_alloc(fixture->pool);
	struct dps_frame_self ours = { .address = fixture->ports[0]->local };
	uint8_t question[DPS_NEIGHBOUR_FRAME_BYTES];
	struct dps_neighbour_claim claim;
	uint32_t remotes[LANES];
	uint32_t bytes;

	for (unsigned int i = 0; i < LANES; i++) {
		int index = fixture->ports[i]->ops->add_remote(fixture->ports[i], &unknown);

		assert_true(index >= 0);
		remotes[i] = (uint32_t)index;
		assert_false(dps_ethdev_is_resolved(fixture->ports[i], remotes[i]));
	}
	bytes = dps_neighbour_ask(&ours, other.address.ip, question);
	bytes = dps_neighbour_answer(&other, question, bytes, -1,
				     rte_pktmbuf_mtod(answer, uint8_t *), 128, &claim);
	assert_true(bytes > 0);
	answer->data_len = (uint16_t)bytes;
	answer->pkt_len = bytes;
	arrive(fixture, 1, answer);
	drain(fixture);
	for (unsigned int i = 0; i < LANES; i++)
		assert_true(dps_ethdev_is_resolved(fixture->ports[i], remotes[i]));
}

static void close__the_last_one_stops_the_device(void **state)
{
	struct fixture *fixture = *state;
	struct rte_eth_link link;

	fixture->ports[0]->ops->close(fixture->ports[0]);
	fixture->ports[2]->ops->close(fixture->ports[2]);
	assert_int_equal(rte_eth_link_get_nowait(fixture->device, &link), 0);
	fixture->ports[1]->ops->close(fixture->ports[1]);
	assert_int_equal(rte_eth_link_get_nowait(fixture->device, &link), -ENODEV);
	rte_mempool_free(fixture->pool);
}

static void open__refuses_more_lanes_than_it_serves(void **state)
{
	struct dps_ethdev_config config = { .udp_port = 7420, .queues = DPS_ETHDEV_QUEUES_MAX + 1 };
	struct dps_port *ports[DPS_ETHDEV_QUEUES_MAX + 1];
	struct dps_port_name name;
	char why[512];

	(void)state;
	assert_int_equal(dps_port_name_parse(&name, "vdev:net_ring90", why, sizeof(why)), 0);
	config.name = &name;
	assert_int_equal(dps_ethdev_open(ports, &config, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "17"));
}

/* net_null scales, and tells how; net_ring does neither. */
static void choose_port__asks_the_device_how_it_scales(void **state)
{
	struct dps_ethdev_config config = { .udp_port = 7420, .queues = LANES };
	struct dps_address remote = address_of("192.0.2.2/24", true);
	struct dps_steering steering = { .has_ipv4_ports = true };
	struct rte_eth_rss_conf conf = { .rss_key = steering.key, .rss_key_len = 40 };
	struct rte_eth_rss_reta_entry64 groups[2] = { { .mask = UINT64_MAX },
						      { .mask = UINT64_MAX } };
	struct dps_port *ports[LANES];
	struct dps_port_name name;
	uint16_t device;
	char why[512];

	(void)state;
	assert_int_equal(dps_port_name_parse(&name, "vdev:net_null0,no-rx=1", why, sizeof(why)), 0);
	config.name = &name;
	assert_int_equal(dps_subnet_parse(&config.subnet, "192.0.2.1/24", why, sizeof(why)), 0);
	if (dps_ethdev_open(ports, &config, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &device), 0);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(device, &conf), 0);
	assert_int_equal(rte_eth_dev_rss_reta_query(device, groups, 128), 0);
	steering.key_bytes = 40;
	steering.entries = 128;
	for (unsigned int i = 0; i < 128; i++)
		steering.queues[i] = groups[i / 64].reta[i % 64];
	for (unsigned int i = 0; i < LANES; i++) {
		struct dps_address to = ports[i]->local;

		to.udp_port = dps_ethdev_choose_port(ports[i], &remote);
		assert_in_range(to.udp_port, 7420, 7420 + DPS_ETHDEV_UDP_PORTS - 1);
		assert_int_equal(dps_steering_queue_of(&steering, &remote, &to), i);
	}
	for (unsigned int i = 0; i < LANES; i++)
		ports[i]->ops->close(ports[i]);
}

static void choose_port__is_the_lanes_own_where_nothing_steers(void **state)
{
	struct fixture *fixture = *state;
	struct dps_address remote = address_of("192.0.2.2/24", true);

	for (unsigned int i = 0; i < LANES; i++)
		assert_int_equal(dps_ethdev_choose_port(fixture->ports[i], &remote), 7420 + i);
}

#define WITH_PORTS(test) cmocka_unit_test_setup_teardown(test, open_ports, close_ports)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PORTS(receive__gives_each_lane_what_came_to_its_queue),
		WITH_PORTS(receive__hands_over_what_came_to_another_queue),
		WITH_PORTS(receive__keeps_what_names_no_lane),
		WITH_PORTS(receive__takes_every_port_of_its_range_and_no_other),
		WITH_PORTS(hand_over__is_bounded_and_counts_what_is_lost),
		WITH_PORTS(receive__serves_the_inbox_and_the_queue_in_one_burst),
		WITH_PORTS(send__goes_out_on_the_lanes_own_queue),
		WITH_PORTS(resolve__what_one_lane_hears_all_know),
		WITH_PORTS(choose_port__is_the_lanes_own_where_nothing_steers),
		cmocka_unit_test(choose_port__asks_the_device_how_it_scales),
		cmocka_unit_test_setup(close__the_last_one_stops_the_device, open_ports),
		cmocka_unit_test(open__refuses_more_lanes_than_it_serves),
	};

	return cmocka_run_group_tests(tests, with_eal_start, with_eal_stop);
}
