/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <string.h>

enum { CHUNK = 64 << 10 };

/* An engine that sends; what reaches it is up to the test. */
struct sender {
	struct pair pair;
	struct pair_transfer *transfer;
	struct dps_engine *engine;
	struct dps_path *path;
	struct dps_channel *channel;
	uint64_t number; /* of the next packet to it */
};

static bool lose_all_to_sender(struct pair *pair, unsigned int from, const uint8_t *bytes,
			       uint32_t length)
{
	(void)bytes;
	(void)length;
	return from == 1 && pair->mark != 0;
}

static void open_sender_with(struct sender *sender, const struct pair_options *options,
			     uint64_t file_bytes)
{
	pair_open(&sender->pair, options);
	pair_run_for(&sender->pair, 50 * DPS_NS_PER_MS);
	sender->transfer = pair_add_transfer(&sender->pair, 0);
	pair_add_file(&sender->pair, sender->transfer, file_bytes);
	pair_open_channel(&sender->pair, sender->transfer, 0);
	pair_run_for(&sender->pair, DPS_NS_PER_MS);
	sender->pair.is_lost = lose_all_to_sender;
	sender->pair.mark = 1;
	sender->engine = sender->pair.sides[0].engine;
	sender->path = &sender->engine->paths[sender->pair.sides[0].path];
	sender->channel = &sender->engine->channels[sender->transfer->channel[0]];
	sender->number = 5000;
}

static void open_sender(struct sender *sender, uint64_t file_bytes)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	open_sender_with(sender, &options, file_bytes);
}

static void close_sender(struct sender *sender)
{
	sender->transfer->is_given_up = true;
	pair_close(&sender->pair);
}

static void give_ack(struct sender *sender, struct dps_ack *ack)
{
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];
	size_t bytes = dps_ack_encode(ack, body, sizeof(body));
	const struct dps_header header = { .type = DPS_PACKET_ACK,
					   .packet_number = sender->number,
					   .floor = (uint32_t)sender->number };

	sender->number++;
	pair_inject(&sender->pair, 0, header, body, (uint32_t)bytes, true);
}

/* Acknowledges first..last and says so much of the channel. */
static void say(struct sender *sender, uint64_t first, uint64_t last, uint64_t credit,
		uint64_t contiguous, uint64_t stored)
{
	struct dps_ack ack = {
		.largest = last,
		.ranges_count = 1,
		.channels_count = 1,
		.ranges = { { first, last } },
		.channels = { { .channel = sender->transfer->number,
				.credit = credit,
				.contiguous = contiguous,
				.stored = stored } },
	};

	give_ack(sender, &ack);
	pair_run_for(&sender->pair, 100 * DPS_NS_PER_US);
}

static uint64_t newest(const struct sender *sender)
{
	return sender->path->sent.next_number - 1;
}

static void ack__of_what_was_never_sent_is_dropped_in_clear_mode(void **state)
{
	struct sender sender;

	(void)state;
	open_sender(&sender, CHUNK);
	say(&sender, 0, newest(&sender) + 1, CHUNK, 0, 0);
	say(&sender, 0, DPS_PACKET_NUMBER_MAX, CHUNK, 0, 0);
	assert_int_equal(pair_counters(&sender.pair, 0).anomalies, 2);
	assert_int_equal(sender.channel->credit, 0);
	assert_false(sender.pair.sides[0].is_lost);
	close_sender(&sender);
}

static void ack__of_what_was_never_sent_closes_a_sealed_path(void **state)
{
	struct sender sender;

	(void)state;
	open_sender(&sender, CHUNK);
	sender.path->config.is_sealed = true;
	say(&sender, 0, newest(&sender) + 1, CHUNK, 0, 0);
	assert_true(sender.pair.sides[0].is_lost);
	assert_int_equal(sender.pair.sides[0].lost_reason, DPS_CLOSE_PROTOCOL);
	close_sender(&sender);
}

static void ack__offsets_past_what_was_posted_are_capped_and_counted(void **state)
{
	struct sender sender;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	say(&sender, newest(&sender), newest(&sender), 2 * CHUNK, 0, 0);
	pair_run_for(&sender.pair, 10 * DPS_NS_PER_MS);
	assert_int_equal(sender.channel->credit, 2 * CHUNK);
	assert_true(sender.channel->send_offset > 0);
	say(&sender, newest(&sender), newest(&sender), 2 * CHUNK, 10 * CHUNK, DPS_OFFSET_MAX);
	assert_int_equal(pair_counters(&sender.pair, 0).anomalies, 1);
	assert_true(sender.channel->contiguous <= 2 * CHUNK);
	assert_true(sender.channel->stored <= 2 * CHUNK);
	close_sender(&sender);
}

