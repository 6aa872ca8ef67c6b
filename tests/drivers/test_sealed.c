/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include "tests/support/noting_aead.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BODY_BYTES = 100,
	HEAD_BYTES = DPS_ENVELOPE_BYTES + 16, /* with a digest */
	STEPS = 20000,
	IN_FLIGHT = 64,
	PHASE_STEPS = 1000,
};

#define PHASE (UINT64_C(1) << 22)

/* A packet on its way, and what was in it. */
struct packet {
	uint64_t number;
	uint8_t head[HEAD_BYTES];
	uint8_t plain[16 + BODY_BYTES];
	uint8_t payload[16 + BODY_BYTES];
};

static void send_packet(struct dps_seal *seal, uint64_t number, struct packet *packet)
{
	uint8_t *body = packet->plain + 16;
	struct dps_outgoing outgoing = {
		.head = packet->head,
		.head_bytes = HEAD_BYTES,
		.body = body,
		.body_bytes = BODY_BYTES,
		.packet_number = number,
		.room = packet->payload + 16,
	};

	packet->number = number;
	for (unsigned int i = 0; i < sizeof(packet->plain); i++)
		packet->plain[i] = (uint8_t)(number + i);
	memset(packet->head, (int)(number & 0xff), DPS_HEADER_BYTES);
	memcpy(packet->head + DPS_ENVELOPE_BYTES, packet->plain, 16);
	seal->make(seal, &outgoing, 1);
	assert_ptr_equal(outgoing.body, packet->payload + 16);
	memcpy(packet->payload, packet->head + DPS_ENVELOPE_BYTES, 16);
	assert_memory_not_equal(packet->payload, packet->plain, 16);
	assert_memory_not_equal(packet->payload + 16, body, BODY_BYTES);
}

static bool receive_packet(struct dps_seal *seal, const struct packet *packet)
{
	uint8_t to[sizeof(packet->payload)];
	bool is_good = seal->open(seal, packet->number, packet->head,
				  packet->head + DPS_HEADER_BYTES, to, packet->payload, sizeof(to));

	if (is_good)
		assert_memory_equal(to, packet->plain, sizeof(to));
	return is_good;
}

/* ---- */

static void open__gives_back_what_make_was_given(void **state)
{
	struct sealed_ends ends;
	struct packet packet;

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	send_packet(ends.a, 0, &packet);
	assert_true(receive_packet(ends.b, &packet));
	assert_true(receive_packet(ends.b, &packet)); /* twice is the engine's to find out */
	send_packet(ends.b, 0, &packet);
	assert_true(receive_packet(ends.a, &packet));
	sealed_ends_close(&ends);
}

static void open__is_of_one_direction(void **state)
{
	struct sealed_ends ends, others;
	struct packet packet;

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	sealed_ends_open(&others, &noting, 1);
	send_packet(ends.a, 0, &packet);
	assert_false(receive_packet(ends.a, &packet)); /* sent back to who made it */
	assert_false(receive_packet(others.b, &packet));
	dps_sealed_destroy(others.one);
	dps_sealed_destroy(others.other);
	sealed_ends_close(&ends);
}

static void open__checks_header_number_and_tag(void **state)
{
	struct sealed_ends ends;
	struct packet packet, changed;

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	send_packet(ends.a, 7, &packet);
	for (unsigned int i = 0; i < DPS_ENVELOPE_BYTES; i++) {
		changed = packet;
		changed.head[i] ^= 0x40;
		assert_false(receive_packet(ends.b, &changed));
	}
	changed = packet;
	changed.number = 8;
	assert_false(receive_packet(ends.b, &changed));
	changed = packet;
	changed.payload[sizeof(changed.payload) - 1] ^= 1;
	assert_false(receive_packet(ends.b, &changed));
	assert_true(receive_packet(ends.b, &packet));
	sealed_ends_close(&ends);
}

static void make__takes_a_packet_without_a_body(void **state)
{
	struct sealed_ends ends;
	uint8_t head[DPS_ENVELOPE_BYTES + 8] = { 1 };
	struct dps_outgoing outgoing = { .head = head, .head_bytes = sizeof(head) };

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	memset(head + DPS_ENVELOPE_BYTES, 5, 8);
	ends.a->make(ends.a, &outgoing, 1);
	assert_null(outgoing.body);
	assert_true(ends.b->open(ends.b, 0, head, head + DPS_HEADER_BYTES,
				 head + DPS_ENVELOPE_BYTES, head + DPS_ENVELOPE_BYTES, 8));
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(head[DPS_ENVELOPE_BYTES + i], 5);
	sealed_ends_close(&ends);
}

