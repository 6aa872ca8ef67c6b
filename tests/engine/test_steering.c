/* SPDX-License-Identifier: BSD-3-Clause */
/* The vectors are those of Microsoft's "Verifying the RSS hash calculation". */
#include "engine/steering.h"
#include "tests/support/cmocka.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t microsoft_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct vector {
	const char *from;
	uint16_t from_port;
	const char *to;
	uint16_t to_port;
	uint32_t hash; /* over addresses and ports */
	uint32_t address_hash;
};

static const struct vector vectors[] = {
	{ "66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178, 0x323e8fc2 },
	{ "199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea, 0xd718262a },
	{ "24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a, 0xd2d0a5de },
	{ "38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f, 0x82989176 },
	{ "153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2, 0x5d1809c5 },
	{ "3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d, 0x2cc18cd5 },
	{ "3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0xdde51bbf, 0x0f0c461c },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024,
	  0x02d1feef, 0x4b61e985 },
};

enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static struct dps_address address_of(const char *ip, uint16_t port)
{
	struct dps_address address = { .udp_port = port };

	if (inet_pton(AF_INET, ip, address.ip) == 1)
		address.family = DPS_ADDRESS_IPV4;
	else if (inet_pton(AF_INET6, ip, address.ip) == 1)
		address.family = DPS_ADDRESS_IPV6;
	assert_int_not_equal(address.family, DPS_ADDRESS_NONE);
	return address;
}

/* A table that names a queue for each of 128 hashes. */
static struct dps_steering steering_of(uint16_t queues)
{
	struct dps_steering steering = {
		.key_bytes = sizeof(microsoft_key),
		.entries = 128,
		.has_ipv4_ports = true,
		.has_ipv6_ports = true,
	};

	memcpy(steering.key, microsoft_key, sizeof(microsoft_key));
	for (uint16_t i = 0; i < 128; i++)
		steering.queues[i] = (uint16_t)(i % queues);
	return steering;
}

static void toeplitz__agrees_with_the_published_vectors(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < VECTORS; i++) {
		const struct vector *vector = &vectors[i];
		struct dps_address from = address_of(vector->from, vector->from_port);
		struct dps_address to = address_of(vector->to, vector->to_port);
		size_t ip = from.family == DPS_ADDRESS_IPV6 ? 16 : 4;
		uint8_t tuple[36];

		memcpy(tuple, from.ip, ip);
		memcpy(tuple + ip, to.ip, ip);
		assert_true(dps_toeplitz(microsoft_key, tuple, 2 * ip) == vector->address_hash);
		tuple[2 * ip] = (uint8_t)(from.udp_port >> 8);
		tuple[2 * ip + 1] = (uint8_t)from.udp_port;
		tuple[2 * ip + 2] = (uint8_t)(to.udp_port >> 8);
		tuple[2 * ip + 3] = (uint8_t)to.udp_port;
		assert_true(dps_toeplitz(microsoft_key, tuple, 2 * ip + 4) == vector->hash);
	}
}

static void queue_of__is_what_the_table_has_for_the_hash(void **state)
{
	struct dps_steering steering = steering_of(128);

	(void)state;
	for (unsigned int i = 0; i < VECTORS; i++) {
		struct dps_address from = address_of(vectors[i].from, vectors[i].from_port);
		struct dps_address to = address_of(vectors[i].to, vectors[i].to_port);

		assert_int_equal(dps_steering_queue_of(&steering, &from, &to),
				 vectors[i].hash & 127);
	}
}

static void queue_of__says_when_it_can_not_know(void **state)
{
	struct dps_address from = address_of("192.0.2.1", 7420), to = address_of("192.0.2.2", 7420);
	struct dps_address other = address_of("2001:db8::1", 7420);
	struct dps_steering steering = steering_of(4);

	(void)state;
	assert_true(dps_steering_queue_of(&steering, &from, &to) >= 0);
	assert_int_equal(dps_steering_queue_of(&steering, &from, &other), -ENOTSUP);
	steering.has_ipv4_ports = false;
	assert_int_equal(dps_steering_queue_of(&steering, &from, &to), -ENOTSUP);
	steering.has_ipv4_ports = true;
	steering.key_bytes = 16;
	assert_int_equal(dps_steering_queue_of(&steering, &from, &to), -EINVAL);
	steering.key_bytes = sizeof(microsoft_key);
	steering.entries = 0;
	assert_int_equal(dps_steering_queue_of(&steering, &from, &to), -EINVAL);
}

static void choose_port__brings_datagrams_to_every_queue(void **state)
{
	static const uint16_t counts[] = { 1, 2, 3, 4, 7, 16 };
	static const char *const ips[][2] = { { "192.0.2.1", "192.0.2.2" },
					      { "10.1.2.3", "10.200.0.7" },
					      { "fe80::1", "fe80::ff:fe00:2" } };

	(void)state;
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct dps_steering steering = steering_of(counts[i]);

		for (unsigned int j = 0; j < 3 * counts[i]; j++) {
			struct dps_address from = address_of(ips[j % 3][0], 7420);
			struct dps_address to = address_of(ips[j % 3][1], 7420);
			uint16_t port = dps_steering_choose_port(&steering, &from, &to, 256, j / 3);

			assert_in_range(port, 7420, 7420 + 255);
			to.udp_port = port;
			assert_int_equal(dps_steering_queue_of(&steering, &from, &to), j / 3);
		}
	}
}

static void choose_port__says_when_there_is_none(void **state)
{
	struct dps_address from = address_of("192.0.2.1", 7420), to = address_of("192.0.2.2", 7420);
	struct dps_steering steering = steering_of(2);

	(void)state;
	assert_int_equal(dps_steering_choose_port(&steering, &from, &to, 256, 2), 0);
	assert_int_equal(dps_steering_choose_port(&steering, &from, &to, 0, 1), 0);
	to.udp_port = UINT16_MAX; /* ports end there */
	assert_true(dps_steering_choose_port(&steering, &from, &to, 256, 0) +
			    dps_steering_choose_port(&steering, &from, &to, 256, 1) ==
		    UINT16_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(toeplitz__agrees_with_the_published_vectors),
		cmocka_unit_test(queue_of__is_what_the_table_has_for_the_hash),
		cmocka_unit_test(queue_of__says_when_it_can_not_know),
		cmocka_unit_test(choose_port__brings_datagrams_to_every_queue),
		cmocka_unit_test(choose_port__says_when_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
