/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/port_name.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <string.h>

static void expect(const char *text, enum dps_port_kind kind, const char *what)
{
	struct dps_port_name name;
	char why[256] = "";

	if (dps_port_name_parse(&name, text, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	assert_int_equal(name.kind, kind);
	assert_string_equal(name.what, what);
	assert_string_equal(name.text, text);
}

/* A refusal is a sentence that quotes what was written. */
static void expect_refusal(const char *text)
{
	struct dps_port_name name;
	char why[256] = "";

	assert_int_equal(dps_port_name_parse(&name, text, why, sizeof(why)), -EINVAL);
	assert_int_equal(why[0], '"');
	assert_int_equal(why[strlen(why) - 1], '.');
	assert_non_null(strchr(why, ' '));
}

static void parse__knows_every_kind(void **state)
{
	(void)state;
	expect("memif:/run/dps/link", DPS_PORT_MEMIF, "/run/dps/link");
	expect("memif:link", DPS_PORT_MEMIF, "./link");
	expect("memif:a/b.sock", DPS_PORT_MEMIF, "a/b.sock");
	expect("af_packet:eth0", DPS_PORT_AF_PACKET, "eth0");
	expect("af_packet:eth0.7", DPS_PORT_AF_PACKET, "eth0.7");
	expect("af_xdp:enp59s0f0np0", DPS_PORT_AF_XDP, "enp59s0f0np0");
	expect("pci:0000:3b:00.0", DPS_PORT_PCI, "0000:3b:00.0");
	expect("pci:3b:00.1", DPS_PORT_PCI, "0000:3b:00.1");
	expect("pci:1:2:3.4", DPS_PORT_PCI, "0001:02:03.4");
	expect("vdev:net_tap0,iface=tap0", DPS_PORT_VDEV, "net_tap0,iface=tap0");
	expect("vdev:net_null0", DPS_PORT_VDEV, "net_null0");
	expect("udp", DPS_PORT_UDP, "");
	expect("udp:192.0.2.1", DPS_PORT_UDP, "192.0.2.1");
}

static void parse__refuses_what_is_no_port(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"eth0",
		"memif",
		"memif:",
		"Memif:/tmp/x",
		"memi:/tmp/x",
		"memiff:/tmp/x",
		"af_packet",
		"af_packet:",
		"af_xdp:",
		"pci:",
		"pci",
		"vdev:",
		"vdev",
		"udp:",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(bad[i]);
}

static void parse__refuses_what_would_become_another_argument(void **state)
{
	(void)state;
	expect_refusal("memif:/tmp/x,zero-copy=no");
	expect_refusal("memif:/tmp/a b");
	expect_refusal("memif:/tmp/x\n");
	expect_refusal("memif:/tmp/[x]");
	expect_refusal("af_packet:eth0,qpairs=8");
	expect_refusal("af_xdp:eth0/../x");
	expect_refusal("vdev:net_null0\n");
	expect_refusal("vdev:,iface=x");
}

static void parse__refuses_bad_lengths_and_numbers(void **state)
{
	char text[400];

	(void)state;
	expect_refusal("memif:/tmp/");
	expect_refusal("af_packet:sixteen-letters-");
	expect_refusal("pci:0000:3b:00");
	expect_refusal("pci:0000:3b:00.8");
	expect_refusal("pci:0000:3b:20.0");
	expect_refusal("pci:0000:3b:00.0x");
	expect_refusal("pci:g0:00.0");
	memset(text, 'a', sizeof(text));
	memcpy(text, "memif:/", 7);
	text[7 + 107] = '\0'; /* 108 characters of path */
	expect_refusal(text);
	text[7 + 106] = '\0';
	expect(text, DPS_PORT_MEMIF, text + 6);
	memset(text, 'a', sizeof(text));
	memcpy(text, "vdev:", 5);
	text[5 + 64] = '\0';
	expect_refusal(text);
	text[sizeof(text) - 1] = '\0';
	text[5 + 64] = 'a';
	expect_refusal(text);
}

static void expect_subnet(const char *text, uint8_t family, unsigned int bits, const char *in,
			  const char *out)
{
	struct dps_subnet subnet, other;
	char why[256] = "", host[64];

	assert_int_equal(dps_subnet_parse(&subnet, text, why, sizeof(why)), 0);
	assert_int_equal(subnet.address.family, family);
	assert_int_equal(subnet.prefix_bits, bits);
	strcat(strcpy(host, in), family == DPS_ADDRESS_IPV6 ? "/128" : "/32");
	assert_int_equal(dps_subnet_parse(&other, host, why, sizeof(why)), 0);
	assert_true(dps_subnet_contains(&subnet, other.address.ip));
	strcat(strcpy(host, out), family == DPS_ADDRESS_IPV6 ? "/128" : "/32");
	assert_int_equal(dps_subnet_parse(&other, host, why, sizeof(why)), 0);
	assert_false(dps_subnet_contains(&subnet, other.address.ip));
}

static void subnet__contains_by_prefix(void **state)
{
	(void)state;
	expect_subnet("192.0.2.1/24", DPS_ADDRESS_IPV4, 24, "192.0.2.255", "192.0.3.1");
	expect_subnet("192.0.2.1/31", DPS_ADDRESS_IPV4, 31, "192.0.2.0", "192.0.2.2");
	expect_subnet("192.0.2.1/32", DPS_ADDRESS_IPV4, 32, "192.0.2.1", "192.0.2.0");
	expect_subnet("10.9.8.7/9", DPS_ADDRESS_IPV4, 9, "10.127.0.1", "10.128.0.1");
	expect_subnet("2001:db8::1/64", DPS_ADDRESS_IPV6, 64, "2001:db8::ffff", "2001:db8:0:1::1");
	expect_subnet("2001:db8::1/127", DPS_ADDRESS_IPV6, 127, "2001:db8::", "2001:db8::2");
}

static void subnet__refuses_what_no_host_can_have(void **state)
{
	static const char *const bad[] = {
		"",
		"/24",
		"192.0.2.1",
		"192.0.2.1/",
		"192.0.2.1/0",
		"192.0.2.1/33",
		"192.0.2.1/-1",
		"192.0.2.1/24x",
		"192.0.2/24",
		"224.0.0.1/24",
		"0.0.0.0/8",
		"ff02::1/64",
		"2001:db8::/129",
		"host/24",
		"192.0.2.1/ 24",
		"255.255.255.255/32",
		"2001:db8:1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:0:1:2:3:4:5:6/64",
	};
	struct dps_subnet subnet;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dps_subnet_parse(&subnet, bad[i], why, sizeof(why)), -EINVAL);
}

static void from_mac__is_eui_64_and_differs_where_the_kernel_has_it(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
	static const uint8_t expected[16] = { 0xfe, 0x80, [8] = 0, 0x11, 0x22,
					      0xff, 0xfe, 0x33,	   0x44, 0x55 };
	struct dps_subnet own, shared;

	(void)state;
	dps_subnet_from_mac(&own, mac, false);
	dps_subnet_from_mac(&shared, mac, true);
	assert_memory_equal(own.address.ip, expected, 16);
	assert_int_equal(own.prefix_bits, 64);
	assert_memory_not_equal(shared.address.ip, expected, 16);
	assert_true(dps_subnet_contains(&own, shared.address.ip));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__knows_every_kind),
		cmocka_unit_test(parse__refuses_what_is_no_port),
		cmocka_unit_test(parse__refuses_what_would_become_another_argument),
		cmocka_unit_test(parse__refuses_bad_lengths_and_numbers),
		cmocka_unit_test(subnet__contains_by_prefix),
		cmocka_unit_test(subnet__refuses_what_no_host_can_have),
		cmocka_unit_test(from_mac__is_eui_64_and_differs_where_the_kernel_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
