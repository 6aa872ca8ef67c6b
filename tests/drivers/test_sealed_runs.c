/* SPDX-License-Identifier: BSD-3-Clause */
/* The seal of a path, many packets at once: bursts that are made, runs that are opened. */
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include "tests/support/noting_aead.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { RUN = DPS_RUN_PACKETS_MAX, RUN_BYTES = 1408 };

#define PHASE (UINT64_C(1) << 22)

/* A run as it is sent, as it arrives, and where it is placed. */
struct flight {
	uint8_t heads[RUN][DPS_ENVELOPE_BYTES];
	uint8_t plain[RUN * RUN_BYTES];
	uint8_t datagrams[RUN][DPS_ENVELOPE_BYTES + RUN_BYTES];
	struct dps_incoming incoming[RUN];
	struct dps_run_placement run;
	uint8_t to[RUN * RUN_BYTES];
};

static struct flight flight;

static void send_run(struct dps_seal *seal, uint64_t number, unsigned int count,
		     struct dps_random *random)
{
	struct dps_outgoing outgoing[RUN];

	for (size_t i = 0; i < sizeof(flight.plain); i++)
		flight.plain[i] = (uint8_t)dps_random_next(random);
	for (unsigned int i = 0; i < count; i++) {
		memset(flight.heads[i], (int)i, sizeof(flight.heads[i]));
		outgoing[i] = (struct dps_outgoing){
			.head = flight.heads[i],
			.head_bytes = DPS_ENVELOPE_BYTES,
			.body = flight.plain + (size_t)i * RUN_BYTES,
			.body_bytes = RUN_BYTES,
			.packet_number = number + i,
			.room = flight.datagrams[i] + DPS_ENVELOPE_BYTES,
		};
	}
	seal->make(seal, outgoing, count);
	flight.run.count = count;
	flight.run.to = flight.to;
	flight.run.payload_bytes = RUN_BYTES;
	flight.run.packet_number = number;
	for (unsigned int i = 0; i < count; i++) {
		assert_ptr_equal(outgoing[i].body, flight.datagrams[i] + DPS_ENVELOPE_BYTES);
		memcpy(flight.datagrams[i], flight.heads[i], DPS_ENVELOPE_BYTES);
		memcpy(flight.run.headers[i], flight.heads[i], DPS_HEADER_BYTES);
		flight.incoming[i].bytes = flight.datagrams[i];
	}
}

static void assert_opened(unsigned int good)
{
	assert_memory_equal(flight.to, flight.plain, (size_t)good * RUN_BYTES);
}

static unsigned int back_ends(const struct dps_aead *list[3])
{
	unsigned int count = 0;

	if (dps_aead_ipsec_mb())
		list[count++] = dps_aead_ipsec_mb();
	list[count++] = dps_aead_openssl();
	list[count++] = &noting;
	return count;
}

/* The same packets as one by one: a burst opens one by one, and what was made alone as a run. */
static void make__of_a_burst_is_making_one_by_one(void **state)
{
	const struct dps_aead *list[3];
	unsigned int count = back_ends(list);
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 8);
	for (unsigned int k = 0; k < count; k++) {
		struct sealed_ends bursts, singles;

		sealed_ends_open(&bursts, list[k], 0);
		sealed_ends_open(&singles, list[k], 0);
		/* The last ten of a phase and the first of the next in one burst. */
		send_run(bursts.a, PHASE - 10, RUN, &random);
		for (unsigned int i = 0; i < RUN; i++) {
			const uint8_t *bytes = flight.datagrams[i];
			uint8_t to[RUN_BYTES], again[RUN_BYTES];
			struct dps_outgoing alone = {
				.head = flight.heads[i],
				.head_bytes = DPS_ENVELOPE_BYTES,
				.body = flight.plain + (size_t)i * RUN_BYTES,
				.body_bytes = RUN_BYTES,
				.packet_number = PHASE - 10 + i,
				.room = again,
			};

			singles.a->make(singles.a, &alone, 1);
			assert_memory_equal(flight.heads[i], bytes, DPS_ENVELOPE_BYTES);
			assert_memory_equal(again, bytes + DPS_ENVELOPE_BYTES, RUN_BYTES);
			assert_true(bursts.b->open(bursts.b, PHASE - 10 + i, bytes,
						   bytes + DPS_HEADER_BYTES, to,
						   bytes + DPS_ENVELOPE_BYTES, RUN_BYTES));
			assert_memory_equal(to, flight.plain + (size_t)i * RUN_BYTES, RUN_BYTES);
		}
		sealed_ends_close(&bursts);
		sealed_ends_close(&singles);
	}
}