static void ack__values_only_rise(void **state)
{
	struct sender sender;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	say(&sender, newest(&sender), newest(&sender), 2 * CHUNK, 0, 0);
	say(&sender, newest(&sender), newest(&sender), CHUNK, 0, 0);
	assert_int_equal(sender.channel->credit, 2 * CHUNK);
	close_sender(&sender);
}

static void ack__credit_without_end_is_used_as_far_as_there_is_memory(void **state)
{
	struct sender sender;

	(void)state;
	open_sender(&sender, 100 * CHUNK);
	say(&sender, newest(&sender), newest(&sender), DPS_OFFSET_MAX, 0, 0);
	pair_run_for(&sender.pair, DPS_NS_PER_S);
	assert_true(sender.channel->chunks_count <= sender.engine->limits.slots);
	assert_int_equal(sender.channel->credit, DPS_OFFSET_MAX);
	close_sender(&sender);
}

static void ack__of_an_unknown_channel_moves_nothing_of_it(void **state)
{
	struct sender sender;
	struct dps_ack ack = { .ranges_count = 1, .channels_count = 2 };

	(void)state;
	open_sender(&sender, CHUNK);
	ack.largest = ack.ranges[0].first = ack.ranges[0].last = newest(&sender);
	ack.channels[0] = (struct dps_ack_channel){ .channel = 999, .credit = CHUNK };
	ack.channels[1] =
		(struct dps_ack_channel){ .channel = sender.transfer->number, .credit = 4096 };
	give_ack(&sender, &ack);
	assert_int_equal(sender.channel->credit, 4096);
	assert_int_equal(pair_counters(&sender.pair, 0).anomalies, 0);
	close_sender(&sender);
}

static void ack__that_does_not_parse_is_counted_and_ignored(void **state)
{
	struct sender sender;
	uint8_t body[40] = { 0 }; /* no ranges */
	struct dps_header header = { .type = DPS_PACKET_ACK, .packet_number = 6000, .floor = 6000 };
	uint64_t received;

	(void)state;
	open_sender(&sender, CHUNK);
	received = pair_counters(&sender.pair, 0).acks_received;
	pair_inject(&sender.pair, 0, header, body, sizeof(body), true);
	header.packet_number++;
	pair_inject(&sender.pair, 0, header, body, 0, true);
	assert_int_equal(pair_counters(&sender.pair, 0).dropped_body, 2);
	assert_int_equal(pair_counters(&sender.pair, 0).acks_received, received);
	close_sender(&sender);
}

/* All acknowledgements are lost, but a last one says how far the bytes came. */
static void ack__contiguous_alone_finishes_chunks(void **state)
{
	struct sender sender;
	struct dps_channel_state read;

	(void)state;
	open_sender(&sender, 3 * CHUNK);
	say(&sender, newest(&sender), newest(&sender), 3 * CHUNK, 0, 0);
	while (sender.channel->send_offset < 3 * CHUNK) {
		/* Only room in the window is given. */
		pair_run_for(&sender.pair, DPS_NS_PER_MS);
		say(&sender, newest(&sender), newest(&sender), 3 * CHUNK, 0, 0);
	}
	assert_true(sender.channel->chunks_count > 0);
	say(&sender, newest(&sender), newest(&sender), 3 * CHUNK, 3 * CHUNK, 3 * CHUNK);
	assert_int_equal(sender.channel->chunks_count, 0);
	assert_int_equal(dps_engine_read_channel(sender.engine, sender.transfer->channel[0], &read),
			 0);
	assert_int_equal(read.stored, 3 * CHUNK);
	assert_int_equal(read.bytes_done, 3 * CHUNK);
	assert_true(sender.transfer->is_done[0]);
	/* What was lost of it is not sent again. */
	pair_run_for(&sender.pair, DPS_NS_PER_S);
	assert_int_equal(dps_repair_count(sender.path), 0);
	close_sender(&sender);
}

