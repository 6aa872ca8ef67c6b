/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes, from a peer that keeps to the protocol in any pieces, and from one that does not. */
#include "engine/random.h"
#include "tests/support/peer_pair.h"
#include <stdio.h>
#include <string.h>

#define SECOND DPS_NS_PER_S

static struct dps_peer_snapshot read_side(const struct peer_side *side)
{
	struct dps_peer_snapshot snapshot;

	dps_peer_read(side->peer, &snapshot);
	return snapshot;
}

static void assert_lost(struct peer_pair *pair, enum dps_peer_reason reason)
{
	pair_run(pair);
	assert_int_equal(pair_heard(&pair->b, DPS_PEER_EVENT_LOST)->event.reason, reason);
	assert_int_equal(pair->b.steps[DPS_PEER_STEP_DROP], 1);
}

/* E51: a read ends anywhere, and other things happen between two of them. */
static void bytes__fall_anyhow(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 1);
	for (unsigned int round = 0; round < 200; round++) {
		struct peer_pair pair;

		pair_open_connected(&pair);
		pair_call(&pair, &pair.a, "call");
		pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "control");
		pair_notify(&pair, &pair.a, DPS_PEER_BULK, "");
		pair_notify(&pair, &pair.a, DPS_PEER_BULK, "more");
		pair_do(&pair, &pair.a, PAIR_WRITE);
		while (pair.a.wire_bytes > 0) {
			pair.a.deliver_max = round == 0 ? 1 : 1 + dps_random_below(&random, 30);
			pair_do(&pair, &pair.a, PAIR_DELIVER);
			dps_peer_on_deadline(pair.b.peer, pair.now_ns);
			pair_do(&pair, &pair.b, PAIR_WRITE);
			pair_do(&pair, &pair.b, PAIR_HEAR);
		}
		pair_run(&pair);
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "control");
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "call");
		assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->event.bytes, 0);
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "more");
		pair_heard_all(&pair.b);
		pair_close(&pair);
	}
}

/* E50: four bytes are enough to know, and nothing is kept for what they promise. */
static void length__that_no_frame_has_ends_the_connection(void **state)
{
	static const uint8_t bad[][4] = {
		{ 0, 0, 0, 0 },	  { 0, 0, 0, 11 },	  { 0, 16, 0, 1 },
		{ 255, 0, 0, 0 }, { 255, 255, 255, 255 }, { '{', '"', 't', 'y' },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct peer_pair pair;

		pair_open_connected(&pair);
		dps_peer_on_bytes(pair.b.peer, pair.b.epoch, bad[i], 3, pair.now_ns);
		assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CONNECTED);
		dps_peer_on_bytes(pair.b.peer, pair.b.epoch, bad[i] + 3, 1, pair.now_ns);
		assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_IDLE);
		assert_lost(&pair, DPS_PEER_BAD_LENGTH);
		assert_int_equal(read_side(&pair.b).ends[DPS_PEER_BAD_LENGTH], 1);
		pair_close(&pair);
	}
}

static void length__beyond_what_was_agreed_ends_the_connection(void **state)
{
	static const uint8_t kinds[] = { DPS_PEER_REQUEST, DPS_PEER_ANSWER, DPS_PEER_NOTICE };

	(void)state;
	for (unsigned int i = 0; i < sizeof(kinds); i++) {
		struct dps_peer_head head = {
			.kind = kinds[i], .class = DPS_PEER_BULK, .id = 1, .body_bytes = 1025
		};
		static const uint8_t body[1025];
		struct peer_pair pair;

		pair_open_connected(&pair);
		pair_inject(&pair, &pair.b, &head, body);
		assert_lost(&pair, DPS_PEER_BAD_LENGTH);
		pair_close(&pair);
	}
}

static void hello__comes_first_and_once(void **state)
{
	static const uint8_t hello_body[DPS_PEER_HELLO_BYTES];
	struct dps_peer_head hello = { .kind = DPS_PEER_HELLO, .body_bytes = DPS_PEER_HELLO_BYTES };
	struct dps_peer_head notice = { .kind = DPS_PEER_NOTICE, .class = DPS_PEER_BULK };
	struct dps_peer_config config;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_inject(&pair, &pair.b, &hello, hello_body);
	assert_lost(&pair, DPS_PEER_PROTOCOL);
	pair_close(&pair);

	pair_config(&config);
	pair_open(&pair, &config, &config);
	assert_int_equal(dps_peer_accept(pair.b.peer, &pair.b.epoch, pair.now_ns), 0);
	pair_inject(&pair, &pair.b, &notice, NULL);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_PROTOCOL);
	pair_close(&pair);
}