/* What lies in head stays there, the body goes to its room, and nobody can tell from the bytes. */
static void make__seals_what_is_in_head_before_the_body(void **state)
{
	enum { INSIDE = 100, BODY = 700, PACKETS = 4 };
	static const uint32_t insides[PACKETS] = { INSIDE, INSIDE, 0, 0 };
	static const uint32_t bodies[PACKETS] = { BODY, 0, BODY, 0 };
	const struct dps_aead *list[3];
	unsigned int count = back_ends(list);

	(void)state;
	for (unsigned int k = 0; k < count; k++) {
		uint8_t heads[PACKETS][DPS_ENVELOPE_BYTES + INSIDE], rooms[PACKETS][BODY];
		uint8_t body[BODY], plain[INSIDE + BODY];
		struct dps_outgoing outgoing[PACKETS];
		struct sealed_ends ends;

		sealed_ends_open(&ends, list[k], 0);
		memset(body, 7, sizeof(body));
		for (unsigned int i = 0; i < PACKETS; i++) {
			memset(heads[i], 5, sizeof(heads[i]));
			outgoing[i] = (struct dps_outgoing){
				.head = heads[i],
				.head_bytes = DPS_ENVELOPE_BYTES + insides[i],
				.body = bodies[i] ? body : NULL,
				.body_bytes = bodies[i],
				.packet_number = 9 + 2 * i,
				.room = bodies[i] ? rooms[i] : NULL,
			};
		}
		ends.a->make(ends.a, outgoing, PACKETS);
		for (unsigned int i = 0; i < PACKETS; i++) {
			uint8_t sent[INSIDE + BODY], to[INSIDE + BODY];
			size_t bytes = insides[i] + bodies[i];

			memset(plain, 5, insides[i]);
			memset(plain + insides[i], 7, bodies[i]);
			memcpy(sent, heads[i] + DPS_ENVELOPE_BYTES, insides[i]);
			memcpy(sent + insides[i], rooms[i], bodies[i]);
			assert_true(ends.b->open(ends.b, 9 + 2 * i, heads[i],
						 heads[i] + DPS_HEADER_BYTES, to, sent, bytes));
			assert_memory_equal(to, plain, bytes);
			assert_ptr_equal(outgoing[i].body, outgoing[i].room);
		}
		sealed_ends_close(&ends);
	}
}

static void open_run__goes_on_into_the_next_phase(void **state)
{
	const struct dps_aead *list[3];
	unsigned int count = back_ends(list);
	struct dps_random random;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 9);
	for (unsigned int k = 0; k < count; k++) {
		sealed_ends_open(&ends, list[k], 0);
		for (uint64_t phase = 1; phase < 6; phase++) {
			send_run(ends.a, phase * PHASE - 20, RUN, &random);
			assert_int_equal(ends.b->open_run(ends.b, &flight.run, flight.incoming),
					 RUN);
			assert_opened(RUN);
		}
		sealed_ends_close(&ends);
	}
}

/* Further than a forger may look: it has no key there, and what is placed stays as it was. */
static void open_run__opens_nothing_of_a_far_phase(void **state)
{
	static const uint8_t untouched[RUN_BYTES];
	struct dps_random random;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 10);
	sealed_ends_open(&ends, &noting, 0);
	send_run(ends.a, 2 * PHASE, RUN, &random);
	memset(flight.to, 0, sizeof(flight.to));
	assert_int_equal(ends.b->open_run(ends.b, &flight.run, flight.incoming), 0);
	assert_memory_equal(flight.to, untouched, sizeof(untouched));
	sealed_ends_close(&ends);
}