static void ack__of_many_ranges_counts_each_packet_once(void **state)
{
	struct sender sender;
	struct dps_ack ack = { .ranges_count = 20 };
	uint64_t in_flight, first;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	first = sender.path->sent.next_number;
	say(&sender, first - 1, first - 1, 4 * CHUNK, 0, 0);
	for (unsigned int i = 0; sender.path->sent.packets_in_flight < 45; i++) {
		pair_run_for(&sender.pair, 100 * DPS_NS_PER_US);
		assert_true(i < 40);
		if (sender.path->sent.packets_in_flight < 45)
			sender.path->congestion.window_bytes = 100 * 1472;
		dps_path_touch(sender.engine, sender.path);
	}
	for (unsigned int i = 0; i < 20; i++)
		ack.ranges[i].first = ack.ranges[i].last = first + 40 - 2 * i;
	ack.largest = first + 40;
	in_flight = sender.path->sent.packets_in_flight;
	give_ack(&sender, &ack);
	/* Acknowledged, or far enough behind to be lost. */
	assert_true(sender.path->sent.packets_in_flight <= in_flight - 20);
	in_flight = sender.path->sent.packets_in_flight;
	give_ack(&sender, &ack);
	assert_int_equal(sender.path->sent.packets_in_flight, in_flight);
	assert_int_equal(pair_counters(&sender.pair, 0).spurious_packets, 0);
	/* One that was lost came after all. */
	ack.ranges_count = 1;
	ack.ranges[0].first = first + 1;
	ack.ranges[0].last = ack.largest;
	give_ack(&sender, &ack);
	assert_true(pair_counters(&sender.pair, 0).spurious_packets > 0);
	close_sender(&sender);
}

/* Sends so many packets; the number of the first. */
static uint64_t send_packets(struct sender *sender, unsigned int packets)
{
	uint64_t first = sender->path->sent.next_number;

	say(sender, first - 1, first - 1, 4 * CHUNK, 0, 0);
	for (unsigned int i = 0; sender->path->sent.packets_in_flight < packets && i < 40; i++) {
		sender->path->congestion.window_bytes = 100 * 1472;
		dps_path_touch(sender->engine, sender->path);
		pair_run_for(&sender->pair, 100 * DPS_NS_PER_US);
	}
	assert_true(sender->path->sent.packets_in_flight >= packets);
	return first;
}

static bool is_acknowledged(const struct sender *sender, uint64_t number)
{
	return !dps_sent_is_live(&sender->path->sent, number) &&
	       !dps_sent_is_lost(&sender->path->sent, number);
}

static void ack__that_repeats_the_older_ranges_counts_what_is_new(void **state)
{
	struct sender sender;
	struct dps_ack ack = { .ranges_count = 3 }, older;
	uint64_t first, in_flight, lost;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	first = send_packets(&sender, 45);
	ack.ranges[0] = (struct dps_ack_range){ first + 10, first + 10 };
	ack.ranges[1] = (struct dps_ack_range){ first + 7, first + 8 };
	ack.ranges[2] = (struct dps_ack_range){ first, first + 3 };
	ack.largest = first + 10;
	older = ack;
	give_ack(&sender, &ack);
	in_flight = sender.path->sent.packets_in_flight;
	lost = pair_counters(&sender.pair, 0).lost_packets;
	ack.largest = ack.ranges[0].last = first + 12;
	ack.ranges_count = 2; /* the last is below the floor by now */
	give_ack(&sender, &ack);
	lost = pair_counters(&sender.pair, 0).lost_packets - lost;
	assert_int_equal(sender.path->sent.packets_in_flight, in_flight - 2 - lost);
	assert_true(is_acknowledged(&sender, first + 11) && is_acknowledged(&sender, first + 12));
	/* Again, and one that was overtaken. */
	in_flight = sender.path->sent.packets_in_flight;
	give_ack(&sender, &ack);
	give_ack(&sender, &older);
	give_ack(&sender, &ack);
	assert_int_equal(sender.path->sent.packets_in_flight, in_flight);
	assert_int_equal(pair_counters(&sender.pair, 0).spurious_packets, 0);
	close_sender(&sender);
}