/* What a phase leaves behind, and what comes before it, still opens; nothing further away does. */
static void open__reaches_one_phase_to_each_side(void **state)
{
	struct sealed_ends ends;
	struct packet packets[5];

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	for (unsigned int i = 0; i < 5; i++)
		send_packet(ends.a, i * PHASE, &packets[i]);
	assert_false(receive_packet(ends.b, &packets[2]));
	assert_true(receive_packet(ends.b, &packets[1]));
	assert_true(receive_packet(ends.b, &packets[0]));
	assert_true(receive_packet(ends.b, &packets[2]));
	assert_false(receive_packet(ends.b, &packets[0]));
	assert_true(receive_packet(ends.b, &packets[1]));
	assert_true(receive_packet(ends.b, &packets[3]));
	assert_false(receive_packet(ends.b, &packets[1]));
	assert_true(receive_packet(ends.b, &packets[4]));
	sealed_ends_close(&ends);
}

/* Else anyone could push the keys on, past what the honest sender uses. */
static void open__is_not_moved_by_a_forger(void **state)
{
	struct sealed_ends ends;
	struct packet packet, forged = { .head = { 1 } };

	(void)state;
	sealed_ends_open(&ends, &noting, 0);
	send_packet(ends.a, 3, &packet);
	for (uint64_t phase = 0; phase < 20; phase++) {
		forged.number = phase * PHASE + 4;
		assert_false(receive_packet(ends.b, &forged));
	}
	assert_int_equal(noting_changes(), 2 * (2 + 2)); /* no key was made for any of them */
	assert_true(receive_packet(ends.b, &packet));
	sealed_ends_close(&ends);
}

/* Most packets follow each other; now and then the rest of a phase is skipped but for two. */
static uint64_t next_number(uint64_t number, unsigned int step)
{
	if (step % PHASE_STEPS < 2)
		return (number / PHASE + 1) * PHASE - 2;
	return number + 1;
}

/* What the receiver may open: its phase, the one before and the one behind. */
static bool is_near(uint64_t phase, uint64_t number)
{
	return number / PHASE + 1 >= phase && number / PHASE <= phase + 1;
}

/* The way loses and reorders, and phases go by in both directions. */
static void make__uses_no_nonce_twice_on_any_way(void **state)
{
	static struct packet flying[2][IN_FLIGHT];
	uint64_t numbers[2] = { 0, 0 }, phases[2] = { 0, 0 };
	unsigned int received = 0;
	struct dps_random random;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 20);
	sealed_ends_open(&ends, &noting, 0);
	for (unsigned int i = 0; i < 2 * IN_FLIGHT; i++)
		send_packet(i % 2 ? ends.b : ends.a, numbers[i % 2]++, &flying[i % 2][i / 2]);
	for (unsigned int step = 2; step < STEPS; step++) {
		unsigned int side = step % 2;
		struct packet *packet = &flying[side][dps_random_below(&random, IN_FLIGHT)];

		if (!dps_random_chance(&random, 1, 10)) {
			bool is_good = receive_packet(side ? ends.a : ends.b, packet);

			assert_int_equal(is_good, is_near(phases[side], packet->number));
			received += is_good;
			if (is_good && packet->number / PHASE > phases[side])
				phases[side] = packet->number / PHASE;
		}
		numbers[side] = next_number(numbers[side], step);
		send_packet(side ? ends.b : ends.a, numbers[side], packet);
	}
	assert_true(phases[0] > 10 && phases[1] > 10);
	assert_true(received > STEPS / 2);
	sealed_ends_close(&ends);
	noting_assert_no_nonce_twice();
}

/* One after the other on one TLS connection, and on others: all their nonces differ. */
static void make__uses_no_nonce_of_another_path(void **state)
{
	static struct packet packet;

	(void)state;
	for (unsigned int path = 0; path < 50; path++) {
		struct sealed_ends ends;

		sealed_ends_open(&ends, &noting, (uint8_t)path);
		for (uint64_t i = 0; i < 100; i++) {
			send_packet(ends.a, i * (PHASE / 16), &packet);
			send_packet(ends.b, i * (PHASE / 16), &packet);
		}
		sealed_ends_close(&ends);
	}
	noting_assert_no_nonce_twice();
}

/* The child breaks the rule and must not live to tell. */
static void make__refuses_a_number_twice(void **state)
{
	static struct packet packet;
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sealed_ends ends;

		if (!freopen("/dev/null", "w", stderr))
			_exit(3);
		sealed_ends_open(&ends, &noting, 0);
		send_packet(ends.a, 5, &packet);
		send_packet(ends.a, 5, &packet);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, noting_begin, noting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__gives_back_what_make_was_given),
		TEST(open__is_of_one_direction),
		TEST(open__checks_header_number_and_tag),
		TEST(make__takes_a_packet_without_a_body),
		TEST(open__reaches_one_phase_to_each_side),
		TEST(open__is_not_moved_by_a_forger),
		TEST(make__uses_no_nonce_twice_on_any_way),
		TEST(make__uses_no_nonce_of_another_path),
		TEST(make__refuses_a_number_twice),
	};

	return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
