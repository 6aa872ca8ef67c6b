/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/wire.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A packet of DATA without its seal and payload, each field with a value of its own. */
static const struct dps_header golden_header = {
	.version = 1,
	.type = DPS_PACKET_DATA,
	.flags = DPS_PACKET_ACK_NOW | DPS_PACKET_DIGEST,
	.payload_bytes = 0x0580,
	.sent_at_us = 0x11223344,
	.connection_id = 0x0102030405060708,
	.packet_number = 0x0012131415161718,
	.offset = 0x2122232425262728,
	.floor = 0x31323334,
	.channel = 0x41424344,
};

static const uint8_t golden_header_bytes[DPS_HEADER_BYTES] = {
	0x11, 0x09, 0x05, 0x80, 0x11, 0x22, 0x33, 0x44, /* version, type, flags, payload, time */
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* connection id */
	0x00, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* packet number */
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* offset */
	0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, /* floor, channel */
};

static const size_t golden_length = DPS_ENVELOPE_BYTES + 0x0580;

/* A copy that ends where its allocation ends, so that a sanitizer sees every byte read past it. */
static uint8_t *copy_of(const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	if (length)
		memcpy(copy, bytes, length);
	return copy;
}

static void assert_headers_equal(const struct dps_header *a, const struct dps_header *b)
{
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->payload_bytes, b->payload_bytes);
	assert_int_equal(a->sent_at_us, b->sent_at_us);
	assert_int_equal(a->connection_id, b->connection_id);
	assert_int_equal(a->packet_number, b->packet_number);
	assert_int_equal(a->offset, b->offset);
	assert_int_equal(a->floor, b->floor);
	assert_int_equal(a->channel, b->channel);
}

static void key_phase__changes_every_four_million_packets(void **state)
{
	(void)state;
	assert_int_equal(dps_wire_key_phase(0), 0);
	assert_int_equal(dps_wire_key_phase(4194303), 0);
	assert_int_equal(dps_wire_key_phase(4194304), 1);
	assert_int_equal(dps_wire_key_phase(DPS_PACKET_NUMBER_MAX), UINT32_MAX);
}

static void header_encode__writes_the_documented_bytes(void **state)
{
	uint8_t bytes[DPS_HEADER_BYTES + 1];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	dps_header_encode(&golden_header, bytes);
	assert_memory_equal(bytes, golden_header_bytes, DPS_HEADER_BYTES);
	assert_int_equal(bytes[DPS_HEADER_BYTES], 0xee);
}

static void header_decode__reads_the_documented_bytes(void **state)
{
	struct dps_header header;
	uint8_t packet[DPS_ENVELOPE_BYTES + 0x0580] = { 0 };

	(void)state;
	memcpy(packet, golden_header_bytes, DPS_HEADER_BYTES);
	assert_int_equal(dps_header_decode(packet, golden_length, &header), 0);
	assert_headers_equal(&header, &golden_header);
}

static void header_decode__refuses_every_other_length(void **state)
{
	struct dps_header header;

	(void)state;
	for (size_t length = 0; length <= golden_length + 2; length++) {
		uint8_t packet[DPS_ENVELOPE_BYTES + 0x0580 + 2] = { 0 };
		uint8_t *exact;

		memcpy(packet, golden_header_bytes, DPS_HEADER_BYTES);
		exact = copy_of(packet, length);
		assert_int_equal(dps_header_decode(exact, length, &header),
				 length == golden_length ? 0 : -EBADMSG);
		free(exact);
	}
}

static void header_decode__refuses_another_version_before_all_else(void **state)
{
	struct dps_header header;
	uint8_t packet[DPS_ENVELOPE_BYTES];

	(void)state;
	for (unsigned int version = 0; version < 16; version++) {
		if (version == DPS_WIRE_VERSION)
			continue;
		memset(packet, 0xff, sizeof(packet));
		packet[0] = (uint8_t)(version << 4 | DPS_PACKET_DATA);
		assert_int_equal(dps_header_decode(packet, sizeof(packet), &header),
				 -EPROTONOSUPPORT);
	}
}

