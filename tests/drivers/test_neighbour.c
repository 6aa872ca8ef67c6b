/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/neighbour.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <string.h>

enum {
	ROOM = 2048,
};

static struct dps_frame_self make_self(uint8_t family, uint8_t number, uint16_t vlan)
{
	struct dps_frame_self self = { .vlan = vlan };

	self.address.family = family;
	self.address.has_mac = 1;
	memcpy(self.address.mac, (const uint8_t[]){ 2, 0, 0, 0, 0, number }, 6);
	if (family == DPS_ADDRESS_IPV4)
		memcpy(self.address.ip, (const uint8_t[]){ 192, 0, 2, number }, 4);
	else
		memcpy(self.address.ip, (const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = number },
		       16);
	self.address.udp_port = 7420;
	return self;
}

static uint32_t answer(const struct dps_frame_self *self, const uint8_t *frame, uint32_t bytes,
		       uint8_t *reply, struct dps_neighbour_claim *claim)
{
	struct dps_frame_view view;

	/* What is answered has been called control first. */
	assert_int_equal(dps_frame_parse(self, frame, bytes, -1, &view), DPS_FRAME_CONTROL);
	return dps_neighbour_answer(self, frame, bytes, -1, reply, ROOM, claim);
}

/* a asks for b, b learns a and answers, a learns b; over both families, with and without a tag. */
static void ask__is_answered_and_both_learn(void **state)
{
	uint8_t question[ROOM], reply[ROOM], more[ROOM];
	struct dps_neighbour_claim claim;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t family = i % 2 != 0 ? DPS_ADDRESS_IPV6 : DPS_ADDRESS_IPV4;
		struct dps_frame_self a = make_self(family, 1, i / 2 != 0 ? 7 : 0);
		struct dps_frame_self b = make_self(family, 2, i / 2 != 0 ? 7 : 0);
		uint32_t bytes = dps_neighbour_ask(&a, b.address.ip, question);

		assert_in_range(bytes, 42, DPS_NEIGHBOUR_FRAME_BYTES);
		bytes = answer(&b, question, bytes, reply, &claim);
		assert_int_not_equal(bytes, 0);
		assert_int_equal(claim.family, family);
		assert_memory_equal(claim.mac, a.address.mac, 6);
		assert_memory_equal(claim.ip, a.address.ip, 16);
		assert_memory_equal(reply, a.address.mac, 6);
		assert_int_equal(answer(&a, reply, bytes, more, &claim), 0);
		assert_int_equal(claim.family, family);
		assert_memory_equal(claim.mac, b.address.mac, 6);
		assert_memory_equal(claim.ip, b.address.ip, 16);
	}
}