/* A gap and a range as long as the last ACK's, by the same bytes, but below another packet. */
static void ack__whose_older_ranges_only_look_the_same_names_other_packets(void **state)
{
	struct sender sender;
	struct dps_ack ack = { .ranges_count = 2 };
	uint64_t first;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	first = send_packets(&sender, 45);
	for (uint64_t at = first + 10; at <= first + 40; at += 10) {
		ack.ranges[0] = (struct dps_ack_range){ at, at };
		ack.ranges[1] = (struct dps_ack_range){ at - 3, at - 2 };
		ack.largest = at;
		give_ack(&sender, &ack);
		assert_true(is_acknowledged(&sender, at - 3) && is_acknowledged(&sender, at - 2) &&
			    is_acknowledged(&sender, at));
		assert_false(is_acknowledged(&sender, at - 1));
	}
	close_sender(&sender);
}

/* Sends so many packets and has the last of them acknowledged, so that the first count as lost. */
static uint64_t lose_first_of(struct sender *sender, unsigned int packets)
{
	uint64_t first = send_packets(sender, packets);

	say(sender, first + packets - 5, first + packets - 1, 0, 0, 0);
	assert_true(sender->path->sent.packets_lost > 2);
	assert_true(sender->path->congestion.window_bytes < 100 * 1472);
	return first;
}

static void ack__of_all_that_counted_as_lost_takes_the_cut_back(void **state)
{
	struct sender sender;
	uint64_t first, cut_bytes;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	first = lose_first_of(&sender, 30);
	cut_bytes = sender.path->congestion.window_bytes;
	say(&sender, first + 1, first + 29, 0, 0, 0); /* one is missing yet */
	assert_true(sender.path->congestion.window_bytes <= cut_bytes);
	say(&sender, first, first + 29, 0, 0, 0);
	assert_int_equal(sender.path->sent.packets_lost, 0);
	assert_true(sender.path->congestion.window_bytes >= 100 * 1472);
	close_sender(&sender);
}

static void ack__does_not_take_back_what_a_missed_packet_has_cut(void **state)
{
	struct sender sender;
	uint64_t first;

	(void)state;
	open_sender(&sender, 10 * CHUNK);
	first = lose_first_of(&sender, 30);
	dps_sent_forget_lost(&sender.path->sent, first); /* as after a while */
	say(&sender, first + 1, first + 29, 0, 0, 0);
	assert_int_equal(sender.path->sent.packets_lost, 0);
	assert_true(sender.path->congestion.window_bytes < 100 * 1472);
	close_sender(&sender);
}

/* As many gaps as are kept: what is acknowledged in front of them cannot be noted. */
static void fill_with_gaps(struct sender *sender)
{
	uint32_t index = dps_replay_ring_at(&sender->channel->ring, 0);
	struct dps_chunk *chunk;

	assert_int_not_equal(index, DPS_CHUNK_NONE);
	chunk = &sender->engine->chunks.items[index];
	for (unsigned int i = 0; i < DPS_CHUNK_RANGES; i++) {
		uint64_t start = CHUNK - 8192 + i * 64;

		assert_int_equal(dps_chunk_add_done(chunk, start, start + 2, 0), 2);
	}
}

/* One chunk with all its gaps, and few packets of its path are remembered. */
static void open_sender_full_of_gaps(struct sender *sender)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	options.limits.sent_packets = 2 * DPS_ENGINE_SENT_SPARE;
	open_sender_with(sender, &options, CHUNK);
	say(sender, newest(sender), newest(sender), CHUNK, 0, 0);
	pair_run_for(&sender->pair, DPS_NS_PER_MS);
	fill_with_gaps(sender);
}

/* Has all but the newest that is in flight taken for lost, and then acknowledges it after all. */
static void acknowledge_late(struct sender *sender)
{
	struct dps_sent *sent = &sender->path->sent;
	uint64_t first, last;

	for (unsigned int i = 0; sent->packets_in_flight < 8 && i < 100; i++) {
		sender->path->congestion.window_bytes = 20 * 1472;
		dps_path_touch(sender->engine, sender->path);
		pair_run_for(&sender->pair, 100 * DPS_NS_PER_US);
	}
	first = dps_sent_next_live(sent, sent->floor_number, newest(sender));
	assert_int_not_equal(first, UINT64_MAX);
	last = newest(sender);
	sender->path->congestion.window_bytes = 0;
	/* As if it had not learned from the times before how late they come. */
	dps_loss_init(&sender->path->loss);
	say(sender, last, last, 0, 0, 0);
	say(sender, first, last, 0, 0, 0);
}