static void frame__that_is_short_or_of_no_class_ends_the_connection(void **state)
{
	static const struct dps_peer_head heads[] = {
		{ .kind = DPS_PEER_NOTICE, .class = DPS_PEER_REPLY },
		{ .kind = DPS_PEER_NOTICE, .class = DPS_PEER_CALL },
		{ .kind = DPS_PEER_NOTICE, .class = 255 },
		{ .kind = DPS_PEER_STREAM, .body_bytes = 15 },
		{ .kind = DPS_PEER_STREAM, .body_bytes = 16 }, /* nobody has streams here */
		{ .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL, .id = 0 },
		{ .kind = DPS_PEER_CREDIT, .body_bytes = 23 },
	};
	static const uint8_t body[64];

	(void)state;
	for (unsigned int i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct peer_pair pair;

		pair_open_connected(&pair);
		pair_inject(&pair, &pair.b, &heads[i], body);
		assert_lost(&pair, DPS_PEER_PROTOCOL);
		pair_close(&pair);
	}
}

/* A later version may say more: what is not known is passed over, and what grew is read as it was.
 */
static void frame__of_a_later_version_is_passed_over(void **state)
{
	struct dps_peer_head later = { .kind = 0x9f, .body_bytes = 3000 };
	struct dps_peer_head credit = { .kind = DPS_PEER_CREDIT, .body_bytes = 100 };
	static const uint8_t body[3000];
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_inject(&pair, &pair.b, &later, body);
	pair_inject(&pair, &pair.b, &credit, body);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "goes on");
	pair_notify(&pair, &pair.b, DPS_PEER_BULK, "credit only rises");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "goes on");
	assert_string_equal(pair_heard(&pair.a, DPS_PEER_EVENT_NOTICE)->text, "credit only rises");
	assert_int_equal(read_side(&pair.b).unknown_frames, 1);
	pair_close(&pair);
}

/* A flood: it may fill what it was given and not a byte more, and nobody else is touched. */
static void notices__beyond_credit_end_the_connection(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_NOTICE, .class = DPS_PEER_BULK };
	struct peer_pair pair, other;

	(void)state;
	pair_open_connected(&pair);
	pair_open_connected(&other);
	pair.b.is_deaf = true;
	for (unsigned int i = 0; i < 16; i++)
		pair_inject(&pair, &pair.b, &head, NULL);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CONNECTED);
	pair_inject(&pair, &pair.b, &head, NULL);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_IDLE);
	pair.b.is_deaf = false;
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_NOTICE), 16); /* these came */
	assert_int_equal(read_side(&pair.b).ends[DPS_PEER_BEYOND_CREDIT], 1);
	pair_notify(&other, &other.a, DPS_PEER_BULK, "well");
	pair_run(&other);
	pair_heard(&other.b, DPS_PEER_EVENT_NOTICE);
	pair_close(&pair);
	pair_close(&other);
}

/* E29: a program that is slow stops who speaks to it, drops nothing, and its answers still come. */
static void notices__wait_for_a_program_that_is_slow(void **state)
{
	struct dps_peer_snapshot snapshot;
	struct peer_pair pair;
	unsigned int said = 0;
	char text[16];

	(void)state;
	pair_open_connected(&pair);
	pair.b.is_deaf = true;
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%u", said);
		said += pair_notify(&pair, &pair.a, DPS_PEER_BULK, text) == 0;
		pair_run(&pair);
	}
	assert_true(said > 16 && said < 100);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_BACKLOG_HIGH), 1);
	snapshot = read_side(&pair.b);
	assert_int_equal(snapshot.in_phase[DPS_PEER_RECEIVED], 16);
	/* What hangs is bulk alone. */
	pair_call(&pair, &pair.b, "call");
	pair_run(&pair);
	pair_reply(&pair, &pair.a, &pair.a.heard[1], "answer");
	pair_run(&pair);
	assert_string_equal(pair_answer(&pair.b, 0), "answer");
	pair.b.is_deaf = false;
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_CALL_OVER);
	for (unsigned int i = 0; i < said; i++) {
		snprintf(text, sizeof(text), "%u", i);
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, text);
	}
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_BACKLOG_LOW), 1);
	pair_close(&pair);
}

