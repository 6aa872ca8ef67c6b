/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/receiver.h"
#include <string.h>

static const uint8_t options_known[] = { 0, 5, 0x01, 1, 0xff };
static const uint8_t options_must[] = { 0, 4, 0x81, 0 };
static const uint8_t options_broken[] = { 0, 9, 0x01, 1, 0xff };

static void options__are_stepped_over(void **state)
{
	struct receiver receiver;
	struct dps_digest digest;
	uint8_t front[sizeof(options_known) + DPS_DIGEST_BYTES];

	(void)state;
	open_receiver(&receiver, 3000);
	pair_digest(&digest, 0, 0);
	memcpy(front, options_known, sizeof(options_known));
	memcpy(front + sizeof(options_known), &digest, sizeof(digest));
	assert_true(give_data(&receiver, 0, 1000, DPS_PACKET_OPTIONS, options_known,
			      sizeof(options_known), true));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 1000);
	assert_true(is_acked(&receiver, NUMBER));
	/* Half of it is known already. */
	assert_true(give_data(&receiver, 500, 1000, DPS_PACKET_OPTIONS, options_known,
			      sizeof(options_known), true));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 1500);
	assert_true(give_data(&receiver, 1500, 1500, DPS_PACKET_OPTIONS | DPS_PACKET_DIGEST, front,
			      sizeof(front), true));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 3000);
	pair_run_for(&receiver.pair, DPS_NS_PER_MS);
	assert_int_equal(receiver.transfer->files[0].writes[0], 1);
	close_receiver(&receiver);
}

static void options__that_must_be_understood_drop_the_packet(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 3000);
	give_data(&receiver, 0, 1000, DPS_PACKET_OPTIONS, options_must, sizeof(options_must), true);
	assert_false(is_acked(&receiver, NUMBER));
	give_data(&receiver, 0, 1000, DPS_PACKET_OPTIONS, options_broken, 2, true);
	assert_false(is_acked(&receiver, NUMBER + 1));
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_body, 2);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 0);
	close_receiver(&receiver);
}

static void options__are_judged_after_the_seal_and_the_layout_after_them(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 3000);
	give_data(&receiver, 0, 1000, DPS_PACKET_OPTIONS, options_known, sizeof(options_known),
		  false);
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_seal, 1);
	assert_int_equal(chunk_0(&receiver)->slot, DPS_SLOT_NONE);
	/* Beyond the file, in its padding, and without a byte of data. */
	give_data(&receiver, 2990, 11, DPS_PACKET_OPTIONS, options_known, sizeof(options_known),
		  true);
	give_data(&receiver, 0, 0, DPS_PACKET_OPTIONS, options_known, sizeof(options_known), true);
	for (uint64_t number = NUMBER; number < receiver.number; number++)
		assert_false(is_acked(&receiver, number));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 0);
	assert_int_equal(chunk_0(&receiver)->slot, DPS_SLOT_NONE);
	close_receiver(&receiver);
}

static void options__stand_in_front_of_small_packets_too(void **state)
{
	uint8_t payload[sizeof(options_known) + DPS_WIRE_PROBE_BYTES] = { 0 };
	struct receiver receiver;
	struct dps_header header = { .type = DPS_PACKET_PING,
				     .flags = DPS_PACKET_OPTIONS,
				     .packet_number = NUMBER,
				     .floor = NUMBER };

	(void)state;
	open_receiver(&receiver, 3000);
	memcpy(payload, options_known, sizeof(options_known));
	payload[sizeof(options_known) + 2] = 0x9c; /* 40000 us */
	payload[sizeof(options_known) + 3] = 0x40;
	assert_true(pair_inject(&receiver.pair, 1, header, payload, sizeof(payload), true));
	assert_int_equal(receiver.path->ack.delay_max_ns, 5000 * DPS_NS_PER_US);
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_body, 0);
	close_receiver(&receiver);
}