static void header_decode__takes_unknown_types_and_flags_as_they_are(void **state)
{
	struct dps_header header;
	uint8_t packet[DPS_ENVELOPE_BYTES] = { 0 };

	(void)state;
	packet[0] = DPS_WIRE_VERSION << 4 | 15;
	packet[1] = 0x70;
	assert_int_equal(dps_header_decode(packet, sizeof(packet), &header), 0);
	assert_int_equal(header.type, 15);
	assert_int_equal(header.flags, 0x70);
}

/* Encodes the golden header with these values and decodes it with a packet of the right length. */
static int decode_with(uint64_t packet_number, uint64_t offset, uint16_t payload_bytes)
{
	uint8_t *packet = calloc(1, DPS_ENVELOPE_BYTES + (size_t)payload_bytes);
	struct dps_header header = golden_header;
	int result;

	assert_non_null(packet);
	header.packet_number = packet_number;
	header.offset = offset;
	header.payload_bytes = payload_bytes;
	dps_header_encode(&header, packet);
	result = dps_header_decode(packet, DPS_ENVELOPE_BYTES + (size_t)payload_bytes, &header);
	free(packet);
	return result;
}

static void header_decode__bounds_numbers_offsets_and_payloads(void **state)
{
	(void)state;
	assert_int_equal(decode_with(DPS_PACKET_NUMBER_MAX, DPS_OFFSET_MAX, DPS_PAYLOAD_BYTES_MAX),
			 0);
	assert_int_equal(decode_with(DPS_PACKET_NUMBER_MAX + 1, 0, 0), -EBADMSG);
	assert_int_equal(decode_with(UINT64_MAX, 0, 0), -EBADMSG);
	assert_int_equal(decode_with(0, DPS_OFFSET_MAX + 1, 0), -EBADMSG);
	assert_int_equal(decode_with(0, UINT64_MAX, 0), -EBADMSG);
	assert_int_equal(decode_with(0, 0, DPS_PAYLOAD_BYTES_MAX + 1), -EBADMSG);
	assert_int_equal(decode_with(0, 0, UINT16_MAX), -EBADMSG);
}

static void header_decode__undoes_encode(void **state)
{
	uint8_t *packet = calloc(1, DPS_ENVELOPE_BYTES + DPS_PAYLOAD_BYTES_MAX);
	struct dps_random random;

	(void)state;
	assert_non_null(packet);
	dps_random_init(&random, 1);
	for (unsigned int i = 0; i < 100000; i++) {
		struct dps_header header = {
			.version = DPS_WIRE_VERSION,
			.type = (uint8_t)dps_random_below(&random, DPS_PACKET_TYPES_COUNT),
			.flags = (uint8_t)dps_random_next(&random),
			.payload_bytes =
				(uint16_t)dps_random_below(&random, DPS_PAYLOAD_BYTES_MAX + 1),
			.sent_at_us = (uint32_t)dps_random_next(&random),
			.connection_id = dps_random_next(&random),
			.packet_number = dps_random_below(&random, DPS_PACKET_NUMBER_MAX + 1),
			.offset = dps_random_below(&random, DPS_OFFSET_MAX + 1),
			.floor = (uint32_t)dps_random_next(&random),
			.channel = (uint32_t)dps_random_next(&random),
		};
		struct dps_header decoded;

		dps_header_encode(&header, packet);
		assert_int_equal(dps_header_decode(packet,
						   DPS_ENVELOPE_BYTES + header.payload_bytes,
						   &decoded),
				 0);
		assert_headers_equal(&header, &decoded);
	}
	free(packet);
}

static uint64_t floor_of(uint64_t packet_number, uint32_t low)
{
	struct dps_header header = { .packet_number = packet_number, .floor = low };

	return dps_header_floor(&header);
}

