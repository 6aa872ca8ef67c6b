/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/udp_name.h"
#include "tests/support/cmocka.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

static struct dps_address read_good(const char *name)
{
	struct dps_address bind;
	char why[256] = "";

	assert_true(dps_udp_is_name(name));
	if (dps_udp_read_name(name, &bind, why, sizeof(why)) != 0)
		fail_msg("%s: %s", name, why);
	return bind;
}

static void expect(const char *name, uint8_t family, const char *ip)
{
	struct dps_address bind = read_good(name);
	uint8_t expected[16] = { 0 };

	assert_int_equal(bind.family, family);
	assert_int_equal(inet_pton(family == DPS_ADDRESS_IPV4 ? AF_INET : AF_INET6, ip, expected),
			 1);
	assert_memory_equal(bind.ip, expected, sizeof(expected));
}

/* A refusal is a sentence that quotes what was written, and has what is expected. */
static void expect_refusal(const char *name, const char *words)
{
	struct dps_address bind;
	char why[256] = "";

	assert_true(dps_udp_is_name(name));
	assert_int_equal(dps_udp_read_name(name, &bind, why, sizeof(why)), -EINVAL);
	assert_int_equal(why[0], '"');
	assert_int_equal(strncmp(why + 1, name, 20 < strlen(name) ? 20 : strlen(name)), 0);
	assert_int_equal(why[strlen(why) - 1], '.');
	if (strstr(why, words) == NULL)
		fail_msg("%s: %s", name, why);
}

static void is_name__looks_at_the_kind_alone(void **state)
{
	(void)state;
	assert_true(dps_udp_is_name("udp"));
	assert_true(dps_udp_is_name("udp:"));
	assert_true(dps_udp_is_name("udp:nonsense"));
	assert_false(dps_udp_is_name(""));
	assert_false(dps_udp_is_name("ud"));
	assert_false(dps_udp_is_name("udp6"));
	assert_false(dps_udp_is_name("UDP"));
	assert_false(dps_udp_is_name("pci:0000:3b:00.0"));
}

static void read__of_no_address_is_all(void **state)
{
	(void)state;
	assert_int_equal(read_good("udp").family, DPS_ADDRESS_NONE);
}

static void read__knows_both_families(void **state)
{
	(void)state;
	expect("udp:192.0.2.1", DPS_ADDRESS_IPV4, "192.0.2.1");
	expect("udp:[192.0.2.1]", DPS_ADDRESS_IPV4, "192.0.2.1");
	expect("udp:2001:db8::1", DPS_ADDRESS_IPV6, "2001:db8::1");
	expect("udp:[2001:db8::1]", DPS_ADDRESS_IPV6, "2001:db8::1");
	expect("udp:::1", DPS_ADDRESS_IPV6, "::1");
	expect("udp:2001:0db8:0000:0000:0000:0000:0000:0001", DPS_ADDRESS_IPV6, "2001:db8::1");
}

static void read__of_a_link_local_address_takes_its_interface(void **state)
{
	struct dps_address bind;

	(void)state;
	expect("udp:fe80::1%lo", DPS_ADDRESS_IPV6, "fe80::1");
	expect("udp:[fe80::1%lo]", DPS_ADDRESS_IPV6, "fe80::1");
	bind = read_good("udp:[fe80::1%lo]");
	assert_int_equal(bind.scope, if_nametoindex("lo"));
	assert_int_equal(read_good("udp:2001:db8::1").scope, 0);
	expect_refusal("udp:fe80::1", "which one behind it");
	expect_refusal("udp:fe80::1%", "does not name an address");
	expect_refusal("udp:fe80::1%no-such-if", "`ip link`");
	expect_refusal("udp:192.0.2.1%lo", "does not name an address");
	expect_refusal("udp:fe80::1%sixteen-letters-", "does not name an address");
}

static void read__refuses_what_is_no_address(void **state)
{
	char text[400];

	(void)state;
	expect_refusal("udp:", "does not name an address");
	expect_refusal("udp:192.0.2.256", "does not name an address");
	expect_refusal("udp:192.0.2.1:7420", "does not name an address");
	expect_refusal("udp:host.example", "does not name an address");
	expect_refusal("udp:[", "does not name an address");
	expect_refusal("udp:[]", "does not name an address");
	expect_refusal("udp:[2001:db8::1", "does not name an address");
	memset(text, '1', sizeof(text));
	memcpy(text, "udp:", 4);
	text[sizeof(text) - 1] = '\0';
	expect_refusal(text, "does not name an address");
}

static void explain__says_where_addresses_are_to_be_found(void **state)
{
	char why[256];

	(void)state;
	dps_udp_explain("udp:203.0.113.1", -EADDRNOTAVAIL, why, sizeof(why));
	assert_non_null(strstr(why, "udp:203.0.113.1"));
	assert_non_null(strstr(why, "`ip address`"));
	dps_udp_explain("udp", -EMSGSIZE, why, sizeof(why));
	assert_non_null(strstr(why, "`ip link`"));
	dps_udp_explain("udp", -ERANGE, why, sizeof(why));
	assert_non_null(strstr(why, "1280 to"));
	dps_udp_explain("udp", -EMFILE, why, sizeof(why));
	assert_non_null(strstr(why, strerror(EMFILE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_name__looks_at_the_kind_alone),
		cmocka_unit_test(read__of_no_address_is_all),
		cmocka_unit_test(read__knows_both_families),
		cmocka_unit_test(read__of_a_link_local_address_takes_its_interface),
		cmocka_unit_test(read__refuses_what_is_no_address),
		cmocka_unit_test(explain__says_where_addresses_are_to_be_found),
	};

	return cmocka_run_group_tests_name("udp_name", tests, NULL, NULL);
}