static void fin__is_acknowledged_at_the_end_of_the_burst(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 3000);
	give_data(&receiver, 0, 1000, 0, NULL, 0, true); /* a gap in the numbers */
	pair_run_for(&receiver.pair, 10 * DPS_NS_PER_MS);
	give_data(&receiver, 1000, 1000, 0, NULL, 0, true);
	assert_false(receiver.path->ack.is_now);
	give_data(&receiver, 2000, 500, DPS_PACKET_FIN, NULL, 0, true);
	assert_true(receiver.path->ack.is_now);
	close_receiver(&receiver);
}

static void seal__a_bad_packet_leaves_no_trace(void **state)
{
	struct receiver receiver;
	const struct dps_chunk *chunk;
	uint8_t *slot;

	(void)state;
	open_receiver(&receiver, 3000);
	give_data(&receiver, 0, 1000, 0, NULL, 0, false);
	assert_int_equal(chunk_0(&receiver)->slot, DPS_SLOT_NONE);
	assert_false(is_acked(&receiver, NUMBER));
	give_data(&receiver, 0, 1000, 0, NULL, 0, true);
	chunk = chunk_0(&receiver);
	slot = dps_slots_at(&receiver.engine->slots, chunk->slot);
	/* None of these may touch what was received: the same, a part and more, all. */
	give_data(&receiver, 0, 1000, 0, NULL, 0, false);
	give_data(&receiver, 0, 1000, 0, NULL, 0, true);
	give_data(&receiver, 500, 1000, 0, NULL, 0, false);
	give_data(&receiver, 0, 1000, 0, NULL, 0, true);
	give_data(&receiver, 100, 10, 0, NULL, 0, false);
	assert_true(pair_is_right(slot, 0, 0, 1000));
	assert_int_equal(chunk->done_bytes, 1000);
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_seal, 4);
	close_receiver(&receiver);
}

/* Gives a packet as give_data does; returns whether it was opened in scratch. */
static bool is_opened_in_scratch(struct receiver *receiver, uint64_t offset, bool is_good)
{
	uint8_t bytes[DPS_ENVELOPE_BYTES + 1000];
	struct dps_header header = data_header(receiver, offset, 0);
	struct dps_placement placement;

	header.version = DPS_WIRE_VERSION;
	header.connection_id = receiver->pair.sides[1].connection_id;
	header.payload_bytes = 1000;
	dps_header_encode(&header, bytes);
	assert_int_equal(dps_engine_place(receiver->engine, bytes, sizeof(bytes), 0, &placement),
			 DPS_VERDICT_OPEN);
	if (is_good)
		pair_fill(placement.to, 0, offset, 1000);
	dps_engine_commit(receiver->engine, &placement, is_good, receiver->pair.now_ns);
	return placement.to == receiver->engine->scratch;
}

static void place__after_a_bad_packet_opens_in_scratch(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 20000);
	assert_false(is_opened_in_scratch(&receiver, 0, true));
	assert_false(is_opened_in_scratch(&receiver, 1000, false));
	assert_true(is_opened_in_scratch(&receiver, 1000, false));
	/* Nor is it asked before whether it is within the credit. */
	assert_true(is_opened_in_scratch(&receiver, UINT64_C(1) << 40, false));
	assert_true(is_opened_in_scratch(&receiver, UINT64_C(1) << 40, true));
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_credit, 1);
	assert_false(is_opened_in_scratch(&receiver, 1000, false));
	assert_true(is_opened_in_scratch(&receiver, 1000, true));
	assert_false(is_opened_in_scratch(&receiver, 2000, true));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 3000);
	assert_true(pair_is_right(dps_slots_at(&receiver.engine->slots, chunk_0(&receiver)->slot),
				  0, 0, 3000));
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_seal, 4);
	close_receiver(&receiver);
}

