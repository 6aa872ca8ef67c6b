/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/seal/seal.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

static void fill(struct dps_random *random, uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)dps_random_next(random);
}

/* Castagnoli's polynomial, reflected, one bit at a time: what the library is held against. */
static uint32_t crc32c_slow(uint32_t crc, const uint8_t *bytes, size_t count)
{
	crc = ~crc;
	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

/* RFC 3720 B.4: thirty-two bytes each, sums as numbers. */
static void crc32c_slow__is_that_of_rfc_3720(void **state)
{
	uint8_t bytes[32];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c_slow(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c_slow(0, bytes, 32), 0x62a8ab43);
	for (unsigned int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(crc32c_slow(0, bytes, 32), 0x46dd794e);
	for (unsigned int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c_slow(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(crc32c_slow(0, (const uint8_t *)"123456789", 9), 0xe3069283);
}

/* RFC 3720 B.4's SCSI READ (10) command fills a header but for its last eight bytes. */
static void make__gives_the_known_answers(void **state)
{
	static const uint8_t pdu[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
		0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0,
	};
	static const uint8_t expected[16] = { 0xd9, 0x96, 0x3a, 0x56 };
	uint8_t head[64];

	(void)state;
	/* Split in all three places: 40 as header, 3 inline, 5 as body. */
	memset(head, 0xaa, sizeof(head));
	memcpy(head, pdu, 40);
	memcpy(head + 56, pdu + 40, 3);
	dps_seal_clear_make(head, 59, pdu + 43, 5);
	assert_memory_equal(head + 40, expected, 16);
	assert_memory_equal(head, pdu, 40);
	assert_int_equal(head[59], 0xaa);
	/* All of it as body, all of it inline. */
	dps_seal_clear_make(head, 56, pdu + 40, 8);
	assert_memory_equal(head + 40, expected, 16);
	memcpy(head + 56, pdu + 40, 8);
	dps_seal_clear_make(head, 64, NULL, 0);
	assert_memory_equal(head + 40, expected, 16);
}

static void make__is_crc32c_for_every_length_and_split(void **state)
{
	static uint8_t head[DPS_ENVELOPE_BYTES + 64], body[DPS_PAYLOAD_BYTES_MAX + 64];
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 1);
	fill(&random, head, sizeof(head));
	fill(&random, body, sizeof(body));
	for (unsigned int i = 0; i < 2000; i++) {
		size_t inline_bytes = dps_random_below(&random, 65);
		size_t body_bytes = i < 300 ? i : dps_random_below(&random, 4096);
		size_t skew = dps_random_below(&random, 64);
		uint32_t crc = crc32c_slow(0, head, 40);

		crc = crc32c_slow(crc, head + 56, inline_bytes);
		crc = crc32c_slow(crc, body + skew, body_bytes);
		dps_seal_clear_make(head, 56 + inline_bytes, body + skew, body_bytes);
		assert_int_equal(dps_load_be32(head + 40), crc);
	}
}

static void open__copies_and_accepts_what_was_made(void **state)
{
	static const size_t sizes[] = { 0, 1, 1408, 8191, 8192, 8193, 16384, 50000 };
	static uint8_t body[50000], copy[50001];
	struct dps_random random;
	uint8_t head[56];

	(void)state;
	dps_random_init(&random, 2);
	fill(&random, body, sizeof(body));
	fill(&random, head, sizeof(head));
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(copy, 0x55, sizeof(copy));
		dps_seal_clear_make(head, 56, body, sizes[i]);
		assert_true(dps_seal_clear_open(head, head + 40, copy, body, sizes[i]));
		assert_memory_equal(copy, body, sizes[i]);
		assert_int_equal(copy[sizes[i]], 0x55);
	}
}

static void open__checks_in_place_without_a_copy(void **state)
{
	uint8_t packet[56 + 1408], before[56 + 1408];
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 3);
	fill(&random, packet, sizeof(packet));
	dps_seal_clear_make(packet, sizeof(packet), NULL, 0);
	memcpy(before, packet, sizeof(packet));
	assert_true(dps_seal_clear_open(packet, packet + 40, NULL, packet + 56, 1408));
	assert_true(dps_seal_clear_open(packet, packet + 40, packet + 56, packet + 56, 1408));
	assert_memory_equal(packet, before, sizeof(packet));
}

/* CRC32C finds every damage of up to 32 bits in a row, and of three bits at this length. */
static void open__refuses_every_flipped_bit(void **state)
{
	uint8_t packet[56 + 200], copy[200];
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 4);
	fill(&random, packet, sizeof(packet));
	dps_seal_clear_make(packet, sizeof(packet), NULL, 0);
	for (unsigned int bit = 0; bit < sizeof(packet) * 8; bit++) {
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(dps_seal_clear_open(packet, packet + 40, copy, packet + 56, 200));
		assert_false(dps_seal_clear_open(packet, packet + 40, NULL, packet + 56, 200));
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(dps_seal_clear_open(packet, packet + 40, copy, packet + 56, 200));
	assert_false(dps_seal_clear_open(packet, packet + 40, copy, packet + 56, 199));
}

static void init_clear__is_the_same_seal_behind_the_interface(void **state)
{
	uint8_t head[56] = { 1, 2, 3 }, other[56] = { 1, 2, 3 }, body[100] = { 4 }, copy[100];
	struct dps_outgoing packet = {
		.head = head, .head_bytes = 56, .body = body, .body_bytes = 100, .room = copy
	};
	struct dps_seal seal;

	(void)state;
	dps_seal_init_clear(&seal);
	assert_null(seal.key);
	seal.make(&seal, &packet, 1);
	assert_ptr_equal(packet.body, body);
	dps_seal_clear_make(other, 56, body, 100);
	assert_memory_equal(head, other, 56);
	assert_true(seal.open(&seal, 9, head, head + 40, copy, body, 100));
	assert_memory_equal(copy, body, 100);
	head[0]++;
	assert_false(seal.open(&seal, 9, head, head + 40, copy, body, 100));
}

/* With bodies and without, heads with options. */
static void make__of_a_burst_is_making_one_by_one(void **state)
{
	enum { BURST = 32 };
	static uint8_t heads[2][BURST][128], body[BURST * 100];
	struct dps_outgoing packets[BURST];
	struct dps_random random;
	struct dps_seal seal;

	(void)state;
	dps_seal_init_clear(&seal);
	dps_random_init(&random, 20260110);
	fill(&random, body, sizeof(body));
	for (unsigned int round = 0; round < 200; round++) {
		unsigned int count = (unsigned int)dps_random_below(&random, BURST + 1);

		fill(&random, heads[0][0], sizeof(heads[0]));
		memcpy(heads[1], heads[0], sizeof(heads[0]));
		for (unsigned int i = 0; i < count; i++) {
			packets[i] = (struct dps_outgoing){
				.head = heads[0][i],
				.head_bytes = DPS_ENVELOPE_BYTES +
					      (uint32_t)dps_random_below(&random, 72),
				.body_bytes = (uint32_t)dps_random_below(&random, 100),
				.packet_number = round,
			};
			if (packets[i].body_bytes > 0)
				packets[i].body = body + i * 100;
			dps_seal_clear_make(heads[1][i], packets[i].head_bytes, packets[i].body,
					    packets[i].body_bytes);
		}
		seal.make(&seal, packets, count);
		assert_memory_equal(heads[0], heads[1], sizeof(heads[0]));
		for (unsigned int i = 0; i < count; i++)
			assert_true(packets[i].body ==
				    (packets[i].body_bytes > 0 ? body + i * 100 : NULL));
	}
}

/* Up to the first that is bad, whether in header, payload or tag; and each lies where it belongs.
 */
static void open_run__ends_at_the_first_bad_packet(void **state)
{
	enum { RUN = DPS_RUN_PACKETS_MAX, BYTES_MAX = 9000 };
	static uint8_t datagrams[RUN][DPS_ENVELOPE_BYTES + BYTES_MAX], to[RUN * BYTES_MAX];
	static struct dps_run_placement run;
	struct dps_incoming incoming[RUN];
	struct dps_random random;
	struct dps_seal seal;

	(void)state;
	dps_seal_init_clear(&seal);
	dps_random_init(&random, 20260111);
	for (unsigned int round = 0; round < 60; round++) {
		unsigned int count = 1 + (unsigned int)dps_random_below(&random, RUN);
		unsigned int bad = (unsigned int)dps_random_below(&random, RUN);
		uint32_t bytes = 1 + (uint32_t)dps_random_below(&random, BYTES_MAX);
		unsigned int good = bad < count ? bad : count;

		if (round == 30)
			seal.open_run = NULL;
		run.count = count;
		run.to = to;
		run.payload_bytes = bytes;
		for (unsigned int i = 0; i < count; i++) {
			fill(&random, datagrams[i], DPS_ENVELOPE_BYTES + bytes);
			dps_seal_clear_make(datagrams[i], DPS_ENVELOPE_BYTES + bytes, NULL, 0);
			if (i == bad)
				datagrams[i][dps_random_below(&random,
							      DPS_ENVELOPE_BYTES + bytes)] ^= 1;
			memcpy(run.headers[i], datagrams[i], DPS_HEADER_BYTES);
			incoming[i].bytes = datagrams[i];
		}
		assert_int_equal(dps_seal_open_run(&seal, &run, incoming), good);
		for (unsigned int i = 0; i < good; i++)
			assert_memory_equal(to + (size_t)i * bytes,
					    datagrams[i] + DPS_ENVELOPE_BYTES, bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_slow__is_that_of_rfc_3720),
		cmocka_unit_test(make__gives_the_known_answers),
		cmocka_unit_test(make__is_crc32c_for_every_length_and_split),
		cmocka_unit_test(open__copies_and_accepts_what_was_made),
		cmocka_unit_test(open__checks_in_place_without_a_copy),
		cmocka_unit_test(open__refuses_every_flipped_bit),
		cmocka_unit_test(make__of_a_burst_is_making_one_by_one),
		cmocka_unit_test(open_run__ends_at_the_first_bad_packet),
		cmocka_unit_test(init_clear__is_the_same_seal_behind_the_interface),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
