/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/greeting.h"
#include "tests/support/cmocka.h"
#include <string.h>

static const struct dps_greeting good = {
	.instance = 0x0102030405060708,
	.connection_id = UINT64_MAX,
	.address = { .family = DPS_ADDRESS_IPV6,
		     .has_mac = 1,
		     .mac = { 1, 2, 3, 4, 5, 6 },
		     .ip = { 0xfe, 0x80, [15] = 1 },
		     .udp_port = 7420,
		     .mtu = 9000 },
	.payload_bytes = 8192,
	.seal = DPS_GREETING_AES_128_GCM,
};

static void greeting__says_what_it_was_told(void **state)
{
	uint8_t bytes[DPS_GREETING_BYTES];
	struct dps_greeting heard;

	(void)state;
	dps_greeting_encode(&good, bytes);
	assert_null(dps_greeting_decode(&heard, bytes));
	assert_int_equal(heard.instance, good.instance);
	assert_int_equal(heard.connection_id, good.connection_id);
	assert_int_equal(heard.address.family, good.address.family);
	assert_int_equal(heard.address.udp_port, good.address.udp_port);
	assert_int_equal(heard.address.mtu, good.address.mtu);
	assert_int_equal(heard.address.has_mac, 1);
	assert_memory_equal(heard.address.ip, good.address.ip, sizeof(good.address.ip));
	assert_memory_equal(heard.address.mac, good.address.mac, sizeof(good.address.mac));
	assert_int_equal(heard.payload_bytes, good.payload_bytes);
	assert_int_equal(heard.seal, good.seal);
}

/* As docs/protocol.md has it. */
static void greeting__has_its_fields_where_they_are_written_down(void **state)
{
	uint8_t bytes[DPS_GREETING_BYTES];

	(void)state;
	dps_greeting_encode(&good, bytes);
	assert_memory_equal(bytes, ((uint8_t[]){ 0, 0, 0, 60, 0xc0, 1, 1, 2 }), 8);
	assert_memory_equal(bytes + 8, ((uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }), 8);
	assert_memory_equal(bytes + 24,
			    ((uint8_t[]){ 7420 >> 8, 7420 & 255, 9000 >> 8, 9000 & 255, 0, 0, 0x20,
					  0, 0xfe, 0x80 }),
			    10);
	assert_memory_equal(bytes + 48, ((uint8_t[]){ 1, 2, 3, 4, 5, 6, 1, 0 }), 8);
}

static void decode__refuses_what_is_none(void **state)
{
	/* Where, what stands there then. */
	static const struct {
		uint8_t at, value;
	} faults[] = {
		{ 0, 1 },   { 3, 61 }, { 4, 0x81 }, { 4, '{' }, { 5, 0 },     { 5, 2 },	 { 6, 2 },
		{ 6, 255 }, { 7, 3 },  { 7, 255 },  { 28, 1 },	{ 30, 0x80 }, { 30, 4 }, { 26, 4 },
	};
	uint8_t bytes[DPS_GREETING_BYTES];
	struct dps_greeting heard;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		dps_greeting_encode(&good, bytes);
		bytes[faults[i].at] = faults[i].value;
		assert_non_null(dps_greeting_decode(&heard, bytes));
	}
	dps_greeting_encode(&good, bytes);
	memset(bytes + 8, 0, 8); /* instance */
	assert_non_null(dps_greeting_decode(&heard, bytes));
	dps_greeting_encode(&good, bytes);
	memset(bytes + 24, 0, 2); /* UDP port */
	assert_non_null(dps_greeting_decode(&heard, bytes));
	dps_greeting_encode(&good, bytes);
	memset(bytes + 28, 0, 4); /* payload */
	assert_non_null(dps_greeting_decode(&heard, bytes));
}

static void decode__passes_over_what_is_to_come(void **state)
{
	uint8_t bytes[DPS_GREETING_BYTES];
	struct dps_greeting heard;

	(void)state;
	dps_greeting_encode(&good, bytes);
	memset(bytes + 55, 0xff, 9);
	assert_null(dps_greeting_decode(&heard, bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeting__says_what_it_was_told),
		cmocka_unit_test(greeting__has_its_fields_where_they_are_written_down),
		cmocka_unit_test(decode__refuses_what_is_none),
		cmocka_unit_test(decode__passes_over_what_is_to_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