static void header_floor__is_the_highest_candidate_up_to_the_packet(void **state)
{
	struct dps_random random;

	(void)state;
	assert_int_equal(floor_of(100, 100), 100);
	assert_int_equal(floor_of(100, 7), 7);
	assert_int_equal(floor_of(0x100000005, 5), 0x100000005);
	assert_int_equal(floor_of(0x100000005, 6), 6);
	assert_int_equal(floor_of(0x300000000, 0xffffffff), 0x2ffffffff);
	assert_int_equal(floor_of(UINT64_MAX, 0), 0xffffffff00000000);
	dps_random_init(&random, 2);
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t number = dps_random_next(&random);
		uint64_t behind = dps_random_below(&random, UINT64_C(1) << 32);
		uint64_t floor = number > behind ? number - behind : number;

		assert_int_equal(floor_of(number, (uint32_t)floor), floor);
	}
}

static void header_floor__is_zero_when_no_candidate_fits(void **state)
{
	(void)state;
	assert_int_equal(floor_of(5, 6), 0);
	assert_int_equal(floor_of(0, UINT32_MAX), 0);
	assert_int_equal(floor_of(UINT32_MAX - 1, UINT32_MAX), 0);
}

static void probe__has_the_documented_bytes_and_ignores_its_padding(void **state)
{
	static const uint8_t golden[] = {
		0x00, 0x01, 0x86, 0xa0, 0x0a, 0x0b, 0x0c, 0x0d, 0x11, 0x22, 0x33, 0x44,
		0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01,
	};
	struct dps_probe probe = { .smoothed_rtt_us = 100000,
				   .flags = 0x0a0b0c0d,
				   .challenge = 0x1122334455667788,
				   .answer = 0x99aabbccddeeff01 };
	struct dps_probe decoded;
	uint8_t bytes[64];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(dps_probe_encode(&probe, bytes, sizeof(golden)), sizeof(golden));
	assert_memory_equal(bytes, golden, sizeof(golden));
	assert_int_equal(bytes[sizeof(golden)], 0xee);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		uint8_t *exact = copy_of(bytes, length);

		memset(&decoded, 0, sizeof(decoded));
		assert_int_equal(dps_probe_decode(exact, length, &decoded),
				 length < sizeof(golden) ? -EBADMSG : 0);
		if (length >= sizeof(golden))
			assert_memory_equal(&decoded, &probe, sizeof(probe));
		free(exact);
	}
}

static void close__has_the_documented_bytes_and_keeps_unknown_reasons(void **state)
{
	static const uint8_t golden[] = { 0x00, 0x00, 0x00, 0x07 };
	static const uint8_t unknown[] = { 0xde, 0xad, 0xbe, 0xef, 0x01 };
	struct dps_close close = { .reason = DPS_CLOSE_SUPERSEDED };
	struct dps_close decoded;
	uint8_t bytes[8];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(dps_close_encode(&close, bytes, sizeof(golden)), sizeof(golden));
	assert_memory_equal(bytes, golden, sizeof(golden));
	assert_int_equal(bytes[sizeof(golden)], 0xee);
	for (size_t length = 0; length <= sizeof(unknown); length++) {
		uint8_t *exact = copy_of(unknown, length);

		assert_int_equal(dps_close_decode(exact, length, &decoded),
				 length < sizeof(golden) ? -EBADMSG : 0);
		free(exact);
	}
	assert_int_equal(decoded.reason, 0xdeadbeef);
}

static int skipped(const uint8_t *bytes, size_t length)
{
	uint8_t *exact = copy_of(bytes, length);
	int result = dps_options_skip(exact, length);

	free(exact);
	return result;
}

