/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/frame.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <string.h>

enum {
	FRAME_ROOM = 16600,
};

static const struct dps_address ipv4_a = {
	.family = DPS_ADDRESS_IPV4,
	.has_mac = 1,
	.mac = { 2, 0, 0, 0, 0, 1 },
	.ip = { 192, 0, 2, 1 },
	.udp_port = 7420,
};
static const struct dps_address ipv4_b = {
	.family = DPS_ADDRESS_IPV4,
	.has_mac = 1,
	.mac = { 2, 0, 0, 0, 0, 2 },
	.ip = { 192, 0, 2, 2 },
	.udp_port = 7421,
};
static const struct dps_address ipv6_a = {
	.family = DPS_ADDRESS_IPV6,
	.has_mac = 1,
	.mac = { 2, 0, 0, 0, 0, 1 },
	.ip = { 0x20, 1, 0xd, 0xb8, [15] = 1 },
	.udp_port = 7420,
};
static const struct dps_address ipv6_b = {
	.family = DPS_ADDRESS_IPV6,
	.has_mac = 1,
	.mac = { 2, 0, 0, 0, 0, 2 },
	.ip = { 0x20, 1, 0xd, 0xb8, [15] = 2 },
	.udp_port = 7421,
};

/* From a to b; returns the frame's length. */
static uint32_t write_frame(uint8_t *frame, const struct dps_address *a,
			    const struct dps_address *b, uint16_t vlan,
			    enum dps_frame_checksum checksum, const uint8_t *payload,
			    uint32_t head_bytes, uint32_t body_bytes)
{
	struct dps_frame_self self = { .address = *a, .vlan = vlan };
	struct dps_frame_template template;
	uint32_t at;

	dps_frame_template_init(&template, &self, b, checksum);
	at = dps_frame_write(&template, frame, payload, head_bytes, payload + head_bytes,
			     body_bytes);
	memcpy(frame + at, payload, head_bytes + body_bytes);
	return at + head_bytes + body_bytes;
}

static enum dps_frame_verdict parse_at(const struct dps_address *b, uint16_t vlan,
				       const uint8_t *frame, uint32_t bytes, int stripped,
				       struct dps_frame_view *view)
{
	struct dps_frame_self self = { .address = *b, .vlan = vlan };
	uint8_t look[DPS_FRAME_LOOK_BYTES];

	memset(look, 0xee, sizeof(look));
	memcpy(look, frame, dps_min_u64(bytes, sizeof(look)));
	return dps_frame_parse(&self, look, bytes, stripped, view);
}