static void ack__late_and_again_queues_no_more_than_there_is_room_for(void **state)
{
	struct sender sender;

	(void)state;
	open_sender_full_of_gaps(&sender);
	while (sender.channel->chunks_count > 0) { /* each time a little is noted in the end */
		acknowledge_late(&sender);
		assert_true(sender.path->sent.packets_in_flight + dps_repair_count(sender.path) <
			    sender.path->sent.capacity);
	}
	assert_true(pair_counters(&sender.pair, 0).spurious_packets > 100);
	close_sender(&sender);
}

/* Takes for lost what is in flight, by a later ping that the peer asks for and acknowledges. */
static void lose_by_ping(struct sender *sender)
{
	const struct dps_probe probe = { .challenge = 1 };
	const struct dps_header header = { .type = DPS_PACKET_PING,
					   .packet_number = sender->number,
					   .floor = (uint32_t)sender->number };
	uint8_t body[DPS_WIRE_PROBE_BYTES];

	sender->number++;
	dps_probe_encode(&probe, body, sizeof(body));
	sender->path->congestion.window_bytes = 20 * 1472;
	dps_path_touch(sender->engine, sender->path);
	pair_run_for(&sender->pair, 100 * DPS_NS_PER_US);
	sender->path->congestion.window_bytes = 0;
	pair_inject(&sender->pair, 0, header, body, sizeof(body), true);
	pair_run_for(&sender->pair, 100 * DPS_NS_PER_US);
	give_ack(sender, &(struct dps_ack){ .largest = newest(sender),
					    .ranges_count = 1,
					    .ranges = { { newest(sender), newest(sender) } } });
	sender->path->congestion.window_bytes = 0;
	pair_run_for(&sender->pair, 20 * DPS_NS_PER_MS);
}

/* What is left to send again goes in two packets each: one lost takes a place more. */
static void ack__of_less_than_is_sent_again_finds_the_queue_full_and_no_fuller(void **state)
{
	struct sender sender;
	struct dps_path *path;
	uint32_t capacity;

	(void)state;
	open_sender_full_of_gaps(&sender);
	path = sender.path;
	capacity = (uint32_t)path->sent.capacity;
	give_ack(&sender, &(struct dps_ack){ .largest = newest(&sender),
					     .ranges_count = 1,
					     .ranges = { { 0, newest(&sender) } } });
	path->congestion.window_bytes = 0;
	assert_int_equal(path->sent.packets_in_flight, 0);
	while (dps_repair_count(path) < capacity - 2)
		assert_true(dps_repair_queue_bytes(
			path, dps_channel_index(sender.engine, sender.channel),
			sender.channel->generation, 0, 2 * path->data_bytes_max));
	for (unsigned int i = 0; i < 6; i++) {
		lose_by_ping(&sender);
		assert_true(path->sent.packets_in_flight + dps_repair_count(path) <= capacity);
	}
	assert_int_equal(dps_repair_count(path), capacity);
	close_sender(&sender);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ack__of_what_was_never_sent_is_dropped_in_clear_mode),
		cmocka_unit_test(ack__of_what_was_never_sent_closes_a_sealed_path),
		cmocka_unit_test(ack__offsets_past_what_was_posted_are_capped_and_counted),
		cmocka_unit_test(ack__values_only_rise),
		cmocka_unit_test(ack__credit_without_end_is_used_as_far_as_there_is_memory),
		cmocka_unit_test(ack__of_an_unknown_channel_moves_nothing_of_it),
		cmocka_unit_test(ack__that_does_not_parse_is_counted_and_ignored),
		cmocka_unit_test(ack__contiguous_alone_finishes_chunks),
		cmocka_unit_test(ack__of_many_ranges_counts_each_packet_once),
		cmocka_unit_test(ack__that_repeats_the_older_ranges_counts_what_is_new),
		cmocka_unit_test(ack__whose_older_ranges_only_look_the_same_names_other_packets),
		cmocka_unit_test(ack__of_all_that_counted_as_lost_takes_the_cut_back),
		cmocka_unit_test(ack__does_not_take_back_what_a_missed_packet_has_cut),
		cmocka_unit_test(ack__late_and_again_queues_no_more_than_there_is_room_for),
		cmocka_unit_test(
			ack__of_less_than_is_sent_again_finds_the_queue_full_and_no_fuller),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("recv_ack", tests, NULL, NULL);
}
