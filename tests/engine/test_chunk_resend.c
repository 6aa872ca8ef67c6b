/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { FILE_BYTES = 300 };

/* One small file that arrived with a wrong digest; its sender is about to be asked for it again. */
static struct pair_transfer *deliver_badly(struct pair *pair)
{
	struct pair_transfer *transfer;
	struct pair_options options;

	pair_options_init(&options, 1);
	options.control_ns = 50 * DPS_NS_PER_MS;
	pair_open(pair, &options);
	transfer = pair_add_transfer(pair, 0);
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	pair_add_file(pair, transfer, FILE_BYTES);
	pair->writes_to_spoil = 1;
	while (pair_counters(pair, 1).digest_mismatches == 0 || !transfer->is_done[0])
		pair_turn(pair, UINT64_MAX);
	return transfer;
}

static struct dps_channel *sending_channel(struct pair *pair, struct pair_transfer *transfer)
{
	return &pair->sides[0].engine->channels[transfer->channel[0]];
}

static void run_until_asked(struct pair *pair, struct pair_transfer *transfer)
{
	while (sending_channel(pair, transfer)->extra_chunk == DPS_CHUNK_NONE)
		pair_turn(pair, UINT64_MAX);
}

static void resend__sends_nothing_that_is_not_read_yet(void **state)
{
	struct dps_engine *engine;
	struct pair_transfer *transfer;
	struct pair pair;
	uint64_t sent;

	(void)state;
	transfer = deliver_badly(&pair);
	engine = pair.sides[0].engine;
	pair.is_disk_asleep[0] = true;
	run_until_asked(&pair, transfer);
	/* The first sending left a repair behind that came too late. */
	dps_repair_queue_bytes(&engine->paths[0], transfer->channel[0],
			       sending_channel(&pair, transfer)->generation, 0, FILE_BYTES);
	dps_path_touch(engine, &engine->paths[0]);
	sent = pair.sides[0].data_packets;
	pair_run_for(&pair, 10 * DPS_NS_PER_MS);
	assert_int_equal(pair.sides[0].data_packets, sent);
	pair.is_disk_asleep[0] = false;
	pair_run(&pair, DPS_NS_PER_S);
	pair_expect_written(&pair);
	pair_close(&pair);
}

static void resend__is_not_done_by_acknowledgements_of_the_first_sending(void **state)
{
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_ack ack = { .ranges_count = 1 };
	struct dps_sent_packet first = { .flags = DPS_SENT_DATA, .data_bytes = FILE_BYTES };
	struct pair_transfer *transfer;
	struct dps_engine *engine;
	struct dps_channel *channel;
	struct pair pair;
	uint64_t sent;

	(void)state;
	transfer = deliver_badly(&pair);
	engine = pair.sides[0].engine;
	channel = sending_channel(&pair, transfer);
	/* A copy of the first sending is still in flight. */
	first.channel = transfer->channel[0];
	first.generation = channel->generation;
	first.sent_at_ns = pair.now_ns;
	ack.largest = dps_sent_push(&engine->paths[0].sent, &first);
	ack.ranges[0].first = ack.ranges[0].last = ack.largest;
	run_until_asked(&pair, transfer);
	pair.is_cut = true;
	sent = pair.sides[0].data_packets;
	while (pair.sides[0].data_packets == sent)
		pair_turn(&pair, UINT64_MAX);
	dps_recv_ack(engine, &engine->paths[0], body, dps_ack_encode(&ack, body, sizeof(body)),
		     pair.now_ns);
	assert_int_not_equal(channel->extra_chunk, DPS_CHUNK_NONE);
	pair.is_cut = false;
	pair_run(&pair, DPS_NS_PER_S);
	pair_expect_written(&pair);
	pair_close(&pair);
}

static void resend__refuses_what_is_not_one_piece_that_was_sent(void **state)
{
	struct dps_extent_config piece = { .offset = 0, .bytes = FILE_BYTES };
	struct pair_transfer *transfer;
	struct dps_engine *engine;
	uint32_t channel;
	struct pair pair;

	(void)state;
	transfer = deliver_badly(&pair);
	engine = pair.sides[0].engine;
	channel = transfer->channel[0];
	assert_int_equal(dps_engine_resend(engine, 31, &piece, 0), -ENOENT);
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 1), -EINVAL);
	piece.bytes = 0;
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 0), -EINVAL);
	piece.bytes = 64 << 10;
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 0), -EINVAL);
	piece.offset = UINT64_MAX - 4095;
	piece.bytes = FILE_BYTES;
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 0), -EINVAL);
	piece.offset = 0;
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 0), 0);
	assert_int_equal(dps_engine_resend(engine, channel, &piece, 0), -EAGAIN);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resend__sends_nothing_that_is_not_read_yet),
		cmocka_unit_test(resend__is_not_done_by_acknowledgements_of_the_first_sending),
		cmocka_unit_test(resend__refuses_what_is_not_one_piece_that_was_sent),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("chunk_resend", tests, NULL, NULL);
}