/* RFC 1071 in its plainest form, over the pseudo header and the datagram. */
static uint16_t plain_udp_sum(const uint8_t *frame, uint32_t ip_at, uint32_t bytes)
{
	bool is_ipv6 = frame[ip_at] >> 4 == 6;
	const uint8_t *addresses = frame + ip_at + (is_ipv6 ? 8 : 12);
	const uint8_t *udp = frame + ip_at + (is_ipv6 ? 40 : 20);
	uint32_t udp_bytes = bytes - (uint32_t)(udp - frame);
	uint64_t sum = 17 + udp_bytes;

	for (uint32_t i = 0; i < (is_ipv6 ? 32u : 8u); i += 2)
		sum += dps_load_be16(addresses + i);
	for (uint32_t i = 0; i + 1 < udp_bytes; i += 2)
		sum += dps_load_be16(udp + i);
	if (udp_bytes % 2 != 0)
		sum += (uint64_t)udp[udp_bytes - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void write__is_what_parse_reads(void **state)
{
	static uint8_t payload[9000], frame[FRAME_ROOM];
	struct dps_random random;
	struct dps_frame_view view;

	(void)state;
	dps_random_init(&random, 1);
	for (uint32_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)dps_random_next(&random);
	for (unsigned int i = 0; i < 2000; i++) {
		bool is_ipv6 = dps_random_below(&random, 2) != 0;
		uint16_t vlan = (uint16_t)(dps_random_below(&random, 2) * 7);
		uint32_t head = (uint32_t)dps_random_below(&random, 200);
		uint32_t body = (uint32_t)dps_random_below(&random, 8192);
		const struct dps_address *a = is_ipv6 ? &ipv6_a : &ipv4_a;
		const struct dps_address *b = is_ipv6 ? &ipv6_b : &ipv4_b;
		uint32_t bytes =
			write_frame(frame, a, b, vlan, DPS_CHECKSUM_SOFTWARE, payload, head, body);

		assert_int_equal(plain_udp_sum(frame, vlan != 0 ? 18 : 14, bytes), 0xffff);
		assert_int_equal(parse_at(b, vlan, frame, bytes, -1, &view), DPS_FRAME_OURS);
		assert_int_equal(view.payload_bytes, head + body);
		assert_memory_equal(frame + view.payload_at, payload, head + body);
		assert_int_equal(view.from.family, a->family);
		assert_int_equal(view.from.udp_port, 7420);
		assert_memory_equal(view.from.ip, a->ip, 16);
		assert_memory_equal(view.from.mac, a->mac, 6);
		assert_int_equal(view.ecn, 0);
	}
}

static void write__leaves_the_checksum_out_or_to_the_device(void **state)
{
	static const uint8_t payload[100] = { 1, 2, 3 };
	uint8_t frame[256];
	uint64_t sum;

	(void)state;
	write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 10, 90);
	assert_int_equal(dps_load_be16(frame + 40), 0);
	/* A device is given the sum of the pseudo header, not inverted, and no IPv4 checksum. */
	write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_DEVICE, payload, 10, 90);
	assert_int_equal(dps_load_be16(frame + 24), 0);
	sum = 17 + 108;
	for (uint32_t i = 26; i < 34; i += 2)
		sum += dps_load_be16(frame + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(dps_load_be16(frame + 40), sum);
}

static void parse__takes_padding_and_priority_tags(void **state)
{
	static const uint8_t payload[2] = { 7, 8 };
	uint8_t frame[256] = { 0 }, tagged[256];
	struct dps_frame_view view;
	uint32_t bytes;

	(void)state;
	bytes = write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 2, 0);
	assert_int_equal(parse_at(&ipv4_b, 0, frame, 60, -1, &view), DPS_FRAME_OURS);
	assert_int_equal(view.payload_bytes, 2);
	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, "\x81\x00\xe0\x00", 4);
	memcpy(tagged + 16, frame + 12, bytes - 12);
	assert_int_equal(parse_at(&ipv4_b, 0, tagged, bytes + 4, -1, &view), DPS_FRAME_OURS);
	/* The device took the tag off. */
	assert_int_equal(parse_at(&ipv4_b, 0, frame, bytes, 0xe000, &view), DPS_FRAME_OURS);
	assert_int_equal(parse_at(&ipv4_b, 7, frame, bytes, 0xe007, &view), DPS_FRAME_OURS);
}

