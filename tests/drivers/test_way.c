/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/sockaddr.h"
#include "drivers/way/way.h"
#include "tests/support/cmocka.h"
#include <dps/limits.h>
#include <netinet/in.h>
#include <string.h>

static const struct dps_address loopback = {
	.family = DPS_ADDRESS_IPV4,
	.ip = { 127, 0, 0, 1 },
	.udp_port = 7420,
};

static struct sockaddr_storage control_from(const struct dps_address *address, int family)
{
	struct sockaddr_storage storage;

	assert_true(dps_sockaddr_encode(address, family, &storage) > 0);
	return storage;
}

static void find__takes_what_was_said(void **state)
{
	const struct sockaddr_storage control = control_from(&loopback, AF_INET);
	struct dps_address said = loopback, address;

	(void)state;
	said.ip[3] = 9;
	said.udp_port = 5;
	said.mtu = 1500;
	said.has_mac = 1;
	said.mac[5] = 7;
	dps_way_find(&said, &control, &address);
	assert_memory_equal(&address, &said, sizeof(address));
}

/* Only the address is of the control connection: its port is TCP's. */
static void find__of_no_address_takes_that_of_the_control_connection(void **state)
{
	struct dps_address link_local = { .family = DPS_ADDRESS_IPV6, .ip = { 0xfe, 0x80 } };
	const struct dps_address said = { .udp_port = 5, .mtu = 1400 };
	struct sockaddr_storage control;
	struct dps_address address;

	(void)state;
	link_local.scope = 3;
	link_local.udp_port = 7420;
	control = control_from(&link_local, AF_INET6);
	dps_way_find(&said, &control, &address);
	assert_int_equal(address.family, DPS_ADDRESS_IPV6);
	assert_memory_equal(address.ip, link_local.ip, sizeof(address.ip));
	assert_int_equal(address.scope, 3);
	assert_int_equal(address.udp_port, 5);
	assert_int_equal(address.mtu, 1400);
	/* One that came over IPv4 to a socket for both. */
	control = control_from(&loopback, AF_INET6);
	dps_way_find(&said, &control, &address);
	assert_int_equal(address.family, DPS_ADDRESS_IPV4);
	assert_memory_equal(address.ip, loopback.ip, 4);
}

static void find__takes_the_link_of_the_control_connection(void **state)
{
	const struct dps_address near = { .family = DPS_ADDRESS_IPV6,
					  .ip = { 0xfe, 0x80, [15] = 1 },
					  .scope = 3 };
	const struct sockaddr_storage control = control_from(&near, AF_INET6);
	struct dps_address said = near, address;

	(void)state;
	said.ip[15] = 2;
	said.scope = 0; /* no peer knows how our links are numbered */
	dps_way_find(&said, &control, &address);
	assert_memory_equal(address.ip, said.ip, sizeof(address.ip));
	assert_int_equal(address.scope, 3);
}

static void find__lets_no_peer_say_which_port_of_ours_it_is(void **state)
{
	const struct sockaddr_storage control = control_from(&loopback, AF_INET);
	struct dps_address said = loopback, address;

	(void)state;
	said.from_udp_port = 53;
	dps_way_find(&said, &control, &address);
	assert_int_equal(address.from_udp_port, 0);
}

static void datagram_bytes__is_what_both_ends_take(void **state)
{
	const struct dps_port port = { .mtu = 9000 };
	struct dps_address said = loopback;

	(void)state;
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV4), 8972);
	said.mtu = 9001;
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV4), 8972);
	said.mtu = 1500;
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV4), 1472);
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV6), 1452);
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 1000, DPS_ADDRESS_IPV4),
			 1000 + DPS_ENVELOPE_BYTES);
}

/* Of a peer that lies: nothing is sent to it, least of all more than our own port takes. */
static void datagram_bytes__of_an_mtu_without_room_for_headers_are_none(void **state)
{
	const struct dps_port port = { .mtu = 1500 };
	struct dps_address said = loopback;

	(void)state;
	for (said.mtu = 1; said.mtu <= 48; said.mtu++) {
		assert_in_range(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV4), 0,
				20);
		assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV6), 0);
	}
	said.mtu = 28;
	assert_int_equal(dps_way_datagram_bytes(&port, &said, 65536, DPS_ADDRESS_IPV4), 0);
}

static void make_challenge__is_never_the_same(void **state)
{
	uint64_t first = dps_way_make_challenge(), second = dps_way_make_challenge();

	(void)state;
	assert_int_not_equal(first, 0);
	assert_int_not_equal(second, 0);
	assert_int_not_equal(first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find__takes_what_was_said),
		cmocka_unit_test(find__of_no_address_takes_that_of_the_control_connection),
		cmocka_unit_test(find__takes_the_link_of_the_control_connection),
		cmocka_unit_test(find__lets_no_peer_say_which_port_of_ours_it_is),
		cmocka_unit_test(datagram_bytes__is_what_both_ends_take),
		cmocka_unit_test(datagram_bytes__of_an_mtu_without_room_for_headers_are_none),
		cmocka_unit_test(make_challenge__is_never_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
