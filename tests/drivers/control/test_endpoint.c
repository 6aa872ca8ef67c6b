/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/endpoint.h"
#include "tests/support/cmocka.h"
#include <string.h>

static void parse__takes_what_users_write(void **state)
{
	static const struct {
		const char *text;
		enum dps_endpoint_use use;
		const char *host;
		uint16_t port;
	} cases[] = {
		{ "10.0.0.1", DPS_ENDPOINT_CONNECT, "10.0.0.1", 7420 },
		{ "10.0.0.1:80", DPS_ENDPOINT_CONNECT, "10.0.0.1", 80 },
		{ "collector-1.example", DPS_ENDPOINT_CONNECT, "collector-1.example", 7420 },
		{ "localhost:65535", DPS_ENDPOINT_CONNECT, "localhost", 65535 },
		{ "[::1]", DPS_ENDPOINT_CONNECT, "::1", 7420 },
		{ "[fe80::1%eth0]:1", DPS_ENDPOINT_CONNECT, "fe80::1%eth0", 1 },
		{ "[::]:7421", DPS_ENDPOINT_LISTEN, "::", 7421 },
		{ ":7421", DPS_ENDPOINT_LISTEN, "", 7421 },
		{ "127.0.0.1:0", DPS_ENDPOINT_LISTEN, "127.0.0.1", 0 },
		{ "0.0.0.0", DPS_ENDPOINT_LISTEN, "0.0.0.0", 7420 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[DPS_ENDPOINT_ERROR_BYTES];
		struct dps_endpoint_name endpoint;

		if (!dps_endpoint_parse(&endpoint, cases[i].text, cases[i].use, error))
			fail_msg("%s: %s", cases[i].text, error);
		assert_string_equal(endpoint.host, cases[i].host);
		assert_int_equal(endpoint.port, cases[i].port);
	}
}

static void parse__explains_what_it_does_not_take(void **state)
{
	static const struct {
		const char *text;
		enum dps_endpoint_use use;
		const char *sentence;
	} cases[] = {
		{ "", DPS_ENDPOINT_LISTEN, "is empty" },
		{ ":7420", DPS_ENDPOINT_CONNECT, "does not say which host" },
		{ "::1", DPS_ENDPOINT_CONNECT, "IPv6 stands in brackets" },
		{ "fe80::1:7420", DPS_ENDPOINT_LISTEN, "IPv6 stands in brackets" },
		{ "[::1", DPS_ENDPOINT_CONNECT, "bracket that is not closed" },
		{ "[::1]7420", DPS_ENDPOINT_CONNECT, "without a colon" },
		{ "[10.0.0.1]:1", DPS_ENDPOINT_CONNECT, "no IPv6 address in its brackets" },
		{ "[]:1", DPS_ENDPOINT_LISTEN, "no IPv6 address in its brackets" },
		{ "[fe80::1%]:1", DPS_ENDPOINT_CONNECT, "no IPv6 address in its brackets" },
		{ "host:", DPS_ENDPOINT_CONNECT, "a port that is not a number" },
		{ "host:0", DPS_ENDPOINT_CONNECT, "a port that is not a number" },
		{ "host:65536", DPS_ENDPOINT_CONNECT, "a port that is not a number" },
		{ "host:+1", DPS_ENDPOINT_CONNECT, "a port that is not a number" },
		{ "host:1x", DPS_ENDPOINT_LISTEN, "a port that is not a number" },
		{ "host:184467440737095516161", DPS_ENDPOINT_LISTEN, "a port that is not" },
		{ "10.0.0.256", DPS_ENDPOINT_CONNECT, "neither an IP address nor a name" },
		{ "10.0.0", DPS_ENDPOINT_CONNECT, "neither an IP address nor a name" },
		{ "a b", DPS_ENDPOINT_CONNECT, "neither an IP address nor a name" },
		{ "-o", DPS_ENDPOINT_CONNECT, "neither an IP address nor a name" },
		{ "user@host", DPS_ENDPOINT_CONNECT, "neither an IP address nor a name" },
	};
	char error[DPS_ENDPOINT_ERROR_BYTES], text[400];
	struct dps_endpoint_name endpoint;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(dps_endpoint_parse(&endpoint, cases[i].text, cases[i].use, error));
		if (!strstr(error, cases[i].sentence) || !strstr(error, cases[i].text))
			fail_msg("%s: %s", cases[i].text, error);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(dps_endpoint_parse(&endpoint, text, DPS_ENDPOINT_CONNECT, error));
	assert_non_null(strstr(error, "is too long"));
}

static void resolve__gives_addresses_that_format_as_written(void **state)
{
	static const char *const texts[] = { "192.0.2.7:80", "[2001:db8::1]:7420" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
		char error[DPS_ENDPOINT_ERROR_BYTES], text[DPS_ENDPOINT_TEXT_BYTES];
		struct dps_endpoint_name endpoint;

		assert_true(dps_endpoint_parse(&endpoint, texts[i], DPS_ENDPOINT_CONNECT, error));
		assert_int_equal(
			dps_endpoint_resolve(&endpoint, DPS_ENDPOINT_CONNECT, addresses, error), 1);
		dps_socket_address_format(&addresses[0], text);
		assert_string_equal(text, texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__takes_what_users_write),
		cmocka_unit_test(parse__explains_what_it_does_not_take),
		cmocka_unit_test(resolve__gives_addresses_that_format_as_written),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