static void seal__bad_ones_without_end_lose_a_path_that_has_keys(void **state)
{
	struct receiver receiver;

	(void)state;
	for (unsigned int is_sealed = 0; is_sealed < 2; is_sealed++) {
		open_receiver(&receiver, 3000);
		receiver.path->config.is_sealed = is_sealed;
		receiver.path->bad_seals_count = DPS_BAD_SEALS_MAX - 2;
		give_data(&receiver, 0, 1000, 0, NULL, 0, true);
		give_data(&receiver, 1000, 1000, 0, NULL, 0, false);
		pair_run_for(&receiver.pair, DPS_NS_PER_MS);
		assert_false(receiver.pair.sides[1].is_lost);
		give_data(&receiver, 1000, 1000, 0, NULL, 0, false);
		pair_run_for(&receiver.pair, DPS_NS_PER_MS);
		assert_int_equal(receiver.pair.sides[1].is_lost, is_sealed);
		if (is_sealed)
			assert_int_equal(receiver.pair.sides[1].lost_reason, DPS_CLOSE_PROTOCOL);
		close_receiver(&receiver);
	}
}

static void place__refuses_what_breaks_the_layout(void **state)
{
	struct receiver receiver;
	struct dps_digest digest;

	(void)state;
	open_receiver(&receiver, 2 * CHUNK + 100);
	pair_digest(&digest, 0, 0);
	/* Across the end of a chunk, or ending one without its digest, or with it elsewhere. */
	assert_false(give_data(&receiver, CHUNK - 10, 20, 0, NULL, 0, true));
	assert_false(give_data(&receiver, CHUNK - 10, 10, 0, NULL, 0, true));
	assert_false(give_data(&receiver, CHUNK - 10, 9, DPS_PACKET_DIGEST, &digest, 16, true));
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_layout, 3);
	assert_false(give_data(&receiver, 2 * CHUNK + 90, 20, 0, NULL, 0, true));
	assert_false(give_data(&receiver, 5, 0, 0, NULL, 0, true));
	assert_false(give_data(&receiver, 5, 0, DPS_PACKET_DIGEST, &digest, 16, true));
	assert_false(give_data(&receiver, DPS_OFFSET_MAX, 1, 0, NULL, 0, true));
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_credit, 4);
	assert_true(give_data(&receiver, CHUNK - 10, 10, DPS_PACKET_DIGEST, &digest, 16, true));
	close_receiver(&receiver);
}

static void place__refuses_numbers_that_came_before(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 3000);
	assert_true(give_data(&receiver, 0, 100, 0, NULL, 0, true));
	receiver.number--;
	assert_false(give_data(&receiver, 0, 100, 0, NULL, 0, true));
	receiver.number = NUMBER - 1; /* below the floor */
	assert_false(give_data(&receiver, 100, 100, 0, NULL, 0, true));
	assert_int_equal(pair_counters(&receiver.pair, 1).duplicate_packets, 2);
	close_receiver(&receiver);
}

/* Every other number is missing, for longer than we remember. */
static void numbers__of_more_gaps_than_are_kept_the_oldest_go(void **state)
{
	struct receiver receiver;
	const struct dps_path_ack *ack;

	(void)state;
	open_receiver(&receiver, CHUNK);
	ack = &receiver.path->ack;
	for (unsigned int i = 0; i < 3 * DPS_PATH_RANGES; i++) {
		receiver.number = NUMBER + 2 * i;
		assert_true(give_data(&receiver, 10 * i, 10, 0, NULL, 0, true));
		assert_int_equal(ack->received.items[ack->received.count - 1].end,
				 ack->largest_number + 1);
		pair_run_for(&receiver.pair, 10 * DPS_NS_PER_US);
	}
	assert_int_equal(ack->received.count, DPS_PATH_RANGES);
	/* What is forgotten counts as received; what is not is still taken. */
	receiver.number = NUMBER + 1;
	assert_false(give_data(&receiver, 60000, 10, 0, NULL, 0, true));
	receiver.number = ack->received.items[5].end;
	assert_true(give_data(&receiver, 60000, 10, 0, NULL, 0, true));
	assert_int_equal(ack->received.count, DPS_PATH_RANGES - 1);
	close_receiver(&receiver);
}