/* Up to the first that is bad; where those behind it are to lie, nothing is written. */
static void open_run__ends_at_the_first_bad_packet(void **state)
{
	static uint8_t before[sizeof(flight.to)];
	const struct dps_aead *list[3];
	unsigned int count = back_ends(list);
	struct dps_random random;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 11);
	for (unsigned int round = 0; round < 60; round++) {
		unsigned int bad = (unsigned int)dps_random_below(&random, RUN);

		sealed_ends_open(&ends, list[round % count], (uint8_t)round);
		/* Sometimes where a phase ends. */
		send_run(ends.a, PHASE - dps_random_below(&random, 60), RUN, &random);
		flight.datagrams[bad][DPS_HEADER_BYTES +
				      dps_random_below(&random, DPS_SEAL_BYTES + RUN_BYTES)] ^= 4;
		memset(flight.to, 0x5a, sizeof(flight.to));
		memset(before, 0x5a, sizeof(before));
		assert_int_equal(ends.b->open_run(ends.b, &flight.run, flight.incoming), bad);
		assert_opened(bad);
		assert_memory_equal(flight.to + (size_t)(bad + 1) * RUN_BYTES, before,
				    (size_t)(RUN - bad - 1) * RUN_BYTES);
		sealed_ends_close(&ends);
	}
}

static void make__of_bursts_uses_no_nonce_twice(void **state)
{
	struct dps_random random;
	uint64_t number = 0;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 12);
	sealed_ends_open(&ends, &noting, 0);
	for (unsigned int i = 0; i < 400; i++) {
		unsigned int count = 1 + (unsigned int)dps_random_below(&random, RUN);

		if (i % 20 == 0)
			number = (number / PHASE + 1) * PHASE - dps_random_below(&random, RUN);
		send_run(ends.a, number, count, &random);
		number += count;
	}
	sealed_ends_close(&ends);
	assert_true(noting_uses() > 400);
	noting_assert_no_nonce_twice();
}

/* ---- memory ---- */

static unsigned int taken, given; /* blocks of the heap */

static void *counted_malloc(size_t bytes, const char *file, int line)
{
	(void)file, (void)line;
	taken++;
	return malloc(bytes);
}

static void *counted_realloc(void *memory, size_t bytes, const char *file, int line)
{
	(void)file, (void)line;
	taken += memory == NULL;
	given += memory != NULL && bytes == 0;
	return realloc(memory, bytes);
}

static void counted_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	given += memory != NULL;
	free(memory);
}

static void pass(struct sealed_ends *ends, uint64_t number, struct dps_random *random)
{
	send_run(ends->a, number, 2, random);
	assert_int_equal(ends->b->open_run(ends->b, &flight.run, flight.incoming), 2);
}

/*
 * OpenSSL is who would take some: for packets it takes none, and what it takes while a phase's keys
 * are derived, which is on the lane, it gives back.
 */
static void keys__keep_no_memory_when_they_change(void **state)
{
	const struct dps_aead *list[3];
	unsigned int count = back_ends(list);
	struct dps_random random;
	struct sealed_ends ends;

	(void)state;
	dps_random_init(&random, 13);
	for (unsigned int k = 0; k < count; k++) {
		sealed_ends_open(&ends, list[k], 0);
		pass(&ends, 0, &random);
		for (uint64_t phase = 1; phase < 20; phase++) {
			taken = given = 0;
			pass(&ends, phase * PHASE - 2, &random);
			assert_int_equal(taken + given, 0);
			pass(&ends, phase * PHASE, &random);
			assert_true(taken > 0);
			assert_int_equal(taken, given);
			taken = given = 0;
			for (unsigned int i = 1; i < RUN; i++)
				pass(&ends, phase * PHASE + 2 * i, &random);
			assert_int_equal(taken + given, 0);
		}
		sealed_ends_close(&ends);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, noting_begin, noting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(make__of_a_burst_is_making_one_by_one),
		TEST(make__seals_what_is_in_head_before_the_body),
		TEST(make__of_bursts_uses_no_nonce_twice),
		TEST(open_run__goes_on_into_the_next_phase),
		TEST(open_run__opens_nothing_of_a_far_phase),
		TEST(open_run__ends_at_the_first_bad_packet),
		TEST(keys__keep_no_memory_when_they_change),
	};

	/* Only before OpenSSL has allocated anything. */
	if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1)
		return 1;
	return cmocka_run_group_tests_name("sealed_runs", tests, NULL, NULL);
}