/* It reads nothing: calls end in their time, memory has its bound, and so has closing. */
static void peer__that_stops_reading_is_contained(void **state)
{
	struct peer_pair pair;
	unsigned int said = 0;

	(void)state;
	pair_open_connected(&pair);
	pair.a.is_stuck = true;
	pair_call(&pair, &pair.a, "call");
	while (pair_notify(&pair, &pair.a, DPS_PEER_BULK, "bulk") == 0)
		said++;
	assert_int_equal(said, 32 - 3 * 4 - 1);
	pair_pass(&pair, 60 * SECOND);
	pair_heard(&pair.a, DPS_PEER_EVENT_BACKLOG_HIGH);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_TIMED_OUT);
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_pass(&pair, 3 * SECOND);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CLOSED);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED)->event.unsent_messages, said);
	pair_close(&pair);
}

/* Frames that are almost right, and bytes that are not: an end or not, and never more than that. */
static void peer__takes_anything_and_goes_on_elsewhere(void **state)
{
	struct dps_random random;
	uint64_t ended = 0;

	(void)state;
	dps_random_init(&random, 1);
	for (unsigned int round = 0; round < 3000; round++) {
		uint64_t frames = 1 + dps_random_below(&random, 8);
		uint8_t bytes[2048];
		struct peer_pair pair;

		pair_open_connected(&pair);
		pair_call(&pair, &pair.b, "ours");
		pair_run(&pair);
		for (uint64_t i = 0; i < frames; i++) {
			struct dps_peer_head head = {
				.kind = (uint8_t)(0x81 + dps_random_below(&random, 10)),
				.class = (uint8_t)dps_random_below(&random, 5),
				.id = dps_random_below(&random, 6),
				.code = (uint16_t)dps_random_below(&random, 4),
				.body_bytes = (uint32_t)dps_random_below(&random, 40),
			};

			if (dps_random_chance(&random, 1, 20))
				head.body_bytes = (uint32_t)dps_random_below(&random, 1100);
			for (unsigned int at = 0; at < sizeof(bytes); at++)
				bytes[at] = (uint8_t)dps_random_next(&random);
			pair_inject(&pair, &pair.b, &head, bytes);
			if (dps_random_chance(&random, 1, 30))
				dps_peer_on_bytes(pair.b.peer, pair.b.epoch, bytes,
						  dps_random_below(&random, 30), pair.now_ns);
			while (pair_do(&pair, &pair.b, PAIR_HEAR))
				;
		}
		ended += dps_peer_state(pair.b.peer) != DPS_PEER_CONNECTED;
		pair.is_unreachable = true; /* or it is dialled again, and accepts */
		dps_peer_close(pair.b.peer, 0, 0, pair.now_ns);
		pair_pass(&pair, 2 * SECOND);
		assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CLOSED);
		assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_CALL_OVER), 1);
		assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_CLOSED), 1);
		pair_close(&pair);
	}
	assert_true(ended > 1000 && ended < 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes__fall_anyhow),
		cmocka_unit_test(length__that_no_frame_has_ends_the_connection),
		cmocka_unit_test(length__beyond_what_was_agreed_ends_the_connection),
		cmocka_unit_test(hello__comes_first_and_once),
		cmocka_unit_test(frame__that_is_short_or_of_no_class_ends_the_connection),
		cmocka_unit_test(frame__of_a_later_version_is_passed_over),
		cmocka_unit_test(notices__beyond_credit_end_the_connection),
		cmocka_unit_test(notices__wait_for_a_program_that_is_slow),
		cmocka_unit_test(peer__that_stops_reading_is_contained),
		cmocka_unit_test(peer__takes_anything_and_goes_on_elsewhere),
	};

	return cmocka_run_group_tests_name("peer_receive", tests, NULL, NULL);
}