static void parse__tells_foreign_from_ours(void **state)
{
	static const uint8_t payload[64] = { 0 };
	struct dps_address other = ipv4_b;
	struct dps_frame_view view;
	uint8_t frame[256];
	uint32_t bytes;

	(void)state;
	bytes = write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 64, 0);
	other.mac[5] = 9;
	assert_int_equal(parse_at(&other, 0, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	other = ipv4_b;
	other.ip[3] = 9;
	assert_int_equal(parse_at(&other, 0, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	other = ipv4_b;
	other.udp_port = 9;
	assert_int_equal(parse_at(&other, 0, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	assert_int_equal(parse_at(&ipv4_b, 7, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	assert_int_equal(parse_at(&ipv6_b, 0, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	bytes = write_frame(frame, &ipv6_a, &ipv6_b, 7, DPS_CHECKSUM_NONE, payload, 64, 0);
	assert_int_equal(parse_at(&ipv6_b, 8, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	assert_int_equal(parse_at(&ipv6_b, 0, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
	/* To all: not for us, whatever the IP header says. */
	memset(frame, 0xff, 6);
	assert_int_equal(parse_at(&ipv6_b, 7, frame, bytes, -1, &view), DPS_FRAME_FOREIGN);
}

static void parse__finds_every_ipv4_fault(void **state)
{
	static const uint8_t payload[64] = { 0 };
	static const struct {
		uint8_t at, value;
	} faults[] = {
		{ 14, 0x44 }, { 14, 0x4f }, { 14, 0x65 }, { 16, 0x01 }, { 17, 0x13 },
		{ 20, 0x20 }, { 21, 0x01 }, { 22, 0x00 }, { 24, 0x55 }, { 38, 0x01 },
		{ 39, 0x07 }, { 39, 0x47 }, { 39, 0x49 },
	};
	struct dps_frame_view view;
	uint8_t frame[256];
	uint32_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		bytes = write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 64, 0);
		frame[faults[i].at] = faults[i].value;
		assert_int_equal(parse_at(&ipv4_b, 0, frame, bytes, -1, &view), DPS_FRAME_BROKEN);
	}
	/* A fragment whose header is otherwise right. */
	bytes = write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 64, 0);
	dps_store_be16(frame + 20, 0x2000);
	dps_store_be16(frame + 24, 0);
	dps_store_be16(frame + 24, dps_checksum_finish(dps_checksum_add(0, frame + 14, 20)));
	assert_int_equal(parse_at(&ipv4_b, 0, frame, bytes, -1, &view), DPS_FRAME_BROKEN);
}

/* Every shorter frame is broken or foreign, and nothing is read past its end. */
static void parse__takes_no_truncated_frame(void **state)
{
	static const uint8_t payload[64] = { 0 };
	uint8_t frame[256];
	struct dps_frame_view view;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const struct dps_address *a = i % 2 != 0 ? &ipv6_a : &ipv4_a;
		const struct dps_address *b = i % 2 != 0 ? &ipv6_b : &ipv4_b;
		uint16_t vlan = i / 2 != 0 ? 7 : 0;
		uint32_t bytes = write_frame(frame, a, b, vlan, DPS_CHECKSUM_NONE, payload, 64, 0);

		for (uint32_t cut = 0; cut < bytes; cut++)
			assert_int_not_equal(parse_at(b, vlan, frame, cut, -1, &view),
					     DPS_FRAME_OURS);
		assert_int_equal(parse_at(b, vlan, frame, bytes, -1, &view), DPS_FRAME_OURS);
	}
}

/* Whatever is called ours lies inside the frame. */
static void parse__stays_inside_any_frame(void **state)
{
	static const uint8_t payload[128] = { 0 };
	struct dps_random random;
	struct dps_frame_view view;
	uint8_t frame[512];

	(void)state;
	dps_random_init(&random, 2);
	for (unsigned int i = 0; i < 200000; i++) {
		bool is_ipv6 = i % 2 != 0;
		uint32_t bytes = write_frame(frame, is_ipv6 ? &ipv6_a : &ipv4_a,
					     is_ipv6 ? &ipv6_b : &ipv4_b, 0, DPS_CHECKSUM_NONE,
					     payload, (uint32_t)dps_random_below(&random, 128), 0);

		for (uint64_t k = dps_random_below(&random, 4); k > 0; k--)
			frame[12 + dps_random_below(&random, 60)] =
				(uint8_t)dps_random_next(&random);
		if (!is_ipv6) {
			dps_store_be16(frame + 24, 0);
			dps_store_be16(frame + 24, dps_checksum_finish(dps_checksum_add(
							   0, frame + 14, (frame[14] & 15u) * 4u)));
		}
		bytes = (uint32_t)dps_random_below(&random, bytes + 1);
		if (parse_at(is_ipv6 ? &ipv6_b : &ipv4_b, 0, frame, bytes, -1, &view) ==
		    DPS_FRAME_OURS)
			assert_true(view.payload_at + view.payload_bytes <= bytes);
	}
}

static void parse__reads_the_ecn_mark(void **state)
{
	static const uint8_t payload[64] = { 0 };
	struct dps_frame_view view;
	uint8_t frame[256];
	uint32_t bytes;

	(void)state;
	bytes = write_frame(frame, &ipv6_a, &ipv6_b, 0, DPS_CHECKSUM_NONE, payload, 64, 0);
	frame[15] |= 0x30;
	assert_int_equal(parse_at(&ipv6_b, 0, frame, bytes, -1, &view), DPS_FRAME_OURS);
	assert_int_equal(view.ecn, 3);
	bytes = write_frame(frame, &ipv4_a, &ipv4_b, 0, DPS_CHECKSUM_NONE, payload, 64, 0);
	frame[15] = 1;
	dps_store_be16(frame + 24, 0);
	dps_store_be16(frame + 24, dps_checksum_finish(dps_checksum_add(0, frame + 14, 20)));
	assert_int_equal(parse_at(&ipv4_b, 0, frame, bytes, -1, &view), DPS_FRAME_OURS);
	assert_int_equal(view.ecn, 1);
}

/* What was written before does not show in what is written now. */
static void write__is_the_same_after_any_other(void **state)
{
	static uint8_t payload[300], frame[FRAME_ROOM], fresh[FRAME_ROOM];
	static const enum dps_frame_checksum checksums[] = { DPS_CHECKSUM_NONE,
							     DPS_CHECKSUM_SOFTWARE,
							     DPS_CHECKSUM_DEVICE };
	const struct dps_frame_self self = { .address = ipv4_a };

	(void)state;
	for (unsigned int c = 0; c < 3; c++) {
		struct dps_frame_template template, again;

		dps_frame_template_init(&template, &self, &ipv4_b, checksums[c]);
		for (uint32_t i = 0; i < 60; i++) {
			uint32_t head = 56 + i / 3 % 2 * 16, body = i / 7 % 3 * 100, at;

			payload[0] = (uint8_t)i;
			if (i == 30)
				dps_frame_template_set_mac(&template, ipv6_a.mac);
			at = dps_frame_write(&template, frame, payload, head, payload + head, body);
			again = template;
			dps_frame_template_set_mac(&again, template.bytes); /* forgets */
			dps_frame_write(&again, fresh, payload, head, payload + head, body);
			assert_memory_equal(frame, fresh, at);
		}
	}
}

static void is_like__is_what_would_be_judged_alike(void **state)
{
	static uint8_t payload[200], frame[FRAME_ROOM];
	const struct dps_address *const from[] = { &ipv4_a, &ipv6_a }, *to[] = { &ipv4_b, &ipv6_b };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct dps_frame_last last = { .frame_bytes = 0 };
		struct dps_frame_view view;
		uint32_t bytes = write_frame(frame, from[i % 2], to[i % 2], i < 2 ? 0 : 7,
					     DPS_CHECKSUM_NONE, payload, 60, 100);

		assert_false(dps_frame_is_like(&last, frame, bytes, -1));
		assert_false(dps_frame_is_like(&last, frame, 0, 0));
		assert_int_equal(parse_at(to[i % 2], i < 2 ? 0 : 7, frame, bytes, -1, &view),
				 DPS_FRAME_OURS);
		dps_frame_remember(&last, frame, bytes, -1, &view);
		frame[view.payload_at] ^= 1; /* the payload may be anything */
		assert_true(dps_frame_is_like(&last, frame, bytes, -1));
		assert_int_equal(last.view.payload_at, view.payload_at);
		assert_false(dps_frame_is_like(&last, frame, bytes - 1, -1));
		assert_false(dps_frame_is_like(&last, frame, bytes, 7));
		for (uint32_t bit = 0; bit < view.payload_at * 8; bit++) {
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(dps_frame_is_like(&last, frame, bytes, -1));
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write__is_what_parse_reads),
		cmocka_unit_test(write__leaves_the_checksum_out_or_to_the_device),
		cmocka_unit_test(parse__takes_padding_and_priority_tags),
		cmocka_unit_test(parse__tells_foreign_from_ours),
		cmocka_unit_test(parse__finds_every_ipv4_fault),
		cmocka_unit_test(parse__takes_no_truncated_frame),
		cmocka_unit_test(parse__stays_inside_any_frame),
		cmocka_unit_test(parse__reads_the_ecn_mark),
		cmocka_unit_test(write__is_the_same_after_any_other),
		cmocka_unit_test(is_like__is_what_would_be_judged_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