static void ask__for_another_is_not_answered(void **state)
{
	uint8_t question[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;

	(void)state;
	for (uint8_t family = DPS_ADDRESS_IPV4; family <= DPS_ADDRESS_IPV6; family++) {
		struct dps_frame_self a = make_self(family, 1, 0);
		struct dps_frame_self b = make_self(family, 2, 0);
		struct dps_frame_self c = make_self(family, 3, 0);
		uint32_t bytes = dps_neighbour_ask(&a, c.address.ip, question);

		assert_int_equal(answer(&b, question, bytes, reply, &claim), 0);
	}
}

static void announce__is_learned_and_not_answered(void **state)
{
	uint8_t frame[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;

	(void)state;
	for (uint8_t family = DPS_ADDRESS_IPV4; family <= DPS_ADDRESS_IPV6; family++) {
		struct dps_frame_self a = make_self(family, 1, 0);
		struct dps_frame_self b = make_self(family, 2, 0);
		uint32_t bytes = dps_neighbour_announce(&a, frame);

		assert_int_equal(answer(&b, frame, bytes, reply, &claim), 0);
		assert_int_equal(claim.family, family);
		assert_memory_equal(claim.mac, a.address.mac, 6);
	}
}

/* The two forms of a probe for a free address: RFC 5227, RFC 4862 section 5.4.3. */
static void answer__defends_our_address_and_learns_nothing(void **state)
{
	struct dps_frame_self a = make_self(DPS_ADDRESS_IPV4, 1, 0);
	struct dps_frame_self b = make_self(DPS_ADDRESS_IPV4, 2, 0);
	uint8_t frame[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;
	uint32_t bytes;

	(void)state;
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	memset(frame + 14 + 14, 0, 4);
	assert_int_not_equal(answer(&b, frame, bytes, reply, &claim), 0);
	assert_int_equal(claim.family, DPS_ADDRESS_NONE);

	a = make_self(DPS_ADDRESS_IPV6, 1, 0);
	b = make_self(DPS_ADDRESS_IPV6, 2, 0);
	memset(a.address.ip, 0, 16);
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	assert_int_not_equal(answer(&b, frame, bytes, reply, &claim), 0);
	assert_int_equal(claim.family, DPS_ADDRESS_NONE);
	assert_memory_equal(reply, "\x33\x33\x00\x00\x00\x01", 6);
}

static void answer__takes_no_discovery_through_a_router_or_damaged(void **state)
{
	struct dps_frame_self a = make_self(DPS_ADDRESS_IPV6, 1, 0);
	struct dps_frame_self b = make_self(DPS_ADDRESS_IPV6, 2, 0);
	uint8_t frame[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;
	uint32_t bytes;

	(void)state;
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	frame[14 + 7] = 254; /* hop limit: not in the checksum */
	assert_int_equal(answer(&b, frame, bytes, reply, &claim), 0);
	assert_int_equal(claim.family, DPS_ADDRESS_NONE);
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	frame[bytes - 1] ^= 1;
	assert_int_equal(answer(&b, frame, bytes, reply, &claim), 0);
	assert_int_equal(claim.family, DPS_ADDRESS_NONE);
	/* An option of length zero. */
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	frame[14 + 40 + 25] = 0;
	dps_store_be16(frame + 14 + 40 + 2, 0);
	dps_store_be16(frame + 14 + 40 + 2,
		       dps_checksum_finish(dps_checksum_add(
			       dps_checksum_add(58 + 32, frame + 14 + 8, 32), frame + 54, 32)));
	assert_int_not_equal(answer(&b, frame, bytes, reply, &claim), 0);
	assert_memory_equal(claim.mac, a.address.mac, 6); /* from the Ethernet header */
}

static void claim__of_a_group_is_none(void **state)
{
	struct dps_frame_self a = make_self(DPS_ADDRESS_IPV4, 1, 0);
	struct dps_frame_self b = make_self(DPS_ADDRESS_IPV4, 2, 0);
	uint8_t frame[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;
	uint32_t bytes;

	(void)state;
	a.address.mac[0] = 3;
	bytes = dps_neighbour_ask(&a, b.address.ip, frame);
	answer(&b, frame, bytes, reply, &claim);
	assert_int_equal(claim.family, DPS_ADDRESS_NONE);
}

/* An echo request of payload bytes, from the address of a to that of b. */
static uint32_t make_echo(uint8_t *frame, const struct dps_frame_self *a,
			  const struct dps_frame_self *b, uint32_t payload)
{
	bool is_ipv6 = a->address.family == DPS_ADDRESS_IPV6;
	uint32_t ip_bytes = is_ipv6 ? 40 : 20, icmp_bytes = 8 + payload;
	uint8_t *ip = frame + 14, *icmp = ip + ip_bytes;
	uint64_t sum = 0;

	memcpy(frame, b->address.mac, 6);
	memcpy(frame + 6, a->address.mac, 6);
	dps_store_be16(frame + 12, is_ipv6 ? 0x86dd : 0x0800);
	memset(ip, 0, ip_bytes + icmp_bytes);
	for (uint32_t i = 0; i < payload; i++)
		icmp[8 + i] = (uint8_t)i;
	dps_store_be32(icmp + 4, 0x00010002);
	if (is_ipv6) {
		ip[0] = 0x60;
		dps_store_be16(ip + 4, (uint16_t)icmp_bytes);
		ip[6] = 58;
		ip[7] = 64;
		memcpy(ip + 8, a->address.ip, 16);
		memcpy(ip + 24, b->address.ip, 16);
		sum = dps_checksum_add(58 + icmp_bytes, ip + 8, 32);
	} else {
		ip[0] = 0x45;
		dps_store_be16(ip + 2, (uint16_t)(20 + icmp_bytes));
		ip[8] = 64;
		ip[9] = 1;
		memcpy(ip + 12, a->address.ip, 4);
		memcpy(ip + 16, b->address.ip, 4);
		dps_store_be16(ip + 10, dps_checksum_finish(dps_checksum_add(0, ip, 20)));
	}
	icmp[0] = is_ipv6 ? 128 : 8;
	dps_store_be16(icmp + 2, dps_checksum_finish(dps_checksum_add(sum, icmp, icmp_bytes)));
	return 14 + ip_bytes + icmp_bytes;
}

static void answer__echoes(void **state)
{
	uint8_t request[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;

	(void)state;
	for (uint32_t payload = 0; payload < 1500; payload += 37) {
		for (uint8_t family = DPS_ADDRESS_IPV4; family <= DPS_ADDRESS_IPV6; family++) {
			struct dps_frame_self a = make_self(family, 1, 0);
			struct dps_frame_self b = make_self(family, 2, 0);
			uint32_t bytes = make_echo(request, &a, &b, payload);
			uint32_t at = family == DPS_ADDRESS_IPV6 ? 54 : 34;
			uint64_t sum = 0;

			assert_int_equal(answer(&b, request, bytes, reply, &claim), bytes);
			assert_memory_equal(reply, a.address.mac, 6);
			assert_int_equal(reply[at], family == DPS_ADDRESS_IPV6 ? 129 : 0);
			assert_memory_equal(reply + at + 4, request + at + 4, payload + 4);
			if (family == DPS_ADDRESS_IPV6)
				sum = dps_checksum_add(58 + bytes - at, reply + 22, 32);
			sum = dps_checksum_add(sum, reply + at, bytes - at);
			assert_int_equal(dps_checksum_finish(sum), 0);
		}
	}
}

static void answer__is_none_when_it_does_not_fit(void **state)
{
	struct dps_frame_self a = make_self(DPS_ADDRESS_IPV4, 1, 0);
	struct dps_frame_self b = make_self(DPS_ADDRESS_IPV4, 2, 0);
	uint8_t request[ROOM], reply[ROOM];
	struct dps_neighbour_claim claim;
	uint32_t bytes;

	(void)state;
	bytes = make_echo(request, &a, &b, 500);
	assert_int_equal(dps_neighbour_answer(&b, request, bytes, -1, reply, bytes - 1, &claim), 0);
	assert_int_equal(dps_neighbour_answer(&b, request, bytes, -1, reply, bytes, &claim), bytes);
}

/* Any bytes: the answer stays in its room (AddressSanitizer sees the rest). */
static void answer__survives_any_frame(void **state)
{
	struct dps_random random;
	struct dps_neighbour_claim claim;
	uint8_t frame[ROOM], reply[ROOM];

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t family = i % 2 != 0 ? DPS_ADDRESS_IPV6 : DPS_ADDRESS_IPV4;
		struct dps_frame_self a = make_self(family, 1, 0), b = make_self(family, 2, 0);
		uint32_t bytes = i % 4 < 2 ? make_echo(frame, &a, &b, 64)
					   : dps_neighbour_ask(&a, b.address.ip, frame);

		for (uint64_t k = dps_random_below(&random, 6); k > 0; k--)
			frame[dps_random_below(&random, bytes)] = (uint8_t)dps_random_next(&random);
		bytes = (uint32_t)dps_random_below(&random, bytes + 1);
		assert_in_range(dps_neighbour_answer(&b, frame, bytes, -1, reply,
						     DPS_NEIGHBOUR_FRAME_BYTES, &claim),
				0, DPS_NEIGHBOUR_FRAME_BYTES);
	}
}

static void resolution__asks_fast_then_slowly_then_to_refresh(void **state)
{
	struct dps_resolution resolution;
	uint64_t now = 5 * DPS_NS_PER_S;

	(void)state;
	dps_resolution_init(&resolution, false, now);
	assert_true(dps_resolution_is_due(&resolution, now));
	assert_false(dps_resolution_is_due(&resolution, now));
	now += 100 * DPS_NS_PER_MS;
	assert_true(dps_resolution_is_due(&resolution, now));
	now += 100 * DPS_NS_PER_MS;
	assert_true(dps_resolution_is_due(&resolution, now));
	assert_false(dps_resolution_is_due(&resolution, now + 999 * DPS_NS_PER_MS));
	assert_true(dps_resolution_is_due(&resolution, now + DPS_NS_PER_S));
	assert_false(resolution.is_resolved);
	dps_resolution_on_answer(&resolution, now);
	assert_true(resolution.is_resolved);
	assert_false(dps_resolution_is_due(&resolution, now + 59 * DPS_NS_PER_S));
	assert_true(dps_resolution_is_due(&resolution, now + 60 * DPS_NS_PER_S));
	assert_true(resolution.is_resolved);
	dps_resolution_init(&resolution, true, now);
	assert_true(resolution.is_resolved);
	assert_false(dps_resolution_is_due(&resolution, UINT64_MAX - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask__is_answered_and_both_learn),
		cmocka_unit_test(ask__for_another_is_not_answered),
		cmocka_unit_test(announce__is_learned_and_not_answered),
		cmocka_unit_test(answer__defends_our_address_and_learns_nothing),
		cmocka_unit_test(answer__takes_no_discovery_through_a_router_or_damaged),
		cmocka_unit_test(claim__of_a_group_is_none),
		cmocka_unit_test(answer__echoes),
		cmocka_unit_test(answer__is_none_when_it_does_not_fit),
		cmocka_unit_test(answer__survives_any_frame),
		cmocka_unit_test(resolution__asks_fast_then_slowly_then_to_refresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