static void chunk__of_more_gaps_than_are_kept_packets_come_again(void **state)
{
	struct receiver receiver;
	uint64_t refused;

	(void)state;
	open_receiver(&receiver, CHUNK);
	for (unsigned int i = 0; i < DPS_CHUNK_RANGES; i++)
		assert_true(give_data(&receiver, 20 * i, 10, 0, NULL, 0, true));
	refused = receiver.number;
	give_data(&receiver, 20 * DPS_CHUNK_RANGES, 10, 0, NULL, 0, true);
	assert_false(is_acked(&receiver, refused));
	assert_int_equal(chunk_0(&receiver)->done_bytes, 10 * DPS_CHUNK_RANGES);
	give_data(&receiver, 10, 10, 0, NULL, 0, true); /* closes one */
	give_data(&receiver, 20 * DPS_CHUNK_RANGES, 10, 0, NULL, 0, true);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 10 * DPS_CHUNK_RANGES + 20);
	close_receiver(&receiver);
}

static void place__drops_what_is_no_packet_of_ours(void **state)
{
	struct dps_engine_counters before, after;
	uint8_t bytes[DPS_ENVELOPE_BYTES + 8] = { 0 };
	struct dps_placement placement;
	struct receiver receiver;
	struct dps_header header = {
		.version = DPS_WIRE_VERSION, .type = 9, .payload_bytes = 8, .packet_number = NUMBER
	};

	(void)state;
	open_receiver(&receiver, 3000);
	before = pair_counters(&receiver.pair, 1);
	header.connection_id = receiver.pair.sides[1].connection_id;
	dps_header_encode(&header, bytes);
	for (uint32_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(dps_engine_place(receiver.engine, bytes, length, 0, &placement),
				 DPS_VERDICT_DROP);
	assert_int_equal(dps_engine_place(receiver.engine, bytes, sizeof(bytes), 0, &placement),
			 DPS_VERDICT_DROP);
	header.connection_id ^= 1;
	dps_header_encode(&header, bytes);
	assert_int_equal(dps_engine_place(receiver.engine, bytes, sizeof(bytes), 0, &placement),
			 DPS_VERDICT_DROP);
	bytes[0] = 0x29;
	assert_int_equal(dps_engine_place(receiver.engine, bytes, sizeof(bytes), 0, &placement),
			 DPS_VERDICT_DROP);
	after = pair_counters(&receiver.pair, 1);
	assert_int_equal(after.dropped_short - before.dropped_short, sizeof(bytes));
	assert_int_equal(after.dropped_type - before.dropped_type, 1);
	assert_int_equal(after.dropped_connection - before.dropped_connection, 1);
	assert_int_equal(after.dropped_version - before.dropped_version, 1);
	close_receiver(&receiver);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options__are_stepped_over),
		cmocka_unit_test(options__that_must_be_understood_drop_the_packet),
		cmocka_unit_test(options__are_judged_after_the_seal_and_the_layout_after_them),
		cmocka_unit_test(options__stand_in_front_of_small_packets_too),
		cmocka_unit_test(fin__is_acknowledged_at_the_end_of_the_burst),
		cmocka_unit_test(seal__a_bad_packet_leaves_no_trace),
		cmocka_unit_test(place__after_a_bad_packet_opens_in_scratch),
		cmocka_unit_test(seal__bad_ones_without_end_lose_a_path_that_has_keys),
		cmocka_unit_test(place__refuses_what_breaks_the_layout),
		cmocka_unit_test(place__refuses_numbers_that_came_before),
		cmocka_unit_test(numbers__of_more_gaps_than_are_kept_the_oldest_go),
		cmocka_unit_test(chunk__of_more_gaps_than_are_kept_packets_come_again),
		cmocka_unit_test(place__drops_what_is_no_packet_of_ours),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("receive", tests, NULL, NULL);
}