static void options_skip__steps_over_what_it_need_not_understand(void **state)
{
	static const uint8_t none[] = { 0x00, 0x02, 0xaa };
	static const uint8_t empty[] = { 0x00, 0x04, 0x01, 0x00 };
	static const uint8_t two[] = { 0x00, 0x0a, 0x01, 0x03, 0x55, 0x66,
				       0x77, 0x7f, 0x01, 0x88, 0xaa };

	(void)state;
	assert_int_equal(skipped(none, sizeof(none)), 2);
	assert_int_equal(skipped(empty, sizeof(empty)), 4);
	assert_int_equal(skipped(two, sizeof(two)), 10);
	for (size_t length = 0; length < 10; length++)
		assert_int_equal(skipped(two, length), -EBADMSG);
}

static void options_skip__refuses_what_must_be_understood(void **state)
{
	static const uint8_t alone[] = { 0x00, 0x04, 0x80, 0x00 };
	static const uint8_t first[] = { 0x00, 0x07, 0xff, 0x00, 0x01, 0x01, 0x00 };

	(void)state;
	assert_int_equal(skipped(alone, sizeof(alone)), -EOPNOTSUPP);
	assert_int_equal(skipped(first, sizeof(first)), -EOPNOTSUPP);
}

static void options_skip__refuses_broken_chains(void **state)
{
	static const uint8_t shorter_than_itself[] = { 0x00, 0x01, 0x00 };
	static const uint8_t zero[] = { 0x00, 0x00, 0x00 };
	static const uint8_t half_an_option[] = { 0x00, 0x03, 0x01 };
	static const uint8_t value_past_chain[] = { 0x00, 0x05, 0x01, 0x02, 0x00, 0x00 };
	static const uint8_t broken_after_must[] = { 0x00, 0x06, 0x80, 0x00, 0x01, 0x01, 0x00 };

	(void)state;
	assert_int_equal(skipped(shorter_than_itself, sizeof(shorter_than_itself)), -EBADMSG);
	assert_int_equal(skipped(zero, sizeof(zero)), -EBADMSG);
	assert_int_equal(skipped(half_an_option, sizeof(half_an_option)), -EBADMSG);
	assert_int_equal(skipped(value_past_chain, sizeof(value_past_chain)), -EBADMSG);
	assert_int_equal(skipped(broken_after_must, sizeof(broken_after_must)), -EBADMSG);
}

static void options_skip__never_leaves_the_payload(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int i = 0; i < 100000; i++) {
		uint8_t bytes[24];
		size_t length = (size_t)dps_random_below(&random, sizeof(bytes) + 1);
		int result;

		/* Small numbers, so that many chains are nearly right. */
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)dps_random_below(&random, 8);
		bytes[0] = 0;
		bytes[1] = (uint8_t)dps_random_below(&random, sizeof(bytes) + 1);
		result = skipped(bytes, length);
		assert_true(result == -EBADMSG || (result >= 2 && result <= (int)length));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_phase__changes_every_four_million_packets),
		cmocka_unit_test(header_encode__writes_the_documented_bytes),
		cmocka_unit_test(header_decode__reads_the_documented_bytes),
		cmocka_unit_test(header_decode__refuses_every_other_length),
		cmocka_unit_test(header_decode__refuses_another_version_before_all_else),
		cmocka_unit_test(header_decode__takes_unknown_types_and_flags_as_they_are),
		cmocka_unit_test(header_decode__bounds_numbers_offsets_and_payloads),
		cmocka_unit_test(header_decode__undoes_encode),
		cmocka_unit_test(header_floor__is_the_highest_candidate_up_to_the_packet),
		cmocka_unit_test(header_floor__is_zero_when_no_candidate_fits),
		cmocka_unit_test(probe__has_the_documented_bytes_and_ignores_its_padding),
		cmocka_unit_test(close__has_the_documented_bytes_and_keeps_unknown_reasons),
		cmocka_unit_test(options_skip__steps_over_what_it_need_not_understand),
		cmocka_unit_test(options_skip__refuses_what_must_be_understood),
		cmocka_unit_test(options_skip__refuses_broken_chains),
		cmocka_unit_test(options_skip__never_leaves_the_payload),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
